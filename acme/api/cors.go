package api

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// Owns tells whether a path is the API's: its errors are problem documents.
func Owns(path string) bool {
	return path == "/api/v1" || strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/.well-known/")
}

// allowAnyOrigin lets scripts of every site call the API: what opens it is a
// token that the script has to hold, and never a cookie, so there is nothing
// that another site could borrow. Without Access-Control-Allow-Credentials a
// browser sends none.
func allowAnyOrigin(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if !Owns(r.URL.Path) {
			return next(c)
		}
		allowOrigin(c.Response().Header())
		if r.Method != http.MethodOptions {
			return next(c)
		}
		h := c.Response().Header()
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, DPoP")
		h.Set("Access-Control-Max-Age", "600")
		return c.NoContent(http.StatusNoContent)
	}
}

func allowOrigin(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce, Location, Retry-After, X-OAuth-Scopes, X-Accepted-OAuth-Scopes, X-OAuth-Authorization-Details")
}
