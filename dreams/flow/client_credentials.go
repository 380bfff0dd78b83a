package flow

import (
	"context"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

//	+--------+                                            +----------------------+
//	| Dreams |                                            | authorization server |
//	+--------+                                            +----------------------+
//	    |--- grant_type=client_credentials (RFC 6749 §4.4.2) ------>|
//	    |<-- an access token, no refresh token (RFC 6749 §4.4.3) ---|

// ClientCredentials is the client credentials grant: Dreams for itself, without
// a person. It opens what is public and nothing else.
type ClientCredentials struct {
	Server *AuthorizationServer
	Client Client
	Scopes []string
	Now    func() time.Time
	// Assertion authenticates the client by a signature in place of a secret;
	// nil: by the secret.
	Assertion *ClientAssertion
	// DPoP binds the token to a key of ours; nil: a bearer token.
	DPoP *DPoP

	mu   sync.Mutex
	held Tokens
}

// AccessToken returns the token that we hold, or a new one.
func (g *ClientCredentials) AccessToken(ctx context.Context) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.Now().Add(early).Before(g.held.ExpiresAt) {
		return g.held.AccessToken, nil
	}
	return g.request(ctx)
}

// Renew returns another token than the one that Acme refused. There is nothing
// to refresh: "A refresh token SHOULD NOT be included." (RFC 6749 §4.4.3)
func (g *ClientCredentials) Renew(ctx context.Context, refused string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held.AccessToken != refused && g.held.AccessToken != "" {
		return g.held.AccessToken, nil
	}
	return g.request(ctx)
}

func (g *ClientCredentials) request(ctx context.Context) (string, error) {
	server, err := g.Server.discover(ctx)
	if err != nil {
		return "", err
	}
	endpoint := server.endpoint()
	config := clientcredentials.Config{
		ClientID: g.Client.ID, ClientSecret: g.Client.Secret,
		TokenURL: endpoint.TokenURL, AuthStyle: endpoint.AuthStyle, Scopes: g.Scopes,
	}
	if g.Assertion != nil {
		if config.EndpointParams, err = g.Assertion.parameters(g.Client.ID); err != nil {
			return "", err
		}
		config.AuthStyle = oauth2.AuthStyleInParams
	}
	kind := "Bearer"
	if ctx = g.Server.context(ctx); g.DPoP != nil {
		client := *g.Server.http
		client.Transport = g.DPoP.Transport(client.Transport)
		kind, ctx = "DPoP", oidc.ClientContext(ctx, &client)
	}
	response, err := config.Token(ctx)
	if err = tokenErrorOf(err); g.DPoP != nil && nonceWanted(err) {
		response, err = config.Token(ctx)
		err = tokenErrorOf(err)
	}
	if err != nil {
		return "", err
	}
	held, err := tokensOfType(kind, response, g.Scopes, g.Now())
	if err != nil {
		return "", err
	}
	g.held = held
	return held.AccessToken, nil
}
