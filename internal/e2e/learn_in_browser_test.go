package e2e

import (
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/internal/e2e/chrome"
)

// Every lesson is run by a real browser, and its page looked at before and
// after, with everything unfolded.
func TestEveryLessonInABrowser(t *testing.T) {
	t.Parallel()
	b := realBrowser(t)
	w := New(t, Options{})
	var found findings
	a := newAuditor(t, w, b, &found)
	a.tab.Open(w.Auth + "/login")
	a.signIn("alice", "wanderlust")
	a.tab.Open(w.Dreams + "/connect")
	a.tab.Tick("input[value='preferences:read']")
	a.tab.Tick("input[value='offline_access']")
	a.tab.Click("#allow")
	a.tab.Seen()
	a.open("lesson, not yet run", w.Dreams+"/learn/pkce", 200)
	for _, slug := range []string{"pkce", "authorization-code", "refresh-token", "client-credentials", "token-exchange", "jwt-bearer"} {
		a.tab.Open(w.Dreams + "/learn/" + slug)
		a.click("lesson, "+slug, "#run", 200)
		if at := a.tab.Address(); at != w.Dreams+"/learn/"+slug+"#result" {
			t.Errorf("%s ended at %s", slug, at)
		}
		if text := a.tab.Text(); !strings.Contains(text, "✓ Refused") || strings.Contains(text, "ended early") {
			t.Errorf("%s: %.600s", slug, text)
		}
	}
	a.open("lessons, night", w.Dreams+"/night", 200)
	found.report(t)
}

// labSlugs are the lessons about what goes around the grants.
var labSlugs = []string{"par", "jar", "rar", "dpop", "resource-indicators", "issuer", "resource-metadata", "registration", "step-up", "logout", "introspection", "fapi2"}

// And so is every lesson of the lab, with a login that is old enough for step-up.
func TestEveryLessonOfTheLabInABrowser(t *testing.T) {
	t.Parallel()
	b := realBrowser(t)
	w := New(t, Options{})
	var found findings
	a := newAuditor(t, w, b, &found)
	a.tab.Open(w.Auth + "/login")
	a.signIn("alice", "wanderlust")
	w.Clock.Advance(6 * time.Minute)
	a.open("lab, not yet run", w.Dreams+"/learn/dpop", 200)
	for _, slug := range labSlugs {
		a.tab.Open(w.Dreams + "/learn/" + slug)
		a.tab.Click("#run")
		for range 6 {
			switch at := a.tab.Address(); {
			case strings.HasPrefix(at, w.Auth+"/login"):
				a.signIn("alice", "wanderlust")
			case strings.HasPrefix(at, w.Auth):
				chrome.Evaluate[bool](a.tab, `document.querySelectorAll("input[type=checkbox]:not(:disabled)").forEach(box => box.checked = true), true`)
				a.tab.Click("#allow")
			}
		}
		a.tab.Seen() // what the other pages say is looked at elsewhere
		if at := a.tab.Address(); at != w.Dreams+"/learn/"+slug+"#result" {
			t.Fatalf("%s ended at %s: %.600s", slug, at, a.tab.Text())
		}
		a.look("lab, "+slug, 200, 200)
		if text := a.tab.Text(); !strings.Contains(text, "✓ Refused") || strings.Contains(text, "ended early") || strings.Contains(text, "should have been") {
			t.Errorf("%s: %.600s", slug, text)
		}
	}
	found.report(t)
}

// The same without script: forms and redirects are all that a lesson needs.
func TestALessonNeedsNoScript(t *testing.T) {
	t.Parallel()
	b := realBrowser(t)
	w := New(t, Options{})
	tab := b.Tab(t)
	defer tab.Close()
	tab.NoScript()
	tab.Size(1280, 900)
	tab.Open(w.Dreams + "/learn/pkce")
	tab.Click("#run")
	tab.Type("#username", "alice")
	tab.Type("#password", "wanderlust")
	tab.Click("#sign-in")
	tab.Click("#allow")
	if at, text := tab.Address(), tab.Text(); at != w.Dreams+"/learn/pkce#result" || !strings.Contains(text, "✓ Refused") {
		t.Errorf("ended at %s: %.600s", at, text)
	}
}
