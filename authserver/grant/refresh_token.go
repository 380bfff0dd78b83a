package grant

import (
	"context"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/check"
)

// RefreshToken is the refresh token grant, RFC 6749 §6, with rotation, RFC 9700
// §4.14.2.
//
//	client (Dreams)              authorization server
//	   |  POST /token refresh_token=A  |             §6
//	   |------------------------------>|  A is spent, B takes its place, at once
//	   |  access_token, refresh_token=B|             §5.1
//	   |<------------------------------|
//	   |                               |
//	thief                              |
//	   |  POST /token refresh_token=A  |             RFC 9700 §4.14.2
//	   |------------------------------>|  A comes a second time: one of the two is a
//	   |  invalid_grant                |  thief, and nobody can tell which. B and
//	   |<------------------------------|  every access token of the grant end too.
//
// There is no grace period: a client that lost the answer starts again. That is
// a nuisance now and then; a period in which a spent token still works is a
// hole always.
type RefreshToken struct {
	Environment
	RefreshTokens RotateRefreshToken
}

// RotateRefreshToken looks a refresh token up and asks decide what comes of it,
// in one transaction: without an error from decide the token is spent and its
// successor stored; a refusal changes nothing, but that a spent token which
// comes back revokes its whole grant. Spent tells of that; a token that is not
// known is decided on as nil. All is on disk before the call returns.
type RotateRefreshToken interface {
	RotateRefreshToken(ctx context.Context, token string, now time.Time, clientID string,
		decide func(token *oauth.RefreshToken) (NewRefreshToken, error)) error
}

// refresh is what is known when a token is refreshed.
type refresh struct {
	Request oauth.TokenRequest
	Client  *oauth.Client
	Token   *oauth.RefreshToken
	Now     time.Time
}

var refreshChecks = []check.Check[refresh]{
	check.New("refresh token belongs to this client", "RFC 6749 §6", refreshTokenBelongsToClient),
	check.New("refresh token is used with the key that it is bound to", "RFC 9449 §5", refreshTokenKeySame),
	check.New("refresh token is used once", "RFC 9700 §4.14.2", refreshTokenUsedOnce),
	check.New("refresh token's grant has not been revoked", "RFC 7009 §2.1", refreshTokenGrantLive),
	check.New("refresh token's person still lets the client look again", "OIDC Core §11", refreshTokenStillOffline),
	check.New("refresh token has not been idle too long", "RFC 9700 §4.14.2", refreshTokenNotIdle),
	check.New("refresh token has not reached its end", "RFC 9700 §4.14.2", refreshTokenNotExpired),
	check.New("scope is within what was granted", "RFC 6749 §6", refreshScopeWithinGrant),
}

// Authorize rotates a refresh token. RFC 6749 §6.
func (g RefreshToken) Authorize(ctx context.Context, client *oauth.Client, req oauth.TokenRequest) (Issue, error) {
	if req.RefreshToken == "" {
		return Issue{}, oauth.Refuse(oauth.InvalidRequest, "refresh_token is missing")
	}
	var issue Issue
	now := g.Now()
	err := g.RefreshTokens.RotateRefreshToken(ctx, req.RefreshToken, now, client.ID, func(token *oauth.RefreshToken) (NewRefreshToken, error) {
		if token == nil {
			return NewRefreshToken{}, oauth.Refuse(oauth.InvalidGrant, "the refresh token is not known")
		}
		if err := check.Run(ctx, g.Checks, refreshChecks, refresh{req, client, token, now}); err != nil {
			return NewRefreshToken{}, err
		}
		// RFC 6749 §6: "if omitted is treated as equal to the scope originally
		// granted by the resource owner". A narrower one is for the access token
		// alone: the refresh token keeps what was granted.
		scope := req.Scope
		if scope == nil {
			scope = token.Grant.Scope
		}
		next := g.newRefreshToken(now, token.ExpiresAt, token.Grant, client, req)
		var err error
		if issue, err = g.issue(ctx, client, &token.User, scope, token.Grant, req); err != nil {
			return NewRefreshToken{}, err
		}
		issue.RefreshToken = next.Token
		issue.Grant.Nonce = "" // OIDC Core §12.2: a refreshed ID token "SHOULD NOT have a nonce Claim"
		return next, nil
	})
	return issue, err
}

// RFC 6749 §6: "ensure that the refresh token was issued to the authenticated
// client". §10.4, for public clients too: "The authorization server MUST
// maintain the binding between a refresh token and the client to whom it was
// issued."
func refreshTokenBelongsToClient(r refresh) error {
	if r.Token.Grant.ClientID != r.Client.ID {
		return oauth.Refuse(oauth.InvalidGrant, "the refresh token was issued to another client")
	}
	return nil
}

// RFC 9449 §5: "When an authorization server supporting DPoP issues a refresh token
// to a public client that presents a valid DPoP proof at the token endpoint, the
// refresh token MUST be bound to the respective public key. The binding MUST be
// validated when the refresh token is later presented".
func refreshTokenKeySame(r refresh) error {
	if r.Token.JKT != "" && r.Token.JKT != r.Request.JKT {
		return oauth.Refuse(oauth.InvalidGrant, "the refresh token is bound to a key: send a proof by that key")
	}
	return nil
}

// RFC 9700 §4.14.2: "If a refresh token is compromised and subsequently used by
// both the attacker and the legitimate client, one of them will present an
// invalidated refresh token, which will inform the authorization server of the
// breach."
func refreshTokenUsedOnce(r refresh) error {
	if r.Token.Spent {
		return oauth.Refuse(oauth.InvalidGrant, "the refresh token has been used before; all tokens of its grant are revoked")
	}
	return nil
}

func refreshTokenGrantLive(r refresh) error {
	if !r.Token.Grant.Live(r.Now) {
		return oauth.Refuse(oauth.InvalidGrant, "the refresh token has been revoked or its consent has ended")
	}
	return nil
}

// Without offline_access there is no refresh token. Whoever takes it back, and
// leaves the rest, ends those that are out.
func refreshTokenStillOffline(r refresh) error {
	if !r.Token.Grant.Scope.Has(oauth.OfflineAccess) {
		return oauth.Refuse(oauth.InvalidGrant, "the person took offline_access back")
	}
	return nil
}

// RFC 9700 §4.14.2: "Refresh tokens SHOULD expire if the client has been
// inactive for some time".
func refreshTokenNotIdle(r refresh) error {
	if !r.Now.Before(r.Token.IdleExpiresAt) {
		return oauth.Refuse(oauth.InvalidGrant, "the refresh token has not been used for 90 days and has expired")
	}
	return nil
}

func refreshTokenNotExpired(r refresh) error {
	if !r.Now.Before(r.Token.ExpiresAt) {
		return oauth.Refuse(oauth.InvalidGrant, "the refresh token has expired")
	}
	return nil
}

// RFC 6749 §6: "The requested scope MUST NOT include any scope not originally
// granted by the resource owner".
func refreshScopeWithinGrant(r refresh) error {
	if wider := r.Request.Scope.Without(r.Token.Grant.Scope); wider != nil {
		return oauth.Refuse(oauth.InvalidScope, "%s was not granted; granted was: %s", wider, r.Token.Grant.Scope)
	}
	return nil
}
