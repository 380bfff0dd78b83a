package flow

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// Revocation gives tokens back (RFC 7009). A client that is told to disconnect
// and only forgets its token leaves an open door behind.
type Revocation struct {
	Server *AuthorizationServer
	Client Client
	// Assertion authenticates the client by a signature in place of a secret; nil:
	// by the secret.
	Assertion *ClientAssertion
}

// Revoke revokes the refresh token, and the access token where there is no
// other. "If the particular token is a refresh token and the authorization
// server supports the revocation of access tokens, then the authorization
// server SHOULD also invalidate all access tokens based on the same
// authorization grant" (RFC 7009 §2.1); ours does.
func (r *Revocation) Revoke(ctx context.Context, t Tokens) error {
	server, err := r.Server.discover(ctx)
	if err != nil {
		return err
	}
	if server.RevocationEndpoint == "" {
		return fmt.Errorf("the authorization server has no revocation endpoint")
	}
	form := url.Values{"token": {t.RefreshToken}, "token_type_hint": {"refresh_token"}}
	if t.RefreshToken == "" {
		form = url.Values{"token": {t.AccessToken}, "token_type_hint": {"access_token"}}
	}
	if r.Client.Secret == "" {
		form.Set("client_id", r.Client.ID) // a public client (RFC 7009 §2.1)
	}
	if r.Assertion != nil {
		proof, err := r.Assertion.parameters(r.Client.ID)
		if err != nil {
			return err
		}
		maps.Copy(form, proof)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.RevocationEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if r.Client.Secret != "" {
		// RFC 6749 §2.3.1: both parts are form-encoded before they meet in Basic.
		req.SetBasicAuth(url.QueryEscape(r.Client.ID), url.QueryEscape(r.Client.Secret))
	}
	resp, err := r.Server.http.Do(req)
	if err != nil {
		return &Unreachable{err}
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusOK:
		// "invalid tokens do not cause an error response" (RFC 7009 §2.2)
		return nil
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		// "the client must assume the token still exists and may retry after a
		// reasonable delay" (RFC 7009 §2.2.1)
		return &Unreachable{fmt.Errorf("the revocation endpoint answered %s", resp.Status)}
	default:
		return fmt.Errorf("the revocation endpoint answered %s", resp.Status)
	}
}
