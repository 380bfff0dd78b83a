package endpoint

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/store"
)

// How long a sign-in lasts.
const (
	sessionTTL  = 12 * time.Hour
	rememberTTL = 14 * 24 * time.Hour
)

// sessionCookie names the cookie. Cookies are shared by all ports of a host, so
// each program puts its name in; __Host- keeps other hosts of the domain from
// planting one, and wants TLS.
func (e *Endpoints) sessionCookie() string {
	if e.Env.AuthserverURL.Secure() {
		return "__Host-authserver_session"
	}
	return "authserver_session"
}

func (e *Endpoints) setSessionCookie(c echo.Context, value string, keep time.Duration) {
	cookie := &http.Cookie{
		Name: e.sessionCookie(), Value: value, Path: "/",
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: e.Env.AuthserverURL.Secure(),
	}
	if keep > 0 {
		cookie.MaxAge = int(keep.Seconds())
	}
	c.SetCookie(cookie)
}

// browser returns the value of the cookie, and gives a browser without one a
// new one: it means nobody until somebody signs in.
func (e *Endpoints) browser(c echo.Context) string {
	if value, ok := c.Get(browserKey).(string); ok {
		return value
	}
	value := ""
	if cookie, err := c.Cookie(e.sessionCookie()); err == nil {
		value = cookie.Value
	}
	if len(value) < 32 {
		value = e.opaque("")
		e.setSessionCookie(c, value, 0)
	}
	c.Set(browserKey, value)
	return value
}

const (
	browserKey = "browser"
	sessionKey = "session"
)

// session returns who is signed in at the browser. store.ErrNotFound.
func (e *Endpoints) session(c echo.Context) (store.Session, error) {
	if found, ok := c.Get(sessionKey).(store.Session); ok {
		return found, nil
	}
	cookie, err := c.Cookie(e.sessionCookie())
	if err != nil {
		return store.Session{}, store.ErrNotFound
	}
	found, err := e.Store.SessionByCookie(c.Request().Context(), cookie.Value, e.Now())
	if err == nil {
		c.Set(sessionKey, found)
		if err := e.Store.Saw(background(c), found, e.Now()); err != nil { // nobody is refused for it
			e.Log.Warn("a session's last use is not written down", "error", err)
		}
	}
	return found, err
}

// startSession signs a person in. The browser gets a new cookie and the old one
// ends: somebody may have planted it (session fixation).
func (e *Endpoints) startSession(c echo.Context, user oauth.User, remember bool) error {
	lasts, keep := sessionTTL, time.Duration(0)
	if remember {
		lasts, keep = rememberTTL, rememberTTL
	}
	now, value := e.Now(), e.opaque("")
	err := e.Store.StartSession(background(c), value, e.browser(c), store.Session{
		ID: "s_" + e.tokenID(), User: user, AuthTime: now, ExpiresAt: now.Add(lasts), Address: c.RealIP(), UserAgent: limit(c.Request().UserAgent(), 200),
	})
	if err == nil {
		e.setSessionCookie(c, value, keep)
	}
	return err
}

// csrf is the hidden field of every form. It is made from the cookie, which no
// other site can read, and tells nothing about it.
func (e *Endpoints) csrf(c echo.Context) string {
	sum := sha256.Sum256([]byte("form token of " + e.browser(c)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// fromOurPage tells whether a form was sent from a page of ours. httpserver has
// refused what says that it comes from another origin; this is for what says
// nothing. A browser that brought no cookie has seen no page of ours, and gets
// none for its trouble.
func (e *Endpoints) fromOurPage(c echo.Context, form oauth.Parameters) error {
	_, err := c.Cookie(e.sessionCookie())
	if err != nil || subtle.ConstantTimeCompare([]byte(form.Get("csrf")), []byte(e.csrf(c))) != 1 {
		return echo.NewHTTPError(http.StatusForbidden, "This form was not sent from our page, or your browser did not send our cookie with it. Go back, load the page again and repeat it.")
	}
	return nil
}

// readPage reads a form of one of our pages.
func (e *Endpoints) readPage(c echo.Context) (oauth.Parameters, error) {
	form, err := readForm(c)
	if err != nil {
		return nil, echo.NewHTTPError(http.StatusBadRequest, err.Error())
	}
	return form, e.fromOurPage(c, form)
}
