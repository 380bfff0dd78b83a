// Package bearer lets a resource server accept access tokens: it reads the
// token from the request (RFC 6750), verifies it as a JWT access token
// (RFC 9068), wants a proof with one that is bound to a key (RFC 9449), and words
// the challenge when it refuses.
//
//	client                        Acme's API                authorization server
//	  | GET, Authorization: Bearer … |                                 |
//	  |  (RFC 6750 §2.1), or DPoP …  |                                 |
//	  |  and a proof (RFC 9449 §7.1) |  discovery, jwks_uri (RFC 8414) |
//	  |----------------------------->|-------------------------------->|  once, and when
//	  |                              |<-------------- keys (RFC 7517) -|  a kid is unknown
//	  |                              |                                 |
//	  |                              |  GET /revocations (our own)     |
//	  |                              |-------------------------------->|  always open
//	  |                              |<-------- what was revoked ------|
//	  |<---- 200, 401, 403 or 503 ---|                                 |
//	  |  (RFC 6750 §3, RFC 9728 §5.1)
//
// No request waits for the authorization server: tokens are verified with its
// public keys, and revocations come in by a feed. The lists of checks in
// checks.go, and that of a proof in internal/dpop, are the whole judgement.
package bearer
