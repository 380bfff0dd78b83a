package e2e

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/internal/e2e/chrome"
	"example.com/acme-dreams/internal/wiretap"
)

// A real browser steps through the code grant, changes a message, and loses nothing
// of what it types while new rows come in.
func TestSteppingInABrowser(t *testing.T) {
	t.Parallel()
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

// Each lesson is gone through in a real browser, with a pause before each message:
// the person presses Next, signs in and decides where Acme asks, and comes to the
// end.
func TestEveryLessonIsSteppedThroughInABrowser(t *testing.T) {
	t.Parallel()
	b := realBrowser(t)
	w := New(t, Options{})
	for _, slug := range lessonSlugs(t, w) {
		t.Run(slug, func(t *testing.T) {
			tab := b.Tab(t)
			defer tab.Close()
			has := func(element string) bool {
				return chrome.Evaluate[bool](tab, `document.querySelector(`+strconv.Quote(element)+`) !== null`)
			}
			if slug == "step-up" { // the login is to be an old one
				tab.Open(w.Auth + "/login")
				tab.Type("#username", "alice")
				tab.Type("#password", "wanderlust")
				tab.Click("#sign-in")
				w.Clock.Advance(6 * time.Minute)
			}
			tab.Open(w.Dreams + "/learn/" + slug)
			if slug == "password" {
				tab.Type("#username", "alice")
				tab.Type("#password", "wanderlust")
			}
			tab.Click("button[value=step]")
			pauses, typed := 0, false
			for begin := time.Now(); ; {
				address, text := tab.Address(), tab.Text()
				code := regexp.MustCompile(`The television shows ([A-Z]{4}-[A-Z]{4})`).FindStringSubmatch(text)
				switch {
				case has("#sign-in"):
					tab.Type("#username", "alice")
					tab.Type("#password", "wanderlust")
					tab.Click("#sign-in")
				case has("#allow"):
					chrome.Evaluate[bool](tab, `document.querySelectorAll("input[name=scope]").forEach(box => box.checked = true), true`)
					tab.Click("#allow")
				case strings.HasPrefix(address, w.Dreams+"/widget"):
					time.Sleep(50 * time.Millisecond) // its script goes on by itself
				case code != nil && !typed:
					phone := w.SignedIn(t, "alice")
					phone.Form(w.TypeCode(phone, code[1]), "decision").With(url.Values{"scope": {"profile", "packages:read"}, "decision": {"allow"}, "duration": nil}).Submit()
					w.Clock.Advance(11 * time.Second)
					typed = true
				case has("#next"):
					tab.Click("#next")
					pauses++
				case strings.Contains(text, "It is over."):
					if want := 3; pauses < want {
						t.Errorf("it paused %d times", pauses)
					}
					if strings.Contains(text, "ended before") || strings.Contains(text, "Something is missing") {
						t.Errorf("the page says %.900s", text)
					}
					tab.Open(w.Dreams + "/learn/" + slug)
					if result := tab.Text(); !strings.Contains(result, "✓ Refused") || strings.Contains(result, "ended early") {
						t.Errorf("the result is %.1500s", result)
					}
					return
				default:
					time.Sleep(50 * time.Millisecond)
					tab.Open(address)
				}
				if time.Since(begin) > time.Minute {
					t.Fatalf("after %d pauses the browser is at %s: %.1500s", pauses, tab.Address(), tab.Text())
				}
			}
		})
	}
}
