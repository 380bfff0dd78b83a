package endpoint

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

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
	return e.showProfile(c, http.StatusOK, session.User, page.ProfileView{
		Name: session.User.Name, Email: session.User.Email, Notice: profileNotices[c.QueryParam("changed")],
	})
}

// profileNotices say what was done.
var profileNotices = map[string]string{
	"name":      "Your name is kept. Acme Travel shows it from now on.",
	"address":   "A letter is on its way to the new address. Open the link in it: until then the old one counts.",
	"both":      "Your name is kept. A letter is on its way to the new address. Open the link in it: until then the old one counts.",
	"confirmed": "Your address is confirmed, and counts.",
	"forgotten": "The address is as it was, and the letter works no more.",
}

func (e *Endpoints) showProfile(c echo.Context, status int, user oauth.User, view page.ProfileView) error {
	asked, err := e.Store.AskedAddress(c.Request().Context(), user.Sub, e.Now())
	switch {
	case err == nil:
		view.Asked, view.AskedUntil = asked.Email, dayTime(asked.ExpiresAt)
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	view.CSRF, view.Counts, view.Verified = e.csrf(c), user.Email, user.EmailVerified
	view.Mail, view.Outbox = e.Letters.Delivers(), e.Letters.Shown
	return render(c, status, page.Profile(e.frame(c, "Your name and address"), view))
}

// ChangeProfile keeps another name, and asks for another address to be confirmed.
func (e *Endpoints) ChangeProfile(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	user := session.User
	view := page.ProfileView{Name: tidy(form.Get("name")), Email: address(form.Get("email"))}
	view.Errors = profileErrors(view.Name, view.Email)
	if view.Email != user.Email && !e.Letters.Delivers() {
		view.Errors = append(view.Errors, views.FieldError{Field: "email", Text: "This server cannot send letters, so no other address can be confirmed here. Its operator can change that (SMTP_URL)."})
	}
	if len(view.Errors) > 0 {
		return e.showProfile(c, http.StatusUnprocessableEntity, user, view)
	}
	changed := ""
	if view.Name != user.Name {
		if err := e.Store.ChangeName(background(c), user.Sub, view.Name, e.Now()); err != nil {
			return err
		}
		e.record(c, "name changed", user.Sub, "", "")
		changed = "?changed=name"
	}
	if view.Email != user.Email {
		if wait := e.letters.take(user.Sub, e.Now()); wait > 0 {
			return e.tooManyLetters(c, user, wait)
		}
		if err := e.askAddress(c, user, view.Email); err != nil {
			return err
		}
		if changed == "" {
			changed = "?changed=address"
		} else {
			changed = "?changed=both"
		}
	}
	return c.Redirect(http.StatusSeeOther, "/account/profile"+changed)
}

func (e *Endpoints) tooManyLetters(c echo.Context, user oauth.User, wait time.Duration) error {
	t := &throttledError{wait}
	c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(t.seconds()))
	return e.showProfile(c, http.StatusTooManyRequests, user, page.ProfileView{
		Name: user.Name, Email: user.Email,
		Errors: []views.FieldError{{Field: "email", Text: fmt.Sprintf("Too many letters were written. Try again in %s.", t.words())}},
	})
}
