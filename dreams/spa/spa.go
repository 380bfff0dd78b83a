// Package spa is Dreams as a page without a server: the authorization code grant
// with PKCE, done by a script in the browser (RFC 9700, and the best current
// practice for browser-based applications). Dreams' server hands out the page
// and its scripts, and takes no part in anything after that: it sees neither
// code nor token.
//
//	oauth.js  the protocol: what you would copy
//	page.js   what the page shows
package spa

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
	// ClientID is who the page is to the authorization server.
	ClientID = "dreams-spa"
	// Path is the page, and CallbackPath its redirect URI.
	Path, CallbackPath = "/spa", "/spa/callback"
)

// Scopes is what the page asks for.
var Scopes = []string{"openid", "profile", "preferences:read", "packages:read", "reviews:read", "offline_access"}

// App hands out the page.
type App struct {
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

// Routes is the route table. The redirect URI is the same page: its script reads
// the answer out of the address.
func (a *App) Routes() []Route {
	return []Route{
		{http.MethodGet, Path, a.show, ""},
		{http.MethodGet, CallbackPath, a.show, "RFC 6749 §4.1.2"},
		{http.MethodGet, "/spa/:script", a.script, ""},
	}
}

// ConnectTo lists the origins that the scripts of a path may call: CSP's
// connect-src. For every other page of Dreams it is none.
func (a *App) ConnectTo(path string) []string {
	if path != Path && path != CallbackPath {
		return nil
	}
	return []string{a.Env.AuthserverURL.String(), a.Env.AcmeURL.String()}
}

func (a *App) show(c echo.Context, frame func(string) views.Frame) error {
	v := page.SPAView{
		ClientID: ClientID, Scopes: Scopes, RedirectURI: a.Env.DreamsURL.String() + CallbackPath,
		Issuer: a.Env.AuthserverURL.String(), Acme: a.Env.AcmeURL.String(),
	}
	endpoints, err := a.Server.Endpoints(c.Request().Context())
	var unreachable *flow.Unreachable
	switch {
	case errors.As(err, &unreachable):
		v.Away = true
	case err != nil:
		return err
	}
	v.Authorization, v.Token, v.Revocation, v.UserInfo = endpoints.Authorization, endpoints.Token, endpoints.Revocation, endpoints.UserInfo
	f := frame("An app in one page")
	f.Path = Path // never a code, not even in the theme's form
	f.Crumbs = []views.Link{{Label: "Learn", Href: "/learn"}, {Label: "Authorization code with PKCE", Href: "/learn/pkce"}, {Label: "In one page", Current: true}}
	var html bytes.Buffer
	if err := page.SPA(f, v).Render(c.Request().Context(), &html); err != nil {
		return err
	}
	return c.HTMLBlob(http.StatusOK, html.Bytes())
}

// script serves one of ours: the policy of the page lets no other run.
func (a *App) script(c echo.Context, _ func(string) views.Frame) error {
	name := c.Param("script")
	text, err := scripts.ReadFile(name)
	if err != nil || path.Ext(name) != ".js" {
		return echo.ErrNotFound
	}
	return c.Blob(http.StatusOK, "text/javascript; charset=utf-8", text)
}
