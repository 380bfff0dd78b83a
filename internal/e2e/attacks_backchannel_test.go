package e2e

import (
	"crypto/rand"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// logoutTokenAttacks are on the rules by which Dreams and Acme's website take
// logout tokens. They have got through when somebody is signed out by one.
var logoutTokenAttacks = slices.Concat(
	lieAboutLogout("logout token", "iss is the server that we know", "dreams", "dreams-web", func(w *World) string { return w.Dreams + "/connect" }, knownAtDreams),
	lieAboutLogout("sign-out", "iss is our authorization server", "acme", "acme-web", func(w *World) string { return w.Acme + "/login?next=/me" }, signedInAtAcme),
)

// logoutTokenDoubled are rules about logout tokens that another one doubles.
var logoutTokenDoubled = map[string]string{
	"logout token: sub or sid is there": "a token that names nobody ends nobody's session; the rule stands because such a token is a mistake that its sender should hear of",
	"sign-out: sub or sid is there":     "a token that names nobody ends nobody's session; the rule stands because such a token is a mistake that its sender should hear of",
}

// logoutChange makes a good logout token a bad one.
type logoutChange func(header map[string]any, claims jwt.MapClaims)

func claimed(name string, value any) logoutChange {
	return func(_ map[string]any, claims jwt.MapClaims) {
		if value == nil {
			delete(claims, name)
			return
		}
		claims[name] = value
	}
}

func lieAboutLogout(list, issuerRule, program, client string, signIn func(*World) string, signedIn func(*World, *Browser) bool) []Attack {
	var attacks []Attack
	for _, lie := range []struct {
		rule, name string
		change     logoutChange
	}{
		{"typ is logout+jwt", "an ID token's typ", func(header map[string]any, _ jwt.MapClaims) { header["typ"] = "JWT" }},
		{issuerRule, "", claimed("iss", "https://evil.test")},
		{"aud is us", "", claimed("aud", "somebody-else")},
		{"iat is there, and not ahead", "missing", claimed("iat", nil)},
		{"iat is there, and not ahead", "of tomorrow", claimed("iat", time.Now().Add(24*time.Hour).Unix())},
		{"exp is ahead", "expired", claimed("exp", time.Now().Add(-time.Second).Unix())},
		{"exp is ahead", "missing", claimed("exp", nil)},
		{"events has the logout event", "none", claimed("events", nil)},
		{"events has the logout event", "another", claimed("events", map[string]any{"https://schemas.openid.net/secevent/caep/event-type/session-revoked": map[string]any{}})},
		{"nonce is not there", "", claimed("nonce", "n")},
		{"jti is there, and new", "missing", claimed("jti", nil)},
	} {
		attacks = append(attacks, Attack{
			Rule: list + ": " + lie.rule, Name: lie.name, Refused: "400 invalid_request", Options: liarAnd(program),
			Try: func(t testing.TB, w *World) (bool, string) {
				b := NewBrowser(t)
				if b.Get(signIn(w)); !signedIn(w, b) {
					t.Fatal("nobody is signed in")
				}
				answer := w.sendLogoutToken(t, program, w.lyingLogoutToken(t, client, lie.change))
				return !signedIn(w, b), answer.Refusal()
			},
		})
	}
	// Who saw a token pass could sign alice out as often as she signs in.
	return append(attacks, Attack{
		Rule: list + ": jti is there, and new", Name: "twice", Refused: "400 invalid_request", Options: liarAnd(program),
		Try: func(t testing.TB, w *World) (bool, string) {
			b := NewBrowser(t)
			token := w.lyingLogoutToken(t, client, nil)
			b.Get(signIn(w))
			if answer := w.sendLogoutToken(t, program, token); answer.Status != http.StatusOK || signedIn(w, b) {
				t.Fatalf("the first time: %d %s", answer.Status, answer.Body)
			}
			b.Get(signIn(w))
			answer := w.sendLogoutToken(t, program, token)
			return !signedIn(w, b), answer.Refusal()
		},
	})
}

// liarAnd is a program that believes a server which signs whatever it is told to.
func liarAnd(program string) Options {
	return Options{
		Authority: &lyingServer{Claims: func(c jwt.MapClaims) { c["sid"] = "s_1" }}, Only: []string{"authserver", program},
	}
}

// lyingLogoutToken is a logout token about alice's session, signed with the lying
// server's key.
func (w *World) lyingLogoutToken(t testing.TB, client string, change logoutChange) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": w.Auth, "aud": client, "sub": liarsPerson, "sid": "s_1", "jti": rand.Text(),
		"iat": time.Now().Unix(), "exp": time.Now().Add(2 * time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	header := map[string]any{"typ": "logout+jwt", "kid": "liar"}
	if change != nil {
		change(header, claims)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	maps.Copy(token.Header, header)
	key, err := liarsKey()
	if err != nil {
		t.Fatal(err)
	}
	compact, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func (w *World) sendLogoutToken(t testing.TB, program, token string) Response {
	t.Helper()
	base := map[string]string{"dreams": w.Dreams, "acme": w.Acme}[program]
	return w.Post(t, base+"/backchannel-logout", nil, url.Values{"logout_token": {token}})
}
