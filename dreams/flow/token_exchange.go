package flow

import (
	"context"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2/clientcredentials"
)

//	+--------+                        +----------------------+   +-----------+   +------+
//	| Dreams |                        | authorization server |   | analytics |   | Acme |
//	+--------+                        +----------------------+   +-----------+   +------+
//	    |--- subject_token, scope (RFC 8693 §2.1) -->|                 |            |
//	    |<-- a narrower token (RFC 8693 §2.2) -------|                 |            |
//	    |--- hands it over -------------------------------------------->|           |
//	    |                                            |                 |-- GET … -->|

// TokenExchange buys a narrower token for one that we hold, to hand to a part of
// ourselves that needs less. Whoever breaks into that part finds nothing else.
type TokenExchange struct {
	Server *AuthorizationServer
	Client Client
	Now    func() time.Time
}

// Exchange asks for a token with these scopes and no others.
func (g *TokenExchange) Exchange(ctx context.Context, subjectToken string, scopes []string) (Tokens, error) {
	server, err := g.Server.discover(ctx)
	if err != nil {
		return Tokens{}, err
	}
	endpoint := server.endpoint()
	// x/oauth2 has no token exchange of its own. Its client credentials request
	// lets grant_type be replaced, and does the rest as we would.
	config := clientcredentials.Config{
		ClientID: g.Client.ID, ClientSecret: g.Client.Secret, TokenURL: endpoint.TokenURL, AuthStyle: endpoint.AuthStyle,
		EndpointParams: url.Values{
			"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
			"subject_token":      {subjectToken},
			"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
			"scope":              {strings.Join(scopes, " ")},
		},
	}
	response, err := config.Token(g.Server.context(ctx))
	if err != nil {
		return Tokens{}, tokenError(err)
	}
	return tokens(response, scopes, g.Now())
}
