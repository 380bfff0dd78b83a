package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"example.com/acme-dreams/internal/e2e/chrome"
)

// realBrowser starts the one browser of the tests. Where there is none they
// fail. Somebody who does without (make test BROWSER=none) leaves them out by
// name, in tools/without.sh: what did not run does not look as if it had.
func realBrowser(t *testing.T) *chrome.Browser {
	t.Helper()
	path, err := chrome.Find()
	if err != nil {
		t.Fatal(err)
	}
	b, err := chrome.Start(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// A customer lets Dreams read her Acme data, and takes it back: by a scripted
// browser, and by a real one on a desk and on a phone, with script and without.
func TestMainJob(t *testing.T) {
	w := New(t, Options{})
	MainJob(t, Addresses{w.Auth, w.Acme, w.Dreams}, func(step string) { t.Log(step) })
}

func TestMainJobInABrowser(t *testing.T) {
	b := realBrowser(t)
	w := New(t, Options{})
	for _, script := range []bool{true, false} {
		for _, width := range []int{1280, 390} {
			t.Run(fmt.Sprintf("script %v, %d pixels", script, width), func(t *testing.T) {
				job := chrome.MainJob{Auth: w.Auth, Acme: w.Acme, Dreams: w.Dreams, Script: script, Width: width, Shots: os.Getenv("E2E_SHOTS")}
				job.Run(t, b, func(step string) { t.Log(step) })
			})
		}
	}
}

// WCAG 2.2 2.1.1, 2.4.7, 2.4.11: signing in and deciding need no mouse, and one
// sees where one is.
func TestSignInAndConsentByKeyboardAlone(t *testing.T) {
	w := New(t, Options{})
	tab := realBrowser(t).Tab(t)
	defer tab.Close()
	tab.Size(1280, 800)
	tab.Open(w.Dreams + "/connect")

	tab.Keys(kb.Tab)
	if first := focused(t, tab); first.Label != "Skip to the content" {
		t.Errorf("the first stop is %q, want the skip link", first.Label)
	}
	tab.Keys(kb.Enter)
	tabTo(t, tab, "#username")
	tab.Keys("alice")
	tabTo(t, tab, "#password")
	tab.Keys("wanderlust")
	if status := tab.KeysToPage(kb.Enter); status != 200 || !strings.HasPrefix(tab.Address(), w.Auth) {
		t.Fatalf("after Enter in the password: %d at %s", status, tab.Address())
	}

	tab.Keys(kb.Tab + kb.Enter) // past the page's head
	for _, scope := range []string{"email", "preferences:read"} {
		tabTo(t, tab, "[value='"+scope+"']")
		tab.Keys(" ")
	}
	stops := tabTo(t, tab, "#allow")
	if !slices.ContainsFunc(stops, func(s stop) bool { return strings.HasPrefix(s.Label, "What exactly?") }) {
		t.Error("what exactly a permission opens cannot be unfolded by keyboard")
	}
	if status := tab.KeysToPage(" "); status != 200 || tab.Address() != w.Dreams+"/offers" {
		t.Fatalf("after Space on Allow: %d at %s", status, tab.Address())
	}
	if !strings.Contains(tab.Text(), "You like hiking") {
		t.Error("what was ticked by keyboard did not arrive: no offer knows her preferences")
	}
}

// stop is where the focus is.
type stop struct {
	Label   string
	Visible bool // it has an outline, or something else that shows the focus
	Covered bool // something else lies over it
	Place   string
}

// focused looks at what has the focus. It also moves with Shift+Tab, so covered
// looks at the middle of the part that is in the window.
func focused(t *testing.T, tab *chrome.Tab) stop {
	t.Helper()
	return chrome.Evaluate[stop](tab, `(() => {
		const e = document.activeElement, s = getComputedStyle(e), r = e.getClientRects()[0] ?? e.getBoundingClientRect();
		const x = (Math.max(r.left, 0) + Math.min(r.right, innerWidth)) / 2, y = (Math.max(r.top, 0) + Math.min(r.bottom, innerHeight)) / 2;
		const top = document.elementFromPoint(x, y);
		return {
			Label: (e.labels?.[0]?.textContent ?? e.textContent).trim().replace(/\s+/g, " ").slice(0, 60),
			Visible: e.matches(":focus-visible") && s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2,
			Covered: !(top && (e.contains(top) || top.contains(e))),
			Place: e.tagName + (e.id && "#" + e.id),
		};
	})()`)
}

// tabTo presses Tab until an element has the focus, and returns the stops.
func tabTo(t *testing.T, tab *chrome.Tab, selector string) []stop {
	t.Helper()
	var stops []stop
	for range 60 {
		tab.Keys(kb.Tab)
		at := focused(t, tab)
		stops = append(stops, at)
		if !at.Visible {
			t.Errorf("%s (%q) does not show that it has the focus", at.Place, at.Label)
		}
		if at.Covered {
			t.Errorf("%s (%q) has the focus and something lies over it", at.Place, at.Label)
		}
		if chrome.Evaluate[bool](tab, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
			return stops
		}
	}
	t.Fatalf("Tab does not lead to %s, only to %v", selector, stops)
	return nil
}

// findings are what is wrong with the pages, by kind.
type findings struct {
	mu     sync.Mutex
	byKind map[string][]string
}

func (f *findings) add(kind, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byKind == nil {
		f.byKind = map[string][]string{}
	}
	f.byKind[kind] = append(f.byKind[kind], fmt.Sprintf(format, args...))
}
