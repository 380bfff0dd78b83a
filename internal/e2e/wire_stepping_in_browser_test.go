package e2e

import (
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/internal/e2e/chrome"
	"example.com/acme-dreams/internal/wiretap"
)

// A real browser steps through the code grant, changes a message, and loses nothing
// of what it types while new rows come in.
func TestSteppingInABrowser(t *testing.T) {
	b := realBrowser(t)
	w := New(t, Options{})
	var found findings
	a := newAuditor(t, w, b, &found)
	a.tab.Open(w.Auth + "/login")
	a.signIn("alice", "wanderlust")
	a.tab.Open(w.Dreams + "/connect")
	a.tab.Tick("input[value='preferences:read']")
	a.tab.Click("#allow")
	a.tab.Open(w.Dreams + "/learn/pkce")
	a.tab.Seen()
	a.click("a run before its first message", "button[value=step]", 200)
	a.tab.Click("#next") // to the authorization server and back: nothing new is asked
	if text := a.tab.Text(); !strings.Contains(text, "The code is good for") {
		t.Fatalf("the browser is at %s: %.600s", a.tab.Address(), text)
	}
	a.look("a run that waits with the token request", 200, 200)
	if focused := chrome.Evaluate[string](a.tab, `document.activeElement.id`); focused != "next" {
		t.Errorf("after a press the focus is at %q and not at Next", focused)
	}

	chrome.Evaluate[bool](a.tab, `document.querySelector("#edit").open = true`)
	const verifier = `[...document.querySelectorAll("#edit [name=n]")].find(n => n.value === "code_verifier").nextElementSibling.nextElementSibling`
	chrome.Evaluate[bool](a.tab, verifier+`.value = "somebody typed this and it is long enough to be one", true`)
	id := strings.TrimPrefix(chrome.Evaluate[string](a.tab, `location.pathname`), "/runs/")
	w.room.Recording(id).Miss(wiretap.Gap{At: time.Now(), Party: wiretap.ResourceServer, Lost: 3, Why: "of this test"})
	seen := func() bool { return strings.Contains(a.tab.Text(), "3 messages are missing") }
	if eventually(seen); !seen() {
		t.Error("no new row came by itself")
	}
	if typed := chrome.Evaluate[string](a.tab, verifier+`.value`); !strings.HasPrefix(typed, "somebody typed") {
		t.Errorf("what was typed is gone: %q", typed)
	}

	chrome.Evaluate[bool](a.tab, `document.querySelector("#edit [name=method]").value = "NO SENSE", true`)
	a.click("a change that makes no sense", "#edit button", 200)
	if text := a.tab.Text(); !strings.Contains(text, "It was not sent.") {
		t.Errorf("the page says %.900s", text)
	}
	chrome.Evaluate[bool](a.tab, `document.querySelector("#edit [name=method]").value = "POST", true`)
	a.tab.Click("#edit button")
	a.tab.Click("#next")
	a.look("a run that was changed", 200, 200)
	if text := a.tab.Text(); !strings.Contains(text, "Changed by hand") || !strings.Contains(text, "invalid_grant") {
		t.Errorf("the page says %.900s", text)
	}
	a.click("another run beside it", "button[value=branch]", 200)
	a.click("two runs side by side", `a[href*="/compare/"]`, 200)
	found.report(t)
}
