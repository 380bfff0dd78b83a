package flow

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

const (
	// backTimeout bounds one call to the authorization server. A person waits
	// behind it.
	backTimeout = 10 * time.Second
)

// AuthorizationServer is Acme's accounts as Dreams gets to know it: we hold the
// issuer and nothing else. Endpoints, keys and algorithms come from the
// discovery document (OIDC Discovery §4), which is fetched when it is first
// needed, and again until it could be had. Dreams starts without it.
type AuthorizationServer struct {
	Issuer string

	http     *http.Client
	asking   singleflight.Group
	mu       sync.Mutex
	metadata *metadata
}

type metadata struct {
	*oidc.Provider
	RevocationEndpoint string `json:"revocation_endpoint"`
}

// NewAuthorizationServer returns the authorization server that names itself
// issuer. Calls go through back and follow no redirects: no endpoint that we
// call answers with one, and credentials must not travel to where an answer
// points.
func NewAuthorizationServer(issuer string, back http.RoundTripper) *AuthorizationServer {
	return &AuthorizationServer{Issuer: issuer, http: &http.Client{
		Transport:     back,
		Timeout:       backTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Unreachable: the authorization server does not answer, or cannot work at the
// moment. Nothing is known to be wrong; it may be tried again.
type Unreachable struct{ Err error }

func (u *Unreachable) Error() string {
	return "the authorization server cannot be reached: " + u.Err.Error()
}
func (u *Unreachable) Unwrap() error { return u.Err }

// ForeignMetadata: the document at the issuer's address speaks for somebody
// else. "The issuer value returned MUST be identical to the authorization
// server's issuer identifier value into which the well-known URI string was
// inserted […]. If these values are not identical, the data contained in the
// response MUST NOT be used." (RFC 8414 §3.3)
type ForeignMetadata struct{ Asked, Answered string }

func (f *ForeignMetadata) Error() string {
	return fmt.Sprintf("the discovery document of %s says that it is %q", f.Asked, f.Answered)
}

// discover returns the metadata. Callers who ask at the same time share one
// request, and a failure is forgotten: the next caller asks anew.
func (s *AuthorizationServer) discover(ctx context.Context) (*metadata, error) {
	s.mu.Lock()
	known := s.metadata
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	// The request is everybody's, so it must not end with the first caller's.
	found, err, _ := s.asking.Do("discovery", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), backTimeout)
		defer cancel()
		provider, err := oidc.NewProvider(s.context(ctx), s.Issuer)
		if err != nil {
			return nil, discoveryError(err)
		}
		m := &metadata{Provider: provider}
		if err := provider.Claims(m); err != nil {
			return nil, err
		}
		s.mu.Lock()
		s.metadata = m
		s.mu.Unlock()
		return m, nil
	})
	if err != nil {
		return nil, err
	}
	return found.(*metadata), nil
}

func discoveryError(err error) error {
	var mismatch *oidc.IssuerMismatchError
	if errors.As(err, &mismatch) {
		return &ForeignMetadata{Asked: mismatch.Provided, Answered: mismatch.Discovered}
	}
	return &Unreachable{err}
}

// context makes both libraries use our HTTP client.
func (s *AuthorizationServer) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, s.http)
}

// endpoint is the token and authorization endpoint. The authentication method
// is said and not probed: a probe sends the secret twice.
func (m *metadata) endpoint() oauth2.Endpoint {
	endpoint := m.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return endpoint
}

// endpointFor is endpoint for a client that may have no secret: a public client
// names itself by client_id among the parameters (RFC 6749 §3.2.1).
func (m *metadata) endpointFor(c Client) oauth2.Endpoint {
	endpoint := m.endpoint()
	if c.Secret == "" {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return endpoint
}

// Endpoints are the authorization server's addresses, for a page of ours whose
// script goes there by itself.
type Endpoints struct{ Authorization, Token, Revocation, UserInfo string }

// Endpoints returns what the discovery document says.
func (s *AuthorizationServer) Endpoints(ctx context.Context) (Endpoints, error) {
	server, err := s.discover(ctx)
	if err != nil {
		return Endpoints{}, err
	}
	endpoint := server.Endpoint()
	return Endpoints{endpoint.AuthURL, endpoint.TokenURL, server.RevocationEndpoint, server.UserInfoEndpoint()}, nil
}

// TokenError is a refusal by the token endpoint (RFC 6749 §5.2).
type TokenError struct {
	Code, Description string
	Status            int
}

func (e *TokenError) Error() string {
	return fmt.Sprintf("the token endpoint answered %s: %s", e.Code, e.Description)
}

// tokenError sorts what x/oauth2 reports. Its own text may hold the body of the
// answer, which belongs in no log.
func tokenError(err error) error {
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		return &Unreachable{err}
	}
	if status := refused.Response.StatusCode; status >= 500 || status == http.StatusTooManyRequests {
		return &Unreachable{fmt.Errorf("the token endpoint answered %s", refused.Response.Status)}
	}
	if refused.ErrorCode == "" {
		return fmt.Errorf("the token endpoint answered %s without an error code", refused.Response.Status)
	}
	return &TokenError{refused.ErrorCode, refused.ErrorDescription, refused.Response.StatusCode}
}

// tokens reads a token response. Of its lifetime we take what the wire said and
// count from our own clock.
func tokens(response *oauth2.Token, asked []string, now time.Time) (Tokens, error) {
	// "The client MUST NOT use an access token if it does not understand the
	// token type." (RFC 6749 §7.1)
	if response.Type() != "Bearer" {
		return Tokens{}, fmt.Errorf("the token response has the token_type %q, which we do not understand", response.TokenType)
	}
	t := Tokens{
		AccessToken:  response.AccessToken,
		RefreshToken: response.RefreshToken,
		Scope:        scopesOf(response.Extra("scope"), asked),
	}
	if response.ExpiresIn > 0 {
		t.ExpiresAt = now.Add(time.Duration(response.ExpiresIn) * time.Second)
	} else {
		// "If omitted, the authorization server SHOULD provide the expiration
		// time via other means" (RFC 6749 §5.1). We know of none: an hour, and
		// Acme's 401 tells us if it was less.
		t.ExpiresAt = now.Add(time.Hour)
	}
	return t, nil
}
