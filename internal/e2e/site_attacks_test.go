package e2e

import (
	"net/url"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// siteAttacks are on the rules of Acme Travel's sign-in. Most have got through
// when Acme takes the browser for somebody whom no good answer named.
var siteAttacks = []Attack{
	lieToAcme("sign-in: every parameter stands once", "400", &lyingServer{Answer: func(a url.Values) { a.Add("code", "mallory's") }}),
	func() Attack {
		liar := &lyingServer{}
		return Attack{
			// Login CSRF: mallory's code, sent with Acme's password beside it from
			// alice's browser. PKCE and the nonce would still keep her out, at an
			// authorization server that knows them.
			Rule: "sign-in: state is there, this browser’s and unspent", Name: "the answer to another browser", Refused: "400", Options: acmeAnd(liar),
			Try: func(t testing.TB, w *World) (bool, string) {
				mallory := NewBrowser(t)
				mallory.Stay = w.Acme + "/callback"
				answer := mallory.Get(w.Acme + "/login")
				page := NewBrowser(t).Get(answer.Location)
				return liar.Redemptions(w) > 0, page.Refusal()
			},
		}
	}(),
	func() Attack {
		liar := &lyingServer{}
		return Attack{
			Rule: "sign-in: state is there, this browser’s and unspent", Name: "the same address twice", Refused: "400", Options: acmeAnd(liar),
			Try: func(t testing.TB, w *World) (bool, string) {
				b := NewBrowser(t)
				b.Stay = w.Acme + "/callback"
				answer := b.Get(w.Acme + "/login")
				b.Stay = ""
				if first := b.Get(answer.Location); !signedInAtAcme(w, b) {
					t.Fatalf("the first time: %d %s", first.Status, first.Body)
				}
				again := b.Get(answer.Location)
				return liar.Redemptions(w) > 1, again.Refusal()
			},
		}
	}(),
	lieToAcme("sign-in: iss is the issuer that we asked", "400", &lyingServer{Answer: func(a url.Values) { a.Set("iss", "https://evil.test") }}),
	func() Attack {
		liar := &lyingServer{Answer: func(a url.Values) { a.Del("code") }}
		return Attack{
			// Our credentials must not go out for nothing.
			Rule: "sign-in: code is there", Refused: "400", Options: acmeAnd(liar),
			Try: func(t testing.TB, w *World) (bool, string) {
				page := NewBrowser(t).Get(w.Acme + "/login")
				return liar.Redemptions(w) > 0, page.Refusal()
			},
		}
	}(),
	lieToAcme("sign-in: the ID token is for this client alone", "502", &lyingServer{Claims: func(c jwt.MapClaims) { c["aud"] = []string{"acme-web", "evil"} }}),
	lieToAcme("sign-in: nonce is the one of our request", "502", &lyingServer{Claims: func(c jwt.MapClaims) { c["nonce"] = "of another request" }}),
	lieToAcme("sign-in: at_hash fits the access token", "502", &lyingServer{Claims: func(c jwt.MapClaims) { c["at_hash"] = "77QmUPtjPfzWtF2AnpK9RQ" }}),
	lieToAcme("sign-in: userinfo is about the same person", "502", &lyingServer{About: "u_Vn4dPy8HcE1gJq6A"}),
}

// siteDoubled are rules of Acme's sign-in that another one doubles.
var siteDoubled = map[string]string{
	"sign-in: the response is an error or a code, not both": "an error ends the sign-in, whatever stands beside it; the rule stands because such a response is nobody's mistake",
	"sign-in: the response is not an error":                 "without a code there is nothing to redeem; the rule stands to tell the person what the server said",
}

func acmeAnd(liar *lyingServer) Options {
	return Options{Authority: liar, Only: []string{"authserver", "acme"}}
}

// lieToAcme signs in with a server that lies; through means that Acme believes
// it.
func lieToAcme(rule, refused string, liar *lyingServer) Attack {
	return Attack{
		Rule: rule, Refused: refused, Options: acmeAnd(liar),
		Try: func(t testing.TB, w *World) (bool, string) {
			b := NewBrowser(t)
			page := b.Get(w.Acme + "/login?next=/me")
			return signedInAtAcme(w, b), page.Refusal()
		},
	}
}

// signedInAtAcme tells whether Acme shows the browser what it shows to nobody.
func signedInAtAcme(w *World, b *Browser) bool {
	b.Stay = "/login"
	defer func() { b.Stay = "" }()
	me := b.Get(w.Acme + "/me")
	return me.Status == 200 && strings.Contains(me.Body, "Alice Moreau")
}
