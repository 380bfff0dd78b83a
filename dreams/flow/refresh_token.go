package flow

import (
	"context"
	"errors"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

//	+--------+                                          +------+   +----------------------+
//	| Dreams |                                          | Acme |   | authorization server |
//	+--------+                                          +------+   +----------------------+
//	    |--- GET /api/v1/me/…, access token --------------->|                 |
//	    |<-- 401, error="invalid_token" (RFC 6750 §3.1) ----|                 |
//	    |--- grant_type=refresh_token (RFC 6749 §6) ------------------------->|
//	    |<-- a new access token, a new refresh token (RFC 9700 §4.14.2) ------|
//	   [store both, on disk]                                |                 |
//	    |--- GET /api/v1/me/…, new access token ----------->|                 |

// early is how long before its end an access token counts as expired: it has
// to last until Acme has read it.
const early = 10 * time.Second

// Why a connection ended.
const (
	EndedRevoked = "revoked" // the authorization server no longer honours the grant
	EndedExpired = "expired" // the access token ended, and there was no refresh token
	EndedTold    = "told"    // the authorization server said that the person took it back
)

// ErrEnded: the connection is over, and its tokens and offers are deleted.
var ErrEnded = errors.New("the connection to Acme has ended")

// Connections keeps what people granted us.
type Connections interface {
	// ConnectionTokens reads what is stored now; ErrEnded where it is over.
	ConnectionTokens(ctx context.Context, connection string) (Tokens, error)

	// RotateRefreshToken replaces the tokens and returns once that is on disk;
	// ErrEnded where the connection ended in the meantime.
	RotateRefreshToken(ctx context.Context, connection string, t Tokens) error

	// EndConnection deletes the tokens and what was derived with them.
	EndConnection(ctx context.Context, connection, reason string) error
}

// RefreshToken is the refresh token grant.
type RefreshToken struct {
	Server      *AuthorizationServer
	Client      Client
	Connections Connections
	Revocation  *Revocation
	Now         func() time.Time

	refreshing singleflight.Group
}

// Source is the tokens of one connection: what a client of Acme's API asks for
// the token to send.
func (g *RefreshToken) Source(connection string) *ConnectionTokens {
	return &ConnectionTokens{g, connection}
}

// ConnectionTokens hands out access tokens of one connection.
type ConnectionTokens struct {
	grant      *RefreshToken
	connection string
}

// AccessToken returns one that has not expired, refreshing where it has to.
func (c *ConnectionTokens) AccessToken(ctx context.Context) (string, error) {
	stored, err := c.grant.Connections.ConnectionTokens(ctx, c.connection)
	if err != nil {
		return "", err
	}
	if c.grant.Now().Add(early).Before(stored.ExpiresAt) {
		return stored.AccessToken, nil
	}
	return c.Renew(ctx, stored.AccessToken)
}

// Renew returns another access token than the one that was refused or has
// expired. There is one refresh at a time per connection: the server takes a
// refresh token that comes a second time for a stolen one and ends everything
// that it gave (RFC 9700 §4.14.2).
func (c *ConnectionTokens) Renew(ctx context.Context, refused string) (string, error) {
	// Whoever waits shares the result, so it must not end with one caller's
	// request. The HTTP client bounds each call; nothing may come between the
	// answer and the disk, for the old refresh token is spent by then.
	shared := context.WithoutCancel(ctx)
	token, err, _ := c.grant.refreshing.Do(c.connection, func() (any, error) {
		return c.grant.refresh(shared, c.connection, refused)
	})
	if err != nil {
		return "", err
	}
	return token.(string), nil
}

func (g *RefreshToken) refresh(ctx context.Context, connection, refused string) (string, error) {
	// Read again in here: somebody may have refreshed between our call and now.
	stored, err := g.Connections.ConnectionTokens(ctx, connection)
	if err != nil {
		return "", err
	}
	if stored.AccessToken != refused {
		return stored.AccessToken, nil
	}
	if stored.RefreshToken == "" {
		return "", g.end(ctx, connection, EndedExpired)
	}
	fresh, err := g.Redeem(ctx, stored)
	// "invalid_grant: The provided authorization grant […] or refresh token
	// is invalid, expired, revoked" (RFC 6749 §5.2)
	if refusal := (*TokenError)(nil); errors.As(err, &refusal) && refusal.Code == "invalid_grant" {
		return "", g.end(ctx, connection, EndedRevoked)
	}
	if err != nil {
		return "", err // no end: nobody said no
	}
	// On disk before the new access token is used: the old refresh token is
	// spent, so to lose the new one is to lose the connection.
	err = g.Connections.RotateRefreshToken(ctx, connection, fresh)
	if errors.Is(err, ErrEnded) {
		// The person disconnected while we asked: nobody is left to hold it.
		return "", errors.Join(ErrEnded, g.Revocation.Revoke(ctx, fresh))
	}
	if err != nil {
		return "", err
	}
	return fresh.AccessToken, nil
}

// Redeem spends a refresh token: of what it returns, the refresh token has to be
// kept, for the old one is good for nothing any more (RFC 9700 §4.14.2).
func (g *RefreshToken) Redeem(ctx context.Context, t Tokens) (Tokens, error) {
	server, err := g.Server.discover(ctx)
	if err != nil {
		return Tokens{}, err
	}
	config := oauth2.Config{ClientID: g.Client.ID, ClientSecret: g.Client.Secret, Endpoint: server.endpointFor(g.Client)}
	// An expired token makes x/oauth2 ask for a new one.
	response, err := config.TokenSource(g.Server.context(ctx), &oauth2.Token{RefreshToken: t.RefreshToken}).Token()
	if err != nil {
		return Tokens{}, tokenError(err)
	}
	return tokens(response, t.Scope, g.Now())
}

func (g *RefreshToken) end(ctx context.Context, connection, reason string) error {
	return errors.Join(ErrEnded, g.Connections.EndConnection(ctx, connection, reason))
}
