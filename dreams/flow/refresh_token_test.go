package flow

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// connections is one connection in memory.
type connections struct {
	stored Tokens
	fail   error // of RotateRefreshToken
	ended  string
}

func (c *connections) ConnectionTokens(context.Context, string) (Tokens, error) {
	if c.ended != "" {
		return Tokens{}, ErrEnded
	}
	return c.stored, nil
}

func (c *connections) RotateRefreshToken(_ context.Context, _ string, t Tokens) error {
	if c.fail != nil {
		return c.fail
	}
	c.stored = t
	return nil
}

func (c *connections) EndConnection(_ context.Context, _, reason string) error {
	c.ended, c.stored = reason, Tokens{}
	return nil
}

// tokenEndpoint is an authorization server that answers every refresh alike.
func tokenEndpoint(t *testing.T, status int, body string) (g *RefreshToken, c *connections, revoked *atomic.Int64) {
	t.Helper()
	revoked = new(atomic.Int64)
	mux := http.NewServeMux()
	as := httptest.NewServer(mux)
	t.Cleanup(as.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"token_endpoint":%q,"revocation_endpoint":%q}`, as.URL, as.URL+"/token", as.URL+"/revoke")
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	})
	mux.HandleFunc("/revoke", func(http.ResponseWriter, *http.Request) { revoked.Add(1) })
	server := NewAuthorizationServer(as.URL, http.DefaultTransport)
	c = &connections{stored: Tokens{AccessToken: "old", RefreshToken: "r1", Scope: []string{"profile"}}}
	return &RefreshToken{Server: server, Connections: c, Revocation: &Revocation{Server: server}, Now: time.Now}, c, revoked
}

const rotated = `{"access_token":"new","token_type":"Bearer","expires_in":3600,"refresh_token":"r2","scope":"profile"}`

func TestNewAccessTokenIsNotUsedBeforeTheRefreshTokenIsStored(t *testing.T) {
	g, c, _ := tokenEndpoint(t, 200, rotated)
	c.fail = errors.New("disk full")
	if token, err := g.Source("c").AccessToken(t.Context()); token != "" || !errors.Is(err, c.fail) {
		t.Errorf("got %q, %v", token, err)
	}
}

func TestConnectionThatEndedDuringARefreshGivesTheNewTokenBack(t *testing.T) {
	g, c, revoked := tokenEndpoint(t, 200, rotated)
	c.fail = ErrEnded
	if token, err := g.Source("c").AccessToken(t.Context()); token != "" || !errors.Is(err, ErrEnded) || revoked.Load() != 1 {
		t.Errorf("got %q, %v; revoked %d", token, err, revoked.Load())
	}
}

func TestRefreshAnswers(t *testing.T) {
	tests := []struct {
		rule, body string
		status     int
		want       string // access token
		ended      string
		refresh    string // stored afterwards
	}{
		{"RFC 6749 §6: a rotated token replaces the old one", rotated, 200, "new", "", "r2"},
		{"RFC 6749 §6: without a new one the old one stays", `{"access_token":"new","token_type":"bearer","expires_in":60}`, 200, "new", "", "r1"},
		{"RFC 6749 §5.2: invalid_grant ends the connection", `{"error":"invalid_grant"}`, 400, "", EndedRevoked, ""},
		{"invalid_client is our fault and ends nothing", `{"error":"invalid_client"}`, 401, "", "", "r1"},
		{"503 is no end", `{"error":"temporarily_unavailable"}`, 503, "", "", "r1"},
		{"invalid_grant with a 5xx is no verdict", `{"error":"invalid_grant"}`, 500, "", "", "r1"},
		{"a proxy's page is no verdict", `<html>`, 400, "", "", "r1"},
		{"RFC 6749 §7.1: a token type that we do not know is not used", `{"access_token":"new","token_type":"mac"}`, 200, "", "", "r1"},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			g, c, _ := tokenEndpoint(t, test.status, test.body)
			token, err := g.Source("c").AccessToken(t.Context())
			if token != test.want || (err == nil) != (test.want != "") {
				t.Errorf("got %q, %v", token, err)
			}
			if c.ended != test.ended || c.stored.RefreshToken != test.refresh {
				t.Errorf("ended %q, stored %+v", c.ended, c.stored)
			}
		})
	}
}

func TestGrantedScopeMayBeLess(t *testing.T) { // RFC 6749 §5.1
	g, c, _ := tokenEndpoint(t, 200, `{"access_token":"new","token_type":"Bearer","expires_in":60,"scope":""}`)
	if _, err := g.Source("c").AccessToken(t.Context()); err != nil || len(c.stored.Scope) != 0 {
		t.Errorf("%v, scope %v", err, c.stored.Scope)
	}
}
