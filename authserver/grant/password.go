package grant

import (
	"context"
	"errors"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/check"
)

// Password is the resource owner password credentials grant, RFC 6749 §4.3.
//
//	person        client (Acme's first mobile app)   authorization server
//	   |  user name, password |                              |
//	   |--------------------->|  the client has it now       |          §4.3
//	   |                      |  POST /token username, password          §4.3.2
//	   |                      |----------------------------->|
//	   |                      |  access_token                |          §4.3.3
//	   |                      |<-----------------------------|
//
// RFC 9700 §2.4: "The resource owner password credentials grant [RFC6749] MUST
// NOT be used." It teaches people to type their password into any app, leaves no
// room for a second factor, and shows nobody what is asked for. It is here for
// one app of our own from 2013, and with LEGACY_GRANTS=off it is not here.
type Password struct {
	Environment
	People             AuthenticatePerson
	Grants             StoreGrant
	RefreshTokenExpiry time.Duration
}

// AuthenticatePerson finds out who somebody is, and counts what is wrong
// together with the login page. Its refusals are for the client to read.
type AuthenticatePerson interface {
	AuthenticatePerson(ctx context.Context, username, password, address string) (oauth.User, error)
}

// StoreGrant stores a grant for which no code or consent page was needed, with
// its refresh token, where there is one; on disk before the call returns. The
// consent that it rests on, where there is one, must still be what was read, and
// the account not locked: ErrConsentEnded.
type StoreGrant interface {
	StoreGrant(ctx context.Context, grant oauth.Grant, consent *oauth.Consent, refresh NewRefreshToken) error
}

// ErrConsentEnded tells that what a grant was to rest on has ended or changed
// since it was looked at.
var ErrConsentEnded = errors.New("grant: the consent has ended")

// passwordRequest is what is known before anybody's password is looked at.
type passwordRequest struct {
	Request oauth.TokenRequest
	Client  *oauth.Client
}

var passwordChecks = []check.Check[passwordRequest]{
	check.New("only a first-party client may see a password", "RFC 9700 §2.4", passwordClientFirstParty),
	check.New("scope of the password grant is given", "RFC 6749 §3.3", passwordScopeGiven),
	check.New("scope of the password grant is one that the client may have", "RFC 6749 §5.2", passwordScopeAllowed),
}

// Authorize takes a password. RFC 6749 §4.3.2.
func (g Password) Authorize(ctx context.Context, client *oauth.Client, req oauth.TokenRequest) (Issue, error) {
	if req.Username == "" || req.Password == "" {
		return Issue{}, oauth.Refuse(oauth.InvalidRequest, "username and password must both be given")
	}
	if err := check.Run(ctx, g.Checks, passwordChecks, passwordRequest{req, client}); err != nil {
		return Issue{}, err
	}
	user, err := g.People.AuthenticatePerson(ctx, req.Username, req.Password, req.Address)
	if err != nil {
		return Issue{}, err
	}
	now := g.Now()
	granted := oauth.Grant{ID: g.Opaque("g_"), ClientID: client.ID, Sub: user.Sub, Scope: req.Scope, AuthTime: now, CreatedAt: now}
	var refresh NewRefreshToken
	if req.Scope.Has(oauth.OfflineAccess) && client.MayUse(oauth.RefreshTokenGrant) {
		refresh = g.newRefreshToken(now, now.Add(client.RefreshTokenLife(g.RefreshTokenExpiry)), granted, client, req)
	}
	issue, err := g.issue(ctx, client, &user, req.Scope, granted, req)
	if err != nil {
		return Issue{}, err
	}
	err = g.Grants.StoreGrant(ctx, granted, nil, refresh)
	if errors.Is(err, ErrConsentEnded) { // locked while the password was compared
		return Issue{}, oauth.Refuse(oauth.InvalidGrant, "the account is locked")
	}
	if err != nil {
		return Issue{}, err
	}
	issue.RefreshToken = refresh.Token
	return issue, nil
}

// RFC 6749 §4.3: "suitable in cases where the resource owner has a trust
// relationship with the client". Ours is with ourselves.
func passwordClientFirstParty(p passwordRequest) error {
	if !p.Client.FirstParty {
		return oauth.Refuse(oauth.UnauthorizedClient, "only Acme's own apps may ask people for their password")
	}
	return nil
}

func passwordScopeGiven(p passwordRequest) error {
	if len(p.Request.Scope) == 0 {
		return oauth.Refuse(oauth.InvalidScope, "scope is missing; allowed is: %s", p.Client.Scope)
	}
	return nil
}

func passwordScopeAllowed(p passwordRequest) error {
	if wider := p.Request.Scope.Without(p.Client.Scope); wider != nil {
		return oauth.Refuse(oauth.InvalidScope, "%s is not known or not for this client; allowed is: %s", wider, p.Client.Scope)
	}
	return nil
}
