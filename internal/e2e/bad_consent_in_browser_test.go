package e2e

import (
	"regexp"
	"strings"
	"testing"

	"example.com/acme-dreams/internal/e2e/chrome"
)

// The specimen of a bad consent page has nothing that could send an answer, and
// says that it is none.
func TestTheBadConsentPageAsksForNothing(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "alice")
	page := b.Get(w.Auth + "/docs/bad-consent")
	says(t, page.Body, "Specimen: this page asks for nothing", "Specimen: how not to ask")
	_, specimen, _ := strings.Cut(page.Body, `aria-labelledby="specimen"`)
	specimen, _, found := strings.Cut(specimen, "</section>")
	if !found {
		t.Fatal("no specimen")
	}
	main, _, _ := strings.Cut(page.Body[strings.Index(page.Body, "<main"):], "</main>")
	for _, forbidden := range []string{"<form", "formaction", "<script"} {
		if strings.Contains(main, forbidden) {
			t.Errorf("%s on the page", forbidden)
		}
	}
	for _, forbidden := range []string{" name=", " value=", `href="/`, `href="http`, "form="} {
		if strings.Contains(specimen, forbidden) {
			t.Errorf("%s in the specimen", forbidden)
		}
	}
	if strings.Count(specimen, "<button") != strings.Count(specimen, `type="button"`) || strings.Count(specimen, "<input") != strings.Count(specimen, `type="checkbox"`) {
		t.Error("a button or a field that could send something")
	}
	pins := regexp.MustCompile(`href="#(pattern-\d+)"`).FindAllStringSubmatch(specimen, -1)
	if len(pins) < 10 {
		t.Errorf("%d tricks", len(pins))
	}
	for _, pin := range pins {
		if !strings.Contains(main, `id="`+pin[1]+`"`) {
			t.Errorf("%s is not explained", pin[1])
		}
	}
	says(t, b.Get(w.Auth+"/authorize?"+w.Request("openid profile").Encode()).Body, `href="/docs/bad-consent"`)
}

// Whoever presses everything on it has allowed nothing.
func TestPressingEverythingOnTheBadConsentPage(t *testing.T) {
	b := realBrowser(t)
	var found findings
	w := New(t, Options{})
	a := newAuditor(t, w, b, &found)
	a.open("a sign-in", w.Auth+"/login", 200)
	a.signIn("alice", "wanderlust")
	a.open("how not to ask", w.Auth+"/docs/bad-consent", 200)
	pressed := chrome.Evaluate[int](a.tab, `(() => { const all = document.querySelectorAll("main button, main input, main label, main .pin"); all.forEach(e => e.click()); return all.length })()`)
	if pressed < 20 || !strings.HasPrefix(a.tab.Address(), w.Auth+"/docs/bad-consent") {
		t.Errorf("%d pressed, now at %s", pressed, a.tab.Address())
	}
	if n := w.value(t, "authserver", "SELECT (SELECT count(*) FROM consents) + (SELECT count(*) FROM grants)"); n != "0" {
		t.Errorf("%s consents and grants", n)
	}
	found.report(t)
}
