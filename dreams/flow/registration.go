package flow

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

//	+--------+                                          +----------------------+
//	| Dreams |                                          | authorization server |
//	+--------+                                          +----------------------+
//	    |--- POST /register, metadata (RFC 7591 §3.1) ---------------->|
//	    |<-- 201, client_id, registration_access_token (§3.2.1) -------|
//	    |--- GET, PUT or DELETE registration_client_uri (RFC 7592 §2) ->|
//	    |<-- what is registered now -----------------------------------|

// ClientMetadata is what we say of ourselves (RFC 7591 §2).
type ClientMetadata struct {
	Name                      string              `json:"client_name,omitempty"`
	RedirectURIs              []string            `json:"redirect_uris,omitempty"`
	PostLogoutRedirectURIs    []string            `json:"post_logout_redirect_uris,omitempty"`
	GrantTypes                []string            `json:"grant_types,omitempty"`
	ResponseTypes             []string            `json:"response_types,omitempty"`
	Scope                     string              `json:"scope,omitempty"`
	TokenEndpointAuthMethod   string              `json:"token_endpoint_auth_method,omitempty"`
	TokenEndpointAuthAlg      string              `json:"token_endpoint_auth_signing_alg,omitempty"`
	JWKS                      *jose.JSONWebKeySet `json:"jwks,omitempty"`
	AuthorizationDetailsTypes []string            `json:"authorization_details_types,omitempty"` // RFC 9396 §10
	RequestObjectAlg          string              `json:"request_object_signing_alg,omitempty"`  // OIDC Registration §2
	IntrospectionAlg          string              `json:"introspection_signed_response_alg,omitempty"`

	// What the server shall insist on, whoever sends requests in our name.
	RequirePushed bool `json:"require_pushed_authorization_requests,omitempty"` // RFC 9126 §6
	RequireSigned bool `json:"require_signed_request_object,omitempty"`         // RFC 9101 §10.5
	DPoPBound     bool `json:"dpop_bound_access_tokens,omitempty"`              // RFC 9449 §5.2
}

// RegisteredClient is what the server made of it (RFC 7591 §3.2.1). What it says
// is registered counts, and not what we asked for.
type RegisteredClient struct {
	ClientMetadata
	ID          string `json:"client_id"`
	Secret      string `json:"client_secret,omitempty"`
	AccessToken string `json:"registration_access_token,omitempty"` // opens the URI, and nothing else (RFC 7592 §3)
	URI         string `json:"registration_client_uri,omitempty"`
}

// Registration introduces a client that nobody at the server has typed in.
type Registration struct {
	Server *AuthorizationServer
	// InitialAccessToken opens a registration that is not open to everybody (RFC
	// 7591 §3); empty: we have none.
	InitialAccessToken string
}

// Register introduces a client.
func (r *Registration) Register(ctx context.Context, m ClientMetadata) (RegisteredClient, error) {
	server, err := r.Server.discover(ctx)
	if err != nil {
		return RegisteredClient{}, err
	}
	if server.RegistrationEndpoint == "" {
		return RegisteredClient{}, errors.New("the authorization server has no registration endpoint")
	}
	c, err := r.call(ctx, http.MethodPost, server.RegistrationEndpoint, r.InitialAccessToken, m)
	if err == nil && c.ID == "" {
		err = errors.New("the client information response lacks client_id (RFC 7591 §3.2.1)")
	}
	return c, err
}

// Read asks what is registered (RFC 7592 §2.1).
func (r *Registration) Read(ctx context.Context, c RegisteredClient) (RegisteredClient, error) {
	now, err := r.call(ctx, http.MethodGet, c.URI, c.AccessToken, nil)
	return now.keeping(c), err
}

// Update replaces the metadata as a whole (RFC 7592 §2.2): what is left out is
// gone. client_id has to be in it, and to be ours.
func (r *Registration) Update(ctx context.Context, c RegisteredClient) (RegisteredClient, error) {
	sent := c
	// What the server alone says must not be in it.
	sent.AccessToken, sent.URI = "", ""
	now, err := r.call(ctx, http.MethodPut, c.URI, c.AccessToken, sent)
	return now.keeping(c), err
}

// Delete ends the registration, and what it was given with it (RFC 7592 §2.3).
func (r *Registration) Delete(ctx context.Context, c RegisteredClient) error {
	_, err := r.call(ctx, http.MethodDelete, c.URI, c.AccessToken, nil)
	return err
}

// keeping is c with the token and the address that it had, where the server sent
// no new ones. With any answer it may (RFC 7592 §2.1), and then the old token is
// void.
func (c RegisteredClient) keeping(before RegisteredClient) RegisteredClient {
	c.AccessToken, c.URI = cmp.Or(c.AccessToken, before.AccessToken), cmp.Or(c.URI, before.URI)
	return c
}

func (r *Registration) call(ctx context.Context, method, address, token string, document any) (RegisteredClient, error) {
	var body bytes.Buffer
	if document != nil {
		if err := json.NewEncoder(&body).Encode(document); err != nil {
			return RegisteredClient{}, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, address, &body)
	if err != nil {
		return RegisteredClient{}, err
	}
	if document != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := r.Server.send(req, "registration", http.StatusOK, http.StatusCreated, http.StatusNoContent)
	var c RegisteredClient
	if err == nil && len(answer) > 0 {
		err = json.Unmarshal(answer, &c)
	}
	return c, err
}
