package grant

import (
	"context"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/check"
)

// ClientCredentials is the client credentials grant, RFC 6749 §4.4: the client
// acts for itself, on data that belongs to nobody.
//
//	client (Dreams' catalogue job)    authorization server        resource server (Acme)
//	   |  POST /token client_credentials |                            |      §4.4.2
//	   |-------------------------------->|                            |
//	   |  access_token                   |                            |      §4.4.3
//	   |<--------------------------------|                            |
//	   |  Authorization: Bearer access_token                          |      RFC 6750 §2.1
//	   |------------------------------------------------------------->|
//
// Nothing is stored: the token is self-contained, and "A refresh token SHOULD
// NOT be included" (§4.4.3), because the client can always ask again.
type ClientCredentials struct {
	Environment
}

// clientCredentials is what is known when a client asks for itself.
type clientCredentials struct {
	Request oauth.TokenRequest
	Client  *oauth.Client
}

var clientCredentialsChecks = []check.Check[clientCredentials]{
	check.New("client is confidential", "RFC 6749 §4.4", clientIsConfidential),
	check.New("scope is known", "RFC 6749 §3.3", clientScopeKnown),
	check.New("scope needs no person", "RFC 6749 §4.4", clientScopeNeedsNobody),
	check.New("scope is one that the client may have", "RFC 6749 §5.2", clientScopeAllowed),
}

// Authorize answers a client that asks for itself. RFC 6749 §4.4.2.
func (g ClientCredentials) Authorize(ctx context.Context, client *oauth.Client, req oauth.TokenRequest) (Issue, error) {
	if err := check.Run(ctx, g.Checks, clientCredentialsChecks, clientCredentials{req, client}); err != nil {
		return Issue{}, err
	}
	scope := req.Scope
	if scope == nil {
		scope = client.Scope.Without(client.Scope.NeedingUser())
	}
	var own oauth.Grant
	if !client.Seeded() {
		own.ID = oauth.OwnGrant(client.ID)
	}
	return g.issue(ctx, client, nil, scope, own, req)
}

// RFC 6749 §4.4: "The client credentials grant type MUST only be used by
// confidential clients."
func clientIsConfidential(c clientCredentials) error {
	if c.Client.Public() {
		return oauth.Refuse(oauth.UnauthorizedClient, "a public client has no credentials to act with")
	}
	return nil
}

func clientScopeKnown(c clientCredentials) error {
	if unknown := c.Request.Scope.Unknown(); unknown != nil {
		return oauth.Refuse(oauth.InvalidScope, "%s is not known; allowed is: %s", unknown, c.Client.Scope)
	}
	return nil
}

// A client can agree to nothing in a person's name: whoever wants private data
// has to send that person to /authorize.
func clientScopeNeedsNobody(c clientCredentials) error {
	if private := c.Request.Scope.NeedingUser(); private != nil {
		return oauth.Refuse(oauth.InvalidScope, "%s is private data: only a person can grant it, by another grant type", private)
	}
	return nil
}

func clientScopeAllowed(c clientCredentials) error {
	if wider := c.Request.Scope.Without(c.Client.Scope); wider != nil {
		return oauth.Refuse(oauth.InvalidScope, "the client is not registered for %s; allowed is: %s", wider, c.Client.Scope)
	}
	return nil
}
