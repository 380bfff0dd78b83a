package e2e

import (
	"crypto/elliptic"
	"encoding/base64"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"
)

// An assertion without a jti is known again by what was signed. The signature
// says nothing about that: it can be written in several ways.
func TestAnAssertionIsKnownAgainWithItsSignatureWrittenDifferently(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	w.Tokens(t, "alice", "openid profile preferences:read")
	claims := w.bearerClaims()
	delete(claims, "jti")
	assertion := signed(claims)
	if first := w.Token(t, nil, asserts(assertion, "preferences:read")); first.Status != 200 {
		t.Fatalf("%d %s", first.Status, first.Body)
	}
	dot := strings.LastIndexByte(assertion, '.')
	signature, err := base64.RawURLEncoding.DecodeString(assertion[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	s := new(big.Int).SetBytes(signature[32:])
	new(big.Int).Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:]) // (r, n-s) is as good as (r, s)
	for name, again := range map[string]string{
		"a line break in it": assertion[:dot+5] + "\n" + assertion[dot+5:],
		"the other s":        assertion[:dot+1] + base64.RawURLEncoding.EncodeToString(signature),
	} {
		if got := w.Token(t, nil, asserts(again, "preferences:read")).Refusal(); got != "400 invalid_grant" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// RFC 7519 §2: a NumericDate may have a fraction. No leeway, also within a second.
func TestAnAssertionEndsWithinTheSecond(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	w.Tokens(t, "alice", "openid profile preferences:read")
	change := func(exp float64) string {
		claims := w.bearerClaims()
		claims["exp"] = exp
		return signed(claims)
	}
	now := float64(w.Clock.Now().Unix())
	fresh, stale := change(now+60.75), change(now+60.25)
	w.Clock.Advance(time.Unix(int64(now)+60, 500e6).Sub(w.Clock.Now()))
	if got := w.Token(t, nil, asserts(fresh, "preferences:read")).Refusal(); got != "200" {
		t.Errorf("a quarter of a second before its end: %s", got)
	}
	if got := w.Token(t, nil, asserts(stale, "preferences:read")).Refusal(); got != "400 invalid_grant" {
		t.Errorf("a quarter of a second after its end: %s", got)
	}
	for _, huge := range []float64{1e300, -1e300, 1 << 62} {
		if got := w.Token(t, nil, asserts(change(huge), "preferences:read")).Refusal(); got != "400 invalid_grant" {
			t.Errorf("exp %g: %s", huge, got)
		}
	}
}

// RFC 6749 §3.3: a scope has at least one name. No token is issued for nothing.
func TestNoTokenIsIssuedForNothing(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	tokens := w.Tokens(t, "alice", "openid profile")
	form := With(exchanged(tokens.String("access_token")), url.Values{"scope": {"openid"}})
	if got := w.Token(t, Basic("dreams-web"), form).Refusal(); got != "400 invalid_scope" {
		t.Errorf("an exchange for openid: %s", got)
	}
	if got := w.Token(t, nil, asserts(signed(w.bearerClaims()), "")).Refusal(); got != "400 invalid_scope" {
		t.Errorf("an assertion about somebody who agreed to nothing that the batch system may have: %s", got)
	}
}

// RFC 8693 §4.1: who acts is said wherever a token is described.
func TestIntrospectionNamesTheActor(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	tokens := w.Tokens(t, "alice", "openid profile preferences:read")
	for name, c := range map[string]struct{ token, act string }{
		"exchanged": {w.Token(t, Basic("dreams-web"), exchanged(tokens.String("access_token"))).String("access_token"), "dreams-web"},
		"her own":   {tokens.String("access_token"), ""},
	} {
		answer := w.Post(t, w.Auth+"/introspect", Basic("acme-api"), url.Values{"token": {c.token}}).JSON()
		act, _ := answer["act"].(map[string]any)
		if sub, _ := act["sub"].(string); answer["active"] != true || sub != c.act {
			t.Errorf("%s: %v", name, answer)
		}
	}
}

// LEGACY_GRANTS=off: nobody gets a token at /authorize, whatever they are
// registered for, and that is what they are told.
func TestWithoutLegacyGrantsNoResponseTypeToken(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}, Env: map[string]string{"LEGACY_GRANTS": "off"}})
	b := w.SignedIn(t, "alice")
	for id, callback := range map[string]string{"dreams-widget": "/widget/callback", "dreams-web": "/callback"} {
		page := w.Authorize(b, url.Values{
			"response_type": {"token"}, "client_id": {id}, "redirect_uri": {w.Dreams + callback}, "scope": {"profile"},
		})
		if page.Refusal() != "303 unsupported_response_type" || !strings.Contains(page.Location, "#error=") {
			t.Errorf("%s: %s", id, page.Location)
		}
	}
}

// The page for developers does not send anybody looking for a refresh token
// where none is given.
func TestOfflineAccessIsDocumentedWhereItGivesARefreshToken(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	_, section, found := strings.Cut(NewBrowser(t).Get(w.Auth+"/docs/scopes").Body, `id="scope-offline_access"`)
	section, _, _ = strings.Cut(section, "</section>")
	if !found || !strings.Contains(section, "device_code") {
		t.Fatalf("no section: %s", section)
	}
	for _, none := range []string{"implicit", "jwt-bearer", "token-exchange"} {
		if strings.Contains(section, none) {
			t.Errorf("offline_access by %s", none)
		}
	}
}
