package endpoint

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/httpserver"
	"example.com/acme-dreams/views"
)

// Signing out at a client's request:
//
//	Browser            client              authorization server         other clients
//	   │ sign out         │                          │                        │
//	   │─────────────────>│                          │                        │
//	   │ 303 /logout?id_token_hint,post_logout_redirect_uri,state             │  RP-Initiated Logout §2
//	   │<─────────────────│                          │                        │
//	   │────────────────────────────────────────────>│ logoutRequestChecks    │
//	   │ (asks the person, unless the hint is of this session)                │
//	   │ 303 post_logout_redirect_uri?state          │                        │  RP-Initiated Logout §3
//	   │<────────────────────────────────────────────│                        │
//	   │                  │                          │ POST logout_token      │  Back-Channel Logout §2.5
//	   │                  │<─────────────────────────│───────────────────────>│

// logoutRequest is what is known before anybody is signed out or sent on.
type logoutRequest struct {
	oauth.LogoutRequest
	Issuer string
	Hint   token.IDToken // what id_token_hint says; zero: it says nothing that we signed
	NoHint error         // why not
	Client *oauth.Client // of client_id, or whom the hint was made for; nil: not known
}

// hinted tells whether Hint says something.
func (r logoutRequest) hinted() bool { return r.IDTokenHint != "" && r.NoHint == nil }

// named is who the request says sent it.
func (r logoutRequest) named() string {
	if r.ClientID != "" {
		return r.ClientID
	}
	return r.Hint.Audience
}

// logoutRequestChecks judge a request to sign out. Every refusal is a page.
//
// RP-Initiated Logout §4: "any operations requiring the information that failed
// to correctly validate MUST be aborted and the information that failed to
// validate MUST NOT be used."
var logoutRequestChecks = []check.Check[logoutRequest]{
	check.New("logout request: no parameter stands twice", "RFC 6749 §3.1", noLogoutParameterTwice),
	check.New("logout request: id_token_hint is an ID token that this server signed", "RP-Initiated Logout §2", hintIsOurs),
	check.New("logout request: id_token_hint is of this issuer", "RP-Initiated Logout §2", hintOfThisIssuer),
	check.New("logout request: client_id is whom id_token_hint was made for", "RP-Initiated Logout §2", clientOfHint),
	check.New("logout request: client is known and not disabled", "RP-Initiated Logout §4", logoutClientKnown),
	check.New("logout request: post_logout_redirect_uri is registered, compared as a string", "RP-Initiated Logout §3", postLogoutRedirectURIRegistered),
	check.New("logout request: state is visible characters, 2,048 at most", "RFC 6749 Appendix A.5", logoutStateAcceptable),
}

// EndSession is the logout endpoint, by GET and by POST. RP-Initiated Logout §2:
// "OpenID Providers MUST support the use of the HTTP GET and POST methods".
func (e *Endpoints) EndSession(c echo.Context) error {
	// 1. Read the request. Where another site posts it, SameSite keeps our cookie
	// from it: the browser comes again by itself, and brings it.
	sent, err := authorizationParameters(c)
	if err != nil {
		return err
	}
	if _, err := c.Cookie(e.sessionCookie()); err != nil && c.Request().Method == http.MethodPost {
		return c.Redirect(http.StatusSeeOther, "/logout?"+url.Values(sent).Encode())
	}

	// 2. Is it in order?
	req, err := e.judgeLogout(c, sent)
	if err != nil {
		return e.logoutRefused(c, req, err)
	}

	// 3. Who is at the browser?
	session, err := e.session(c)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return e.nobodyToSignOut(c, req)
	case err != nil:
		return err
	case !req.hintOf(session):
		return e.askLogout(c, req, session)
	}

	// 4. Sign out, and answer.
	return e.signOutFor(c, req, session)
}

// ConfirmLogout takes the person's yes.
func (e *Endpoints) ConfirmLogout(c echo.Context) error {
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	req, err := e.judgeLogout(c, form)
	if err != nil {
		return e.logoutRefused(c, req, err)
	}
	session, err := e.session(c)
	switch {
	case errors.Is(err, store.ErrNotFound): // in another tab, meanwhile
		return e.nobodyToSignOut(c, req)
	case err != nil:
		return err
	}
	return e.signOutFor(c, req, session)
}

// judgeLogout reads what the parameters stand for, and walks the list.
func (e *Endpoints) judgeLogout(c echo.Context, sent oauth.Parameters) (logoutRequest, error) {
	req := logoutRequest{LogoutRequest: oauth.ParseLogoutRequest(sent), Issuer: e.issuer()}
	if req.IDTokenHint != "" {
		req.Hint, req.NoHint = e.Keys.ReadIDToken(req.IDTokenHint)
	}
	req.Client = e.Store.Client(req.named())
	return req, check.Run(c.Request().Context(), e.Checks, logoutRequestChecks, req)
}

// hintOf tells whether the hint is of the session at the browser. Otherwise the
// person is asked: a link must not sign anybody out.
//
// RP-Initiated Logout §2: "the OP MUST ask the End-User this question if an
// id_token_hint was not provided or if the supplied ID Token does not belong to
// the current OP session with the RP and/or currently logged in End-User."
func (r logoutRequest) hintOf(session store.Session) bool {
	// Without sid it is of none: a television's, or that of an app with a password.
	return r.Hint.Subject == session.User.Sub && r.Hint.SessionID != "" && r.Hint.SessionID == session.ID
}

// nobodyToSignOut is for a request that comes late: the answer is the same.
// Without a hint nobody has shown that the client sent it, so the person decides
// whether to go on.
func (e *Endpoints) nobodyToSignOut(c echo.Context, req logoutRequest) error {
	to := req.Location()
	switch {
	case to == "":
		return c.Redirect(http.StatusSeeOther, "/signed-out")
	case req.IDTokenHint != "":
		return c.Redirect(http.StatusSeeOther, to)
	}
	back := views.Link{Label: "Go on", Href: to}
	if req.Client != nil {
		back.Label = "Back to " + req.Client.Name
	}
	return render(c, http.StatusOK, page.SignedOut(e.frame(c, "Signed out"), page.SignedOutView{Next: back}))
}

// askLogout shows the question. The form holds the request, which is judged
// again when it comes back.
func (e *Endpoints) askLogout(c echo.Context, req logoutRequest, session store.Session) error {
	view := page.ConfirmView{
		Heading: "Sign out of Acme accounts?",
		Lead:    "You are signed in as " + session.User.Name + ". Apps that you signed in to with this account are told.",
		Action:  "/logout/confirm", Button: "Sign out", CancelHref: "/account",
		Hidden: []page.KeyValue{{Name: "csrf", Value: e.csrf(c)}},
	}
	if req.Client != nil {
		view.Lead = req.Client.Name + " asks to sign you out. " + view.Lead
	}
	for _, name := range []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state"} {
		if value := req.Sent.Get(name); value != "" {
			view.Hidden = append(view.Hidden, page.KeyValue{Name: name, Value: value})
		}
	}
	if source := formActionSource(req.PostLogoutRedirectURI); source != "" {
		httpserver.AllowFormAction(c, source)
	}
	return render(c, http.StatusOK, page.Confirm(e.frame(c, ""), view))
}

// signOutFor ends the session and goes where the client wants.
func (e *Endpoints) signOutFor(c echo.Context, req logoutRequest, session store.Session) error {
	if err := e.signOut(c, session, req.named()); err != nil {
		return err
	}
	to := req.Location()
	if to == "" {
		to = "/signed-out"
	}
	return c.Redirect(http.StatusSeeOther, to)
}

// signOut ends the session at this browser. The clients that took part in it are
// told afterwards, by package logout: a client that does not answer must not keep
// anybody signed in.
func (e *Endpoints) signOut(c echo.Context, session store.Session, clientID string) error {
	if err := e.Store.EndSession(background(c), e.browser(c), e.Now()); err != nil {
		return err
	}
	e.record(c, "signed out", session.User.Sub, clientID, "")
	c.Set(sessionKey, nil)
	e.setSessionCookie(c, e.opaque(""), 0)
	return nil
}

// logoutRefused shows what is wrong. Nobody is signed out by such a request, and
// nobody sent on.
func (e *Endpoints) logoutRefused(c echo.Context, req logoutRequest, err error) error {
	var refusal *oauth.Error
	if !errors.As(err, &refusal) {
		return err
	}
	e.refused(c, req.named(), refusal)
	view := page.ErrorView{
		Code: refusal.Code, Explanation: refusal.Description, ClientID: limit(req.named(), 200),
		Heading: "We did not sign you out",
		Lead:    "An app sent you to us to sign out, with a request that we cannot take. Nothing has changed, and we did not send you anywhere.",
		Next:    views.Link{Label: "To your account", Href: "/account"},
		Sources: []string{"RP-Initiated Logout §4"},
	}
	if uri := req.PostLogoutRedirectURI; uri != "" && req.Client != nil && !req.Client.PostLogoutRedirectURIRegistered(uri) {
		view.Received, view.Registered, view.Nearest = limit(uri, 2000), req.Client.PostLogoutRedirectURIs, nearest(req.Client.PostLogoutRedirectURIs, uri)
		view.Rule, view.Sources = "Compared as strings, character by character. No redirect after such an error.", []string{"RP-Initiated Logout §3"}
		view.Fix = "Send a registered address, byte for byte, or register this one."
	}
	return render(c, http.StatusBadRequest, page.OAuthError(e.frame(c, "We did not sign you out"), view))
}

func noLogoutParameterTwice(r logoutRequest) error {
	if name := r.Sent.Repeated(); name != "" {
		return oauth.Refuse(oauth.InvalidRequest, "%q stands twice", limit(name, 100))
	}
	return nil
}

// RP-Initiated Logout §2: "When an id_token_hint parameter is present, the OP MUST
// validate that it was the issuer of the ID Token." It may have expired: "The OP
// SHOULD accept ID Tokens when the RP identified by the ID Token's aud claim
// and/or sid claim has a current session or had a recent session at the OP, even
// when the exp time has passed."
func hintIsOurs(r logoutRequest) error {
	if r.NoHint != nil {
		return oauth.Refuse(oauth.InvalidRequest, "id_token_hint is not an ID token that this server signed")
	}
	return nil
}

// A database that moved to another address keeps its keys, and what they signed
// there was about other clients and other people's addresses.
func hintOfThisIssuer(r logoutRequest) error {
	if r.hinted() && r.Hint.Issuer != r.Issuer {
		return oauth.Refuse(oauth.InvalidRequest, "id_token_hint is of the issuer %q", limit(r.Hint.Issuer, 200))
	}
	return nil
}

// RP-Initiated Logout §2: "When both client_id and id_token_hint are present, the
// OP MUST verify that the Client Identifier matches the one used when issuing the
// ID Token." Otherwise whoever sees an ID token pass signs people out with it,
// and has them sent to a place of their own.
func clientOfHint(r logoutRequest) error {
	if r.hinted() && r.ClientID != "" && r.ClientID != r.Hint.Audience {
		return oauth.Refuse(oauth.InvalidRequest, "client_id is not the client that id_token_hint was made for")
	}
	return nil
}

func logoutClientKnown(r logoutRequest) error {
	switch {
	case r.named() != "" && r.Client == nil:
		return oauth.Refuse(oauth.InvalidRequest, "unknown client %q", limit(r.named(), 100))
	case r.Client != nil && r.Client.Disabled:
		return oauth.Refuse(oauth.InvalidRequest, "the client has been disabled")
	}
	return nil
}

// RP-Initiated Logout §3: "The OP also MUST NOT perform post-logout redirection if
// the post_logout_redirect_uri value supplied does not exactly match one of the
// previously registered post_logout_redirect_uris values." Whose registration
// that is, the hint or client_id must say.
func postLogoutRedirectURIRegistered(r logoutRequest) error {
	switch {
	case r.PostLogoutRedirectURI == "":
		return nil
	case r.Client == nil:
		return oauth.Refuse(oauth.InvalidRequest, "post_logout_redirect_uri needs id_token_hint or client_id beside it: nobody can tell whose it is")
	case !r.Client.PostLogoutRedirectURIRegistered(r.PostLogoutRedirectURI):
		return oauth.Refuse(oauth.InvalidRequest, "post_logout_redirect_uri is not registered for this client")
	}
	return nil
}

func logoutStateAcceptable(r logoutRequest) error {
	if !r.StateAcceptable() {
		return oauth.Refuse(oauth.InvalidRequest, "state has more than 2048 characters, or other than visible ASCII ones")
	}
	return nil
}
