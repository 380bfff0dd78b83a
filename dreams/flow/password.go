package flow

import (
	"context"
	"time"

	"golang.org/x/oauth2"
)

//	+--------+                 +-----+                +----------------------+
//	| person |                 | app |                | authorization server |
//	+--------+                 +-----+                +----------------------+
//	    |--- user name, password -->|                             |
//	    |                           |--- both (RFC 6749 §4.3.2) ->|
//	    |                           |<-- an access token ---------|

// Password is the resource owner password credentials grant. RFC 9700 §2.4: it
// "MUST NOT be used". It is here for the lesson that shows why, and for nothing
// else: do not copy it.
type Password struct {
	Server *AuthorizationServer
	Client Client
	Now    func() time.Time
}

// Token hands a person's password over for a token.
func (g *Password) Token(ctx context.Context, username, password string, scopes []string) (Tokens, error) {
	server, err := g.Server.discover(ctx)
	if err != nil {
		return Tokens{}, err
	}
	config := oauth2.Config{ClientID: g.Client.ID, ClientSecret: g.Client.Secret, Endpoint: server.endpointFor(g.Client), Scopes: scopes}
	response, err := config.PasswordCredentialsToken(g.Server.context(ctx), username, password)
	if err != nil {
		return Tokens{}, tokenError(err)
	}
	return tokens(response, scopes, g.Now())
}
