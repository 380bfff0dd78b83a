package e2e

import (
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/internal/e2e/chrome"
)

// The inspector and the clock are looked at in a real browser, and the countdown
// counts.
func TestTheInspectorInABrowser(t *testing.T) {
	t.Parallel()
	b := realBrowser(t)
	w := New(t, Options{})
	var found findings
	a := newAuditor(t, w, b, &found)
	a.tab.Open(w.Auth + "/login")
	a.signIn("alice", "wanderlust")
	a.openLarge("inspector, nothing yet", w.Dreams+"/inspector")
	a.tab.Open(w.Dreams + "/inspector")
	a.tab.Click("#fresh")
	chrome.Evaluate[bool](a.tab, `document.querySelectorAll("input[type=checkbox]:not(:disabled)").forEach(box => box.checked = true), true`)
	a.tab.Click("#allow")
	a.tab.Seen()
	if at := a.tab.Address(); !strings.HasPrefix(at, w.Dreams+"/inspector") {
		t.Fatalf("ended at %s: %.600s", at, a.tab.Text())
	}
	a.click("inspector, a token", "[name=from]", 200)
	a.as(projector)
	if text := a.tab.Text(); !strings.Contains(text, "✓ Verified") {
		t.Errorf("%.1200s", text)
	}
	waitFor(t, 10*time.Second, "the countdown begins", func() bool { return strings.HasPrefix(timer(a.tab), "Expires in 59 min") })
	first := timer(a.tab)
	waitFor(t, 10*time.Second, "the countdown counts", func() bool { return timer(a.tab) != first })
	if chrome.Evaluate[string](a.tab, `document.querySelector("[data-left] [role=status]").textContent`) != "" {
		t.Error("each second is announced")
	}
	for _, name := range []string{"flip", "none", "hs256", "aud"} {
		a.tab.Click("[value=" + name + "]")
	}
	a.tab.Seen()
	a.click("inspector, tampered and stolen", "[value=steal]", 200)
	a.click("inspector, moved", "[name=action][value=clock]", 200)
	a.click("inspector, three ways", "[value=compare]", 200)
	a.as(projector)
	a.openLarge("clock, ahead", w.Dreams+"/clock")
	a.tab.Open(w.Dreams + "/clock")
	a.click("clock, far ahead", "[value='720h']", 200)
	a.tab.Open(w.Dreams + "/inspector")
	chrome.Evaluate[bool](a.tab, `document.querySelector("#tk").value = "rt_nothing", true`)
	a.click("inspector, opaque", "main .btn", 200)
	a.open("accounts, ahead", w.Auth+"/login", 200)
	a.open("acme, ahead", w.Acme+"/", 200)
	found.report(t)
}

func timer(tab *chrome.Tab) string {
	return chrome.Evaluate[string](tab, `document.querySelector("[role=timer]").textContent`)
}
