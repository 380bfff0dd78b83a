package endpoint

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
	"example.com/acme-dreams/views"
)

// retryAfter is what a client is told to wait when the database is busy.
const retryAfter = "2"

// errorResponse is a refusal as JSON. RFC 6749 §5.2.
type errorResponse struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
	URI         string `json:"error_uri"`
}

// Error answers a request that failed: what is for programs as JSON, what is
// for people as a page. Words of ours that are not meant for strangers stay in
// the log.
func (e *Endpoints) Error(c echo.Context, err error) {
	if errors.Is(err, errShown) {
		return
	}
	status, refusal := e.refusal(c, err)
	if c.Request().URL.Path == "/userinfo" && (refusal.Code == oauth.InvalidDPoPProof || refusal.Code == oauth.UseDPoPNonce) {
		status = http.StatusUnauthorized // RFC 9449 §9; at the token endpoint 400, §8
	}
	if status == http.StatusServiceUnavailable {
		c.Response().Header().Set(echo.HeaderRetryAfter, retryAfter)
	}
	if refusal.RetryAfter > 0 {
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(refusal.RetryAfter.Seconds()))))
	}
	if isProtocol(c.Request().URL.Path) {
		e.refused(c, claimedClient(c), refusal)
		if status == http.StatusUnauthorized || refusal.Code == oauth.InsufficientScope {
			e.challenge(c, status, refusal)
		}
		err = answerJSON(c, status, errorResponse{refusal.Code, refusal.Description, oauth.ErrorURI(e.issuer(), refusal.Code)})
	} else if c.Request().URL.Path == "/authorize" && status == http.StatusBadRequest {
		err = e.stopped(c, stop{Refusal: refusal})
	} else if c.Request().URL.Path == "/logout" && status == http.StatusBadRequest {
		err = e.logoutRefused(c, logoutRequest{}, refusal)
	} else {
		if status != http.StatusNotFound && status != http.StatusMethodNotAllowed { // a wrong address endangers nobody
			e.refused(c, "", refusal)
		}
		err = render(c, status, views.ErrorPage(e.frame(c, ""), errorPage(status, refusal)))
	}
	if err != nil {
		e.Log.Error("an error could not be answered", "path", c.Path(), "error", err)
	}
}

// refusal turns any error into what may be said about it.
func (e *Endpoints) refusal(c echo.Context, err error) (int, *oauth.Error) {
	var refusal *oauth.Error
	var httpError *echo.HTTPError
	switch {
	case errors.As(err, &refusal):
		return refusal.Status(), refusal
	case errors.As(err, &httpError):
		words, _ := httpError.Message.(string)
		return httpError.Code, oauth.Refuse(oauth.InvalidRequest, "%s", words)
	case sqlite.Unavailable(err):
		e.Log.Error("the database does not work", "path", c.Path(), "error", err)
		return http.StatusServiceUnavailable, oauth.Refuse(oauth.TemporarilyUnavailable, "the server cannot store anything at the moment; try again")
	case sqlite.Referenced(err):
		// What we were about to write names something that went while we were at it:
		// an application that deleted itself (RFC 7592 §2.3).
		return http.StatusBadRequest, oauth.Refuse(oauth.InvalidRequest, "the application has just been deleted")
	case errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable, oauth.Refuse(oauth.TemporarilyUnavailable, "the request was given up")
	}
	e.Log.Error("request failed", "method", c.Request().Method, "path", c.Path(), "error", err)
	return http.StatusInternalServerError, oauth.Refuse(oauth.ServerError, "something went wrong here; it is in our log")
}

// protocol are the paths that programs call.
var protocol = []string{"/token", "/introspect", "/revoke", "/userinfo", "/jwks", "/revocations", "/device_authorization", "/par", "/register", "/register/", "/.well-known/"}

func isProtocol(path string) bool {
	for _, p := range protocol {
		if path == p || (strings.HasSuffix(p, "/") && strings.HasPrefix(path, p)) {
			return true
		}
	}
	return false
}

// CrossOriginPath tells which paths other sites may post to: what no cookie
// opens, the authorization request itself (OIDC Core §3.1.2.1), and the request to
// sign out (RP-Initiated Logout §2).
func CrossOriginPath(path string) bool {
	return isProtocol(path) || path == "/authorize" || path == "/logout"
}

// wwwAuthenticate as net/http spells it: a header with several values is put in as
// it is.
var wwwAuthenticate = http.CanonicalHeaderKey(echo.HeaderWWWAuthenticate)

// challenge writes the WWW-Authenticate header of a 401 or 403: RFC 6750 §3 and RFC 9449 §7.1
// at userinfo, RFC 6750 §3 at registration, RFC 6749 §5.2 elsewhere.
func (e *Endpoints) challenge(c echo.Context, status int, refusal *oauth.Error) {
	h := c.Response().Header()
	switch path := c.Request().URL.Path; {
	case strings.HasPrefix(path, "/register"):
		h.Set(echo.HeaderWWWAuthenticate, `Bearer realm="acme accounts", error="`+refusal.Code+`", error_description="`+refusal.Description+`"`)
	case path != "/userinfo":
		h.Set(echo.HeaderWWWAuthenticate, `Basic realm="acme accounts", charset="UTF-8"`)
	case status == http.StatusUnauthorized:
		e.tellNonce(c)
		h[wwwAuthenticate] = challenges(c.Request(), refusal)
	default:
		h.Set(echo.HeaderWWWAuthenticate, challenges(c.Request(), refusal)[0])
	}
}

func errorPage(status int, refusal *oauth.Error) views.ErrorView {
	v := views.ErrorView{Status: status, Heading: "That did not work", Lead: refusal.Description, Action: views.Link{Label: "To the start page", Href: "/"}}
	switch status {
	case http.StatusNotFound:
		v.Heading, v.Lead = "There is no such page", "The address is wrong, or the page is not for you."
	case http.StatusMethodNotAllowed:
		v.Heading, v.Lead = "That is not how this page is used", "The address is right, the method is not."
	case http.StatusServiceUnavailable:
		v.Heading = "Not at the moment"
	case http.StatusInternalServerError:
		v.Heading, v.Lead = "Something went wrong here", "It is our fault, and it is in our log. Nothing of what you typed was shared."
	case http.StatusForbidden:
		v.Heading = "We did not take this form"
	}
	return v
}
