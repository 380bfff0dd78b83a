package flow

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"example.com/acme-dreams/internal/check"
)

//	+---------+                  +--------+                    +----------------------+
//	| Browser |                  | Dreams |                    | authorization server |
//	+---------+                  +--------+                    +----------------------+
//	     |--- GET /connect ---------->|                                   |
//	     |<-- 303, state, nonce, code_challenge (RFC 6749 §4.1.1,         |
//	     |         OIDC Core §3.1.2.1, RFC 7636 §4.3)                     |
//	     |--- the authorization request --------------------------------->|
//	     |        … the person signs in and decides, out of our sight …   |
//	     |<-- 303, code, state, iss (RFC 6749 §4.1.2, RFC 9207 §2) -------|
//	     |--- GET /callback --------->|                                   |
//	     |                            |--- code, code_verifier ---------->|
//	     |                            |    (RFC 6749 §4.1.3, RFC 7636 §4.5)
//	     |                            |<-- access, refresh and ID token --|
//	     |<-- 303 to the offers ------|    (RFC 6749 §4.1.4, OIDC Core §3.1.3.3)

// Scopes is what Dreams asks for. People may grant less, and do.
var Scopes = []string{
	oidc.ScopeOpenID, "profile", "email", oidc.ScopeOfflineAccess,
	"preferences:read", "blog:read", "packages:read", "reviews:read",
}

const (
	// attemptLifetime is how long a person may take at the authorization server.
	attemptLifetime = 10 * time.Minute

	// MaxPending is how many attempts one browser may have open: each tab may
	// have one, and a page that reloads /connect for ever fills no disk.
	MaxPending = 5
)

// Attempt is an authorization request under way.
type Attempt struct {
	State        string
	Browser      string // the session that it was started from
	Nonce        string
	CodeVerifier string
	Next         string        // where the person goes afterwards, a path of ours
	Kind         string        // what the answer is for; empty: the product's connection
	MaxAge       time.Duration // how old the login may be; 0: as old as it is
	StartedAt    time.Time
}

// Attempts remembers authorization requests that are under way.
type Attempts interface {
	// BeginAttempt keeps an attempt. Of the same browser's unspent ones it
	// keeps the newest MaxPending.
	BeginAttempt(ctx context.Context, a Attempt) error

	// SpendAttempt finds the attempt with this state and marks it as spent, in
	// one UPDATE: of two callbacks at the same time one sees spent == false.
	// known is false where no attempt has that state.
	SpendAttempt(ctx context.Context, state string, now time.Time) (a Attempt, known, spent bool, err error)
}

// AuthorizationCode is the authorization code grant with PKCE, as an OpenID
// Connect relying party does it.
type AuthorizationCode struct {
	Server      *AuthorizationServer
	Client      Client
	RedirectURI string
	Attempts    Attempts
	Checks      check.Runner
	Now         func() time.Time
	Random      io.Reader

	// Assertion authenticates the client by a signature in place of a secret, and
	// its key signs request objects; nil: by the secret.
	Assertion *ClientAssertion
	// DPoP binds what is given to a key of ours; nil: bearer tokens.
	DPoP *DPoP
	// Part is what of the granted details a token shall have (RFC 9396 §6); nil: all.
	Part []AuthorizationDetail
}

// AuthorizationRequest is what an attempt asks for (RFC 6749 §4.1.1).
type AuthorizationRequest struct {
	Browser string   // the session that it is started from
	Next    string   // where the person goes afterwards
	Kind    string   // what the answer is for; empty: the product's connection
	Scopes  []string // nil: Scopes
	// Prompt is "consent" to be asked again even where everything was granted
	// before (OIDC Core §3.1.2.1), or empty.
	Prompt string
	// WithoutPKCE leaves code_challenge out, as it was before RFC 7636. For the
	// lesson that shows why it is there, and for nothing else.
	WithoutPKCE bool

	// MaxAge is how old the login may be, and ACRValues how it has to have been
	// done (OIDC Core §3.1.2.1); 0 and nil: as it is.
	MaxAge    time.Duration
	ACRValues []string

	Details  []AuthorizationDetail // what exactly, beside the scopes (RFC 9396 §2)
	Resource []string              // whom the token is for (RFC 8707 §2.1); nil: what the server thinks right

	Signed bool // the parameters travel in a request object (RFC 9101)
	Pushed bool // they go to the server directly, and the browser gets a reference (RFC 9126)
}

// Identity is who signed in. The two together name a person, neither alone:
// "The sub (subject) and iss (issuer) Claims from the ID Token, used together, are
// the only Claims that an RP can rely upon as a stable identifier for the End-User"
// (OIDC Core §5.7). Never the e-mail address, which can change hands.
type Identity struct {
	Issuer, Subject string
	SessionID       string    // sid, by which a logout token may name the session; empty: none was told
	Name            string    // where the ID token has one
	GrantedAt       time.Time // by the server's clock: iat of the ID token
}

// Connected is what a finished attempt gives.
type Connected struct {
	Identity
	Tokens
	IDToken  string    // as it came, checked
	AuthTime time.Time // when they signed in; zero: the ID token does not say
	Next     string
}

// Start begins an attempt and returns where to send the browser.
func (g *AuthorizationCode) Start(ctx context.Context, r AuthorizationRequest) (string, error) {
	config, err := g.config(ctx)
	if err != nil {
		return "", err
	}
	if r.Scopes != nil {
		config.Scopes = r.Scopes
	}
	a := Attempt{Browser: r.Browser, Next: r.Next, Kind: r.Kind, MaxAge: r.MaxAge, StartedAt: g.Now()}
	// Fresh for every attempt: a value that returns would be no proof of anything.
	fresh := []*string{&a.State, &a.Nonce}
	if !r.WithoutPKCE {
		fresh = append(fresh, &a.CodeVerifier)
	}
	for _, value := range fresh {
		if *value, err = Unguessable(g.Random); err != nil {
			return "", err
		}
	}
	if err := g.Attempts.BeginAttempt(ctx, a); err != nil {
		return "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.Nonce)}
	if a.CodeVerifier != "" {
		// "plain" would hand the verifier to everyone who sees the request.
		options = append(options, oauth2.S256ChallengeOption(a.CodeVerifier))
	}
	if r.Prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", r.Prompt))
	}
	to, err := url.Parse(config.AuthCodeURL(a.State, options...))
	if err != nil {
		return "", err
	}
	parameters := to.Query()
	if err := g.extend(ctx, r, parameters); err != nil {
		return "", err
	}
	to.RawQuery = parameters.Encode()
	return to.String(), nil
}

// extend adds what goes beyond RFC 6749 to a request, and wraps it up.
func (g *AuthorizationCode) extend(ctx context.Context, r AuthorizationRequest, parameters url.Values) error {
	r.stepUp(parameters)
	if err := describe(r.Details, parameters); err != nil {
		return err
	}
	if r.Resource != nil {
		parameters["resource"] = r.Resource
	}
	if g.DPoP != nil {
		// The code is bound to the key, too: "dpop_jkt" (RFC 9449 §10).
		parameters.Set("dpop_jkt", g.DPoP.Thumbprint())
	}
	if r.Signed {
		if err := g.sign(parameters); err != nil {
			return err
		}
	}
	if r.Pushed {
		return g.push(ctx, parameters)
	}
	return nil
}

// Receive judges what the browser brought to the redirect URI, and returns the
// attempt that it answers. Until every check has passed, nothing is sent
// anywhere: a code that is not ours, or not meant for us, must not reach a token
// endpoint with our credentials beside it.
//
// The error may be an AuthorizationError; then the attempt is ours all the same.
func (g *AuthorizationCode) Receive(ctx context.Context, browser string, query url.Values) (Attempt, error) {
	return g.receive(ctx, browser, query, callbackChecks)
}

func (g *AuthorizationCode) receive(ctx context.Context, browser string, query url.Values, checks []check.Check[callback]) (Attempt, error) {
	in := callback{Query: query, Browser: browser, Issuer: g.Server.Issuer, Now: g.Now()}
	var err error
	if state := query.Get("state"); state != "" {
		in.Attempt, in.Known, in.Spent, err = g.Attempts.SpendAttempt(ctx, state, in.Now)
		if err != nil {
			return Attempt{}, err
		}
	}
	return in.Attempt, judge(ctx, g.Checks, checks, in)
}

// Redeem turns the code of an attempt into tokens, and says who signed in.
func (g *AuthorizationCode) Redeem(ctx context.Context, a Attempt, code string) (Connected, error) {
	response, err := g.redeem(ctx, code, a.CodeVerifier)
	if err != nil {
		return Connected{}, err
	}
	identity, authTime, err := g.identify(ctx, response, a)
	if err != nil {
		return Connected{}, err
	}
	granted, err := g.tokens(response)
	raw, _ := response.Extra("id_token").(string)
	return Connected{Identity: identity, Tokens: granted, IDToken: raw, AuthTime: authTime, Next: a.Next}, err
}

// callback is what the checks of the authorization response judge.
type callback struct {
	Query   url.Values
	Browser string  // the session that brought it; empty: none
	Attempt Attempt // with this state
	Known   bool    // there is such an attempt
	Spent   bool    // and it was spent before
	Issuer  string  // of the authorization server that we sent the browser to
	Now     time.Time
}

// stateChecks tie an answer to the browser that asked; every redirect back to
// us has to pass them.
var stateChecks = []check.Check[callback]{
	{Name: "callback: no parameter stands twice", Source: "RFC 6749 §3.1", Verify: checkParametersOnce},
	{Name: "callback: state is this browser's own", Source: "RFC 6749 §10.12", Verify: checkStateOwn},
	{Name: "callback: state is unspent", Source: "RFC 9700 §2.1", Verify: checkStateUnspent},
	{Name: "callback: the attempt is fresh", Source: "ours: ten minutes", Verify: checkAttemptFresh},
}

var callbackChecks = slices.Concat(stateChecks, []check.Check[callback]{
	{Name: "callback: iss is the server that we asked", Source: "RFC 9207 §2.4", Verify: checkIssuer},
	{Name: "callback: not both code and error", Source: "RFC 6749 §4.1.2", Verify: checkCodeOrError},
	{Name: "callback: no error", Source: "RFC 6749 §4.1.2.1", Verify: checkNoError},
	{Name: "callback: code is present", Source: "RFC 6749 §4.1.2", Verify: checkCodePresent},
})

// AuthorizationError is an error that the authorization server sent back by
// redirect (RFC 6749 §4.1.2.1). "access_denied" is a person who said no.
type AuthorizationError struct{ Code, Description string }

func (e *AuthorizationError) Error() string {
	return fmt.Sprintf("the authorization server answered %s: %s", e.Code, e.Description)
}

// "Request and response parameters MUST NOT be included more than once."
func checkParametersOnce(in callback) error {
	for _, name := range []string{"code", "state", "iss", "error", "error_description", "error_uri"} {
		if len(in.Query[name]) > 1 {
			return &Refusal{Heading: "This answer says a thing twice", Words: "The parameter " + name + " stands in it more than once, so nobody can tell which one is meant."}
		}
	}
	return nil
}

// "The client MUST implement CSRF protection for its redirection URI." Without
// it, mallory sends you a link with her own code in it, and your browser is
// connected to her account: what you do there from then on, she can read. An
// empty state must not match a browser that never started anything.
func checkStateOwn(in callback) error {
	switch {
	case in.Query.Get("state") == "":
		return &Refusal{Heading: "This answer has no state", Words: "The parameter state is missing or empty. Dreams sends one with every request, so this answer is to nothing that Dreams asked."}
	case !in.Known:
		return &Refusal{Heading: "We did not ask for this", Words: "The parameter state is not one that Dreams sent, or it is long gone."}
	case in.Browser == "" || subtle.ConstantTimeCompare([]byte(in.Browser), []byte(in.Attempt.Browser)) != 1:
		return &Refusal{Heading: "Another browser asked for this", Words: "The parameter state was given to a different browser. If somebody sent you this link, they may have wanted you to use their account."}
	}
	return nil
}

// "one-time use CSRF tokens carried in the state parameter that are securely
// bound to the user agent MUST be used for CSRF protection"
func checkStateUnspent(in callback) error {
	if in.Spent {
		return &Refusal{Heading: "This answer was used before", Words: "The parameter state was spent when this page was opened for the first time. Nothing was done a second time."}
	}
	return nil
}

func checkAttemptFresh(in callback) error {
	if in.Now.Sub(in.Attempt.StartedAt) > attemptLifetime {
		return &Refusal{Heading: "That took a while", Words: "You left for Acme more than ten minutes ago. Please start again; Acme may remember what you decided."}
	}
	return nil
}

// "If the value does not match the expected issuer identifier, clients MUST
// reject the authorization response and MUST NOT proceed with the authorization
// grant." Otherwise a server that we also know could have us hand it a code of
// this one (mix-up, RFC 9700 §4.4). Ours always sends iss, so a missing one is
// refused as well.
func checkIssuer(in callback) error {
	switch iss := in.Query.Get("iss"); {
	case iss == "":
		return &Refusal{Heading: "This answer does not say who gives it", Words: "The parameter iss is missing. Acme's accounts always send it."}
	case iss != in.Issuer:
		return &Refusal{Heading: "This answer comes from somebody else", Words: fmt.Sprintf("The parameter iss says %q, and Dreams asked %q.", iss, in.Issuer)}
	}
	return nil
}

// A success response has a code, an error response an error; an answer that is
// both was put together by somebody who hopes that we read only one half.
func checkCodeOrError(in callback) error {
	if in.Query.Has("code") && in.Query.Has("error") {
		return &Refusal{Heading: "Yes and no at once", Words: "The answer has both a code and an error. It can only be one of them."}
	}
	return nil
}

func checkNoError(in callback) error {
	if code := in.Query.Get("error"); code != "" {
		return &AuthorizationError{Code: code, Description: in.Query.Get("error_description")}
	}
	return nil
}

func checkCodePresent(in callback) error {
	if in.Query.Get("code") == "" {
		return &Refusal{Heading: "This answer has nothing in it", Words: "There is neither a code nor an error."}
	}
	return nil
}

// redeem is the access token request (RFC 6749 §4.1.3). The verifier proves
// that who redeems the code is who asked for it (RFC 7636 §4.5).
func (g *AuthorizationCode) redeem(ctx context.Context, code, verifier string) (*oauth2.Token, error) {
	config, err := g.config(ctx)
	if err != nil {
		return nil, err
	}
	exchange := func() (*oauth2.Token, error) {
		options, err := g.authentication(config.ClientID)
		if err != nil {
			return nil, err
		}
		if verifier != "" {
			options = append(options, oauth2.VerifierOption(verifier))
		}
		part := url.Values{}
		if err := describe(g.Part, part); err != nil {
			return nil, err
		}
		for name := range part {
			options = append(options, oauth2.SetAuthURLParam(name, part.Get(name)))
		}
		response, err := config.Exchange(g.context(ctx), code, options...)
		if err != nil {
			return nil, tokenError(err)
		}
		return response, nil
	}
	response, err := exchange()
	if g.DPoP != nil && nonceWanted(err) {
		response, err = exchange() // the code is unspent: no proof was good yet
	}
	return response, err
}

// authentication are the parameters that stand in place of a secret, new ones
// for each request.
func (g *AuthorizationCode) authentication(clientID string) ([]oauth2.AuthCodeOption, error) {
	if g.Assertion == nil {
		return nil, nil
	}
	parameters, err := g.Assertion.parameters(clientID)
	var options []oauth2.AuthCodeOption
	for name := range parameters {
		options = append(options, oauth2.SetAuthURLParam(name, parameters.Get(name)))
	}
	return options, err
}

// context makes x/oauth2 use our HTTP client, with proofs where there is a key.
func (g *AuthorizationCode) context(ctx context.Context) context.Context {
	if g.DPoP == nil {
		return g.Server.context(ctx)
	}
	client := *g.Server.http
	client.Transport = g.DPoP.Transport(client.Transport)
	return oidc.ClientContext(ctx, &client)
}

// tokens reads the response. With a key, nothing but a token that is bound to it
// will do: "A token_type of DPoP MUST be included in the access token response to
// signal to the client that the access token was bound to its DPoP key" (RFC 9449
// §5). A server that knows nothing of proofs ignores them and gives a bearer token.
func (g *AuthorizationCode) tokens(response *oauth2.Token) (Tokens, error) {
	if g.DPoP != nil {
		return tokensOfType("DPoP", response, Scopes, g.Now())
	}
	return tokens(response, Scopes, g.Now())
}

// identify reads the ID token. go-oidc does OIDC Core §3.1.3.7: signature with
// a key of the server's by an algorithm of its metadata, iss, aud and exp. What
// only the one who asked can judge is ours.
func (g *AuthorizationCode) identify(ctx context.Context, response *oauth2.Token, a Attempt) (who Identity, authTime time.Time, err error) {
	server, err := g.Server.discover(ctx)
	if err != nil {
		return Identity{}, time.Time{}, err
	}
	raw, _ := response.Extra("id_token").(string)
	verifier := server.Verifier(&oidc.Config{ClientID: g.Client.ID, Now: g.Now})
	token, err := verifier.Verify(g.Server.context(ctx), raw)
	if noKeys := (*url.Error)(nil); errors.As(err, &noKeys) {
		return Identity{}, time.Time{}, &Unreachable{noKeys}
	}
	if err != nil {
		return Identity{}, time.Time{}, &Refusal{Heading: "We cannot tell who you are", Words: "The ID token did not pass: " + err.Error()}
	}
	in := idToken{Token: token, AccessToken: response.AccessToken, ClientID: g.Client.ID, Nonce: a.Nonce, MaxAge: a.MaxAge, Now: g.Now()}
	if err := token.Claims(&in.Claims); err != nil {
		return Identity{}, time.Time{}, errors.New("the ID token's claims are not what OIDC Core §5.1 says")
	}
	if err := judge(ctx, g.Checks, idTokenChecks, in); err != nil {
		return Identity{}, time.Time{}, err
	}
	if in.Claims.AuthTime > 0 {
		authTime = time.Unix(in.Claims.AuthTime, 0)
	}
	return Identity{Issuer: token.Issuer, Subject: token.Subject, SessionID: in.Claims.SessionID, Name: in.Claims.Name, GrantedAt: token.IssuedAt}, authTime, nil
}

// idToken is what the checks of the ID token judge, its signature, iss, aud and
// exp being good.
type idToken struct {
	Token       *oidc.IDToken
	AccessToken string        // that came with it
	ClientID    string        // ours
	Nonce       string        // that we sent
	MaxAge      time.Duration // that we sent; 0: none
	Now         time.Time
	Claims      struct {
		AuthorizedParty string `json:"azp"`
		AuthTime        int64  `json:"auth_time"`
		Name            string `json:"name"`
		SessionID       string `json:"sid"` // Back-Channel Logout §2.1
	}
}

var idTokenChecks = []check.Check[idToken]{
	{Name: "ID token: nonce is the one that we sent", Source: "OIDC Core §3.1.3.7", Verify: checkNonce},
	{Name: "ID token: azp, where it stands, is us", Source: "OIDC Core §3.1.3.7", Verify: checkAuthorizedParty},
	{Name: "ID token: sub is present", Source: "OIDC Core §2", Verify: checkSubject},
	{Name: "ID token: at_hash fits the access token", Source: "OIDC Core §3.1.3.8", Verify: checkAccessTokenHash},
	{Name: "ID token: the login is as young as we asked", Source: "OIDC Core §3.1.3.7", Verify: checkAuthTime},
}

// "If a nonce value was sent in the Authentication Request, a nonce Claim MUST
// be present and its value checked to verify that it is the same value as the
// one that was sent in the Authentication Request." Otherwise an ID token that
// was stolen elsewhere could be injected here.
func checkNonce(in idToken) error {
	if in.Nonce == "" || subtle.ConstantTimeCompare([]byte(in.Token.Nonce), []byte(in.Nonce)) != 1 {
		return &Refusal{Heading: "This proof is for another request", Words: "The ID token's nonce is not the one that Dreams sent."}
	}
	return nil
}

// A token may name several audiences; azp says which of them it was made for.
// go-oidc leaves this to us.
func checkAuthorizedParty(in idToken) error {
	if azp := in.Claims.AuthorizedParty; azp != "" && azp != in.ClientID {
		return &Refusal{Heading: "This proof was made for somebody else", Words: fmt.Sprintf("The ID token's azp is %q, and we are %q.", azp, in.ClientID)}
	}
	return nil
}

// Two people without a name would be one.
func checkSubject(in idToken) error {
	if in.Token.Subject == "" {
		return &Refusal{Heading: "We cannot tell who you are", Words: "The ID token has no sub."}
	}
	return nil
}

// The claim is optional in this flow; where it stands, it ties the ID token to
// the access token beside it.
func checkAccessTokenHash(in idToken) error {
	if in.Token.AccessTokenHash == "" {
		return nil
	}
	if err := in.Token.VerifyAccessToken(in.AccessToken); err != nil {
		return &Refusal{Heading: "Two tokens that do not belong together", Words: "The ID token's at_hash does not fit the access token that came with it."}
	}
	return nil
}

func (g *AuthorizationCode) config(ctx context.Context) (*oauth2.Config, error) {
	server, err := g.Server.discover(ctx)
	if err != nil {
		return nil, err
	}
	return &oauth2.Config{
		ClientID: g.Client.ID, ClientSecret: g.Client.Secret,
		Endpoint: server.endpointFor(g.Client), RedirectURL: g.RedirectURI, Scopes: Scopes,
	}, nil
}

// Rules lists the checks of this package for an index.
func Rules() []check.Rule {
	return slices.Concat(
		check.Rules("dreams/flow: authorization response", callbackChecks),
		check.Rules("dreams/flow: ID token", idTokenChecks),
		check.Rules("dreams/flow: signed introspection response", introspectionChecks),
		check.Rules("dreams/flow: protected resource metadata", resourceChecks),
		check.Rules("dreams/flow: logout token", logoutTokenChecks),
		check.Rules("dreams/flow: security event token", securityEventChecks))
}
