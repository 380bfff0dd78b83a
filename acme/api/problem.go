package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/internal/sqlite"
)

// problem is a problem document, RFC 9457 §3. Its type is "about:blank": the
// problem has no meaning beyond the HTTP status (§4.2.1). What is wrong with
// which field stands in errors, an extension as in §3's example.
type problem struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail string  `json:"detail,omitempty"`
	Error  string  `json:"error,omitempty"`     // RFC 6750 §3.1, RFC 9470 §3, as in WWW-Authenticate
	URI    string  `json:"error_uri,omitempty"` // RFC 6750 §3, likewise
	MaxAge int     `json:"max_age,omitempty"`   // RFC 9470 §3, likewise
	Errors []fault `json:"errors,omitempty"`

	header http.Header
}

type fault struct {
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

// wwwAuthenticate as net/http spells it: a header with several values is put in
// as it is.
var wwwAuthenticate = http.CanonicalHeaderKey(echo.HeaderWWWAuthenticate)

func newProblem(status int, detail string) problem {
	return problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}
}

// badQuery is a fault in the query: 400. In a body that could be read it is 422.
type badQuery struct{ travel.Invalid }

// Problem answers a request that failed. It is the error handler of every path
// that the API owns.
func (a *API) Problem(c echo.Context, err error) {
	p := a.problem(c.Request().Context(), err)
	var refusal *bearer.Refusal
	if errors.As(err, &refusal) {
		a.Refusals.Inc(cmp.Or(refusal.Code, "none"))
	}
	if p.Status == http.StatusInternalServerError {
		a.Log.Error("request failed", "method", c.Request().Method, "path", c.Request().URL.Path, "error", err)
	}
	allowOrigin(c.Response().Header())
	maps.Copy(c.Response().Header(), p.header)
	b, err := json.Marshal(p)
	if err == nil {
		err = c.Blob(p.Status, "application/problem+json", b)
	}
	if err != nil {
		a.Log.Debug("answer not sent", "error", err)
	}
}

// problem words an error for the client. What is not for it stays in our log.
func (a *API) problem(ctx context.Context, err error) problem {
	var (
		refusal     *bearer.Refusal
		unavailable *bearer.Unavailable
		query       badQuery
		invalid     travel.Invalid
		tooLarge    *http.MaxBytesError
		httpError   *echo.HTTPError
	)
	switch {
	case errors.As(err, &refusal):
		p := newProblem(refusal.Status(), refusal.Description+".")
		p.Error, p.URI, p.MaxAge = refusal.Code, refusal.ErrorURI(a.Authserver.String()), int(refusal.MaxAge/time.Second)
		p.header = http.Header{wwwAuthenticate: refusal.Challenges(a.links.metadata(), a.Authserver.String())}
		return p
	case errors.As(err, &unavailable):
		return tryAgain(unavailable.Reason, unavailable.RetryAfter)
	case sqlite.Unavailable(err):
		a.Log.Warn("the database cannot work at the moment", "error", err)
		return tryAgain("The database cannot work at the moment.", 2*time.Second)
	case errors.Is(err, travel.ErrNotFound):
		return newProblem(http.StatusNotFound, "There is no such thing here, or it is not yours.")
	case errors.As(err, &query):
		return invalidProblem(http.StatusBadRequest, query.Invalid)
	case errors.As(err, &invalid):
		return invalidProblem(http.StatusUnprocessableEntity, invalid)
	case errors.As(err, &tooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, "The body is larger than 1 MiB.")
	case errors.As(err, &httpError):
		return httpProblem(httpError)
	case ctx.Err() != nil:
		return tryAgain("The request was given up.", time.Second)
	default:
		return newProblem(http.StatusInternalServerError, "This is our fault, and it is in our log.")
	}
}

func tryAgain(detail string, after time.Duration) problem {
	p := newProblem(http.StatusServiceUnavailable, detail)
	p.header = http.Header{echo.HeaderRetryAfter: {strconv.Itoa(int(after / time.Second))}}
	return p
}

func invalidProblem(status int, invalid travel.Invalid) problem {
	p := newProblem(status, invalid.Error())
	for _, f := range invalid {
		p.Errors = append(p.Errors, fault(f))
	}
	return p
}

func httpProblem(err *echo.HTTPError) problem {
	detail, _ := err.Message.(string)
	switch err.Code {
	case http.StatusNotFound:
		detail = "No such path. GET " + openAPIPath + " describes the API."
	case http.StatusMethodNotAllowed:
		detail = "This path does not take this method; the Allow header names those that it takes."
	case http.StatusInternalServerError:
		detail = "This is our fault, and it is in our log."
	}
	return newProblem(err.Code, detail)
}
