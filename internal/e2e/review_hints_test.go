package e2e

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

// RP-Initiated Logout §2: what is of no session is not of this one. A client that
// may ask userinfo gets a new signed answer whenever it likes, and a television
// never was at this browser: with neither can a link sign anybody out.
func TestWhatIsOfNoSessionSignsNobodyOut(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}, SQL: map[string][]string{"authserver": {
		registered("dreams-web", "userinfo_signed_response_alg", "RS256"),
		registered("dreams-tv", "scope", "openid profile"),
	}}})
	b := w.SignedIn(t, "alice")
	tokens := w.Token(t, Basic("dreams-web"), w.Redemption(w.Allow(b, w.Request("openid profile"))))
	userinfo := w.Do(t, http.MethodGet, w.Auth+"/userinfo", Bearer(tokens.String("access_token")), "").Body
	television := w.Token(t, nil, poll(w.ApprovedDevice(t, "alice", "openid profile"))).String("id_token")
	for name, hint := range map[string]string{"a signed answer of userinfo": userinfo, "the ID token of a television": television} {
		if _, claims := parts(t, hint); claims["sub"] != person(t, "alice") {
			t.Fatalf("%s is %s", name, hint)
		}
		b.Stay = w.Dreams
		w.signOut(b, url.Values{"id_token_hint": {hint}})
		if !b.signedIn(w) {
			t.Errorf("%s signed alice out", name)
			b = w.SignedIn(t, "alice")
		}
	}
	if got := w.signOut(b, url.Values{"id_token_hint": {userinfo}}).Refusal(); got != "400 invalid_request" {
		t.Errorf("an answer of userinfo as a hint: %s", got)
	}
}

// A key that leaked may be one that retired long ago: once keys are revoked, a hint
// that it signs is nobody's.
func TestARevokedKeyThatWasGoneSignsNoHint(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	hint := w.idTokenAt(t, w.SignedIn(t, "alice"))
	request := With(w.Request("openid profile"), url.Values{"id_token_hint": {hint}, "prompt": {"none"}})
	_, before := w.machineToken(t)
	w.rotateKeys(t)
	w.waitForKey(t, before)
	w.Clock.Advance(2 * time.Hour)
	waitFor(t, within, "the old keys are gone", func() bool { return len(w.kids(t)) == 2 })
	b := NewBrowser(t)
	b.Stay = w.Dreams
	if got := w.Authorize(b, request).Refusal(); got != "303 login_required" {
		t.Fatalf("an old hint: %s", got)
	}
	w.rotateKeys(t, "--revoke-old")
	waitFor(t, within, "a hint by a revoked key is refused", func() bool {
		return w.Authorize(b, request).Refusal() == "303 invalid_request"
	})
}
