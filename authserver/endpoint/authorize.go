package endpoint

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/check"
)

// pending is an authorization request on its way through login and consent.
type pending struct {
	oauth.AuthorizationRequest
	Client      *oauth.Client
	Interaction string  // empty: nobody had to be asked yet
	Device      *device // a television waits, and no redirect; nil: a redirect
	StartedAt   time.Time
	Chosen      string        // sub of the account that the person chose to go on with; empty: none yet
	Hint        token.IDToken // what id_token_hint says
	HintError   error
	Pushed      []byte       // the key of the pushed request that it is, for the store; nil: it came by value
	Refusal     *oauth.Error // of its request object; told when it is known who is there
}

// Authorize is the authorization endpoint, by GET and by POST. RFC 6749 §3.1.
func (e *Endpoints) Authorize(c echo.Context) error {
	sent, err := authorizationParameters(c)
	if err != nil {
		return err
	}
	p, err := e.resolve(c, sent)
	if err != nil {
		return e.stopAt(c, p, err)
	}
	return e.authorize(c, p)
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
	return e.authorize(c, p)
}

// pend reads a request that came at a moment.
func (e *Endpoints) pend(sent oauth.Parameters, started time.Time) pending {
	req := oauth.ParseAuthorizationRequest(sent)
	p := pending{AuthorizationRequest: req, Client: e.Store.Client(req.ClientID), StartedAt: started}
	if p.IDTokenHint != "" {
		p.Hint, p.HintError = e.Keys.ReadIDToken(p.IDTokenHint)
	}
	if p.MaxAge == "" && p.Client != nil && p.Client.DefaultMaxAge != nil { // OIDC Registration §2
		p.MaxAge = strconv.Itoa(*p.Client.DefaultMaxAge)
	}
	return p
}

func authorizationParameters(c echo.Context) (oauth.Parameters, error) {
	if c.Request().Method == http.MethodPost {
		return readForm(c)
	}
	return oauth.Parameters(c.QueryParams()), nil
}

// authorize takes a request as far as it goes: to a page that says what is
// wrong, to the login page, to the consent page, or back to the client.
func (e *Endpoints) authorize(c echo.Context, p pending) error {
	ctx := c.Request().Context()

	// 1. Who asks, and where would an answer go?
	if err := e.checkClient(c, p); err != nil {
		if p.Refusal != nil { // what would have named them was not good
			err = p.Refusal
		}
		return e.stopAt(c, p, err)
	}

	// 2. Is what they ask in order? The answer waits for step 3.
	refusal := e.judge(c, p)

	// 3. Who is at the browser? RFC 9700 §4.11.2: a server that redirects errors
	// before anybody signed in is an open redirector for whoever registers a
	// client, so only prompt=none, which must not show a page, goes back at once.
	session, err := e.session(c)
	known := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if refusal != nil && (known || p.Asks("none")) {
		return e.redirectError(c, p, refusal)
	}
	page, refusal := e.signIn(p, session, known)
	if refusal != nil {
		return e.redirectError(c, p, refusal)
	}
	if page != "" {
		return e.ask(c, p, page)
	}

	// 4. Did the person agree?
	consent, err := e.Store.Consent(ctx, session.User.Sub, p.Client.ID)
	if err != nil {
		return err
	}
	if !silent(p, consent, e.Now()) {
		if p.Asks("none") {
			return e.redirectError(c, p, oauth.Refuse(oauth.ConsentRequired, "the person has not agreed to all of this"))
		}
		return e.ask(c, p, "/consent")
	}

	// 5. Answer.
	code := e.newCode(p, session, p.wanted(), nil)
	why := store.Silent{Interaction: p.Interaction, Pushed: p.Pushed}
	if !p.Client.FirstParty {
		why.Consent, code.Grant.ExpiresAt = consent, consent.ExpiresAt
	}
	if p.AsksForToken() {
		err = e.Store.GrantSilently(background(c), code.Grant, why)
	} else {
		err = e.Store.IssueAuthorizationCode(background(c), code, why)
	}
	switch {
	case errors.Is(err, store.ErrAnswered):
		return e.alreadyAnswered(c, p)
	case errors.Is(err, store.ErrConsentEnded) && !p.Asks("none"):
		return e.ask(c, p, "/consent")
	case errors.Is(err, store.ErrConsentEnded):
		return e.redirectError(c, p, oauth.Refuse(oauth.ConsentRequired, "the person has not agreed to all of this"))
	case err != nil:
		return err
	}
	return e.answer(c, p, session, code)
}

// answer sends back what was granted: a code, or tokens at once.
func (e *Endpoints) answer(c echo.Context, p pending, session store.Session, code store.NewAuthorizationCode) error {
	if !p.AsksForToken() {
		return e.redirect(c, p, oauth.AuthorizationResponse{Code: code.Code})
	}
	// RFC 6749 §4.2.2, OIDC Core §3.2.2.5. RFC 9700 §2.1.2 says why nobody should
	// ask for an access token this way: it passes through the browser, into its
	// history, and no one can tell whom it was issued to.
	issue := grant.Issue{Client: p.Client, User: &session.User, Scope: code.Grant.Scope, Grant: code.Grant, Resource: code.Grant.Resource,
		AuthorizationDetails: code.Grant.AuthorizationDetails}
	var answer oauth.TokenResponse
	var err error
	if p.Returns("token") {
		answer, err = e.issueAccessToken(issue)
	}
	if p.Returns("id_token") && err == nil {
		answer.IDToken, err = e.issueIDToken(issue, answer.AccessToken)
	}
	if err != nil {
		return err
	}
	return e.redirect(c, p, oauth.AuthorizationResponse{Token: &answer})
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
	if p.Refusal != nil {
		return p.Refusal
	}
	in := asked{AuthorizationRequest: p.AuthorizationRequest, Client: p.Client, LegacyGrants: bool(e.Env.LegacyGrants), Hint: p.Hint, HintError: p.HintError}
	_, in.ClaimsError = oauth.ParseClaimsRequest(p.Claims)
	return check.Run(c.Request().Context(), e.Checks, requestChecks, e.target(in))
}

// silent tells whether nobody has to be asked.
func silent(p pending, consent *oauth.Consent, now time.Time) bool {
	switch {
	case p.Asks("consent") || p.Client.AlwaysAsk:
		return false
	case p.AuthorizationDetails != "":
		return false // they begin anew with each request: who agreed once has not agreed to more days
	case p.Client.FirstParty:
		return true
	}
	return consent.Covers(p.wanted(), now)
}

// wanted is every permission that the person has to agree to: those of the scope,
// and those that single claims are part of (OIDC Core §5.5).
func (p pending) wanted() oauth.Scope {
	return p.Scope.Union(p.ReadClaims().Scope().Intersect(p.Client.Scope))
}

// details are the authorization details that are asked for, as they would be
// granted. RFC 9396 §2, §7.1.
func (e *Endpoints) details(p pending) []oauth.AuthorizationDetail {
	asked, _ := oauth.ParseAuthorizationDetails(p.AuthorizationDetails) // judged by targetChecks
	for i, d := range asked {
		asked[i] = d.Granted(e.resources().API, p.StartedAt)
	}
	return asked
}

// newCode makes a code for what was granted.
func (e *Endpoints) newCode(p pending, session store.Session, allowed oauth.Scope, details []oauth.AuthorizationDetail) store.NewAuthorizationCode {
	now, scope := e.Now(), p.Scope.Intersect(allowed)
	sid := session.ID
	if p.Device != nil {
		sid = "" // the television is not signed in at this browser
	}
	return store.NewAuthorizationCode{
		Code: e.opaque("ac_"), RedirectURI: p.RedirectURI, CodeChallenge: p.CodeChallenge,
		ExpiresAt: now.Add(e.codeTTL(p.Client)),
		Grant: oauth.Grant{
			ID: "g_" + e.tokenID(), ClientID: p.Client.ID, Sub: session.User.Sub, Scope: scope,
			Nonce: p.Nonce, AuthTime: session.AuthTime, CreatedAt: now, SessionID: sid,
			Claims: p.ReadClaims().Within(allowed).String(), DPoPJKT: p.DPoPJKT,
			Resource: e.resources().Canonical(p.Resource), AuthorizationDetails: oauth.FormatAuthorizationDetails(details),
		},
	}
}

// codeTTL is how long a code lives. FAPI 2.0 Security Profile §5.3.2.1: "shall
// issue authorization codes with a maximum lifetime of 60 seconds".
func (e *Endpoints) codeTTL(client *oauth.Client) time.Duration {
	ttl := e.Env.AuthorizationCodeTTL.Value()
	if client.FAPI() {
		ttl = min(ttl, 60*time.Second)
	}
	return ttl
}

// redirect sends the browser back to the client, by a redirect or by a form that
// posts itself (OAuth 2.0 Form Post Response Mode §2). 303, so that a POST becomes a
// GET and no credential travels on: RFC 9700 §4.12.
func (e *Endpoints) redirect(c echo.Context, p pending, answer oauth.AuthorizationResponse) error {
	answer.Issuer = e.issuer()
	if p.StateAcceptable() {
		answer.State = p.State
	}
	if p.ResponseMode == oauth.FormPost {
		e.allowRedirect(c, p)
		return render(c, http.StatusOK, page.FormPost(e.frame(c, ""), page.FormPostView{
			Action: p.RedirectURI, ClientName: p.Client.Name, Parameters: answer.Parameters(),
		}))
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
		waiting := store.Interaction{
			Request: url.Values(p.Sent).Encode(), CreatedAt: now, ExpiresAt: now.Add(interactionTTL), Pushed: p.Pushed,
		}
		if p.Refusal != nil {
			waiting.Refusal = p.Refusal.Error()
		}
		if err := e.Store.StartInteraction(background(c), p.Interaction, waiting); err != nil {
			return err
		}
	}
	return c.Redirect(http.StatusSeeOther, page+"?interaction="+p.Interaction)
}
