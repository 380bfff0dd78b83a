package e2e

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// logoutAttacks are on the rules of the logout endpoint. Most have got through
// when the browser is sent somewhere.
var logoutAttacks = []Attack{
	{
		Rule: "logout request: no parameter stands twice", Refused: "400 invalid_request", Options: authserverAlone,
		Try: logoutWith(url.Values{"state": {"S1", "S2"}}),
	},
	{
		Rule: "logout request: id_token_hint is an ID token that this server signed", Name: "signed by mallory", Refused: "400 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			id, _ := w.signingKey(t, "ES256")
			forged := sign(t, newKey(t), map[string]any{"alg": "ES256", "typ": "JWT", "kid": id}, w.hintClaims(t, nil))
			return w.sentOn(t, url.Values{"id_token_hint": {forged}, "client_id": {"dreams-web"}})
		},
	},
	{
		// Every resource server sees access tokens, and nobody should be signed out
		// by what those can do.
		Rule: "logout request: id_token_hint is an ID token that this server signed", Name: "an access token", Refused: "400 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.Tokens(t, "alice", "openid profile").String("access_token")
			return w.sentOn(t, url.Values{"id_token_hint": {token}, "client_id": {"dreams-web"}})
		},
	},
	{
		Rule: "logout request: id_token_hint is of this issuer", Refused: "400 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			return w.sentOn(t, url.Values{"id_token_hint": {w.hint(t, jwt.MapClaims{"iss": "http://localhost:8999"})}})
		},
	},
	{
		// An ID token of alice's that was seen at Dreams, and mallory's own client.
		Rule: "logout request: client_id is whom id_token_hint was made for", Refused: "400 invalid_request",
		Options: Options{Only: []string{"authserver"}, SQL: map[string][]string{"authserver": {mallorysApp}}},
		Try: func(t testing.TB, w *World) (bool, string) {
			b := w.SignedIn(t, "alice")
			hint := w.idTokenAt(t, b)
			b.Stay = "https://evil.test"
			page := w.signOut(b, url.Values{
				"id_token_hint": {hint}, "client_id": {"mallorys-app"}, "post_logout_redirect_uri": {"https://evil.test/"},
			})
			return page.Location != "" || !b.signedIn(w), page.Refusal()
		},
	},
	{
		Rule: "logout request: client is known and not disabled", Refused: "400 invalid_request",
		Options: Options{Only: []string{"authserver"}, SQL: map[string][]string{"authserver": {"UPDATE clients SET disabled_at = 1 WHERE client_id = 'dreams-web'"}}},
		Try: func(t testing.TB, w *World) (bool, string) {
			return w.sentOn(t, url.Values{"id_token_hint": {w.hint(t, nil)}})
		},
	},
	{
		Rule: "logout request: post_logout_redirect_uri is registered, compared as a string", Name: "mallory's server", Refused: "400 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			b := w.SignedIn(t, "alice")
			hint := w.idTokenAt(t, b)
			b.Stay = "https://evil.test"
			page := w.signOut(b, url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {"https://evil.test/"}})
			return page.Location != "", page.Refusal()
		},
	},
	{
		Rule: "logout request: post_logout_redirect_uri is registered, compared as a string", Name: "a query that the client never meant", Refused: "400 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			return logoutWith(url.Values{"post_logout_redirect_uri": {w.Dreams + "/?next=https://evil.test"}})(t, w)
		},
	},
	{
		Rule: "logout request: state is visible characters, 2,048 at most", Name: "a line break", Refused: "400 invalid_request", Options: authserverAlone,
		Try: logoutWith(url.Values{"state": {"S1\r\nSet-Cookie: a=b"}}),
	},
	{
		Rule: "logout request: state is visible characters, 2,048 at most", Name: "too long", Refused: "400 invalid_request", Options: authserverAlone,
		Try: logoutWith(url.Values{"state": {strings.Repeat("s", 2049)}}),
	},
}

// mallorysApp is somebody else's client, with a place of its own to come back to.
const mallorysApp = `INSERT INTO clients (client_id, metadata, created_at) VALUES ('mallorys-app', '{
	"client_name": "Mallory''s app", "kind": "web", "token_endpoint_auth_methods": ["none"], "grant_types": ["authorization_code"],
	"scope": "openid profile", "redirect_uris": ["https://evil.test/cb"], "post_logout_redirect_uris": ["https://evil.test/"]}', 0)`

// logoutWith is dreams-web's good request with something changed.
func logoutWith(changes url.Values) func(testing.TB, *World) (bool, string) {
	return func(t testing.TB, w *World) (bool, string) {
		b := w.SignedIn(t, "alice")
		page := w.signOut(b, With(w.logoutRequest(w.idTokenAt(t, b)), changes))
		return page.Location != "" || !b.signedIn(w), page.Refusal()
	}
}

// sentOn asks to sign out where nobody is signed in: through means that the
// browser is sent to Dreams.
func (w *World) sentOn(t testing.TB, changes url.Values) (bool, string) {
	b := NewBrowser(t)
	b.Stay = w.Dreams
	page := w.signOut(b, With(w.logoutRequest(""), changes))
	return page.Location != "", page.Refusal()
}

// logoutRequest is a good one of dreams-web.
func (w *World) logoutRequest(hint string) url.Values {
	return url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {w.Dreams + "/"}, "state": {"S1"}}
}

// signOut opens the logout endpoint.
func (w *World) signOut(b *Browser, request url.Values) Page {
	b.t.Helper()
	return b.Get(w.Auth + "/logout?" + request.Encode())
}

// idTokenAt is the ID token that dreams-web gets of who is signed in.
func (w *World) idTokenAt(t testing.TB, b *Browser) string {
	t.Helper()
	tokens := w.Token(t, Basic("dreams-web"), w.Redemption(w.Allow(b, w.Request("openid profile"))))
	if tokens.String("id_token") == "" {
		t.Fatalf("no ID token: %d %s", tokens.Status, tokens.Body)
	}
	return tokens.String("id_token")
}

// hint is an ID token that authserver's own key signed, with claims changed.
func (w *World) hint(t testing.TB, changes jwt.MapClaims) string {
	t.Helper()
	id, key := w.signingKey(t, "RS256")
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, w.hintClaims(t, changes))
	token.Header["kid"] = id
	compact, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func (w *World) hintClaims(t testing.TB, changes jwt.MapClaims) jwt.MapClaims {
	claims := jwt.MapClaims{
		"iss": w.Auth, "sub": person(t, "alice"), "aud": "dreams-web",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "auth_time": time.Now().Unix(),
	}
	for name, value := range changes {
		claims[name] = value
	}
	return claims
}
