// Package widget is the implicit grant (RFC 6749 §4.2), as it was before CORS: a
// script in somebody else's page could not call a token endpoint, so the token
// came back in the address. RFC 9700 §2.1.2 says not to; OAuth 2.1 has it no
// more. The page runs it, and shows on the spot what is wrong with it.
//
// Nothing here is to be copied. What to do in its place is in package spa.
package widget

import (
	"bytes"
	"embed"
	"errors"
	"net/http"
	"path"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/page"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/views"
)

//go:embed *.js
var scripts embed.FS

const (
	// ClientID is who the widget is to the authorization server.
	ClientID = "dreams-widget"
	// Path is the page, CallbackPath its redirect URI, MovedPath an old address
	// that redirects to it.
	Path, CallbackPath, MovedPath = "/widget", "/widget/callback", "/widget/moved"
)

// Scopes is what the widget asks for.
var Scopes = []string{"profile", "packages:read", "preferences:read"}

// Widget hands out the page.
type Widget struct {
	Env    environment.Environment
	Server *flow.AuthorizationServer // for the addresses in its discovery document
}

// Handler is a request with the frame of its page.
type Handler func(c echo.Context, frame func(title string) views.Frame) error

// Route is one line of the route table.
type Route struct {
	Method, Path  string
	Handler       Handler
	Specification string
}

// Routes is the route table.
func (w *Widget) Routes() []Route {
	return []Route{
		{http.MethodGet, Path, w.show, ""},
		{http.MethodGet, CallbackPath, w.show, "RFC 6749 §4.2.2"},
		{http.MethodGet, MovedPath, w.moved, "RFC 9110 §10.2.2"},
		{http.MethodGet, "/widget/:script", w.script, ""},
	}
}

// ConnectTo lists the origins that the script of a path may call.
func (w *Widget) ConnectTo(path string) []string {
	if path != Path && path != CallbackPath || !bool(w.Env.LegacyGrants) {
		return nil
	}
	return []string{w.Env.AuthserverURL.String(), w.Env.AcmeURL.String()}
}

func (w *Widget) show(c echo.Context, frame func(string) views.Frame) error {
	v := page.WidgetView{
		Off: !bool(w.Env.LegacyGrants), ClientID: ClientID, Scopes: Scopes,
		RedirectURI: w.Env.DreamsURL.String() + CallbackPath, Acme: w.Env.AcmeURL.String(), Issuer: w.Env.AuthserverURL.String(),
		// The lesson sends browsers here, and wants them back.
		Lesson: c.QueryParam("for") == "lesson",
	}
	if !v.Off {
		endpoints, err := w.Server.Endpoints(c.Request().Context())
		var unreachable *flow.Unreachable
		switch {
		case errors.As(err, &unreachable):
			v.Away = true
		case err != nil:
			return err
		}
		v.Authorization = endpoints.Authorization
	}
	f := frame("The widget of 2014")
	f.Path = Path
	f.Crumbs = []views.Link{{Label: "Learn", Href: "/learn"}, {Label: "Implicit", Href: "/learn/implicit"}, {Label: "The widget", Current: true}}
	var html bytes.Buffer
	if err := page.Widget(f, v).Render(c.Request().Context(), &html); err != nil {
		return err
	}
	return c.HTMLBlob(http.StatusOK, html.Bytes())
}

// moved is a harmless redirect, and yet: "a user agent MUST process the
// redirection as if the value inherits the fragment component of the URI
// reference used to generate the target URI" (RFC 9110 §10.2.2).
func (w *Widget) moved(c echo.Context, _ func(string) views.Frame) error {
	return c.Redirect(http.StatusSeeOther, w.Env.DreamsURL.String()+Path)
}

func (w *Widget) script(c echo.Context, _ func(string) views.Frame) error {
	text, err := scripts.ReadFile(c.Param("script"))
	if err != nil || path.Ext(c.Param("script")) != ".js" {
		return echo.ErrNotFound
	}
	return c.Blob(http.StatusOK, "text/javascript; charset=utf-8", text)
}
