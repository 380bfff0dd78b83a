package site

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/labstack/echo/v4"

	"example.com/acme-dreams/dreams/flow"
)

// maxSecurityEvent is how long a security event token may be; ours have less than
// a tenth of that.
const maxSecurityEvent = 16 << 10

// securityEvents is where the authorization server tells us that somebody took
// something back. No browser, no cookie: the token says who sends it. It is on disk
// before we say that we have it.
//
// RFC 8935 §2.2: 202 with an empty body; §2.3: 400 with err and description.
func (s *Site) securityEvents(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	if media, _, err := mime.ParseMediaType(c.Request().Header.Get("Content-Type")); err != nil || media != "application/secevent+jwt" {
		return refuseSecurityEvent(c, "invalid_request", "The media type must be application/secevent+jwt.")
	}
	compact, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxSecurityEvent))
	if err != nil {
		return refuseSecurityEvent(c, "invalid_request", "The body must be a security event token, 16 KiB at most.")
	}
	err = s.SecurityEvents.Receive(c.Request().Context(), string(compact))
	refusal := (*flow.Refusal)(nil)
	switch {
	case errors.As(err, &refusal):
		s.Log.Info("security event token refused", "check", refusal.Check, "reason", refusal.Words)
		return refuseSecurityEvent(c, cmp.Or(refusal.Code, "invalid_request"), refusal.Words)
	case err != nil: // ours, and it may pass: the sender comes again
		s.Log.Error("security event failed", "error", err)
		return c.NoContent(http.StatusServiceUnavailable)
	}
	s.Log.Info("told by the authorization server that somebody took something back")
	return c.NoContent(http.StatusAccepted)
}

// refuseSecurityEvent follows RFC 8935 §2.3: "The response MUST include a
// Content-Language header field whose value indicates the language of the error
// descriptions included in the response body."
func refuseSecurityEvent(c echo.Context, code, description string) error {
	c.Response().Header().Set("Content-Language", "en")
	return c.JSON(http.StatusBadRequest, securityEventError{code, description})
}

// securityEventError is RFC 8935 §2.3's form.
type securityEventError struct {
	Code        string `json:"err"`
	Description string `json:"description"`
}
