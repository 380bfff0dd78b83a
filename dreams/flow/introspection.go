package flow

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"example.com/acme-dreams/internal/check"
)

//	+--------+                                          +----------------------+
//	| Dreams |                                          | authorization server |
//	+--------+                                          +----------------------+
//	    |--- token, Accept: application/token-introspection+jwt ------>|
//	    |    (RFC 7662 §2.1, RFC 9701 §4)                              |
//	    |<-- a signed answer: iss, aud, token_introspection (§5) ------|
//	   [verifies it with the server's published key]

// Introspection asks the server what a token is worth, and takes the answer in
// writing: signed, with a name in it for whom, so that it can be shown later to
// somebody who was not there.
type Introspection struct {
	Server    *AuthorizationServer
	Client    Client
	Assertion *ClientAssertion
	Checks    check.Runner
	Now       func() time.Time
}

// Introspected is the answer.
type Introspected struct {
	JWT    string         // as it was signed
	Active bool           // "active"
	Says   map[string]any // the members of token_introspection (RFC 7662 §2.2)
}

const introspectionType = "token-introspection+jwt"

// Introspect asks about a token.
func (i *Introspection) Introspect(ctx context.Context, token string) (Introspected, error) {
	server, err := i.Server.discover(ctx)
	if err != nil {
		return Introspected{}, err
	}
	if server.IntrospectionEndpoint == "" {
		return Introspected{}, errors.New("the authorization server has no introspection endpoint")
	}
	parameters := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	if i.Assertion != nil {
		proof, err := i.Assertion.parameters(i.Client.ID)
		if err != nil {
			return Introspected{}, err
		}
		maps.Copy(parameters, proof)
	}
	if i.Client.Secret == "" {
		parameters.Set("client_id", i.Client.ID)
	}
	req, err := form(ctx, server.IntrospectionEndpoint, parameters)
	if err != nil {
		return Introspected{}, err
	}
	if i.Client.Secret != "" {
		// RFC 6749 §2.3.1: both parts are form-encoded before they meet in Basic.
		req.SetBasicAuth(url.QueryEscape(i.Client.ID), url.QueryEscape(i.Client.Secret))
	}
	// Plain JSON without this (RFC 7662 §2.2).
	req.Header.Set("Accept", "application/"+introspectionType)
	body, err := i.Server.send(req, "introspection", http.StatusOK)
	if err != nil {
		return Introspected{}, err
	}
	return i.Verify(ctx, string(body))
}

// Verify reads a signed answer, whenever and from wherever it came: it needs
// nothing but the server's public keys.
func (i *Introspection) Verify(ctx context.Context, raw string) (Introspected, error) {
	server, err := i.Server.discover(ctx)
	if err != nil {
		return Introspected{}, err
	}
	parsed, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		return Introspected{}, &Refusal{Heading: "That is no signed answer", Words: "The answer is not a JWT that was signed with ES256 or RS256."}
	}
	payload, err := server.keys.VerifySignature(ctx, raw)
	if noKeys := (*url.Error)(nil); errors.As(err, &noKeys) {
		return Introspected{}, &Unreachable{noKeys}
	}
	if err != nil {
		return Introspected{}, &Refusal{Heading: "The signature is not the server’s", Words: "No key that the server publishes made this signature."}
	}
	in := introspection{Issuer: i.Server.Issuer, ClientID: i.Client.ID}
	in.Type, _ = parsed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType].(string)
	if err := json.Unmarshal(payload, &in.Claims); err != nil {
		return Introspected{}, &Refusal{Heading: "That is no signed answer", Words: "What was signed is not what RFC 9701 §5 says."}
	}
	if err := judge(ctx, i.Checks, introspectionChecks, in); err != nil {
		return Introspected{}, err
	}
	active, _ := in.Claims.Says["active"].(bool)
	return Introspected{JWT: raw, Active: active, Says: in.Claims.Says}, nil
}

// introspection is what the checks of a signed answer judge, its signature being
// good.
type introspection struct {
	Type             string // typ in the header
	Issuer, ClientID string // the server that we asked, and we
	Claims           struct {
		Issuer   string         `json:"iss"`
		Audience jwt.Audience   `json:"aud"`
		Says     map[string]any `json:"token_introspection"`
	}
}

var introspectionChecks = []check.Check[introspection]{
	{Name: "introspection: typ says what it is", Source: "RFC 9701 §5", Verify: checkIntrospectionType},
	{Name: "introspection: iss is the server that we asked", Source: "RFC 9701 §5", Verify: checkIntrospectionIssuer},
	{Name: "introspection: aud is us", Source: "RFC 9701 §5", Verify: checkIntrospectionAudience},
}

// Every other JWT of the same server is signed with the same keys: an access token
// must not pass for an answer about itself.
func checkIntrospectionType(in introspection) error {
	if in.Type != introspectionType {
		return &Refusal{Heading: "That is something else", Words: "The header's typ is not " + introspectionType + "."}
	}
	return nil
}

func checkIntrospectionIssuer(in introspection) error {
	if in.Claims.Issuer != in.Issuer {
		return &Refusal{Heading: "Somebody else says so", Words: "The answer's iss is not the server that Dreams asked."}
	}
	return nil
}

// What a server says of a token depends on who asks, so an answer to somebody
// else is no answer to us.
func checkIntrospectionAudience(in introspection) error {
	if !in.Claims.Audience.Contains(in.ClientID) {
		return &Refusal{Heading: "That was said to somebody else", Words: "The answer's aud is not Dreams."}
	}
	return nil
}
