package endpoint

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/internal/check"
)

// revocation is what is known when a client revokes a token.
type revocation struct {
	Client  *oauth.Client
	OwnerID string // the client that the token was issued to
}

var revocationChecks = []check.Check[revocation]{
	check.New("token belongs to the client that revokes it", "RFC 7009 §2.1", revokesItsOwn),
}

// Revoke ends a token. RFC 7009 §2. token_type_hint is not needed: the two
// kinds look different.
func (e *Endpoints) Revoke(c echo.Context) error {
	form, client, err := e.tokenFromClient(c)
	if err != nil {
		return err
	}
	ctx, compact, now := background(c), form.Get("token"), e.Now()
	if t, err := e.Keys.ReadAccessToken(compact); err == nil {
		if err := check.Run(ctx, e.Checks, revocationChecks, revocation{client, t.ClientID}); err != nil {
			return err
		}
		if err := e.Store.RevokeAccessToken(ctx, t.JWTID, time.Unix(t.ExpiresAt, 0), now); err != nil {
			return err
		}
		e.record(c, "access token revoked", t.Subject, client.ID, "by the application")
		return c.NoContent(http.StatusOK)
	}
	t, err := e.Store.RefreshToken(ctx, compact)
	if errors.Is(err, store.ErrNotFound) {
		// RFC 7009 §2.2: "The authorization server responds with HTTP status code
		// 200 if the token has been revoked successfully or if the client
		// submitted an invalid token."
		return c.NoContent(http.StatusOK)
	}
	if err != nil {
		return err
	}
	if err := check.Run(ctx, e.Checks, revocationChecks, revocation{client, t.Grant.ClientID}); err != nil {
		return err
	}
	// RFC 7009 §2.1: "If the particular token is a refresh token and the
	// authorization server supports the revocation of access tokens, then the
	// authorization server SHOULD also invalidate all access tokens based on the
	// same authorization grant".
	if err := e.Store.RevokeGrant(ctx, t.Grant.ID, now); err != nil {
		return err
	}
	e.record(c, "grant revoked", t.Grant.Sub, client.ID, "by the application")
	return c.NoContent(http.StatusOK)
}

// RFC 7009 §2.1: "The authorization server [...] verifies whether the token was
// issued to the client making the revocation request. If this validation
// fails, the request is refused and the client is informed of the error".
func revokesItsOwn(r revocation) error {
	if r.OwnerID != r.Client.ID {
		return oauth.Refuse(oauth.InvalidGrant, "the token was issued to another client")
	}
	return nil
}
