package endpoint

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/internal/httpserver"
	"example.com/acme-dreams/views"
)

// LoginPage shows the login form, for a request that waits or for our own pages.
func (e *Endpoints) LoginPage(c echo.Context) error {
	p, err := e.loginFor(c, c.QueryParam("interaction"))
	if err != nil {
		return err
	}
	// Where another site posted the request (OIDC Core §3.1.2.1), SameSite kept
	// our cookie from it: who was signed in all along goes on.
	if p.Interaction != "" {
		session, err := e.session(c)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if page, refusal := e.signIn(p, session, err == nil); err == nil && (page != loginPage || refusal != nil) {
			return c.Redirect(http.StatusSeeOther, "/authorize/resume?interaction="+p.Interaction)
		}
	}
	return e.showLogin(c, http.StatusOK, p, page.LoginView{Username: limit(p.LoginHint, 100)})
}

// loginFor loads the request that waits, where one does.
func (e *Endpoints) loginFor(c echo.Context, interaction string) (pending, error) {
	if interaction == "" {
		return pending{}, nil
	}
	return e.interaction(c, interaction)
}

func (e *Endpoints) showLogin(c echo.Context, status int, p pending, view page.LoginView) error {
	view.Action, view.Interaction, view.CSRF = "/login", p.Interaction, e.csrf(c)
	if next := views.LocalPath(c.QueryParam("next")); next != "/" {
		view.Action += "?next=" + url.QueryEscape(next)
	}
	view.Host, view.RememberFor = e.Env.AuthserverURL.Host(), "14 days"
	if p.Client != nil {
		view.ClientName, view.ClientHost, view.FirstParty = p.Client.Name, oauth.HostOf(p.RedirectURI), p.Client.FirstParty
		e.allowRedirect(c, p)
		if _, err := e.session(c); err == nil {
			view.Notices = append(view.Notices, p.Client.Name+" asked that you sign in again.")
		}
	}
	locked, err := e.Store.LockedOut(c.Request().Context(), e.browser(c))
	if err != nil {
		return err
	}
	if locked && view.Error == "" {
		view.Notices = append(view.Notices, "You were signed out because your account has been locked. Ask whoever runs this server.")
	}
	for _, someone := range e.Personas {
		view.Personas = append(view.Personas, page.Persona{
			Username: someone.Username, Password: someone.Password, Name: someone.Name, Initials: strings.ToUpper(someone.Username[:1]),
		})
	}
	return render(c, status, page.Login(e.frame(c, "Sign in"), view))
}

// allowRedirect lets the page's form end at the client: a browser applies
// form-action to the redirect after the POST as well.
func (e *Endpoints) allowRedirect(c echo.Context, p pending) {
	if source := formActionSource(p.RedirectURI); source != "" {
		httpserver.AllowFormAction(c, source)
	}
}

// formActionSource is a registered redirect URI as a Content-Security-Policy
// can name it: by its origin; by its scheme alone where it has no origin
// (com.example.app:/callback, RFC 8252 §7.1) or an IPv6 address for a host,
// which CSP3 §2.3.1 has no way to write and browsers ignore.
func formActionSource(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme == "":
		return ""
	case oauth.Origin(uri) == "" || strings.HasPrefix(u.Host, "["):
		return u.Scheme + ":"
	}
	return oauth.Origin(uri)
}

// Login takes a user name and a password.
func (e *Endpoints) Login(c echo.Context) error {
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	p, err := e.loginFor(c, form.Get("interaction"))
	if err != nil {
		return err
	}
	view := page.LoginView{Username: limit(form.Get("username"), 100), Remember: form.Get("remember") != ""}
	user, err := e.authenticate(c.Request().Context(), c.RealIP(), form.Get("username"), form.Get("password"))
	var wait *throttledError
	switch {
	case errors.As(err, &wait):
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(wait.seconds()))
		view.Wait = fmt.Sprintf("Too many wrong passwords. Try again in %s. Nobody else has to wait.", wait.words())
		return e.showLogin(c, http.StatusTooManyRequests, p, view)
	case errors.Is(err, errWrongPassword):
		view.Error = "User name or password is wrong."
		return e.showLogin(c, http.StatusUnprocessableEntity, p, view)
	case errors.Is(err, errAccountLocked):
		view.Error = "This account is locked. Ask whoever runs this server."
		return e.showLogin(c, http.StatusUnprocessableEntity, p, view)
	case err != nil:
		return err
	}
	if err := e.startSession(c, user, view.Remember); err != nil {
		return err
	}
	e.record(c, "signed in", user.Sub, p.ClientID, "by password")
	if p.Interaction != "" {
		return c.Redirect(http.StatusSeeOther, "/authorize/resume?interaction="+p.Interaction)
	}
	next := views.LocalPath(c.QueryParam("next"))
	if next == "/" {
		next = "/account"
	}
	return c.Redirect(http.StatusSeeOther, next)
}

var (
	errWrongPassword = errors.New("wrong user name or password")
	errAccountLocked = errors.New("the account is locked")
)

// throttledError says that too many passwords were wrong.
type throttledError struct{ wait time.Duration }

func (t *throttledError) Error() string { return "too many wrong passwords" }

func (t *throttledError) seconds() int { return int(math.Ceil(t.wait.Seconds())) }

func (t *throttledError) words() string {
	if t.wait <= time.Minute {
		return fmt.Sprintf("%d seconds", t.seconds())
	}
	return fmt.Sprintf("%d minutes", int(math.Ceil(t.wait.Minutes())))
}

// authenticate finds out who somebody is. It takes as long, and says the same,
// for a name that nobody has: RFC 6819 §5.1.4.2.3 for the counting.
func (e *Endpoints) authenticate(ctx context.Context, address, login, secret string) (oauth.User, error) {
	login = strings.ToLower(strings.TrimSpace(login))
	user, hash, err := e.Store.UserByLogin(ctx, login)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return user, err
	}
	name := limit(login, 254) // no account has a longer one: RFC 5321 §4.5.3.1.3
	if user.Sub != "" {
		name = user.Sub // user name and e-mail address are one account
	}
	end, shut, err := e.throttle.attempt(ctx, name, address, e.Now())
	if err != nil {
		return user, err
	}
	if shut > 0 {
		e.counters.signIns.Inc("throttled")
		if e.refusals.take(address, e.Now()) {
			e.recordFrom(address, "sign-in throttled", user.Sub, "", "")
		}
		return user, &throttledError{shut}
	}
	matches, err := e.Passwords.Matches(ctx, hash, secret)
	end(err == nil && !matches) // where nothing was compared nothing was wrong
	if err != nil {
		return user, err
	}
	if !matches {
		e.counters.signIns.Inc("failed")
		e.recordFrom(address, "sign-in failed", user.Sub, "", "wrong user name or password")
		return user, errWrongPassword
	}
	if user.Locked() {
		e.counters.signIns.Inc("locked")
		e.recordFrom(address, "sign-in refused", user.Sub, "", "account locked")
		return user, errAccountLocked
	}
	e.counters.signIns.Inc("ok")
	return user, nil
}

// AuthenticatePerson implements grant.AuthenticatePerson: the same question, for
// an app that holds the password.
func (e *Endpoints) AuthenticatePerson(ctx context.Context, username, password, address string) (oauth.User, error) {
	user, err := e.authenticate(ctx, address, username, password)
	var wait *throttledError
	switch {
	case errors.As(err, &wait):
		refusal := oauth.Refuse(oauth.InvalidGrant, "too many wrong passwords: try again in %s", wait.words())
		refusal.RetryAfter = wait.wait
		return user, refusal
	case errors.Is(err, errWrongPassword):
		return user, oauth.Refuse(oauth.InvalidGrant, "user name or password is wrong")
	case errors.Is(err, errAccountLocked):
		return user, oauth.Refuse(oauth.InvalidGrant, "the account is locked")
	}
	return user, err
}

// Logout ends the session at this browser.
func (e *Endpoints) Logout(c echo.Context) error {
	if _, err := e.readPage(c); err != nil {
		return err
	}
	session, err := e.session(c)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil {
		if err := e.signOut(c, session, ""); err != nil {
			return err
		}
	}
	return c.Redirect(http.StatusSeeOther, "/signed-out")
}

// SignedOut says what signing out means and what it does not.
func (e *Endpoints) SignedOut(c echo.Context) error {
	return render(c, http.StatusOK, page.SignedOut(e.frame(c, "Signed out"), page.SignedOutView{}))
}

// SwitchAccount is "not you?": the session ends, the request goes on.
func (e *Endpoints) SwitchAccount(c echo.Context) error {
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	p, err := e.interaction(c, form.Get("interaction"))
	if err != nil {
		return err
	}
	if err := e.Store.EndSession(background(c), e.browser(c), e.Now()); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/login?interaction="+p.Interaction)
}
