package endpoint

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/page"
	"example.com/acme-dreams/authserver/store"
)

// Home says what this program is, or leads to the account.
func (e *Endpoints) Home(c echo.Context) error {
	if _, err := e.session(c); err == nil {
		return c.Redirect(http.StatusSeeOther, "/account")
	}
	return render(c, http.StatusOK, page.Home(e.frame(c, ""), page.HomeView{Host: e.Env.AuthserverURL.Host(), Issuer: e.issuer(), SignIn: "/login"}))
}

// Help answers the questions that people have.
func (e *Endpoints) Help(c echo.Context) error {
	return render(c, http.StatusOK, page.Help(e.frame(c, "")))
}

// signedIn returns who is at the browser, or leads them to the login page and
// back.
func (e *Endpoints) signedIn(c echo.Context) (store.Session, error) {
	session, err := e.session(c)
	if errors.Is(err, store.ErrNotFound) {
		next := c.Request().URL.RequestURI()
		if c.Request().Method != http.MethodGet {
			next = c.Request().URL.Path
		}
		if err := c.Redirect(http.StatusSeeOther, "/login?next="+url.QueryEscape(next)); err != nil {
			return session, err
		}
		return session, errShown
	}
	return session, err
}

// Account is the person's start page.
func (e *Endpoints) Account(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	connections, err := e.Store.Connections(c.Request().Context(), session.User.Sub, e.Now())
	if err != nil {
		return err
	}
	active := e.onTab(connections, page.ActiveApps)
	var justNow []page.App
	for _, connection := range active {
		if app := e.appView(connection); app.Fresh {
			justNow = append(justNow, app)
		}
	}
	return render(c, http.StatusOK, page.Account(e.frame(c, ""), page.AccountView{
		Name: session.User.Name, Email: session.User.Email, Initials: initials(session.User.Name),
		Apps: appsInWords(len(active)), JustNow: justNow, LastSignIn: dayTime(session.AuthTime), SignOut: "/account/logout", CSRF: e.csrf(c),
	}))
}

func initials(name string) string {
	var first []rune
	start := true
	for _, r := range name {
		if start && r != ' ' {
			first = append(first, r)
		}
		start = r == ' '
	}
	if len(first) > 2 {
		first = []rune{first[0], first[len(first)-1]}
	}
	return string(first)
}

func appsInWords(n int) string {
	switch n {
	case 0:
		return "No app may look at your data."
	case 1:
		return "1 app may look at some of your data."
	}
	return fmt.Sprintf("%d apps may look at some of your data.", n)
}

// alarming are the events that a person should look at twice.
var alarming = map[string]bool{"sign-in failed": true, "sign-in throttled": true, "token reuse": true}

// Security shows what happened to the account.
func (e *Endpoints) Security(c echo.Context) error {
	session, err := e.signedIn(c)
	if err != nil {
		return err
	}
	events, err := e.Store.Events(c.Request().Context(), session.User.Sub, 100)
	if err != nil {
		return err
	}
	var view page.SecurityView
	for _, event := range events {
		line := page.SecurityEvent{
			Time: dayTime(event.At), DateTime: event.At.Format(time.RFC3339), What: event.Kind, Address: event.Address, Alarming: alarming[event.Kind],
		}
		if event.Detail != "" {
			line.What += ": " + event.Detail
		}
		if client := e.Store.Client(event.ClientID); client != nil {
			line.App = client.Name
		}
		view.Events = append(view.Events, line)
	}
	return render(c, http.StatusOK, page.Security(e.frame(c, ""), view))
}

// operator returns the session of an operator. For everybody else the page is
// not there.
func (e *Endpoints) operator(c echo.Context) (store.Session, error) {
	session, err := e.signedIn(c)
	if err == nil && !session.User.Operator {
		return session, echo.ErrNotFound
	}
	return session, err
}

// People lists the accounts for the operator.
func (e *Endpoints) People(c echo.Context) error {
	session, err := e.operator(c)
	if err != nil {
		return err
	}
	users, err := e.Store.Users(c.Request().Context())
	if err != nil {
		return err
	}
	view := page.PeopleView{CSRF: e.csrf(c)}
	for _, user := range users {
		person := page.AccountOfPerson{Sub: user.Sub, Username: user.Username, Name: user.Name, Email: user.Email, Self: user.Sub == session.User.Sub}
		if user.Locked() {
			person.LockedSince = dayTime(user.LockedAt)
		}
		view.People = append(view.People, person)
	}
	return render(c, http.StatusOK, page.People(e.frame(c, ""), view))
}

// LockPerson locks an account or unlocks it.
func (e *Endpoints) LockPerson(c echo.Context) error {
	session, err := e.operator(c)
	if err != nil {
		return err
	}
	form, err := e.readPage(c)
	if err != nil {
		return err
	}
	sub := form.Get("sub")
	kind := ""
	switch form.Get("action") {
	case "lock":
		if sub == session.User.Sub {
			return echo.NewHTTPError(http.StatusBadRequest, "You cannot lock your own account: nobody could unlock it.")
		}
		kind, err = "account locked", e.Store.LockUser(background(c), sub, e.Now())
	case "unlock":
		kind, err = "account unlocked", e.Store.UnlockUser(background(c), sub)
	default:
		return echo.NewHTTPError(http.StatusBadRequest, "action must be lock or unlock")
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil { // otherwise there is no such account, or it was locked already
		e.record(c, kind, sub, "", "by "+session.User.Username)
	}
	return c.Redirect(http.StatusSeeOther, "/operator/users")
}
