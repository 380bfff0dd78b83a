package e2e

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// inspect pastes a token, or presses something on its page.
func (w *World) inspect(t testing.TB, b *Browser, form url.Values) string {
	t.Helper()
	page := b.Form(b.Get(w.Dreams+"/inspector"), "token").With(form).Submit()
	if page.Status != http.StatusOK || page.URL.Path != "/inspector" || page.URL.RawQuery != "" {
		t.Fatalf("the inspector: %d %s\n%.2000s", page.Status, page.URL, page.Body)
	}
	return words(page.Body)
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
)

// words are what a page says, without its tags.
func words(page string) string {
	return html.UnescapeString(spaces.ReplaceAllString(tags.ReplaceAllString(page, " "), " "))
}

func saysAll(t testing.TB, page string, all ...string) {
	t.Helper()
	for _, one := range all {
		if !strings.Contains(page, one) {
			t.Errorf("it does not say %q\n%.6000s", one, page)
		}
	}
}

// What is decoded is one thing; what Acme checked is another, and comes from Acme.
func TestATokenIsTakenApartAndJudgedByAcme(t *testing.T) {
	w := New(t, Options{})
	b := NewBrowser(t)
	tokens := w.Tokens(t, "alice", "openid profile offline_access")
	token := tokens.String("access_token")
	page := w.inspect(t, b, url.Values{"token": {"Bearer " + token[:40] + "\n" + token[40:]}})
	saysAll(t, page, "Readable by anyone", "✓ Verified: signature, issuer, audience, time", "GET /api/v1/me",
		"signature is the issuer's ✓ passed RFC 9068 §4 checkSignature", "token has not expired ✓ passed", "token has the scope ✓ passed", "Alice Moreau",
		"iss "+w.Auth, "✓ in the JWKS", "a bearer token", "left when this page was made", "✓ passed")

	w.Post(t, w.Auth+"/revoke", Basic("dreams-web"), url.Values{"token": {token}})
	waitFor(t, 5*time.Second, "Acme knows of it", func() bool { return w.API(t, "GET", "/me", token, "").Status == 401 })
	saysAll(t, w.inspect(t, b, url.Values{"token": {token}}), "✕ Invalid because: The token was revoked", "token was not revoked ✕ refused RFC 7009 §2.1", "What comes after the one that refused")

	id := tokens.String("id_token")
	saysAll(t, w.inspect(t, b, url.Values{"token": {id}}), "An ID token is for the app", "✕ Invalid because: This is not an access token", "typ is at+jwt ✕ refused")

	fresh := w.Tokens(t, "alice", "openid profile offline_access")
	saysAll(t, w.inspect(t, b, url.Values{"token": {fresh.String("refresh_token")}}), "Readable by nobody", "✓ Active, says Acme’s accounts", "Asked by dreams-web", "client_id dreams-web")
	saysAll(t, w.inspect(t, b, url.Values{"token": {"rt_made_up"}}), "✕ Not active", "active false")

	elsewhere := w.Tokens(t, "alice", "preferences:read").String("access_token")
	saysAll(t, w.inspect(t, b, url.Values{"token": {elsewhere}}), "✓ Verified", "GET /api/v1/me/preferences")
	writing := w.Tokens(t, "alice", "openid email").String("access_token")
	saysAll(t, w.inspect(t, b, url.Values{"token": {writing}}), "✓ Verified: signature, issuer, audience, time. It does not open this", "token has the scope ✕ refused")

	for _, bad := range []string{"", "<script>", strings.Repeat("a", 17<<10)} {
		page := b.Form(b.Get(w.Dreams+"/inspector"), "token").With(url.Values{"token": {bad}}).Submit()
		if page.Status != http.StatusUnprocessableEntity || strings.Contains(page.Body, "<script>alert") {
			t.Errorf("%.20q: %d", bad, page.Status)
		}
	}
}

// Each change is sent to Acme as it is, and the check that refuses is Acme's own.
func TestATamperedTokenIsRefusedByACheckThatIsNamed(t *testing.T) {
	w := New(t, Options{})
	b := NewBrowser(t)
	token := w.Tokens(t, "alice", "openid profile").String("access_token")
	row := map[string]string{
		"flip": "Flip one bit One bit of the signature. 401 Unauthorized ✓ signature is the issuer's checkSignature RFC 9068 §4",
		"none": "401 Unauthorized ✓ alg is the key's algorithm checkAlgorithm RFC 8725 §3.1",
		"aud":  "The signature is the old one. 401 Unauthorized ✓ signature is the issuer's", "scope": "Add a scope", "sub": "Be somebody else", "exp": "Live a year longer",
		"hs256": "with the public key as the shared secret, which everybody has. 401 Unauthorized ✓ alg is the key's algorithm",
	}
	page := ""
	for _, name := range []string{"flip", "none", "aud", "scope", "sub", "exp", "hs256"} {
		page = w.inspect(t, b, url.Values{"token": {token}, "action": {"tamper"}, "change": {name}})
		saysAll(t, page, row[name], "✓ Verified")
	}
	saysAll(t, page, row["flip"], row["none"], row["exp"]) // the table grows
	if n := strings.Count(page, "401 Unauthorized"); n != 7 {
		t.Errorf("%d rows of seven", n)
	}
	if strings.Contains(page, "was let through") {
		t.Error("a change was let through")
	}
	if other := w.inspect(t, NewBrowser(t), url.Values{"token": {token}}); strings.Contains(other, "Flip one bit One bit") {
		t.Error("another browser sees what was tried")
	}
}
