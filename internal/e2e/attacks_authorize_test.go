package e2e

import (
	"net/url"
	"strings"
	"testing"
)

// authserverAlone is what attacks on the authorization endpoint need.
var authserverAlone = Options{Only: []string{"authserver"}}

// authorizationAttacks are on the rules of the authorization endpoint. Most
// have got through when a code leaves for an application: nothing but these
// rules and the person's consent stands before that.
var authorizationAttacks = []Attack{
	{
		// Whoever reads the last of the two sees another address than we did.
		Rule: "client_id and redirect_uri stand once", Name: "redirect_uri twice", Refused: "400 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			request := With(w.Request("openid profile"), url.Values{"redirect_uri": {w.Dreams + "/callback", "https://evil.test/callback"}})
			page := w.Allow(w.SignedIn(t, "alice"), request)
			return page.Location != "", page.Refusal()
		},
	},
	{
		Rule: "client_id and redirect_uri stand once", Name: "client_id twice", Refused: "400 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			request := With(w.Request("openid profile"), url.Values{"client_id": {"dreams-web", "dreams-spa"}})
			page := w.Allow(w.SignedIn(t, "alice"), request)
			return page.Location != "", page.Refusal()
		},
	},
	{
		Rule: "client that asks has not been disabled", Refused: "400 invalid_request",
		Options: Options{Only: authserverAlone.Only, SQL: map[string][]string{"authserver": {"UPDATE clients SET disabled_at = 1 WHERE client_id = 'dreams-web'"}}},
		Try:     codeFor(nil),
	},
	{
		Rule: "redirect_uri is registered, compared as a string", Name: "a trailing slash", Refused: "400 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			b := w.SignedIn(t, "alice")
			page := w.Allow(b, With(w.Request("openid profile"), url.Values{"redirect_uri": {w.Dreams + "/callback/"}}))
			return page.Answer().Get("code") != "", page.Refusal()
		},
	},
	{
		Rule: "redirect_uri is registered, compared as a string", Name: "mallory's server", Refused: "400 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			b := w.SignedIn(t, "alice")
			b.Stay = "https://evil.test"
			page := w.Allow(b, With(w.Request("openid profile"), url.Values{"redirect_uri": {"https://evil.test/callback"}}))
			return page.Answer().Get("code") != "", page.Refusal()
		},
	},

	{
		Rule: "no parameter of the authorization request stands twice", Refused: "303 invalid_request", Options: authserverAlone,
		Try: codeFor(url.Values{"scope": {"openid profile", "openid profile blog:read"}}),
	},
	{
		Rule: "state is visible characters, 2,048 at most", Name: "a line break", Refused: "303 invalid_request", Options: authserverAlone,
		Try: codeFor(url.Values{"state": {"S1\r\nSet-Cookie: a=b"}}),
	},
	{
		Rule: "state is visible characters, 2,048 at most", Name: "too long", Refused: "303 invalid_request", Options: authserverAlone,
		Try: codeFor(url.Values{"state": {strings.Repeat("s", 2049)}}),
	},
	{
		Rule: "request_uri is not a foreign one", Refused: "303 request_uri_not_supported", Options: authserverAlone,
		Try: codeFor(url.Values{"request_uri": {"http://169.254.169.254/latest/meta-data"}}),
	},
	{
		Rule: "response_type is given and known", Name: "none", Refused: "303 invalid_request", Options: authserverAlone,
		Try: codeFor(url.Values{"response_type": nil}),
	},
	{
		Rule: "response_type is given and known", Name: "another", Refused: "303 unsupported_response_type",
		Options: Options{Only: authserverAlone.Only, Env: map[string]string{"LEGACY_GRANTS": "off"}},
		Try: func(t testing.TB, w *World) (bool, string) {
			page := w.Allow(w.SignedIn(t, "alice"), With(w.Request("openid profile"), url.Values{"response_type": {"code id_token"}}))
			return page.Answer().Has("iss") && !page.Answer().Has("error"), page.Refusal()
		},
	},
	{
		Rule: "client is registered for the response_type", Refused: "303 unauthorized_client", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			request := With(w.Request("profile"), url.Values{"client_id": {"dreams-widget"}, "redirect_uri": {w.Dreams + "/widget/callback"}})
			page := w.Allow(w.SignedIn(t, "alice"), request)
			return page.Answer().Get("code") != "", page.Refusal()
		},
	},
	{
		Rule: "response_type is supported", Refused: "303 unsupported_response_type",
		Options: Options{Only: authserverAlone.Only, Env: map[string]string{"LEGACY_GRANTS": "off"}},
		Try: func(t testing.TB, w *World) (bool, string) {
			request := With(w.Request("profile"), url.Values{
				"client_id": {"dreams-widget"}, "redirect_uri": {w.Dreams + "/widget/callback"}, "response_type": {"token"},
			})
			page := w.Allow(w.SignedIn(t, "alice"), request)
			return page.Location != "" && !page.Answer().Has("error"), page.Refusal()
		},
	},
	{
		// The answer would go another way than the one that the client listens on.
		Rule: "response_mode fits the response_type", Refused: "303 invalid_request", Options: authserverAlone,
		Try: codeFor(url.Values{"response_mode": {"query.jwt"}}),
	},

	{
		// A code of a public client, seen on its way: nothing else is needed.
		Rule: "a client that must use PKCE sends a code_challenge", Refused: "303 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			callback := w.Dreams + "/spa/callback"
			page := w.Allow(w.SignedIn(t, "alice"), With(w.Request("profile preferences:read"), url.Values{
				"client_id": {"dreams-spa"}, "redirect_uri": {callback}, "code_challenge": nil, "code_challenge_method": nil,
			}), "preferences:read")
			stolen := w.Token(t, nil, url.Values{
				"grant_type": {"authorization_code"}, "client_id": {"dreams-spa"}, "code": {page.Answer().Get("code")}, "redirect_uri": {callback},
			})
			return stolen.Status == 200, page.Refusal()
		},
	},
	{
		// With plain, whoever sees the request knows the verifier.
		Rule: "code_challenge_method is S256", Name: "plain", Refused: "303 invalid_request", Options: authserverAlone,
		Try: codeFor(url.Values{"code_challenge_method": {"plain"}}),
	},
	{
		Rule: "code_challenge_method is S256", Name: "none, which means plain", Refused: "303 invalid_request", Options: authserverAlone,
		Try: codeFor(url.Values{"code_challenge_method": nil}),
	},
	{
		Rule: "code_challenge is a SHA-256 in base64url", Refused: "303 invalid_request", Options: authserverAlone,
		Try: codeFor(url.Values{"code_challenge": {"guess-me"}}),
	},

	{
		// acme-web is asked nothing: no page stands before the code.
		Rule: "scope is given", Refused: "303 invalid_scope", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			b := w.SignedIn(t, "alice")
			b.Stay = w.Acme
			page := w.Authorize(b, With(w.Request(""), url.Values{"client_id": {"acme-web"}, "redirect_uri": {w.Acme + "/callback"}}))
			return page.Answer().Get("code") != "", page.Refusal()
		},
	},
	{
		// A registration from before a permission was given up must not bring it
		// back: nobody could say on the consent page what it means.
		Rule: "scope that is asked for is known", Refused: "303 invalid_scope",
		Options: Options{Only: authserverAlone.Only, SQL: map[string][]string{"authserver": {
			"UPDATE clients SET metadata = json_set(metadata, '$.scope', metadata ->> '$.scope' || ' everything') WHERE client_id = 'dreams-web'",
		}}},
		Try: tokensWith("everything"),
	},
	{
		Rule: "client may ask for the scope", Refused: "303 invalid_scope", Options: authserverAlone,
		Try: tokensWith("blog:write"),
	},
	{
		// "none" must show no page, any other value wants one.
		Rule: "prompt=none stands alone", Refused: "303 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			b := w.SignedIn(t, "alice")
			w.Allow(b, w.Request("openid profile"))
			page := w.Authorize(b, With(w.Request("openid profile"), url.Values{"prompt": {"none select_account"}}))
			return page.Answer().Get("code") != "", page.Refusal()
		},
	},
	{
		// What cannot be read must not pass for "any age will do".
		Rule: "max_age is a number of seconds", Refused: "303 invalid_request", Options: authserverAlone,
		Try: codeFor(url.Values{"max_age": {"0s"}}),
	},
}

// codeFor changes a good request; who has allowed everything gets a code.
func codeFor(changes url.Values) func(testing.TB, *World) (bool, string) {
	return func(t testing.TB, w *World) (bool, string) {
		page := w.Allow(w.SignedIn(t, "alice"), With(w.Request("openid profile"), changes))
		return page.Answer().Get("code") != "", page.Refusal()
	}
}

// tokensWith asks for a permission and redeems the code: through means that
// the tokens have it.
func tokensWith(scope string) func(testing.TB, *World) (bool, string) {
	return func(t testing.TB, w *World) (bool, string) {
		page := w.Allow(w.SignedIn(t, "alice"), w.Request("openid profile "+scope), scope)
		if page.Answer().Get("code") == "" {
			return false, page.Refusal()
		}
		tokens := w.Token(t, Basic("dreams-web"), w.Redemption(page))
		return strings.Contains(" "+tokens.String("scope")+" ", " "+scope+" "), tokens.Refusal()
	}
}
