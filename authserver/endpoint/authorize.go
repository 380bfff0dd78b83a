package endpoint

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/internal/check"
)

// addressed is what is known before anybody may be sent anywhere.
type addressed struct {
	oauth.AuthorizationRequest
	Client *oauth.Client
}

// clientChecks judge who asks. Until they pass every refusal is a page.
//
// RFC 6749 §4.1.2.1: "If the request fails due to a missing, invalid, or
// mismatching redirection URI, or if the client identifier is missing or
// invalid, the authorization server SHOULD inform the resource owner of the
// error and MUST NOT automatically redirect the user-agent to the invalid
// redirection URI."
var clientChecks = []check.Check[addressed]{
	check.New("authorization request is 16 KiB at most", "ours", requestNotTooLarge),
	check.New("client_id and redirect_uri stand once", "RFC 6749 §3.1", clientAndRedirectURIOnce),
	check.New("client that asks has not been disabled", "RFC 6749 §4.1.2.1", askingClientNotDisabled),
	check.New("redirect_uri is registered, compared as a string", "RFC 9700 §2.1", redirectURIRegistered),
}

// asked is what is known once client and redirect URI are good.
type asked struct {
	oauth.AuthorizationRequest
	Client       *oauth.Client
	LegacyGrants bool // the implicit grant is offered
}

// requestChecks judge what is asked. From here on a refusal goes back to the
// client, by redirect.
var requestChecks = slices.Concat([]check.Check[asked]{
	check.New("no parameter of the authorization request stands twice", "RFC 6749 §3.1", noParameterTwice),
	check.New("state is visible characters, 2,048 at most", "RFC 6749 Appendix A.5", stateAcceptable),
	check.New("request object is not used", "OIDC Core §3.1.2.6", noRequestObject),
	check.New("request_uri is not used", "OIDC Core §3.1.2.6", noRequestURI),
	check.New("response_type is given and known", "RFC 6749 §4.1.2.1", responseTypeKnown),
	check.New("response_type is supported", "RFC 6749 §4.1.2.1", responseTypeSupported),
	check.New("client is registered for the response_type", "RFC 6749 §4.1.2.1", responseTypeRegistered),
	check.New("response_mode fits the response_type", "OAuth 2.0 Multiple Response Types §3", responseModeFits),
	check.New("a client that must use PKCE sends a code_challenge", "RFC 7636 §4.4.1", codeChallengeSent),
	check.New("code_challenge_method is S256", "RFC 9700 §2.1.1", codeChallengeMethodS256),
	check.New("code_challenge is a SHA-256 in base64url", "RFC 7636 §4.2", codeChallengeWellFormed),
	check.New("prompt=none stands alone", "OIDC Core §3.1.2.1", promptNoneAlone),
	check.New("max_age is a number of seconds", "OIDC Core §3.1.2.1", maxAgeNumber),
}, scopeChecks)

// scopeChecks judge the scope, here and where a device asks (RFC 8628 §3.1).
var scopeChecks = []check.Check[asked]{
	check.New("scope is given", "RFC 6749 §3.3", scopeGiven),
	check.New("scope that is asked for is known", "RFC 6749 §4.1.2.1", scopeKnown),
	check.New("client may ask for the scope", "RFC 6749 §4.1.2.1", scopeAllowed),
}

// pending is an authorization request on its way through login and consent.
type pending struct {
	oauth.AuthorizationRequest
	Client      *oauth.Client
	Interaction string  // empty: nobody had to be asked yet
	Device      *device // a television waits, and no redirect; nil: a redirect
	StartedAt   time.Time
}

// Authorize is the authorization endpoint, by GET and by POST. RFC 6749 §3.1.
func (e *Endpoints) Authorize(c echo.Context) error {
	sent, err := authorizationParameters(c)
	if err != nil {
		return err
	}
	return e.authorize(c, sent, "", e.Now())
}

// Resume goes on with a request after its person has signed in.
func (e *Endpoints) Resume(c echo.Context) error {
	p, err := e.interaction(c, c.QueryParam("interaction"))
	if err != nil {
		return err
	}
	if p.Device != nil { // there is no request to go on with, only a question
		return c.Redirect(http.StatusSeeOther, "/consent?interaction="+p.Interaction)
	}
	return e.authorize(c, p.Sent, p.Interaction, p.StartedAt)
}

func authorizationParameters(c echo.Context) (oauth.Parameters, error) {
	if c.Request().Method == http.MethodPost {
		return readForm(c)
	}
	return oauth.Parameters(c.QueryParams()), nil
}

// authorize takes a request as far as it goes: to a page that says what is
// wrong, to the login page, to the consent page, or back to the client.
func (e *Endpoints) authorize(c echo.Context, sent oauth.Parameters, interaction string, started time.Time) error {
	ctx := c.Request().Context()
	req := oauth.ParseAuthorizationRequest(sent)
	p := pending{AuthorizationRequest: req, Client: e.Store.Client(req.ClientID), Interaction: interaction, StartedAt: started}

	// 1. Who asks, and where would an answer go?
	if err := e.checkClient(c, p); err != nil {
		return e.stopAt(c, p, err)
	}

	// 2. Is what they ask in order? The answer waits for step 3.
	refusal := e.judge(c, p)

	// 3. Who is at the browser? RFC 9700 §4.11.2: a server that redirects errors
	// before anybody signed in is an open redirector for whoever registers a
	// client, so only prompt=none, which must not show a page, goes back at once.
	session, err := e.session(c)
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	case refusal != nil && (err == nil || req.Asks("none")):
		return e.redirectError(c, p, refusal)
	case err != nil || !req.Fresh(session.AuthTime, started, e.Now()):
		if req.Asks("none") {
			return e.redirectError(c, p, oauth.Refuse(oauth.LoginRequired, "nobody is signed in, or not recently enough"))
		}
		return e.ask(c, p, "/login")
	}

	// 4. Did the person agree?
	consent, err := e.Store.Consent(ctx, session.User.Sub, p.Client.ID)
	if err != nil {
		return err
	}
	if !silent(p, consent, e.Now()) {
		if req.Asks("none") {
			return e.redirectError(c, p, oauth.Refuse(oauth.ConsentRequired, "the person has not agreed to all of this"))
		}
		return e.ask(c, p, "/consent")
	}

	// 5. Answer.
	code := e.newCode(p, session, req.Scope)
	why := store.Silent{Interaction: p.Interaction}
	if !p.Client.FirstParty {
		why.Consent, code.Grant.ExpiresAt = consent, consent.ExpiresAt
	}
	if p.ResponseType == "token" {
		err = e.Store.GrantSilently(background(c), code.Grant, why)
	} else {
		err = e.Store.IssueAuthorizationCode(background(c), code, why)
	}
	switch {
	case errors.Is(err, store.ErrAnswered):
		return e.alreadyAnswered(c, p)
	case errors.Is(err, store.ErrConsentEnded) && !req.Asks("none"):
		return e.ask(c, p, "/consent")
	case errors.Is(err, store.ErrConsentEnded):
		return e.redirectError(c, p, oauth.Refuse(oauth.ConsentRequired, "the person has not agreed to all of this"))
	case err != nil:
		return err
	}
	return e.answer(c, p, session, code)
}

// answer sends back what was granted: a code, or a token at once.
func (e *Endpoints) answer(c echo.Context, p pending, session store.Session, code store.NewAuthorizationCode) error {
	if p.ResponseType != "token" {
		return e.redirect(c, p, oauth.AuthorizationResponse{Code: code.Code})
	}
	// RFC 6749 §4.2.2. RFC 9700 §2.1.2 says why nobody should ask for this: the
	// token passes through the browser, into its history, and no one can tell
	// whom it was issued to.
	token, err := e.issue(grant.Issue{
		Client: p.Client, User: &session.User, Scope: code.Grant.Scope,
		GrantID: code.Grant.ID, AuthTime: session.AuthTime, NotAfter: code.Grant.ExpiresAt,
	})
	if err != nil {
		return err
	}
	return e.redirect(c, p, oauth.AuthorizationResponse{Token: &token})
}

// checkClient walks clientChecks. A client that we don't know has no list.
func (e *Endpoints) checkClient(c echo.Context, p pending) error {
	if p.ClientID == "" {
		return oauth.Refuse(oauth.InvalidRequest, "client_id is missing")
	}
	if p.Client == nil {
		return oauth.Refuse(oauth.InvalidRequest, "unknown client %q", limit(p.ClientID, 100))
	}
	return check.Run(c.Request().Context(), e.Checks, clientChecks, addressed{p.AuthorizationRequest, p.Client})
}

// judge walks requestChecks.
func (e *Endpoints) judge(c echo.Context, p pending) error {
	return check.Run(c.Request().Context(), e.Checks, requestChecks, asked{p.AuthorizationRequest, p.Client, bool(e.Env.LegacyGrants)})
}

// silent tells whether nobody has to be asked.
func silent(p pending, consent *oauth.Consent, now time.Time) bool {
	switch {
	case p.Asks("consent") || p.Client.AlwaysAsk:
		return false
	case p.Client.FirstParty:
		return true
	}
	return consent.Covers(p.Scope, now)
}

// newCode makes a code for what was granted.
func (e *Endpoints) newCode(p pending, session store.Session, scope oauth.Scope) store.NewAuthorizationCode {
	now := e.Now()
	return store.NewAuthorizationCode{
		Code: e.opaque("ac_"), RedirectURI: p.RedirectURI, CodeChallenge: p.CodeChallenge,
		ExpiresAt: now.Add(e.Env.AuthorizationCodeTTL.Value()),
		Grant: oauth.Grant{
			ID: "g_" + e.tokenID(), ClientID: p.Client.ID, Sub: session.User.Sub, Scope: scope,
			Nonce: p.Nonce, AuthTime: session.AuthTime, CreatedAt: now,
		},
	}
}

// redirect sends the browser back to the client. 303, so that a POST becomes a
// GET and no credential travels on: RFC 9700 §4.12.
func (e *Endpoints) redirect(c echo.Context, p pending, answer oauth.AuthorizationResponse) error {
	answer.Issuer = e.issuer()
	if p.StateAcceptable() {
		answer.State = p.State
	}
	return c.Redirect(http.StatusSeeOther, answer.Location(p.RedirectURI, p.InFragment()))
}

// redirectError tells the client what was refused. RFC 6749 §4.1.2.1.
func (e *Endpoints) redirectError(c echo.Context, p pending, err error) error {
	var refusal *oauth.Error
	if !errors.As(err, &refusal) {
		return err
	}
	e.refused(c, p.ClientID, refusal)
	return e.redirect(c, p, oauth.AuthorizationResponse{Error: refusal})
}

// ask shows the person a page: the request waits under an identifier.
func (e *Endpoints) ask(c echo.Context, p pending, page string) error {
	if p.Interaction == "" {
		p.Interaction = e.opaque("")
		now := e.Now()
		err := e.Store.StartInteraction(background(c), p.Interaction, store.Interaction{
			Request: url.Values(p.Sent).Encode(), CreatedAt: now, ExpiresAt: now.Add(interactionTTL),
		})
		if err != nil {
			return err
		}
	}
	return c.Redirect(http.StatusSeeOther, page+"?interaction="+p.Interaction)
}

// maxRequest is the largest authorization request that we keep while its person
// signs in. Strangers send them, and each is stored: a good one has a tenth.
const maxRequest = 16 << 10

func requestNotTooLarge(a addressed) error {
	size := 0
	for name, values := range a.Sent {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	if size > maxRequest {
		return oauth.Refuse(oauth.InvalidRequest, "the request has %d bytes; expected %d at most", size, maxRequest)
	}
	return nil
}

func clientAndRedirectURIOnce(a addressed) error {
	for _, name := range []string{"client_id", "redirect_uri"} {
		if len(a.Sent[name]) > 1 {
			return oauth.Refuse(oauth.InvalidRequest, "%s stands twice", name)
		}
	}
	return nil
}

func askingClientNotDisabled(a addressed) error {
	if a.Client.Disabled {
		return oauth.Refuse(oauth.InvalidRequest, "the client has been disabled")
	}
	return nil
}

// RFC 9700 §2.1: "authorization servers MUST utilize exact string matching".
// Always given, as OIDC Core §3.1.2.1 requires: one rule, no exceptions to learn.
func redirectURIRegistered(a addressed) error {
	switch {
	case a.RedirectURI == "":
		return oauth.Refuse(oauth.InvalidRequest, "redirect_uri is missing")
	case !a.Client.RedirectURIRegistered(a.RedirectURI):
		return oauth.Refuse(oauth.InvalidRequest, "redirect_uri is not registered for this client")
	}
	return nil
}

func noParameterTwice(a asked) error {
	if name := a.Sent.Repeated(); name != "" {
		return oauth.Refuse(oauth.InvalidRequest, "%q stands twice", limit(name, 100))
	}
	return nil
}

func stateAcceptable(a asked) error {
	if !a.StateAcceptable() {
		return oauth.Refuse(oauth.InvalidRequest, "state has more than 2048 characters, or other than visible ASCII ones")
	}
	return nil
}

func noRequestObject(a asked) error {
	if a.Sent.Get("request") != "" {
		return oauth.Refuse(oauth.RequestNotSupported, "request objects are not supported")
	}
	return nil
}

// A request_uri would make us fetch what a stranger names.
func noRequestURI(a asked) error {
	if a.Sent.Get("request_uri") != "" {
		return oauth.Refuse(oauth.RequestURINotSupported, "request_uri is not supported")
	}
	return nil
}

// responseTypes is what we know, and the grant type that a client registers
// for it. RFC 7591 §2.1.
var responseTypes = map[string]string{"code": oauth.AuthorizationCodeGrant, "token": oauth.ImplicitGrant}

func responseTypeKnown(a asked) error {
	if a.ResponseType == "" {
		return oauth.Refuse(oauth.InvalidRequest, "response_type is missing")
	}
	if responseTypes[a.ResponseType] == "" {
		return oauth.Refuse(oauth.UnsupportedResponseType, "response_type %q is not supported", limit(a.ResponseType, 100))
	}
	return nil
}

func responseTypeRegistered(a asked) error {
	if needs := responseTypes[a.ResponseType]; needs != "" && !a.Client.MayUse(needs) {
		return oauth.Refuse(oauth.UnauthorizedClient, "the client is not registered for response_type %s", a.ResponseType)
	}
	return nil
}

func responseTypeSupported(a asked) error {
	if a.ResponseType == "token" && !a.LegacyGrants {
		return oauth.Refuse(oauth.UnsupportedResponseType, "response_type token is not supported")
	}
	return nil
}

// OAuth 2.0 Multiple Response Types §3 keeps tokens out of the query, where
// they would end up in logs.
func responseModeFits(a asked) error {
	switch a.ResponseMode {
	case "", "fragment":
		return nil
	case "query":
		if !a.AsksForToken() {
			return nil
		}
	}
	return oauth.Refuse(oauth.InvalidRequest, "response_mode %q is not supported for response_type %s", limit(a.ResponseMode, 100), limit(a.ResponseType, 100))
}

// RFC 7636 §4.4.1: "If the server requires Proof Key for Code Exchange (PKCE)
// by OAuth public clients and the client does not send the "code_challenge" in
// the request, the authorization endpoint MUST return the authorization error
// response with the "error" value set to "invalid_request"."
func codeChallengeSent(a asked) error {
	if a.CodeChallenge == "" && a.ResponseType != "token" && a.Client.PKCERequired() {
		return oauth.Refuse(oauth.InvalidRequest, "PKCE is required: code_challenge is missing")
	}
	return nil
}

// RFC 7636 §4.3 makes "plain" the default where no method is named: whoever
// sees the request then knows the verifier. So a method has to be named.
func codeChallengeMethodS256(a asked) error {
	if (a.CodeChallenge != "" || a.CodeChallengeMethod != "") && a.CodeChallengeMethod != oauth.S256 {
		return oauth.Refuse(oauth.InvalidRequest, "code_challenge_method must be S256")
	}
	return nil
}

func codeChallengeWellFormed(a asked) error {
	if (a.CodeChallenge != "" || a.CodeChallengeMethod != "") && !a.CodeChallenge.WellFormed() {
		return oauth.Refuse(oauth.InvalidRequest, "code_challenge must be 43 characters of base64url without padding")
	}
	return nil
}

// RFC 6749 §3.3: "the authorization server MUST either process the request
// using a pre-defined default value or fail the request indicating an invalid
// scope". We fail: nobody should share more than was named.
func scopeGiven(a asked) error {
	if len(a.Scope) == 0 {
		return oauth.Refuse(oauth.InvalidScope, "scope is missing; allowed is: %s", a.Client.Scope)
	}
	return nil
}

func scopeKnown(a asked) error {
	if unknown := a.Scope.Unknown(); unknown != nil {
		return oauth.Refuse(oauth.InvalidScope, "%s is not known; allowed is: %s", limit(unknown.String(), 200), a.Client.Scope)
	}
	return nil
}

func scopeAllowed(a asked) error {
	if wider := a.Scope.Without(a.Client.Scope); wider != nil {
		return oauth.Refuse(oauth.InvalidScope, "the client is not registered for %s; allowed is: %s", limit(wider.String(), 200), a.Client.Scope)
	}
	return nil
}

// OIDC Core §3.1.2.1: "If this parameter contains none with any other value, an
// error is returned."
func promptNoneAlone(a asked) error {
	if slices.Contains(a.Prompt, "none") && len(a.Prompt) > 1 {
		return oauth.Refuse(oauth.InvalidRequest, "prompt=none does not go with %s", limit(strings.Join(a.Prompt, " "), 100))
	}
	return nil
}

func maxAgeNumber(a asked) error {
	if n, err := strconv.Atoi(a.MaxAge); a.MaxAge != "" && (err != nil || n < 0) {
		return oauth.Refuse(oauth.InvalidRequest, "max_age must be a number of seconds")
	}
	return nil
}
