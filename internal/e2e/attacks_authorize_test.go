package e2e

import (
	"net/url"
	"testing"
)

// authorizationAttacks are on the rules of the authorization endpoint.
var authorizationAttacks = []Attack{
	{
		Rule: "redirect_uri is registered, compared as a string", Name: "a trailing slash", Refused: "400 invalid_request",
		Try: func(t testing.TB, w *World) (bool, string) {
			b := w.SignedIn(t, "alice")
			page := w.Allow(b, With(w.Request("openid profile"), url.Values{"redirect_uri": {w.Dreams + "/callback/"}}))
			return page.Answer().Get("code") != "", page.Refusal()
		},
	},
}
