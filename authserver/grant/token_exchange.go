package grant

import (
	"context"
	"slices"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/check"
)

// TokenExchange is token exchange, RFC 8693: a client that holds a token asks
// for a narrower one, to hand to a part of itself that it trusts with less.
//
//	client (Dreams)              authorization server       Dreams's analytics        Acme
//	   |  POST /token subject_token, scope |                     |                      |   §2.1
//	   |---------------------------------->|                     |                      |
//	   |  a token with less, act=Dreams    |                     |                      |   §2.2, §4.1
//	   |<----------------------------------|                     |                      |
//	   |  hands it over                                          |                      |
//	   |-------------------------------------------------------->|  Bearer              |
//	   |                                                         |--------------------->|
//
// The new token ends no later than the old one, and dies with it. One that is
// bound to a key is exchanged by a proof of that key, and stays bound to it.
type TokenExchange struct {
	Environment
	Subjects SubjectTokens
	Resource string // the one audience that a token can be for
}

// SubjectTokens reads the tokens that are handed in, and ties the new one to the
// old: when the old one is revoked, so is the new one. Whether it has been is told
// by the transaction that ties them: asked a moment earlier, the old one could be
// revoked in between, and nobody would end the new one.
type SubjectTokens interface {
	ReadAccessToken(compact string) (token.AccessToken, error)
	UserBySub(ctx context.Context, sub string) (oauth.User, error)
	TieToken(ctx context.Context, parent token.AccessToken, child string, expires time.Time) (revoked bool, err error)
}

// exchange is what is known when a token is exchanged.
type exchange struct {
	Request  oauth.TokenExchangeRequest
	Scope    oauth.Scope
	Client   *oauth.Client
	Subject  token.AccessToken
	JKT      string // thumbprint of the key of the request's proof; empty: there was none
	Resource string
	Now      time.Time
}

var exchangeFormChecks = []check.Check[oauth.TokenExchangeRequest]{
	check.New("subject_token_type is access_token or jwt", "RFC 8693 §2.1", subjectTokenTypeKnown),
	check.New("requested_token_type is an access token", "RFC 8693 §2.1", requestedTokenTypeKnown),
	check.New("actor is the client itself, no actor_token", "RFC 8693 §2.1", noActorToken),
}

var exchangeChecks = []check.Check[exchange]{
	check.New("subject token was issued to the client that exchanges it", "RFC 8693 §2.2.2", subjectTokenOwn),
	check.New("subject token has not expired", "RFC 8693 §2.2.2", subjectTokenNotExpired),
	check.New("subject token is exchanged with the key that it is bound to", "RFC 9449 §7", subjectTokenKeySame),
	check.New("target of the exchange is a resource that we know", "RFC 8693 §2.2.2", exchangeTargetKnown),
	check.New("exchanged token has no more scope than the subject token", "RFC 8693 §2.2.2", exchangeScopeWithin),
}

// tie is what is known once the new token hangs on the old one.
type tie struct{ SubjectRevoked bool }

var tieChecks = []check.Check[tie]{
	check.New("subject token has not been revoked", "RFC 8693 §2.2.2", subjectTokenNotRevoked),
}

// Authorize exchanges a token. RFC 8693 §2.
func (g TokenExchange) Authorize(ctx context.Context, client *oauth.Client, req oauth.TokenRequest) (Issue, error) {
	if req.Exchange.SubjectToken == "" {
		return Issue{}, oauth.Refuse(oauth.InvalidRequest, "subject_token is missing")
	}
	if err := check.Run(ctx, g.Checks, exchangeFormChecks, req.Exchange); err != nil {
		return Issue{}, err
	}
	// RFC 8693 §2.2.2: "If the request itself is not valid or if either the
	// "subject_token" or "actor_token" are invalid for any reason, or are
	// unacceptable based on policy, the authorization server MUST construct an error
	// response, as specified in Section 5.2 of [RFC6749]. The value of the "error"
	// parameter MUST be the "invalid_request" error code."
	subject, err := g.Subjects.ReadAccessToken(req.Exchange.SubjectToken)
	if err != nil {
		return Issue{}, oauth.Refuse(oauth.InvalidRequest, "subject_token is not an access token of this server")
	}
	now := g.Now()
	err = check.Run(ctx, g.Checks, exchangeChecks, exchange{
		req.Exchange, req.Scope, client, subject, req.JKT, g.Resource, now,
	})
	if err != nil {
		return Issue{}, err
	}
	scope := req.Scope
	if scope == nil {
		scope = oauth.ParseScope(subject.Scope)
	}
	// openid would make the new token good for userinfo, offline_access for
	// nothing: neither is data at the resource.
	scope = scope.Without(oauth.Scope{oauth.OpenID, oauth.OfflineAccess})
	if scope == nil && req.AuthorizationDetails == "" {
		return Issue{}, oauth.Refuse(oauth.InvalidScope, "openid and offline_access are not for an exchanged token, and nothing else is left")
	}
	issue, err := g.issue(ctx, client, nil, scope, oauth.Grant{
		ID: subject.GrantID, ExpiresAt: time.Unix(subject.ExpiresAt, 0), AuthorizationDetails: string(subject.AuthorizationDetails),
		Resource: subject.Audience, // named or not, the target is one of the old token's
	}, req)
	if err != nil {
		return Issue{}, err
	}
	if req.AuthorizationDetails == "" { // a narrower token has those that it names
		issue.AuthorizationDetails = ""
	}
	if subject.AuthTime != 0 {
		issue.Grant.AuthTime = time.Unix(subject.AuthTime, 0)
	}
	issue.JWTID, issue.Actor, issue.IssuedTokenType = g.Opaque("x_"), client.ID, oauth.AccessTokenURI
	if subject.GrantID != "" && subject.GrantID != oauth.OwnGrant(subject.ClientID) { // a person granted it
		user, err := g.Subjects.UserBySub(ctx, subject.Subject)
		if err != nil {
			return Issue{}, err
		}
		issue.User = &user
	}
	revoked, err := g.Subjects.TieToken(ctx, subject, issue.JWTID, issue.Grant.ExpiresAt)
	if err != nil {
		return Issue{}, err
	}
	return issue, check.Run(ctx, g.Checks, tieChecks, tie{revoked})
}

func subjectTokenTypeKnown(r oauth.TokenExchangeRequest) error {
	switch r.SubjectTokenType {
	case oauth.AccessTokenURI, oauth.JWTURI:
		return nil
	case "":
		return oauth.Refuse(oauth.InvalidRequest, "subject_token_type is missing")
	}
	return oauth.Refuse(oauth.InvalidRequest, "subject_token_type must be %s", oauth.AccessTokenURI)
}

func requestedTokenTypeKnown(r oauth.TokenExchangeRequest) error {
	if r.RequestedTokenType != "" && r.RequestedTokenType != oauth.AccessTokenURI && r.RequestedTokenType != oauth.JWTURI {
		return oauth.Refuse(oauth.InvalidRequest, "requested_token_type must be %s", oauth.AccessTokenURI)
	}
	return nil
}

// Who acts is who authenticates: the client. A token of somebody else's as the
// actor would name a party that we have not seen.
func noActorToken(r oauth.TokenExchangeRequest) error {
	if r.ActorToken != "" || r.ActorTokenType != "" {
		return oauth.Refuse(oauth.InvalidRequest, "actor_token is not supported: the actor is the client that authenticates")
	}
	return nil
}

func subjectTokenOwn(e exchange) error {
	if e.Subject.ClientID != e.Client.ID {
		return oauth.Refuse(oauth.InvalidRequest, "subject_token was issued to another client")
	}
	return nil
}

// No RFC says what becomes of a bound token in an exchange. RFC 9449 §7: "Requests
// to DPoP-protected resources MUST include both a DPoP proof […] and the access
// token". An exchange uses the token too, and what comes of it is bound to the key
// of this request's proof: without this rule it would be the way to turn a bound
// token into a bearer token, or into one for a thief's key.
func subjectTokenKeySame(e exchange) error {
	if bound := e.Subject.Confirmation; bound != nil && bound.JKT != e.JKT {
		return oauth.Refuse(oauth.InvalidRequest, "subject_token is bound to a key: send a proof by that key")
	}
	return nil
}

func subjectTokenNotExpired(e exchange) error {
	if e.Now.Unix() >= e.Subject.ExpiresAt {
		return oauth.Refuse(oauth.InvalidRequest, "subject_token has expired")
	}
	return nil
}

func subjectTokenNotRevoked(t tie) error {
	if t.SubjectRevoked {
		return oauth.Refuse(oauth.InvalidRequest, "subject_token has been revoked")
	}
	return nil
}

func exchangeTargetKnown(e exchange) error {
	for _, target := range e.Request.Targets {
		if target != e.Resource || !slices.Contains(e.Subject.Audience, target) {
			return oauth.Refuse(oauth.InvalidTarget, "a token can be for %s alone", e.Resource)
		}
	}
	return nil
}

func exchangeScopeWithin(e exchange) error {
	if wider := e.Scope.Without(oauth.ParseScope(e.Subject.Scope)); wider != nil {
		return oauth.Refuse(oauth.InvalidScope, "%s is not in the subject token; it has: %s", wider, e.Subject.Scope)
	}
	return nil
}
