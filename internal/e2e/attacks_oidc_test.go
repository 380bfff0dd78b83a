package e2e

import (
	"net/url"
	"testing"
)

// implicitPage is authserver with a client that gets ID tokens by the browser:
// no seeded one does.
var implicitPage = Options{Only: []string{"authserver"}, SQL: map[string][]string{"authserver": {
	client("page", "browser", "none", "implicit", "openid profile email", "{DREAMS_URL}/page/callback"),
}}}

// idTokenFor asks for an ID token at the authorization endpoint.
func idTokenFor(changes url.Values) func(testing.TB, *World) (bool, string) {
	return func(t testing.TB, w *World) (bool, string) {
		page := w.Allow(w.SignedIn(t, "alice"), With(With(w.Request("openid profile"), url.Values{
			"client_id": {"page"}, "redirect_uri": {w.Dreams + "/page/callback"}, "response_type": {"id_token"},
		}), changes))
		return page.Answer().Get("id_token") != "", page.Refusal()
	}
}

// openIDConnectAttacks are on what OpenID Connect adds to the authorization
// endpoint.
var openIDConnectAttacks = []Attack{
	{
		Rule: "an ID token is asked for with the scope openid", Refused: "303 invalid_request", Options: implicitPage,
		Try: idTokenFor(url.Values{"scope": {"profile"}}),
	},
	{
		// One that was stolen elsewhere would be as good as any.
		Rule: "an ID token from the authorization endpoint has a nonce", Refused: "303 invalid_request", Options: implicitPage,
		Try: idTokenFor(url.Values{"nonce": nil}),
	},
	{
		Rule: "claims is an object of claims", Refused: "303 invalid_request", Options: authserverAlone,
		Try: codeFor(url.Values{"claims": {`{"userinfo":["email"]}`}}),
	},
	{
		// The client would believe in a second factor that was never there.
		Rule: "an acr that the client insists on can be had", Refused: "303 unmet_authentication_requirements", Options: authserverAlone,
		Try: codeFor(url.Values{"claims": {`{"id_token":{"acr":{"essential":true,"value":"urn:example:two-factors"}}}`}}),
	},
	{
		Rule: "id_token_hint is an ID token of ours", Refused: "303 invalid_request", Options: authserverAlone,
		Try: codeFor(url.Values{"id_token_hint": {"eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0."}}),
	},
	{
		// Dreams would learn that this is the person whom another application knows.
		Rule: "id_token_hint was issued to the client that shows it", Refused: "303 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			b := w.SignedIn(t, "alice")
			b.Stay = w.Acme
			acme := url.Values{"client_id": {"acme-web"}, "redirect_uri": {w.Acme + "/callback"}}
			form := With(With(w.Redemption(w.Authorize(b, With(w.Request("openid"), acme))), acme), url.Values{"client_id": nil})
			hint := w.Token(t, Basic("acme-web"), form).String("id_token")
			b.Stay = w.Dreams
			page := w.Allow(b, With(w.Request("openid profile"), url.Values{"id_token_hint": {hint}}))
			return page.Answer().Get("code") != "", page.Refusal()
		},
	},
}
