package flow

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
)

//	+---------+                  +--------+                    +----------------------+
//	| Browser |                  | Dreams |                    | authorization server |
//	+---------+                  +--------+                    +----------------------+
//	     |                            |--- the whole request, and who we are -->|
//	     |                            |    (RFC 9126 §2.1)                      |
//	     |                            |<-- request_uri, expires_in (§2.2) ------|
//	     |<-- 303, client_id, request_uri (§4)                                  |
//	     |--- the reference ----------------------------------------------------->|

// push sends an authorization request to the server before anybody's browser
// has seen it, and leaves the reference in its place. What travels through the
// browser can be read there and changed there; a reference says nothing, and
// the server knows who pushed what it stands for.
func (g *AuthorizationCode) push(ctx context.Context, parameters url.Values) error {
	server, err := g.Server.discover(ctx)
	if err != nil {
		return err
	}
	if server.PushedEndpoint == "" {
		return errors.New("the authorization server has no endpoint for pushed requests")
	}
	sent := maps.Clone(parameters)
	if g.Assertion != nil {
		// "The rules for client authentication as defined in [RFC6749] for token
		// endpoint requests, including the applicable authentication methods, apply
		// for the PAR endpoint as well." (RFC 9126 §2)
		proof, err := g.Assertion.parameters(g.Client.ID)
		if err != nil {
			return err
		}
		maps.Copy(sent, proof)
	}
	req, err := form(ctx, server.PushedEndpoint, sent)
	if err != nil {
		return err
	}
	if g.Client.Secret != "" {
		req.SetBasicAuth(url.QueryEscape(g.Client.ID), url.QueryEscape(g.Client.Secret))
	}
	body, err := g.Server.send(req, "pushed request", http.StatusCreated)
	if err != nil {
		return err
	}
	var pushed struct {
		RequestURI string `json:"request_uri"`
	}
	if err := json.Unmarshal(body, &pushed); err != nil || pushed.RequestURI == "" {
		return errors.New("the answer to a pushed request lacks what RFC 9126 §2.2 requires")
	}
	// client_id goes beside it, though the server knows: RFC 6749 §4.1.1 wants it
	// of every request.
	clear(parameters)
	parameters.Set("client_id", g.Client.ID)
	parameters.Set("request_uri", pushed.RequestURI)
	return nil
}
