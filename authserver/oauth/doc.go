// Package oauth is the vocabulary of the specifications: their nouns as types,
// their rules about form as pure functions. It knows no HTTP server, no
// database and no clock.
//
// # Glossary
//
//   - Resource owner: the person whose data it is (alice). RFC 6749 §1.1.
//   - Client: the application that asks (Dreams). Confidential where it can keep
//     a secret, public where it cannot. RFC 6749 §2.1.
//   - Authorization server: the program that asks the person and issues tokens
//     (this one). Its issuer identifier is its public URL. RFC 8414 §2.
//   - Resource server: the program that holds the data (Acme Travel).
//   - Consent: what a person lets a client do, until when. Ours; the RFCs call
//     it the resource owner's decision. RFC 6749 §4.1.1.
//   - Grant: one authorization, made when a person approves one request. Every
//     code and token that comes from it carries its identifier, so that it can
//     be revoked as a whole: what RFC 9700 §4.14.2 calls a token family.
//   - Authorization code: a grant's ticket through the browser, worth nothing
//     without the client that it was made for. RFC 6749 §1.3.1.
//   - Access token: what the resource server wants to see, a JWT. RFC 9068.
//   - Refresh token: what gets the next access token, opaque. RFC 6749 §1.5.
//   - DPoP proof: a little JWT by which a client shows, with each request, that it
//     holds the key that a token is bound to (cnf.jkt in it). RFC 9449 §4.
//   - ID token: tells the client who signed in. Never sent to an API. OIDC Core §2.
//   - Scope: the permissions of a token, space-separated names. RFC 6749 §3.3.
//   - Pushed authorization request: one that the client left here by itself; the
//     browser brings its request_uri. RFC 9126 §1.
//   - Request object: an authorization request that the client signed. RFC 9101 §2.1.
//   - Authorization details: what a scope cannot say, as JSON objects: how much
//     of it, about what, until when. RFC 9396 §2.
//   - Resource: whom a token is for, named by an identifier: Acme, or ourselves
//     for userinfo. RFC 8707 §2.
//   - Interaction: a request that waits for its person to sign in or to decide. Ours.
package oauth
