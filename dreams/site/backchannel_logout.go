package site

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/flow"
)

// backchannelLogout is where the authorization server tells us that somebody
// signed out there. No browser, no cookie: the token says who sends it.
//
// Back-Channel Logout §2.8: "If the logout succeeded, the RP MUST respond with HTTP
// 200 OK." "If the logout request was invalid or the logout failed, the RP MUST
// respond with HTTP 400 Bad Request."
func (s *Site) backchannelLogout(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	err := c.Request().ParseForm()
	tokens := c.Request().PostForm["logout_token"] // of the body: a query would end up in logs
	if err != nil || len(tokens) != 1 {
		return c.JSON(http.StatusBadRequest, logoutError{"invalid_request", "logout_token must be there, once, in a form"})
	}
	ended, err := s.Logout.Receive(c.Request().Context(), tokens[0])
	refusal := (*flow.Refusal)(nil)
	switch {
	case errors.As(err, &refusal):
		s.Log.Info("logout token refused", "check", refusal.Check, "reason", refusal.Words)
		return c.JSON(http.StatusBadRequest, logoutError{"invalid_request", refusal.Words})
	case err != nil:
		s.Log.Error("logout failed", "error", err)
		return c.JSON(http.StatusBadRequest, logoutError{"temporarily_unavailable", "Dreams cannot end the session just now."})
	}
	s.Log.Info("signed out by the authorization server", "sessions", ended)
	return c.NoContent(http.StatusOK)
}

// logoutError is RFC 6749 §5.2's form, as Back-Channel Logout §2.8 has it.
type logoutError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}
