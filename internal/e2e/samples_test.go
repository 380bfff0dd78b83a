package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Under each permission the person reads what it is right now: Acme is asked by
// acme-accounts, in the person's name, and the person's access log says so.
func TestTheConsentPageShowsOnesOwnData(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.SignedIn(t, "alice")
	page := b.Get(w.Auth + "/authorize?" + w.Request("openid profile preferences:read blog:read").Encode())
	if page.URL.Path != "/consent" {
		t.Fatalf("%d %s", page.Status, page.URL)
	}
	says(t, page.Body, "hiking, mountains, huts; up to 800 €", "unpublished", "Right now that is:")
	b.Get(w.Acme + "/login?next=/me")
	w.eventually(t, "the access log does not say who asked", func() bool {
		return strings.Contains(b.Get(w.Acme+"/me/access?app=acme-accounts").Body, "to show you a sample while you decided")
	})
	// What is not asked for is not looked at.
	before := w.value(t, "acme", "SELECT count(*) FROM accesses WHERE client_id = 'acme-accounts'")
	if page := w.SignedIn(t, "bob").Get(w.Auth + "/authorize?" + w.Request("openid profile email").Encode()); strings.Contains(page.Body, "up to") {
		t.Error("data that nobody asked for")
	}
	time.Sleep(200 * time.Millisecond)
	if after := w.value(t, "acme", "SELECT count(*) FROM accesses WHERE client_id = 'acme-accounts'"); after != before {
		t.Errorf("%s accesses, then %s", before, after)
	}
}

// An authorization detail is about some topics, and so is its sample.
func TestTheConsentPageShowsWhatADetailIs(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	request := w.Request("openid")
	request.Set("authorization_details", `[{"type":"travel_preferences","topics":["hiking","beaches"],"days":30},{"type":"travel_preferences","topics":["wine"],"days":30}]`)
	page := w.SignedIn(t, "alice").Get(w.Auth + "/authorize?" + request.Encode())
	says(t, page.Body, "you like hiking", "nothing: you have not said that you like any of it")
	saysNot(t, page.Body, "mountains")
}

// The page stands without samples when Acme is slow, down, or answers nonsense, and
// nothing of an answer is markup.
func TestTheConsentPageStandsWithoutAcme(t *testing.T) {
	t.Parallel()
	for name, acme := range map[string]struct {
		answer http.HandlerFunc
		shown  string // of the answer; empty: none is
	}{
		"slow": {func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(5 * time.Second):
			}
		}, ""},
		"slow to end": {func(rw http.ResponseWriter, r *http.Request) {
			fmt.Fprint(rw, `{"interests":["hiking"`)
			rw.(http.Flusher).Flush()
			<-r.Context().Done()
		}, ""},
		"down":     {func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }, ""},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ""},
		"elsewhere": {func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "https://evil.test/", http.StatusFound)
		}, ""},
		"nonsense":      {func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "nonsense") }, ""},
		"another shape": {func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, `{"interests":"hiking","posts":7}`) }, ""},
		"without end": {func(rw http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(rw, `{"interests":["`+strings.Repeat("a", 1<<20)+`"]}`)
		}, ""},
		"markup": {func(rw http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(rw, `{"interests":["<script>alert(1)</script>","`+strings.Repeat("x", 100)+`","\u202e","a","b","c","d"]}`)
		}, "&lt;script&gt;alert(1)&lt;/script&gt;, " + strings.Repeat("x", 40) + "…, a, b and 2 more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := New(t, Options{Only: []string{"authserver", "acme"}, Resource: acme.answer})
			b := w.SignedIn(t, "alice")
			begin := time.Now()
			page := b.Get(w.Auth + "/authorize?" + w.Request("openid profile preferences:read blog:read").Encode())
			if took := time.Since(begin); took > time.Second || page.Status != 200 || page.URL.Path != "/consent" {
				t.Errorf("%d %s after %s", page.Status, page.URL.Path, took)
			}
			saysNot(t, page.Body, "up to", "<script>alert", "\u202e", "hiking, ")
			if acme.shown != "" {
				says(t, page.Body, acme.shown)
			}
		})
	}
}

// The page with a slow Acme comes within half a second.
func TestTheConsentPageDoesNotWaitForASlowAcme(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver", "acme"}, Resource: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })})
	b := w.SignedIn(t, "alice")
	page := b.Get(w.Auth + "/authorize?" + w.Request("openid profile preferences:read blog:read").Encode())
	begin := time.Now()
	if page = b.Get(page.URL.String()); page.Status != 200 || page.URL.Path != "/consent" {
		t.Fatalf("%d %s", page.Status, page.URL)
	}
	if took := time.Since(begin); took > 500*time.Millisecond {
		t.Errorf("the page took %s", took)
	}
}
