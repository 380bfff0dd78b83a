package site

import (
	"bytes"
	"errors"
	"net/http"
	"strings"

	"github.com/a-h/templ"
	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/internal/sqlite"
	"example.com/acme-dreams/views"
)

const themeCookie = "acme_theme"

// frame is what stands around every page.
func (s *Site) frame(c echo.Context, title string, crumbs ...views.Link) views.Frame {
	r := c.Request()
	f := views.Frame{
		Brand: views.AcmeBrand, Title: title, Host: s.env.AcmeURL.Host(),
		Theme: views.Theme(r, themeCookie), Path: r.URL.RequestURI(), Crumbs: crumbs,
		SignIn: loginFor(r.URL.RequestURI()), HelpHref: "/help",
		AuthserverURL: s.env.AuthserverURL.String(), AcmeURL: s.env.AcmeURL.String(), DreamsURL: s.env.DreamsURL.String(),
	}
	if s.ahead != nil {
		f.Ahead = s.ahead()
	}
	// Where a form was posted, or a sign-in came to nothing, there is no page
	// to come back to.
	if r.Method == http.MethodPost || r.URL.Path == "/callback" || r.URL.Path == "/login" {
		f.Path, f.SignIn = "/", loginFor("/")
	}
	for _, link := range []views.Link{
		{Label: "Holidays", Href: "/packages"}, {Label: "Stories", Href: "/stories"}, {Label: "For you", Href: "/recommended"},
		{Label: "My data", Href: "/me"}, {Label: "API", Href: "/developers"},
	} {
		link.Current = r.URL.Path == link.Href || strings.HasPrefix(r.URL.Path, link.Href+"/")
		link.Current = link.Current && r.URL.Path != "/me/access" // which has its own, beside the name
		f.Nav = append(f.Nav, link)
	}
	if who := s.person(c); who.Sub != "" {
		f.Person = &views.Person{Name: s.calledNow(c, who), SignOut: "/logout", Links: []views.Link{
			{Label: "Who looked", Href: "/me/access", Current: r.URL.Path == "/me/access"},
			{Label: "Connected apps", Href: f.AuthserverURL + "/account/apps"},
		}}
	}
	return f
}

// calledNow is a person's name as the authorization server told it last: it may
// have changed since the sign-in.
func (s *Site) calledNow(c echo.Context, who person) string {
	if p, err := s.store.Profile(c.Request().Context(), who.Sub); err == nil && p.Name != "" {
		return p.Name
	}
	return who.Name
}

// render writes a whole page or, where one cannot be made, nothing of it.
func (s *Site) render(c echo.Context, status int, page templ.Component) error {
	var html bytes.Buffer
	if err := page.Render(c.Request().Context(), &html); err != nil {
		return err
	}
	return c.HTMLBlob(status, html.Bytes())
}

// retryAfter is how many seconds whoever met a busy server should wait.
const retryAfter = "5"

// Error answers a request that failed with a page: 404 for what is not there
// or is not yours, 503 for a database that cannot work at the moment, 500 for
// what is our fault.
func (s *Site) Error(c echo.Context, err error) {
	view := s.errorView(c, err)
	if view.Status == http.StatusServiceUnavailable {
		c.Response().Header().Set("Retry-After", retryAfter)
	}
	if err := s.showError(c, view); err != nil {
		s.log.Error("no error page", "path", c.Request().URL.Path, "error", err)
		_ = c.String(view.Status, view.Heading+"\n")
	}
}

func (s *Site) showError(c echo.Context, view views.ErrorView) error {
	// A path without a handler got here before its session was looked for, and
	// a database that fails knows none.
	if err := s.loadSession(c); err != nil {
		s.forgetSession(c)
	}
	return s.render(c, view.Status, views.ErrorPage(s.frame(c, view.Heading), view))
}

// forgetSession goes on as a browser without a cookie: that needs no database.
func (s *Site) forgetSession(c echo.Context) {
	if ctx, err := s.sessions.Load(c.Request().Context(), ""); err == nil {
		c.SetRequest(c.Request().WithContext(ctx))
	}
}

func (s *Site) errorView(c echo.Context, err error) views.ErrorView {
	home := views.Link{Label: "To the postcards", Href: "/"}
	var httpError *echo.HTTPError
	switch {
	case errors.Is(err, travel.ErrNotFound):
		return views.ErrorView{Status: http.StatusNotFound, Heading: "Nothing here", Lead: "It was never here, is gone, or is not yours to see. We do not say which.", Action: home}
	case sqlite.Unavailable(err):
		s.log.Error("the database is not available", "path", c.Request().URL.Path, "error", err)
		return views.ErrorView{Status: http.StatusServiceUnavailable, Heading: "Our drawer is stuck", Lead: "We cannot get at the data at the moment. Nothing was changed. Try again in a few seconds.", Action: home}
	case errors.As(err, &httpError) && httpError.Code == http.StatusNotFound:
		return views.ErrorView{Status: http.StatusNotFound, Heading: "No such place", Lead: "This address leads nowhere. The timetable does.", Action: home}
	case errors.As(err, &httpError) && httpError.Code == http.StatusMethodNotAllowed:
		return views.ErrorView{Status: httpError.Code, Heading: "Not this way", Lead: "This address exists, but cannot be asked like that.", Action: home, Detail: c.Request().Method}
	case errors.As(err, &httpError) && httpError.Code < http.StatusInternalServerError:
		detail, _ := httpError.Message.(string)
		return views.ErrorView{Status: httpError.Code, Heading: "We could not take that", Lead: "The request is not one that this site sends.", Action: home, Detail: detail}
	default:
		s.log.Error("request failed", "method", c.Request().Method, "path", c.Request().URL.Path, "error", err)
		return views.ErrorView{Status: http.StatusInternalServerError, Heading: "That was our fault", Lead: "Something broke on our side. It is in our log. Nothing was changed that we know of.", Action: home}
	}
}
