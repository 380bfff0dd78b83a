package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The two programs that people sign in to through authserver, beside a server
// that does not care what it is asked: what is refused, they refuse themselves.
func clients(w *World) map[string]struct {
	begin, callback string
	in              func(*Browser) bool
} {
	return map[string]struct {
		begin, callback string
		in              func(*Browser) bool
	}{
		"dreams": {w.Dreams + "/connect", w.Dreams + "/callback", func(b *Browser) bool { return knownAtDreams(w, b) }},
		"acme":   {w.Acme + "/login", w.Acme + "/callback", func(b *Browser) bool { return signedInAtAcme(w, b) }},
	}
}

// RFC 6749 §10.12, RFC 9700 §4.4 and §4.7, RFC 9207 §2.4: an answer that is not
// to our question is a page, and its code goes nowhere.
func TestRefusedAnswersReachNoTokenEndpoint(t *testing.T) {
	t.Parallel()
	liar := &lyingServer{}
	w := New(t, Options{Authority: liar})
	for name, client := range clients(w) {
		for rule, change := range map[string]func(url.Values){
			"RFC 6749 §10.12: a state that nobody sent": func(a url.Values) { a.Set("state", "unknown") },
			"RFC 6749 §10.12: an empty state":           func(a url.Values) { a.Set("state", "") },
			"RFC 6749 §10.12: no state":                 func(a url.Values) { a.Del("state") },
			"RFC 6749 §10.12: a part of the state":      func(a url.Values) { a.Set("state", a.Get("state")[:20]) },
			"RFC 6749 §3.1: two states":                 func(a url.Values) { a.Add("state", "S2") },
			"RFC 6749 §3.1: two codes":                  func(a url.Values) { a.Add("code", "mallory's") },
			"RFC 9207 §2.4: another iss":                func(a url.Values) { a.Set("iss", "https://evil.test") },
			"RFC 9207 §2.4: iss with a slash":           func(a url.Values) { a.Set("iss", w.Auth+"/") },
			"RFC 9207 §2.4: no iss":                     func(a url.Values) { a.Del("iss") },
			"RFC 9207 §2.4: two":                        func(a url.Values) { a.Add("iss", "https://evil.test") },
			"RFC 6749 §4.1.2: a code and an error":      func(a url.Values) { a.Set("error", "access_denied") },
			"RFC 6749 §4.1.2: neither":                  func(a url.Values) { a.Del("code") },
			"RFC 6749 §4.1.2: an empty code":            func(a url.Values) { a.Set("code", "") },
			"RFC 6749 §10.12: nothing at all":           func(a url.Values) { clear(a) },
		} {
			t.Run(name+": "+rule, func(t *testing.T) {
				b := NewBrowser(t)
				b.Stay = client.callback
				answer := b.Get(client.begin).Answer()
				b.Stay = ""
				change(answer)
				page := b.Get(client.callback + "?" + answer.Encode())
				if page.Status != http.StatusBadRequest || page.URL.Path != "/callback" {
					t.Errorf("got %d at %s, want a 400 page", page.Status, page.URL)
				}
				wantPageHeaders(t, page.Response)
				if client.in(b) {
					t.Error("signed in")
				}
			})
		}
		t.Run(name+": RFC 6749 §10.12: a browser that began nothing", func(t *testing.T) {
			mallory := NewBrowser(t)
			mallory.Stay = client.callback
			answer := mallory.Get(client.begin)
			for _, victim := range []*Browser{NewBrowser(t), begun(t, client.begin, client.callback)} {
				if page := victim.Get(answer.Location); page.Status != http.StatusBadRequest || client.in(victim) {
					t.Errorf("mallory's answer: %d", page.Status)
				}
			}
		})
		t.Run(name+": RFC 6749 §4.1.2.1: a no is no mistake", func(t *testing.T) {
			b := NewBrowser(t)
			b.Stay = client.callback
			answer := b.Get(client.begin).Answer()
			b.Stay = ""
			answer.Del("code")
			answer.Set("error", "access_denied")
			if page := b.Get(client.callback + "?" + answer.Encode()); page.Status != http.StatusOK || client.in(b) {
				t.Errorf("got %d", page.Status)
			}
		})
	}
	if n := liar.Redemptions(w); n != 0 {
		t.Errorf("%d requests reached the token endpoint", n)
	}
	for name, client := range clients(w) {
		b := NewBrowser(t)
		if b.Get(client.begin); !client.in(b) {
			t.Errorf("%s: the next good answer is refused", name)
		}
	}
}

// begun is a browser that has begun to sign in itself.
func begun(t testing.TB, begin, callback string) *Browser {
	t.Helper()
	b := NewBrowser(t)
	b.Stay = callback
	b.Get(begin)
	b.Stay = ""
	return b
}

// OIDC Core §3.1.3.7: an ID token is read by its rules, each of them.
func TestIDTokensThatAreNotForUsAreRefused(t *testing.T) {
	t.Parallel()
	for rule, change := range map[string]func(jwt.MapClaims){
		"another iss":       func(c jwt.MapClaims) { c["iss"] = "https://evil.test" },
		"another aud":       func(c jwt.MapClaims) { c["aud"] = "dreams-tv" },
		"no aud":            func(c jwt.MapClaims) { delete(c, "aud") },
		"expired":           func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Minute).Unix() },
		"no exp":            func(c jwt.MapClaims) { delete(c, "exp") },
		"another nonce":     func(c jwt.MapClaims) { c["nonce"] = strings.Repeat("A", 43) },
		"no nonce":          func(c jwt.MapClaims) { delete(c, "nonce") },
		"no sub":            func(c jwt.MapClaims) { delete(c, "sub") },
		"a foreign at_hash": func(c jwt.MapClaims) { c["at_hash"] = "77QmUPtjPfzWtF2AnpK9RQ" },
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			w := New(t, Options{Authority: &lyingServer{Claims: change}})
			for name, client := range clients(w) {
				b := NewBrowser(t)
				page := b.Get(client.begin)
				if page.URL.Path != "/callback" || page.Status < 400 || client.in(b) {
					t.Errorf("%s: %d at %s", name, page.Status, page.URL)
				}
			}
		})
	}
}

// RFC 8414 §3.3: metadata that speaks for another issuer is not used.
func TestMetadataOfAnotherIssuerIsNotUsed(t *testing.T) {
	t.Parallel()
	liar := &lyingServer{Issuer: "https://evil.test"}
	w := New(t, Options{Authority: liar})
	for name, client := range clients(w) {
		page := NewBrowser(t).Get(client.begin)
		if page.Status < 500 || page.URL.String() != client.begin {
			t.Errorf("%s: %d at %s", name, page.Status, page.URL)
		}
	}
	if n := liar.Redemptions(w); n != 0 {
		t.Errorf("%d requests reached the token endpoint", n)
	}
}

// RFC 9700 §4.11.1: where somebody wanted to go after signing in is a place of
// ours.
func TestClientsLeadNowhereElseAfterSigningIn(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Authority: &lyingServer{}})
	for _, next := range []string{"https://evil.test", "//evil.test", `/\evil.test`, "/%2fevil.test", "/\tevil.test", "javascript:alert(1)", "http:evil.test", "@evil.test"} {
		for name, client := range clients(w) {
			b := NewBrowser(t)
			page := b.Get(client.begin + "?" + url.Values{"next": {next}}.Encode())
			if !w.ours(page.URL.String()) || page.Status != http.StatusOK {
				t.Errorf("%s, next=%q: %d at %s", name, next, page.Status, page.URL)
			}
			for _, visited := range page.Visited {
				if !w.ours(strings.TrimPrefix(visited, "GET ")) {
					t.Errorf("%s, next=%q: %s", name, next, visited)
				}
			}
			// Who is signed in already is not led off either.
			if page := b.Get(client.begin + "?" + url.Values{"next": {next}}.Encode()); !w.ours(page.URL.String()) {
				t.Errorf("%s, next=%q, again: %s", name, next, page.URL)
			}
		}
	}
}
