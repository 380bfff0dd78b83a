package endpoint

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/password"
	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/views"
)

// PasswordPage asks for the present password and the next, and which connected
// applications stay.
func (e *Endpoints) PasswordPage(c echo.Context) error {
	return e.showPassword(c, http.StatusOK, page.PasswordView{}, nil)
}

// showPassword shows the form; keep are the clients ticked, nil: those in use.
func (e *Endpoints) showPassword(c echo.Context, status int, view page.PasswordView, keep []string) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	connections, err := e.Store.Connections(c.Request().Context(), session.User.Sub, e.Now())
	if err != nil {
		return err
	}
	for _, connection := range e.onTab(connections, page.ActiveApps) {
		app := e.appView(connection)
		ticked := app.Idle == ""
		if keep != nil {
			ticked = has(keep, app.ClientID)
		}
		view.Apps = append(view.Apps, page.KeptApp{App: app, Ticked: ticked})
	}
	others, err := e.Store.Sessions(c.Request().Context(), session.User.Sub, e.Now())
	if err != nil {
		return err
	}
	view.CSRF, view.Username, view.Others = e.csrf(c), session.User.Username, len(others)-1
	return render(c, status, page.Password(e.frame(c, "Change your password"), view))
}

func has(all []string, one string) bool { return oauth.Scope(all).Has(one) }

// ChangePassword puts another password in place of the present one. Whoever knew
// that is signed out everywhere else, and clients are told.
func (e *Endpoints) ChangePassword(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	keep := append([]string{}, form["keep"]...)
	refuse := func(status int, field, text string) error {
		return e.showPassword(c, status, page.PasswordView{Errors: []views.FieldError{{Field: field, Text: text}}}, keep)
	}
	was, err := e.presentPassword(c, session, form.Get("current"))
	var wait *throttledError
	switch {
	case errors.As(err, &wait):
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(wait.seconds()))
		return refuse(http.StatusTooManyRequests, "current", fmt.Sprintf("Too many wrong passwords. Try again in %s.", wait.words()))
	case errors.Is(err, errWrongPassword), errors.Is(err, errAccountLocked):
		return refuse(http.StatusUnprocessableEntity, "current", "This is not your present password.")
	case err != nil:
		return err
	}
	chosen := form.Get("password")
	if problem := password.Problem(chosen, session.User.Username, session.User.Email, session.User.Name); problem != "" {
		return refuse(http.StatusUnprocessableEntity, "password", problem)
	}
	if chosen == form.Get("current") {
		return refuse(http.StatusUnprocessableEntity, "password", "This is the one that you have. Take another.")
	}
	hash, err := e.Passwords.Hash(chosen)
	if err != nil {
		return err
	}
	ended, removed, err := e.Store.ChangePassword(background(c), store.PasswordChange{
		Sub: session.User.Sub, Was: was, Hash: hash, Session: session.ID, Keep: keep,
	}, e.Now())
	if errors.Is(err, store.ErrNotFound) { // two at once: the other was first
		return refuse(http.StatusUnprocessableEntity, "current", "This is not your present password.")
	}
	if err != nil {
		return err
	}
	// This browser goes on under a new cookie: the old one may be in other hands.
	if err := e.startSession(c, session.User, session.ExpiresAt.Sub(session.AuthTime) > sessionTTL); err != nil {
		return err
	}
	e.record(c, "password changed", session.User.Sub, "", fmt.Sprintf("%s ended", count(ended, "other session")))
	for _, clientID := range removed {
		e.record(c, "connected app removed", session.User.Sub, clientID, "with the password")
	}
	return c.Redirect(http.StatusSeeOther, "/account/sessions?changed=password")
}

// presentPassword makes sure of it, on the lock of the login page, and returns its
// hash.
func (e *Endpoints) presentPassword(c echo.Context, session store.Session, secret string) (hash string, err error) {
	ctx := c.Request().Context()
	if _, hash, err = e.Store.UserByLogin(ctx, session.User.Username); err != nil {
		return "", err
	}
	_, err = e.authenticate(ctx, c.RealIP(), session.User.Username, secret)
	return hash, err
}

// SessionsPage lists where a person is signed in.
func (e *Endpoints) SessionsPage(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	all, err := e.Store.Sessions(c.Request().Context(), session.User.Sub, e.Now())
	if err != nil {
		return err
	}
	view := page.SessionsView{CSRF: e.csrf(c)}
	switch c.QueryParam("changed") {
	case "password":
		view.Notice = "Your password is changed. Everywhere else you are signed out, and the apps there are told."
	case "ended":
		view.Notice = "You are signed out there, and the apps there are told."
	}
	for _, s := range all {
		row := page.SignedInAt{
			ID: s.ID, Where: browserInWords(s.UserAgent), Address: s.Address, Since: dayTime(s.AuthTime), Until: dayTime(s.ExpiresAt), This: s.ID == session.ID,
			Seen: dayTime(s.AuthTime),
		}
		if !s.SeenAt.IsZero() {
			row.Seen = dayTime(s.SeenAt)
		}
		view.Sessions = append(view.Sessions, row)
	}
	return render(c, http.StatusOK, page.Sessions(e.frame(c, "Where you are signed in"), view))
}

// EndSessions signs a person out at one browser, or at all others.
func (e *Endpoints) EndSessions(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	switch sid := form.Get("session"); form.Get("action") {
	case "end":
		err = e.Store.EndOneSession(background(c), session.User.Sub, sid, e.Now())
		if errors.Is(err, store.ErrNotFound) {
			return echo.ErrNotFound
		}
		if err == nil {
			e.record(c, "signed out elsewhere", session.User.Sub, "", "one session")
		}
	case "end-others":
		var n int
		if n, err = e.Store.EndOtherSessions(background(c), session.User.Sub, session.ID, e.Now()); err == nil {
			e.record(c, "signed out elsewhere", session.User.Sub, "", count(n, "session"))
		}
	default:
		return echo.NewHTTPError(http.StatusBadRequest, "action must be end or end-others")
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/account/sessions?changed=ended")
}

// browserInWords says which browser it was, as far as it tells. What it sends is
// its own claim.
func browserInWords(userAgent string) string {
	name, system := "", ""
	for _, known := range []struct{ mark, name string }{
		{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"},
	} {
		if name == "" && strings.Contains(userAgent, known.mark) {
			name = known.name
		}
	}
	for _, known := range []struct{ mark, name string }{
		{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
	} {
		if system == "" && strings.Contains(userAgent, known.mark) {
			system = known.name
		}
	}
	switch {
	case name != "" && system != "":
		return name + " on " + system
	case name+system != "":
		return name + system
	}
	return "Some program"
}

// ProfilePage shows name and e-mail address, to be changed.
func (e *Endpoints) ProfilePage(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	view := page.ProfileView{Name: session.User.Name, Email: session.User.Email}
	if c.QueryParam("changed") != "" {
		view.Notice = "Your name and address are kept. Acme Travel shows them from now on."
	}
	return e.showProfile(c, http.StatusOK, view)
}

func (e *Endpoints) showProfile(c echo.Context, status int, view page.ProfileView) error {
	view.CSRF = e.csrf(c)
	return render(c, status, page.Profile(e.frame(c, "Your name and address"), view))
}

// ChangeProfile keeps another name or address.
func (e *Endpoints) ChangeProfile(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	view := page.ProfileView{Name: tidy(form.Get("name")), Email: address(form.Get("email"))}
	if view.Errors = profileErrors(view.Name, view.Email); len(view.Errors) > 0 {
		return e.showProfile(c, http.StatusUnprocessableEntity, view)
	}
	user := session.User
	user.Name, user.Email = view.Name, view.Email
	if user == session.User {
		return c.Redirect(http.StatusSeeOther, "/account/profile")
	}
	// Whoever tries addresses must not get far.
	if wait := e.accounts.take(c.RealIP(), e.Now()); wait > 0 {
		t := &throttledError{wait}
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(t.seconds()))
		view.Errors = []views.FieldError{{Field: "email", Text: fmt.Sprintf("Too many changes. Try again in %s.", t.words())}}
		return e.showProfile(c, http.StatusTooManyRequests, view)
	}
	err = e.Store.ChangeProfile(background(c), user, e.Now())
	if errors.Is(err, store.ErrEmailTaken) {
		view.Errors = []views.FieldError{{Field: "email", Text: "This address cannot be had. Take another."}}
		return e.showProfile(c, http.StatusUnprocessableEntity, view)
	}
	if err != nil {
		return err
	}
	e.record(c, "name or address changed", user.Sub, "", "")
	return c.Redirect(http.StatusSeeOther, "/account/profile?changed=1")
}
