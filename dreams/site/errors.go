package site

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/travelapi"
	"example.com/acme-dreams/internal/sqlite"
	"example.com/acme-dreams/views"
)

// Error answers a request that failed: a page in words for the person, and the
// operator's words in the log. Neither has a code, a token or a state in it.
func (s *Site) Error(c echo.Context, err error) {
	e := s.errorView(err)
	switch {
	case e.Status >= 500:
		s.Log.Error("request failed", "path", c.Request().URL.Path, "status", e.Status, "error", err)
	case e.Status != http.StatusNotFound:
		s.Log.Info("request refused", "path", c.Request().URL.Path, "status", e.Status, "error", err)
	}
	if e.Status == http.StatusServiceUnavailable {
		c.Response().Header().Set("Retry-After", "5")
	}
	f := s.frame(c, visitor{}, "")
	f.SignIn = ""
	if err := render(c, e.Status, views.ErrorPage(f, e)); err != nil {
		s.Log.Error("the error page failed", "error", err)
	}
}

// said is a request that a page has refused in its own words.
type said struct{ Heading, Lead string }

func (s said) Error() string { return s.Heading + ": " + s.Lead }

var again = views.Link{Label: "Start again", Href: "/connect"}

func (s *Site) errorView(err error) views.ErrorView {
	var (
		refusal       *flow.Refusal
		authorization *flow.AuthorizationError
		token         *flow.TokenError
		foreign       *flow.ForeignMetadata
		unreachable   *flow.Unreachable
		unavailable   *travelapi.Unavailable
		status        *echo.HTTPError
		said          said
	)
	home := views.Link{Label: "To the front page", Href: "/"}
	switch {
	case errors.As(err, &said):
		return views.ErrorView{Status: http.StatusBadRequest, Heading: said.Heading, Lead: said.Lead, Action: home}
	case errors.As(err, &refusal):
		e := views.ErrorView{Status: http.StatusBadRequest, Heading: refusal.Heading, Lead: refusal.Words + " Nobody was signed in.", Action: again}
		if refusal.Check != "" {
			e.Detail = fmt.Sprintf("refused by  %s\nrule        %s", refusal.Check, refusal.Source)
		}
		return e
	case errors.As(err, &authorization):
		return views.ErrorView{Status: http.StatusBadRequest, Heading: "Acme did not let us through",
			Lead: "Its accounts answered with an error. Nothing was connected.", Action: again,
			Detail: "error              " + short(authorization.Code) + "\nerror_description  " + short(authorization.Description)}
	case errors.As(err, &token) && token.Code == "invalid_grant":
		return views.ErrorView{Status: http.StatusBadRequest, Heading: "The code is no longer good",
			Lead: "Acme’s accounts did not take it: codes live a minute and can be used once. Nothing was connected.", Action: again,
			Detail: "error              " + short(token.Code) + "\nerror_description  " + short(token.Description)}
	case errors.As(err, &token):
		return views.ErrorView{Status: http.StatusBadGateway, Heading: "Acme does not accept us",
			Lead: "That is between Dreams and Acme, and not your fault.", Action: home, Detail: "error              " + short(token.Code)}
	case errors.As(err, &foreign):
		return views.ErrorView{Status: http.StatusBadGateway, Heading: "Somebody else answers for Acme’s accounts",
			Lead: "The document at their address speaks for another issuer, so we do not use it (RFC 8414 §3.3).", Action: home,
			Detail: fmt.Sprintf("asked     %s\nanswered  %s", foreign.Asked, short(foreign.Answered))}
	case errors.As(err, &unreachable):
		return views.ErrorView{Status: http.StatusServiceUnavailable, Heading: "Acme accounts can’t be reached",
			Lead: "They keep your sign-in, so we cannot ask for it just now. Nothing is lost: please try again in a moment.", Action: home}
	case errors.As(err, &unavailable):
		return views.ErrorView{Status: http.StatusServiceUnavailable, Heading: "Acme Travel can’t be reached",
			Lead: "There is nothing to show without it yet. Please try again in a moment.", Action: home}
	case sqlite.Unavailable(err):
		return views.ErrorView{Status: http.StatusServiceUnavailable, Heading: "We cannot write anything down just now",
			Lead: "Our database does not answer. Please try again in a moment.", Action: home}
	case errors.As(err, &status):
		return statusView(status, home)
	}
	return views.ErrorView{Status: http.StatusInternalServerError, Heading: "Something broke, and it was us",
		Lead: "It is in our log. Please try again.", Action: home}
}

func statusView(status *echo.HTTPError, home views.Link) views.ErrorView {
	e := views.ErrorView{Status: status.Code, Heading: http.StatusText(status.Code), Action: home}
	switch status.Code {
	case http.StatusNotFound:
		e.Heading, e.Lead = "There is nothing here", "The address may have a typing error in it, or what was here is gone."
	case http.StatusMethodNotAllowed:
		e.Heading, e.Lead = "Not like that", "This address exists, and wants another method."
	default:
		if words, ok := status.Message.(string); ok && words != e.Heading {
			e.Lead = words + "."
		}
	}
	return e
}

// short keeps what somebody else wrote from filling the page.
func short(s string) string {
	if runes := []rune(s); len(runes) > 300 {
		return string(runes[:300]) + "…"
	}
	return s
}
