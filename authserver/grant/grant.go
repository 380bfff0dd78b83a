// Package grant holds the grant types, a file each. A grant holds only what is
// its own: who the client is and what becomes of the answer are steps of the
// token endpoint, which all grants share.
package grant

import (
	"context"
	"crypto/rand"
	"io"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/check"
)

// Type is a grant type: it turns a token request of an authenticated client
// into what may be issued, or refuses it with an *oauth.Error.
type Type interface {
	Authorize(ctx context.Context, client *oauth.Client, req oauth.TokenRequest) (Issue, error)
}

// Issue is what a grant allows the token endpoint to issue. Whatever had to be
// remembered for it is on disk already.
type Issue struct {
	Client       *oauth.Client
	User         *oauth.User // nil: the client acts for itself
	Scope        oauth.Scope
	RefreshToken string // empty: none

	// Grant is what was agreed to, which the tokens rest on: none outlives it, and
	// revoking it ends them. Zero: the client acts for itself.
	Grant oauth.Grant

	// What this one token is for, within the grant.
	Resource             []string // RFC 8707 §2.2; nil: all that the scope is for
	AuthorizationDetails string   // RFC 9396 §6; JSON, empty: none
	JKT                  string   // RFC 9449 §5; empty: a bearer token

	Warning         string // what an operator should know about how it came about; empty: nothing
	JWTID           string // of the access token; empty: any
	Actor           string // who acts for the person (RFC 8693 §4.1); empty: nobody else
	IssuedTokenType string // told after a token exchange (RFC 8693 §2.2.1)
}

// Environment is the clock and the dice of a grant: fields, so that tests are
// exact.
type Environment struct {
	Now    func() time.Time
	Random io.Reader
	Checks check.Runner

	Resources oauth.Resources // that tokens can be for
}

// Opaque makes a code or token that nobody can guess: 256 bits. RFC 6749
// §10.10 asks for a probability of guessing of at most 2^-128.
func (e Environment) Opaque(prefix string) string { return Opaque(e.Random, prefix) }

// issue is what all grants allow in the same way: as much of the grant as the
// request asks for.
func (e Environment) issue(ctx context.Context, client *oauth.Client, user *oauth.User, scope oauth.Scope, granted oauth.Grant, req oauth.TokenRequest) (Issue, error) {
	return e.narrow(ctx, Issue{Client: client, User: user, Scope: scope, Grant: granted, JKT: req.JKT}, req, e.Now())
}

// Rules lists the checks of all grants, for the index.
func Rules() []check.Rule {
	var all []check.Rule
	all = append(all, check.Rules("authorization code", redemptionChecks)...)
	all = append(all, check.Rules("refresh token", refreshChecks)...)
	all = append(all, check.Rules("client credentials", clientCredentialsChecks)...)
	all = append(all, check.Rules("password", passwordChecks)...)
	all = append(all, check.Rules("device code", deviceCodeChecks)...)
	all = append(all, check.Rules("token exchange: the request", exchangeFormChecks)...)
	all = append(all, check.Rules("token exchange: the subject token", exchangeChecks)...)
	all = append(all, check.Rules("token exchange: at the end", tieChecks)...)
	all = append(all, check.Rules("JWT bearer: the assertion", bearerAssertionChecks)...)
	all = append(all, check.Rules("JWT bearer: the person", spokenForChecks)...)
	all = append(all, check.Rules("client assertion", clientAssertionChecks)...)
	all = append(all, check.Rules("token request: within the grant", narrowingChecks)...)
	return all
}

// Opaque makes an unguessable value of 256 bits from a source of randomness.
func Opaque(random io.Reader, prefix string) string {
	if random == nil {
		random = rand.Reader
	}
	var b [32]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		panic(err) // without randomness nothing here is safe: better no answer
	}
	return prefix + encode(b[:])
}
