package grant

import (
	"context"
	"encoding/base64"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/check"
)

// AuthorizationCode is the authorization code grant, RFC 6749 §4.1, with PKCE,
// RFC 7636.
//
//	browser        client (Dreams)        authorization server        resource server (Acme)
//	   |  wants offers  |                          |                          |
//	   |--------------->|                          |                          |
//	   |  303 /authorize?client_id&redirect_uri&scope&state&code_challenge    |   §4.1.1
//	   |<---------------|                          |                          |
//	   |------------------------------------------>|                          |
//	   |          signs in, decides                |                          |
//	   |<----------------------------------------->|                          |
//	   |  303 redirect_uri?code&state&iss          |                          |   §4.1.2, RFC 9207 §2
//	   |<------------------------------------------|                          |
//	   |--------------->|                          |                          |
//	   |                |  POST /token code, redirect_uri, code_verifier      |   §4.1.3, RFC 7636 §4.5
//	   |                |------------------------->|  (this file)             |
//	   |                |  access_token, refresh_token, id_token              |   §4.1.4, §5.1
//	   |                |<-------------------------|                          |
//	   |                |  Authorization: Bearer access_token                 |   RFC 6750 §2.1
//	   |                |---------------------------------------------------->|
type AuthorizationCode struct {
	Environment
	Codes              RedeemAuthorizationCode
	RefreshTokenExpiry time.Duration // absolute, from the approval on
}

// RedeemAuthorizationCode spends a code and asks decide what comes of it, in
// one transaction: the code is spent whatever decide says, what decide wants
// kept is kept with it, and all of it is on disk before the call returns. A
// code that is not known is decided on as nil. spent tells that the code had
// been used before; the store then revokes all that came from its grant.
type RedeemAuthorizationCode interface {
	RedeemAuthorizationCode(ctx context.Context, code string, now time.Time,
		decide func(code *oauth.AuthorizationCode, spent bool) (NewRefreshToken, error)) error
}

// NewRefreshToken is a refresh token to store, as its hash. A zero one is none.
type NewRefreshToken struct {
	Token         string
	ExpiresAt     time.Time
	IdleExpiresAt time.Time
	JKT           string // thumbprint of the key that it is bound to; empty: none
}

// idleExpiry is how long a refresh token may lie unused.
const idleExpiry = 90 * 24 * time.Hour

// redemption is what is known when a code is redeemed.
type redemption struct {
	Request oauth.TokenRequest
	Client  *oauth.Client
	Code    *oauth.AuthorizationCode
	Spent   bool
	Now     time.Time
}

var redemptionChecks = []check.Check[redemption]{
	check.New("code belongs to this client", "RFC 6749 §4.1.3", codeBelongsToClient),
	check.New("code is used once", "RFC 6749 §4.1.2", codeUsedOnce),
	check.New("code has not expired", "RFC 6749 §4.1.2", codeNotExpired),
	check.New("redirect_uri is the one of the authorization request", "RFC 6749 §4.1.3", redirectURISame),
	check.New("code_verifier comes with a code_challenge, and never alone", "RFC 9700 §4.8.2", verifierGoesWithChallenge),
	check.New("code_verifier has 43 to 128 unreserved characters", "RFC 7636 §4.1", verifierWellFormed),
	check.New("code_verifier matches the code_challenge", "RFC 7636 §4.6", verifierMatches),
	check.New("code is redeemed with the key that dpop_jkt named", "RFC 9449 §10", codeKeySame),
	check.New("authorization has not been withdrawn since", "RFC 6749 §5.2", codeGrantLive),
}

// Authorize redeems a code. RFC 6749 §4.1.3.
func (g AuthorizationCode) Authorize(ctx context.Context, client *oauth.Client, req oauth.TokenRequest) (Issue, error) {
	// A request that lacks a parameter is not a redemption: it spends nothing.
	if req.Code == "" {
		return Issue{}, oauth.Refuse(oauth.InvalidRequest, "code is missing")
	}
	if req.RedirectURI == "" {
		return Issue{}, oauth.Refuse(oauth.InvalidRequest, "redirect_uri is missing: send the one of the authorization request")
	}
	var issue Issue
	now := g.Now()
	err := g.Codes.RedeemAuthorizationCode(ctx, req.Code, now, func(code *oauth.AuthorizationCode, spent bool) (NewRefreshToken, error) {
		if code == nil {
			return NewRefreshToken{}, oauth.Refuse(oauth.InvalidGrant, "the code is not known or has expired")
		}
		if err := check.Run(ctx, g.Checks, redemptionChecks, redemption{req, client, code, spent, now}); err != nil {
			return NewRefreshToken{}, err
		}
		var refresh NewRefreshToken
		if code.Grant.Scope.Has(oauth.OfflineAccess) && client.MayUse(oauth.RefreshTokenGrant) {
			refresh = g.newRefreshToken(now, now.Add(client.RefreshTokenLife(g.RefreshTokenExpiry)), code.Grant, client, req)
		}
		var err error
		if issue, err = g.issue(ctx, client, &code.User, code.Grant.Scope, code.Grant, req); err != nil {
			return NewRefreshToken{}, err
		}
		issue.RefreshToken = refresh.Token
		if code.CodeChallenge == "" {
			// RFC 9700 §2.1.1: "For confidential clients, the use of PKCE [RFC7636]
			// is RECOMMENDED": nothing else ties the code to who asked for it.
			issue.Warning = "no PKCE: the client sent no code_challenge"
		}
		return refresh, nil
	})
	return issue, err
}

// newRefreshToken bounds a refresh token by its absolute end, by its idle time
// and by the consent that it comes from; and a public client's by the key of its
// proof. RFC 9449 §5: "Refresh tokens issued to confidential clients […] are not
// bound to the DPoP proof public key because they are already sender-constrained
// with a different existing mechanism."
func (e Environment) newRefreshToken(now, expires time.Time, grant oauth.Grant, client *oauth.Client, req oauth.TokenRequest) NewRefreshToken {
	next := NewRefreshToken{Token: e.Opaque("rt_"), ExpiresAt: expires, IdleExpiresAt: now.Add(idleExpiry)}
	if client.Public() {
		next.JKT = req.JKT
	}
	if !grant.ExpiresAt.IsZero() && grant.ExpiresAt.Before(expires) {
		next.ExpiresAt = grant.ExpiresAt
	}
	return next
}

// RFC 6749 §4.1.3: "ensure that the authorization code was issued to the
// authenticated confidential client, or if the client is public, ensure that
// the code was issued to "client_id" in the request".
func codeBelongsToClient(r redemption) error {
	if r.Code.ClientID != r.Client.ID {
		return oauth.Refuse(oauth.InvalidGrant, "the code was issued to another client")
	}
	return nil
}

// RFC 6749 §4.1.2: "The client MUST NOT use the authorization code more than
// once. If an authorization code is used more than once, the authorization
// server MUST deny the request and SHOULD revoke (when possible) all tokens
// previously issued based on that authorization code."
func codeUsedOnce(r redemption) error {
	if r.Spent {
		return oauth.Refuse(oauth.InvalidGrant, "the code has been used before; the tokens that came from it are revoked")
	}
	return nil
}

// RFC 6749 §4.1.2: "The authorization code MUST expire shortly after it is
// issued to mitigate the risk of leaks."
func codeNotExpired(r redemption) error {
	if !r.Now.Before(r.Code.ExpiresAt) {
		return oauth.Refuse(oauth.InvalidGrant, "the code has expired")
	}
	return nil
}

// RFC 6749 §4.1.3: "ensure that the "redirect_uri" parameter is present if the
// "redirect_uri" parameter was included in the initial authorization request
// [...] and if included ensure that their values are identical."
func redirectURISame(r redemption) error {
	if r.Code.RedirectURI != r.Request.RedirectURI {
		return oauth.Refuse(oauth.InvalidGrant, "redirect_uri is not the one of the authorization request")
	}
	return nil
}

// RFC 9700 §4.8.2 tells of the downgrade: an attacker who strips the challenge
// from the authorization request makes the verifier meaningless. RFC 9700
// §2.1.1: "Authorization servers MUST mitigate PKCE downgrade attacks by
// ensuring that a token request containing a code_verifier parameter is accepted
// only if a code_challenge parameter was present in the authorization request".
func verifierGoesWithChallenge(r redemption) error {
	switch {
	case r.Code.CodeChallenge == "" && r.Request.CodeVerifier != "":
		return oauth.Refuse(oauth.InvalidGrant, "code_verifier was sent, but the authorization request had no code_challenge")
	case r.Code.CodeChallenge != "" && r.Request.CodeVerifier == "":
		return oauth.Refuse(oauth.InvalidGrant, "code_verifier is missing: the authorization request had a code_challenge")
	}
	return nil
}

func verifierWellFormed(r redemption) error {
	if r.Request.CodeVerifier != "" && !oauth.VerifierWellFormed(r.Request.CodeVerifier) {
		return oauth.Refuse(oauth.InvalidGrant, "code_verifier has %d characters or other than A-Z a-z 0-9 - . _ ~; expected 43 to 128 of these", len(r.Request.CodeVerifier))
	}
	return nil
}

// RFC 7636 §4.6: "If the values are not equal, an error response indicating
// "invalid_grant" as described in Section 5.2 of [RFC6749] MUST be returned."
func verifierMatches(r redemption) error {
	if r.Code.CodeChallenge != "" && !r.Code.CodeChallenge.Verifies(r.Request.CodeVerifier) {
		return oauth.Refuse(oauth.InvalidGrant, "code_verifier does not match the code_challenge")
	}
	return nil
}

// RFC 9449 §10: "the authorization server computes the JWK Thumbprint of the
// proof-of-possession public key in the DPoP proof and verifies that it matches
// the dpop_jkt parameter value in the authorization request. If they do not match,
// it MUST reject the request."
func codeKeySame(r redemption) error {
	if r.Code.Grant.DPoPJKT != "" && r.Code.Grant.DPoPJKT != r.Request.JKT {
		return oauth.Refuse(oauth.InvalidGrant, "the code is bound to a key (dpop_jkt): send a proof by that key")
	}
	return nil
}

func codeGrantLive(r redemption) error {
	if !r.Code.Grant.Live(r.Now) {
		return oauth.Refuse(oauth.InvalidGrant, "the authorization has been withdrawn or has ended")
	}
	return nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
