// Package dpop verifies DPoP proofs, RFC 9449: the little JWTs by which a client
// shows, with every request, that it holds the private key that a token is bound
// to. Whoever stole the token alone has nothing.
//
//	client                                                   server
//	  | POST /token, DPoP: proof (jti, htm, htu, iat)          |   §4.2
//	  |------------------------------------------------------->|
//	  |<---- 400 use_dpop_nonce, DPoP-Nonce: n ----------------|   §8
//	  | POST /token, DPoP: proof (…, nonce n)                  |
//	  |------------------------------------------------------->|
//	  |<---- a token with cnf.jkt = thumbprint of the key -----|   §6.1
//	  |                                                        |
//	  | GET, Authorization: DPoP token, DPoP: proof (…, ath)   |   §7.1
//	  |------------------------------------------------------->|
//
// An authorization server and a resource server do the same with a proof: §4.3
// has one list, for "the receiving server". That is why this package is not
// written twice, as the claims of an access token are: those are a contract
// between the two, this is one between a client and either. What a refusal means
// at an endpoint, and which status it has there, is the endpoint's matter.
package dpop
