package e2e

import (
	"net/url"
	"testing"
)

// tokenAttacks are on the rules of the token endpoint, of introspection,
// revocation and userinfo.
var tokenAttacks = []Attack{
	{
		Rule: "code_verifier matches the code_challenge", Refused: "400 invalid_grant",
		Try: func(t testing.TB, w *World) (bool, string) {
			b := w.SignedIn(t, "alice")
			answer := w.Allow(b, w.Request("openid profile"))
			stolen := With(w.Redemption(answer), url.Values{"code_verifier": {"another-verifier-that-is-as-long-as-it-must-be"}})
			tokens := w.Token(t, Basic("dreams-web"), stolen)
			return tokens.Status == 200, tokens.Refusal()
		},
	},
}
