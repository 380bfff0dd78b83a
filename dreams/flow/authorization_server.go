package flow

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
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
	RevocationEndpoint    string `json:"revocation_endpoint"`
	IntrospectionEndpoint string `json:"introspection_endpoint"`
	RegistrationEndpoint  string `json:"registration_endpoint"`
	PushedEndpoint        string `json:"pushed_authorization_request_endpoint"`
	EndSessionEndpoint    string `json:"end_session_endpoint"`
	JWKSURI               string `json:"jwks_uri"`

	keys oidc.KeySet // of JWKSURI; asks again where a signature names another
}

// Lacks returns those of some metadata values (RFC 8414 §2) that the server's
// document does not have: what it does not name, it does not offer. A value
// that is false, or an empty list, counts as missing.
func (s *AuthorizationServer) Lacks(ctx context.Context, names ...string) ([]string, error) {
	server, err := s.discover(ctx)
	if err != nil {
		return nil, err
	}
	var values map[string]json.RawMessage
	if err := server.Claims(&values); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !slices.Contains([]string{"", "null", "false", "[]", `""`}, string(values[name]))
	}), nil
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
	// The request is everybody's, so it must not end with the first caller's; the
	// HTTP client bounds it.
	found, err, _ := s.asking.Do("discovery", func() (any, error) {
		provider, err := oidc.NewProvider(s.context(context.WithoutCancel(ctx)), s.Issuer)
		if err != nil {
			return nil, discoveryError(err)
		}
		m := &metadata{Provider: provider}
		if err := provider.Claims(m); err != nil {
			return nil, err
		}
		// They are everybody's as well, and outlive this request.
		m.keys = oidc.NewRemoteKeySet(s.context(context.Background()), m.JWKSURI)
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

// Keys are the server's public keys, as they are now (RFC 7517 §5).
func (s *AuthorizationServer) Keys(ctx context.Context) (set jose.JSONWebKeySet, err error) {
	server, err := s.discover(ctx)
	if err != nil {
		return set, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.JWKSURI, nil)
	if err != nil {
		return set, err
	}
	req.Header.Set("Cache-Control", "no-cache") // of the origin, and not of a cache
	body, err := s.send(req, "jwks", http.StatusOK)
	if err != nil {
		return set, err
	}
	return set, json.Unmarshal(body, &set)
}

// TokenError is a refusal by the token endpoint (RFC 6749 §5.2). Other endpoints
// refuse in the same form: for pushed requests (RFC 9126 §2.3), for registration
// (RFC 7591 §3.2.2).
type TokenError struct {
	Code, Description string
	Status            int
	Endpoint          string // which one; empty: the token endpoint
}

func (e *TokenError) Error() string {
	return fmt.Sprintf("the %s endpoint answered %s: %s", cmp.Or(e.Endpoint, "token"), e.Code, e.Description)
}

// send sends a request to an endpoint that x/oauth2 does not know, and returns
// its answer where the status is one of those that it promises.
func (s *AuthorizationServer) send(req *http.Request, endpoint string, good ...int) (body []byte, err error) {
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, &Unreachable{err}
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, &Unreachable{err}
	}
	switch {
	case slices.Contains(good, resp.StatusCode):
		return body, nil
	case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
		return nil, &Unreachable{fmt.Errorf("the %s endpoint answered %s", endpoint, resp.Status)}
	}
	var refused struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &refused) != nil || refused.Code == "" {
		return nil, fmt.Errorf("the %s endpoint answered %s without an error code", endpoint, resp.Status)
	}
	return nil, &TokenError{refused.Code, refused.Description, resp.StatusCode, endpoint}
}

// maxAnswer is the most that we read of an answer.
const maxAnswer = 1 << 20

// form is a POST of parameters.
func form(ctx context.Context, address string, parameters url.Values) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(parameters.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	return req, nil
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
	return &TokenError{Code: refused.ErrorCode, Description: refused.ErrorDescription, Status: refused.Response.StatusCode}
}

// tokenErrorOf is tokenError for what may be none.
func tokenErrorOf(err error) error {
	if err == nil {
		return nil
	}
	return tokenError(err)
}

// tokens reads a token response. Of its lifetime we take what the wire said and
// count from our own clock.
func tokens(response *oauth2.Token, asked []string, now time.Time) (Tokens, error) {
	return tokensOfType("Bearer", response, asked, now)
}

func tokensOfType(understood string, response *oauth2.Token, asked []string, now time.Time) (Tokens, error) {
	// "The client MUST NOT use an access token if it does not understand the
	// token type." (RFC 6749 §7.1)
	if !strings.EqualFold(response.Type(), understood) {
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
	if details := response.Extra("authorization_details"); details != nil {
		var err error
		if t.Details, err = json.Marshal(details); err != nil {
			return Tokens{}, err
		}
	}
	return t, nil
}
