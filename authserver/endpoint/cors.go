package endpoint

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// CrossOrigin lets scripts of a registered application call an endpoint that
// no cookie opens: token, pushed authorization request, revocation, userinfo. The authorization endpoint is
// not one of them: RFC 9700 §2.6, "CORS MUST NOT be supported at the
// authorization endpoint".
func (e *Endpoints) CrossOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Add("Vary", "Origin")
		if origin := c.Request().Header.Get("Origin"); origin != "" && e.Store.OriginRegistered(origin) {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce")
		}
		return next(c)
	}
}

// Preflight answers a browser's question before the call: "CORS protocol" in the
// Fetch standard.
func (e *Endpoints) Preflight(c echo.Context) error {
	h := c.Response().Header()
	if h.Get("Access-Control-Allow-Origin") != "" {
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
		h.Set("Access-Control-Max-Age", "600")
	}
	return c.NoContent(http.StatusNoContent)
}

// DocumentPreflight answers the question about a document that everybody may
// read: whatever headers a script sends along, they say nothing to us.
func DocumentPreflight(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Headers", "*")
	h.Set("Access-Control-Max-Age", "600")
	return c.NoContent(http.StatusNoContent)
}
