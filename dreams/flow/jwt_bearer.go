package flow

import (
	"context"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

//	+--------------+                              +----------------------+
//	| Dreams batch |                              | authorization server |
//	+--------------+                              +----------------------+
//	[signs {iss: client_id, sub: the person, aud: issuer, exp, jti} (RFC 7523 §3)]
//	    |--- assertion, scope (RFC 7523 §2.1) ------------>|
//	    |                 [has that person agreed to it?]  |
//	    |<-- an access token, no refresh token ------------|

// JWTBearer speaks for a person who agreed to it beforehand, while they are away
// and without a token of theirs: a signature is all that it takes, so the key
// is worth as much as everybody's tokens together.
type JWTBearer struct {
	Server *AuthorizationServer
	Client string // client_id: who signs
	Key    SigningKey
	Now    func() time.Time
	Random io.Reader
}

// bearerAssertionLifetime is how long an assertion is good for.
const bearerAssertionLifetime = time.Minute

// Assertion is a new one, about the person with this sub. It is good for one use.
func (g *JWTBearer) Assertion(subject string) (string, error) {
	id, err := Unguessable(g.Random)
	if err != nil {
		return "", err
	}
	return g.Key.sign(jwt.Claims{
		Issuer: g.Client, Subject: subject, Audience: jwt.Audience{g.Server.Issuer}, ID: id,
		IssuedAt: jwt.NewNumericDate(g.Now()), Expiry: jwt.NewNumericDate(g.Now().Add(bearerAssertionLifetime)),
	})
}

// Token hands an assertion in for a token that speaks for the person in it.
func (g *JWTBearer) Token(ctx context.Context, assertion string, scopes []string) (Tokens, error) {
	server, err := g.Server.discover(ctx)
	if err != nil {
		return Tokens{}, err
	}
	// "Authentication of the client is optional" (RFC 7521 §4.1): the assertion
	// says who asks, and its signature proves it. x/oauth2 lets grant_type be
	// replaced.
	config := clientcredentials.Config{
		TokenURL: server.endpoint().TokenURL, AuthStyle: oauth2.AuthStyleInParams,
		EndpointParams: url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
			"assertion":  {assertion},
			"scope":      {strings.Join(scopes, " ")},
		},
	}
	response, err := config.Token(g.Server.context(ctx))
	if err != nil {
		return Tokens{}, tokenError(err)
	}
	return tokens(response, scopes, g.Now())
}
