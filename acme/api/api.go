// Package api is Acme Travel's resource server over HTTP: the route table, the
// handlers, and the way errors are told.
package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/accesslog"
	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/store"
	"example.com/acme-dreams/internal/dpop"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/httpserver"
	"example.com/acme-dreams/internal/metrics"
)

// API answers requests that carry an access token.
type API struct {
	URL        environment.BaseURL // our public URL: our resource identifier
	Authserver environment.BaseURL // the issuer whose tokens we take
	Store      *store.Store
	Verifier   *bearer.Verifier
	Static     http.Handler // the program's files, by paths like /static/art/alps.svg
	Log        *slog.Logger
	Accesses   *accesslog.Log  // what is done in people's names
	Refusals   metrics.Counter // by error code
	Now        func() time.Time

	links links
}

// Route is a request that the API answers, and what opens it.
type Route struct {
	Method string
	Path   string        // as Echo spells it
	Does   string        // in the words of the person whom it concerns: "read your preferences"
	Scope  string        // RFC 6749 §3.3; there is no route without
	Detail string        // type of authorization details that opens a part of the answer, RFC 9396; empty: none
	MaxAge time.Duration // how old the person's login may be, RFC 9470; 0: any age
	Handle func(echo.Context, *bearer.Token) error
}

// recentLogin is what a write wants: a token that was stolen, or is a year old,
// may still read, and writes nothing in the person's name.
const recentLogin = 5 * time.Minute

// Routes is the whole API for applications. The router, the enforcement of scopes,
// the metadata and the test of the OpenAPI document are made from it.
func (a *API) Routes() []Route {
	return []Route{
		{http.MethodGet, "/api/v1/packages", "look at journeys", "packages:read", "", 0, a.listPackages},
		{http.MethodGet, "/api/v1/packages/:id", "look at a journey", "packages:read", "", 0, a.getPackage},
		{http.MethodGet, "/api/v1/packages/:id/reviews", "read reviews", "reviews:read", "", 0, a.listReviews},
		{http.MethodPost, "/api/v1/packages/:id/reviews", "write a review in your name", "reviews:write", "", recentLogin, a.writeReview},
		{http.MethodGet, "/api/v1/packages/:id/reviews/:review", "read a review", "reviews:read", "", 0, a.getReview},
		{http.MethodGet, "/api/v1/me", "read your name and picture", "profile", "", 0, a.getProfile},
		{http.MethodGet, "/api/v1/me/preferences", "read your travel preferences", "preferences:read", bearer.TravelPreferences, 0, a.getPreferences},
		{http.MethodPut, "/api/v1/me/preferences", "change your travel preferences", "preferences:write", "", recentLogin, a.putPreferences},
		{http.MethodGet, "/api/v1/me/posts", "read all your posts", "blog:read", "", 0, a.listPosts},
		{http.MethodPost, "/api/v1/me/posts", "write a post in your name", "blog:write", "", recentLogin, a.createPost},
		{http.MethodGet, "/api/v1/me/posts/:id", "read a post of yours", "blog:read", "", 0, a.getPost},
		{http.MethodGet, "/api/v1/me/posts/:id/pictures/:name", "look at a picture of yours", "blog:read", "", 0, a.getPicture},
	}
}

// Documents are for everybody, without a token: how to use the API, and where
// tokens come from.
const (
	openAPIPath  = "/api/openapi.json"
	metadataPath = "/.well-known/oauth-protected-resource" // RFC 9728 §3
)

// Mount puts the API on a router.
func (a *API) Mount(e *echo.Echo) {
	a.links = links{a.URL}
	e.Pre(allowAnyOrigin)
	for _, r := range append(a.Routes(), a.accountsRoute()) {
		handle := a.authorized(r)
		e.Add(r.Method, r.Path, handle)
		if r.Method == http.MethodGet {
			e.Add(http.MethodHead, r.Path, handle) // RFC 9110 §9.3.2; net/http drops the body
		}
	}
	for path, document := range map[string][]byte{openAPIPath: a.openAPI(), metadataPath: a.protectedResourceMetadata()} {
		serve := func(c echo.Context) error { return c.Blob(http.StatusOK, contentType, document) }
		e.GET(path, serve)
		e.HEAD(path, serve)
	}
}

// authorized lets a request through to its handler when its token has what the
// route wants. Nothing is read or looked up before.
func (a *API) authorized(r Route) echo.HandlerFunc {
	return func(c echo.Context) error {
		token, err := a.Verifier.Verify(c.Request(), bearer.Need{Scope: r.Scope, Detail: r.Detail, MaxAge: r.MaxAge})
		tellScopes(c.Response().Header(), r, token, err)
		a.tellNonce(c, err)
		if err == nil {
			httpserver.Client(c, token.Claims.ClientID)
			err = r.Handle(c, token)
		}
		if err != nil {
			c.Error(err) // the answer is sent, and its status known
		}
		a.record(c, r, token, err)
		return err
	}
}

// tellNonce gives whoever uses proofs, or does not know yet how to come in, what
// the next proof must hold. RFC 9449 §9, §8.2: on any answer.
func (a *API) tellNonce(c echo.Context, err error) {
	if dpop.Sent(c.Request().Header) || unauthorized(err) {
		c.Response().Header().Set("DPoP-Nonce", a.Verifier.Proofs.Nonce())
	}
}

func unauthorized(err error) bool {
	if err == nil {
		return false
	}
	var refusal *bearer.Refusal
	return errors.As(err, &refusal) && refusal.Status() == http.StatusUnauthorized
}

// tellScopes says on every answer what the token has and what the request
// accepts, as GitHub's API does: who debugs a 403 sees both at once. A token
// that is not good tells nothing.
func tellScopes(h http.Header, r Route, token *bearer.Token, err error) {
	held := ""
	var refusal *bearer.Refusal
	if errors.As(err, &refusal) {
		held = refusal.Held
	} else if token != nil {
		held = token.Claims.Scope
	}
	h.Set("X-OAuth-Scopes", strings.ReplaceAll(held, " ", ", "))
	h.Set("X-Accepted-OAuth-Scopes", r.Scope)
	if token != nil && len(token.Details) > 0 {
		h.Set("X-OAuth-Authorization-Details", r.Detail)
	}
}

const contentType = "application/json"

// answer writes JSON; it is encoded first, so that what fails is a clean 500.
func answer(c echo.Context, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.Blob(status, contentType, b)
}

// created answers a POST: RFC 9110 §9.3.3, with where the new thing is.
func created(c echo.Context, location string, v any) error {
	c.Response().Header().Set("Location", location)
	return answer(c, http.StatusCreated, v)
}
