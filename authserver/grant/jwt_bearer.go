package grant

import (
	"context"
	"errors"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/check"
)

// JWTBearer is the JWT bearer grant, RFC 7523 §2.1: a client that signs speaks
// for a person who agreed to that beforehand. No browser, no shared secret.
//
//	client (Dreams's batch system)      authorization server        Acme
//	   |  signs {iss: me, sub: alice, aud: issuer, exp}  |             |   §3
//	   |  POST /token assertion                          |             |   §2.1
//	   |------------------------------------------------>|             |
//	   |  access_token                                   |             |   RFC 6749 §5.1
//	   |<------------------------------------------------|             |
//	   |  Bearer                                                       |
//	   |-------------------------------------------------------------->|
//
// The person's consent is what makes it right: without one, or once it has
// ended, the best signature gets nothing.
type JWTBearer struct {
	Environment
	Issuer  string // ours
	Clients func(id string) *oauth.Client
	Keys    ClientKeys
	People  ConsentedPeople
	Spent   SpendAssertion
	Grants  StoreGrant
}

// ConsentedPeople finds a person and what they let a client do. A person that
// is not known, and a consent that is not there, are zero and nil.
type ConsentedPeople interface {
	PersonWithConsent(ctx context.Context, sub, clientID string) (oauth.User, *oauth.Consent, error)
}

// longestBearer is how far ahead exp of a bearer assertion may lie.
const longestBearer = time.Hour

var bearerAssertionChecks = []check.Check[asserted]{
	check.New("bearer assertion is signed by its issuer", "RFC 7523 §3", assertionSigned),
	check.New("bearer assertion is for this server alone", "RFC 7523 §3", assertionForUs),
	check.New("bearer assertion expires, and has not yet", "RFC 7523 §3", assertionExpires),
	check.New("bearer assertion lives an hour at most", "RFC 7523 §3", assertionShort),
	check.New("bearer assertion is not from the future", "RFC 7523 §3", assertionNotFromTheFuture),
}

// spokenFor is what is known of the person whom an assertion is about.
type spokenFor struct {
	Scope   oauth.Scope
	Client  *oauth.Client
	User    oauth.User
	Consent oauth.Consent
	Now     time.Time
}

var spokenForChecks = []check.Check[spokenFor]{
	check.New("person whom the assertion is about still agrees to it", "RFC 7523 §3", personAgrees),
	check.New("scope is within what the person agreed to", "RFC 7521 §4.1", bearerScopeWithinConsent),
	check.New("scope is one that the asserting client may have", "RFC 6749 §5.2", bearerScopeAllowed),
}

// IdentifyClient tells which client an assertion says it is from, for requests
// in which no client authenticates. RFC 7521 §4.1: "Authentication of the client
// is optional". The signature, checked below, is what proves it.
func (g JWTBearer) IdentifyClient(req oauth.TokenRequest) (*oauth.Client, error) {
	if req.Assertion == "" {
		return nil, oauth.Refuse(oauth.InvalidRequest, "assertion is missing")
	}
	assertion, err := PeekAssertion(req.Assertion)
	if err != nil {
		return nil, oauth.Refuse(oauth.InvalidGrant, "the assertion is not a JWT")
	}
	client := g.Clients(assertion.Issuer)
	if client == nil || client.Disabled {
		return nil, oauth.Refuse(oauth.InvalidGrant, "iss of the assertion is not a client of this server")
	}
	return client, nil
}

// Authorize takes an assertion. RFC 7523 §2.1, §3.
func (g JWTBearer) Authorize(ctx context.Context, client *oauth.Client, req oauth.TokenRequest) (Issue, error) {
	signer, err := g.IdentifyClient(req)
	if err != nil {
		return Issue{}, err
	}
	if signer.ID != client.ID {
		return Issue{}, oauth.Refuse(oauth.InvalidGrant, "iss of the assertion is another client than the one that authenticates")
	}
	assertion, err := PeekAssertion(req.Assertion)
	if err != nil {
		return Issue{}, oauth.Refuse(oauth.InvalidGrant, "the assertion is not a JWT")
	}
	now := g.Now()
	keys, noKeys := g.Keys.ClientKeys(ctx, client, assertion.KeyID)
	err = check.Run(ctx, g.Checks, bearerAssertionChecks, asserted{
		Assertion: assertion, Client: client, Signed: SignedBy(keys, req.Assertion), NoKeys: noKeys,
		Issuer: g.Issuer, Longest: longestBearer, Now: now, refuse: oauth.InvalidGrant,
	})
	if err != nil {
		return Issue{}, err
	}
	user, consent, err := g.People.PersonWithConsent(ctx, assertion.Subject, client.AsksFor())
	if err != nil {
		return Issue{}, err
	}
	if consent == nil {
		return Issue{}, oauth.Refuse(oauth.InvalidGrant, "sub of the assertion is nobody who lets %s do this", client.AsksFor())
	}
	about := spokenFor{req.Scope, client, user, *consent, now}
	if err := check.Run(ctx, g.Checks, spokenForChecks, about); err != nil {
		return Issue{}, err
	}
	scope := req.Scope
	if scope == nil {
		scope = client.Scope.Intersect(consent.Scope)
	}
	if scope == nil {
		return Issue{}, oauth.Refuse(oauth.InvalidScope, "the person agreed to nothing that this client may have: %s", client.Scope)
	}
	granted := oauth.Grant{
		ID: g.Opaque("g_"), ClientID: client.ID, Sub: user.Sub, Scope: scope, AuthTime: now, CreatedAt: now,
	}
	rests := granted
	rests.ExpiresAt = consent.ExpiresAt
	rests.AuthTime = time.Time{} // nobody signed in for this: RFC 9068 §2.2.1 has nothing to tell
	issue, err := g.issue(ctx, client, &user, scope, rests, req)
	if err != nil {
		return Issue{}, err
	}
	// Spent last, so that a refusal leaves it usable, and before anything is
	// issued, so that it works once.
	err = g.Spent.SpendAssertion(ctx, assertion.replayID(req.Assertion), assertion.end(now.Add(longestBearer)))
	if errors.Is(err, ErrSpent) {
		return Issue{}, oauth.Refuse(oauth.InvalidGrant, "the assertion has been used before")
	}
	if err != nil {
		return Issue{}, err
	}
	err = g.Grants.StoreGrant(ctx, granted, consent, NewRefreshToken{})
	if errors.Is(err, ErrConsentEnded) { // taken back, or changed, at this very moment
		return Issue{}, oauth.Refuse(oauth.InvalidGrant, "the person has just changed what %s may do", client.AsksFor())
	}
	// RFC 7521 §4.1: "In practice, that will usually mean that refresh tokens are
	// not issued in response to assertion grant requests". The client can sign again.
	return issue, err
}

// RFC 7523 §3: "the subject typically identifies an authorized accessor for which
// the access token is being requested (i.e., the resource owner or an authorized
// delegate)". Who authorized it is ours to know: a consent that is still good.
func personAgrees(s spokenFor) error {
	if s.User.Locked() || !s.Consent.Live(s.Now) {
		return oauth.Refuse(oauth.InvalidGrant, "the person no longer lets %s do this", s.Client.AsksFor())
	}
	return nil
}

func bearerScopeWithinConsent(s spokenFor) error {
	if wider := s.Scope.Without(s.Consent.Scope); wider != nil {
		return oauth.Refuse(oauth.InvalidScope, "the person did not agree to %s", wider)
	}
	return nil
}

func bearerScopeAllowed(s spokenFor) error {
	if wider := s.Scope.Without(s.Client.Scope); wider != nil {
		return oauth.Refuse(oauth.InvalidScope, "%s is not known or not for this client; allowed is: %s", wider, s.Client.Scope)
	}
	return nil
}
