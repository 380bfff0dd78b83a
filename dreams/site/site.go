// Package site is the website of Dreams: what its pages ask, of whom, and what
// they answer. Protocol is in flow, words are in page.
package site

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/catalogue"
	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/night"
	"example.com/acme-dreams/dreams/session"
	"example.com/acme-dreams/dreams/store"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/seed"
	"example.com/acme-dreams/views"
)

// Site answers the requests of browsers.
type Site struct {
	Env        environment.Environment
	Log        *slog.Logger
	Now        func() time.Time
	Ahead      func() time.Duration // of the room's clock; nil: there is none
	Random     io.Reader
	Back       http.RoundTripper
	Store      *store.Store
	Sessions   *session.Sessions
	Code       *flow.AuthorizationCode
	Refresh    *flow.RefreshToken
	Revocation *flow.Revocation
	Logout     *flow.BackchannelLogout
	// SecurityEvents takes what the authorization server tells of consents.
	SecurityEvents *flow.SecurityEvents
	Catalogue      *catalogue.Keeper
	Client         seed.Client // dreams-web: the reasons it gives at Acme are the ones it gives here

	Night *night.Job

	// Lessons takes the answer to an attempt that was no connection. denied is
	// the error that the authorization server sent in place of a code, or nil.
	Lessons func(c echo.Context, connection store.Connection, attempt flow.Attempt, denied *flow.AuthorizationError) error
}

// Route is one line of the route table.
type Route struct {
	Method, Path  string
	Handler       echo.HandlerFunc
	Specification string // empty: no protocol, a page
}

// Routes is the route table.
func (s *Site) Routes() []Route {
	return []Route{
		{http.MethodGet, "/", s.page(s.home), ""},
		{http.MethodGet, "/connect", s.page(s.connect), "RFC 6749 §4.1.1, RFC 7636 §4.3, OIDC Core §3.1.2.1"},
		{http.MethodPost, "/connect", s.page(s.connect), "RFC 6749 §4.1.1, RFC 7636 §4.3, OIDC Core §3.1.2.1"},
		{http.MethodGet, CallbackPath, s.page(s.callback), "RFC 6749 §4.1.2, RFC 9207 §2.4"},
		{http.MethodGet, "/offers", s.page(s.offers), ""},
		{http.MethodGet, "/outbox", s.page(s.outbox), ""},
		{http.MethodGet, "/outbox/:id", s.page(s.letter), ""},
		{http.MethodGet, UnsubscribePath, s.page(s.askUnsubscribe), ""},
		{http.MethodPost, UnsubscribePath, s.page(s.unsubscribe), "RFC 8058 §3.1"},
		{http.MethodPost, "/subscribe", s.page(s.subscribe), ""},
		{http.MethodPost, "/disconnect", s.page(s.disconnect), "RFC 7009 §2.1"},
		{http.MethodPost, "/logout", s.page(s.logout), ""},
		{http.MethodPost, BackchannelLogoutPath, s.backchannelLogout, "Back-Channel Logout §2.5"},
		{http.MethodPost, SecurityEventsPath, s.securityEvents, "RFC 8935 §2"},
		{http.MethodGet, "/night", s.page(s.night), ""},
		{http.MethodPost, "/night", s.page(s.beginNight), ""},
		{http.MethodGet, "/help", s.page(s.help), ""},
		{http.MethodGet, "/static/*", echo.WrapHandler(views.Static()), ""},
		{http.MethodPost, "/theme", echo.WrapHandler(views.ThemeHandler(s.themeCookie(), s.Env.DreamsURL.Secure())), ""},
	}
}

// Paths that others have to know.
const (
	CallbackPath          = "/callback"
	UnsubscribePath       = "/unsubscribe"
	BackchannelLogoutPath = "/backchannel-logout"
	SecurityEventsPath    = "/events"
)

// CrossOrigin tells which paths others may post to: mail programs do (RFC 8058
// §3.2), and the authorization server. The token in the request is what opens it,
// and no cookie.
func CrossOrigin(path string) bool {
	return path == UnsubscribePath || path == BackchannelLogoutPath || path == SecurityEventsPath
}

// visitor is who asks: Person is 0 and Connection empty where nobody is
// connected.
type visitor struct {
	Person     int64
	Connection store.Connection
}

// Known tells whether Dreams knows the person.
func (v visitor) Known() bool { return v.Person != 0 }

// page loads the session and who is behind it.
func (s *Site) page(handle func(echo.Context, visitor) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		r, err := s.Sessions.Load(c.Request())
		if err != nil {
			return err
		}
		c.SetRequest(r)
		var v visitor
		if person := s.Sessions.Person(r.Context()); person != 0 {
			connection, found, err := s.Store.ConnectionOf(r.Context(), person)
			if err != nil {
				return err
			}
			if found { // who disconnected in another browser is nobody here
				v = visitor{person, connection}
			}
		}
		return handle(c, v)
	}
}

// Page loads the session for a handler of another package. connection is empty
// where nobody is connected; frame is everything around the content.
func (s *Site) Page(handle func(c echo.Context, connection store.Connection, frame func(title string) views.Frame) error) echo.HandlerFunc {
	return s.page(func(c echo.Context, v visitor) error {
		return handle(c, v.Connection, func(title string) views.Frame { return s.frame(c, v, title) })
	})
}

// frame is everything around the content.
func (s *Site) frame(c echo.Context, v visitor, title string) views.Frame {
	r := c.Request()
	f := views.Frame{
		Brand: views.DreamsBrand, Title: title, Host: s.Env.DreamsURL.Host(),
		Theme: views.Theme(r, s.themeCookie()), Path: r.URL.RequestURI(), HelpHref: "/help",
		AuthserverURL: s.Env.AuthserverURL.String(), AcmeURL: s.Env.AcmeURL.String(), DreamsURL: s.Env.DreamsURL.String(),
		SignIn: "/connect",
	}
	if s.Ahead != nil {
		f.Ahead = s.Ahead()
	}
	for _, link := range []views.Link{
		{Label: "Home", Href: "/"}, {Label: "Offers", Href: "/offers"}, {Label: "Outbox", Href: "/outbox"}, {Label: "Learn", Href: "/learn"},
		{Label: "Inspector", Href: "/inspector"},
	} {
		if link.Href == "/inspector" && !bool(s.Env.Wiretap) {
			continue // it has nothing to verify with
		}
		link.Current = link.Href == r.URL.Path || link.Href == "/learn" && (strings.HasPrefix(r.URL.Path, "/learn/") || strings.HasPrefix(r.URL.Path, "/runs"))
		f.Nav = append(f.Nav, link)
	}
	if v.Known() {
		f.Person = &views.Person{Name: nameOf(v.Connection), SignOut: "/logout"}
	}
	return f
}

func (s *Site) themeCookie() string {
	return session.CookieName("dreams_theme", s.Env.DreamsURL.Secure())
}

// nameOf is what we call somebody who did not share their name, or whose name
// we have not read yet.
func nameOf(c store.Connection) string {
	if c.Name == "" {
		return "You"
	}
	return c.Name
}

// render writes a page. It is composed before the header is written, so that a
// page that fails is an error and not half a page.
func render(c echo.Context, status int, content templ.Component) error {
	var page bytes.Buffer
	if err := content.Render(c.Request().Context(), &page); err != nil {
		return err
	}
	return c.HTMLBlob(status, page.Bytes())
}

// see sends the browser to a page of ours, with GET whatever the method was.
// The origin is written out, so that no path can lead elsewhere.
func (s *Site) see(c echo.Context, path string) error {
	return c.Redirect(http.StatusSeeOther, s.Env.DreamsURL.String()+views.LocalPath(path))
}

// connectedApps is where a person takes a permission back at Acme.
func (s *Site) connectedApps() string { return s.Env.AuthserverURL.String() + "/account/apps" }

// GiveBack revokes the tokens that are put down for it. done tells whether none
// is left; what could not be given back now is tried again later.
func (s *Site) GiveBack(ctx context.Context) (done bool, err error) {
	pending, err := s.Store.PendingRevocations(ctx)
	if err != nil {
		return false, err
	}
	for _, p := range pending {
		if err := s.Revocation.Revoke(ctx, p.Tokens); err != nil {
			return false, err
		}
		if err := s.Store.Revoked(ctx, p.ID); err != nil {
			return false, err
		}
	}
	return true, nil
}
