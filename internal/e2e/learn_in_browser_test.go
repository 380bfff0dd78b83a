package e2e

import (
	"strings"
	"testing"
)

// Every lesson is run by a real browser, and its page looked at before and
// after, with everything unfolded.
func TestEveryLessonInABrowser(t *testing.T) {
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

// The same without script: forms and redirects are all that a lesson needs.
func TestALessonNeedsNoScript(t *testing.T) {
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
