package e2e

import (
	"crypto/rand"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const consentEnded = "/events/consent-ended"

// securityEventAttacks are on the rules by which Dreams takes security event
// tokens. They have got through when one deletes what alice lets Dreams hold.
var securityEventAttacks = func() []Attack {
	var attacks []Attack
	for _, lie := range []struct {
		rule, name, refused string
		change              logoutChange
	}{
		{"typ is secevent+jwt", "a logout token's typ", "400 invalid_request", func(header map[string]any, _ jwt.MapClaims) { header["typ"] = "logout+jwt" }},
		{"iss is the server that we know", "", "400 invalid_issuer", claimed("iss", "https://evil.test")},
		{"aud is us", "", "400 invalid_audience", claimed("aud", "somebody-else")},
		{"iat is there, not ahead, five minutes old at most", "missing", "400 invalid_request", claimed("iat", nil)},
		{"iat is there, not ahead, five minutes old at most", "of tomorrow", "400 invalid_request", claimed("iat", time.Now().Add(24*time.Hour).Unix())},
		{"iat is there, not ahead, five minutes old at most", "of yesterday", "400 invalid_request", claimed("iat", time.Now().Add(-24*time.Hour).Unix())},
		{"sub_id is a person of that server", "another format", "400 invalid_request", func(_ map[string]any, claims jwt.MapClaims) {
			id := maps.Clone(claims["sub_id"].(map[string]any))
			id["format"] = "account"
			claims["sub_id"] = id
		}},
		{"events has consent-ended, and it says what remains", "none", "400 invalid_request", claimed("events", nil)},
		{"events has consent-ended, and it says what remains", "another", "400 invalid_request", claimed("events", map[string]any{
			"https://schemas.openid.net/secevent/caep/event-type/session-revoked": map[string]any{"scope": ""},
		})},
		{"events has consent-ended, and it says what remains", "nobody knows what remains", "400 invalid_request", func(_ map[string]any, claims jwt.MapClaims) {
			claims["events"] = map[string]any{claims["iss"].(string) + consentEnded: map[string]any{"reason": "withdrawn"}}
		}},
		{"toe is there, and not ahead", "of tomorrow", "400 invalid_request", claimed("toe", time.Now().Add(24*time.Hour).Unix())},
		{"jti is there, and new", "missing", "400 invalid_request", claimed("jti", nil)},
	} {
		attacks = append(attacks, Attack{
			Rule: "security event: " + lie.rule, Name: lie.name, Refused: lie.refused, Options: liarAnd("dreams"),
			Try: func(t testing.TB, w *World) (bool, string) {
				w.connectAtLiar(t)
				answer := w.sendSecurityEvent(t, w.lyingSecurityEvent(t, lie.change))
				return w.connections(t) == "0", answer.Refusal()
			},
		})
	}
	// Who saw a token pass could end a connection as often as it is made anew.
	return append(attacks, Attack{
		Rule: "security event: jti is there, and new", Name: "twice", Refused: "400 invalid_request", Options: liarAnd("dreams"),
		Try: func(t testing.TB, w *World) (bool, string) {
			w.connectAtLiar(t)
			// A time of the event that suits the next connection, too.
			token := w.lyingSecurityEvent(t, claimed("toe", time.Now().Add(30*time.Second).Unix()))
			if answer := w.sendSecurityEvent(t, token); answer.Status != http.StatusAccepted || w.connections(t) != "0" {
				t.Fatalf("the first time: %d %s", answer.Status, answer.Body)
			}
			w.connectAtLiar(t)
			answer := w.sendSecurityEvent(t, token)
			return w.connections(t) == "0", answer.Refusal()
		},
	})
}()

func (w *World) connectAtLiar(t testing.TB) {
	t.Helper()
	NewBrowser(t).Get(w.Dreams + "/connect")
	if w.connections(t) != "1" {
		t.Fatal("nobody is connected")
	}
}

// connections is how many of Dreams's connections live.
func (w *World) connections(t testing.TB) string {
	t.Helper()
	return w.value(t, "dreams", "SELECT count(*) FROM connections WHERE ended_at IS NULL")
}

// lyingSecurityEvent says that nothing is left of what alice allowed, signed with
// the lying server's key.
func (w *World) lyingSecurityEvent(t testing.TB, change logoutChange) string {
	t.Helper()
	now := time.Now().Unix()
	claims := jwt.MapClaims{
		"iss": w.Auth, "aud": "dreams-web", "jti": rand.Text(), "iat": now, "toe": now,
		"sub_id": map[string]any{"format": "iss_sub", "iss": w.Auth, "sub": liarsPerson},
		"events": map[string]any{w.Auth + consentEnded: map[string]any{"reason": "withdrawn", "scope": ""}},
	}
	header := map[string]any{"typ": "secevent+jwt"}
	if change != nil {
		change(header, claims)
	}
	compact, err := (&lyingServer{}).sign(header, claims)
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func (w *World) sendSecurityEvent(t testing.TB, token string) Response {
	t.Helper()
	return w.Do(t, http.MethodPost, w.Dreams+"/events", http.Header{"Content-Type": {"application/secevent+jwt"}}, token)
}
