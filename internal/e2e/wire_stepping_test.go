package e2e

import (
	"html"
	"net/url"
	"strings"
	"testing"
	"time"
)

// stepping is a browser at the page of a run that goes step by step.
type stepping struct {
	t    *testing.T
	w    *World
	b    *Browser
	page Page
	run  string // its page
	// phone is the browser that a device code is typed in.
	phone *Browser
}

// stepThrough begins a lesson that stops before each message.
func stepThrough(t *testing.T, w *World, b *Browser, slug string) *stepping {
	t.Helper()
	form := b.Form(b.Get(w.Dreams+"/learn/"+slug), "run").With(url.Values{"mode": {"step"}})
	s := &stepping{t: t, w: w, b: b, page: form.Submit()}
	if !strings.HasPrefix(s.page.URL.Path, "/runs/") || s.page.Status != 200 {
		t.Fatalf("%s began at %d %s\n%.2000s", slug, s.page.Status, s.page.URL, s.page.Body)
	}
	s.run = s.page.URL.String()
	return s
}

// waits is the line of what waits: "leaving POST /token".
func (s *stepping) waits() string {
	_, after, found := strings.Cut(s.page.Body, `id="waits"`)
	if !found {
		return ""
	}
	heading, after, _ := strings.Cut(after, "</h3>")
	_, heading, _ = strings.Cut(heading, "<h3>")
	_, label, _ := strings.Cut(after, "<code>")
	label, _, _ = strings.Cut(label, "</code>")
	return html.UnescapeString(heading + ": " + label)
}

// next presses Next, and does at the authorization server what a person does.
func (s *stepping) next() string {
	s.t.Helper()
	return s.press(url.Values{"action": {"next"}})
}

func (s *stepping) press(fields url.Values) string {
	s.t.Helper()
	s.page = s.b.Form(s.page, "seq").With(fields).Submit()
	s.atAccounts()
	return s.waits()
}

// atAccounts signs in and allows until the browser is back.
func (s *stepping) atAccounts() {
	s.t.Helper()
	for range 6 {
		if !strings.HasPrefix(s.page.URL.String(), s.w.Auth) || s.page.Status != 200 {
			break
		}
		if strings.Contains(s.page.Body, `name="password"`) {
			s.page = s.w.LogIn(s.b, s.page, "alice", "wanderlust")
			continue
		}
		form := s.b.Form(s.page, "decision")
		ticked := url.Values{"decision": {"allow"}}
		for _, box := range form.Boxes {
			name, value, _ := strings.Cut(box, "=")
			ticked[name] = append(ticked[name], value)
		}
		s.page = form.With(ticked).Submit()
	}
}

// over tells whether nothing waits any more.
func (s *stepping) over() bool {
	return strings.Contains(s.page.Body, "✓ Over.") || strings.Contains(s.page.Body, "ended early")
}

// settle opens the page again while Dreams is at work.
func (s *stepping) settle() {
	s.t.Helper()
	for begin := time.Now(); s.waits() == "" && !s.over(); time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			s.t.Fatalf("nothing waits, and it is not over:\n%s", s.side())
		}
		s.page = s.b.Get(s.run)
	}
}

// toTheEnd presses Next until the run is over, and returns what waited.
func (s *stepping) toTheEnd() []string {
	s.t.Helper()
	var all []string
	for range 120 {
		s.settle()
		if s.over() {
			return all
		}
		all = append(all, s.waits())
		s.next()
	}
	s.t.Fatalf("it is not over after 120 steps: %v", all)
	return nil
}

// side is what stands beside the messages.
func (s *stepping) side() string {
	_, after, _ := strings.Cut(s.page.Body, `aria-labelledby="steps-h"`)
	before, _, _ := strings.Cut(after, "</section>")
	return html.UnescapeString(before)
}

// Each message waits until somebody lets it go: requests, answers, and the browser.
func TestSteppingStopsBeforeEachMessage(t *testing.T) {
	w := New(t, Options{})
	tests := map[string][]string{
		"client-credentials": {
			"Dreams is about to send: POST /token", "An answer is about to arrive: 200 OK",
			"Dreams is about to send: GET /api/v1/packages", "An answer is about to arrive: 200 OK",
			"Dreams is about to send: GET /api/v1/me", "An answer is about to arrive: 403 Forbidden",
		},
		"pkce": {
			"Your browser is about to leave: GET /authorize",
			"Dreams is about to send: POST /token", "An answer is about to arrive: 200 OK",
			"Dreams is about to send: GET /api/v1/me", "An answer is about to arrive: 200 OK",
			"Your browser is about to leave: GET /authorize",
			"Dreams is about to send: POST /token", "An answer is about to arrive: 400 Bad Request",
		},
	}
	for slug, want := range tests {
		b := NewBrowser(t)
		w.SignIn(b, "alice")
		s := stepThrough(t, w, b, slug)
		if got := s.toTheEnd(); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s stopped at\n%s\nwant\n%s", slug, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if result := html.UnescapeString(b.Get(w.Dreams + "/learn/" + slug).Body); !strings.Contains(result, "✓ Refused") || strings.Contains(result, "should have been") {
			t.Errorf("%s: no refusal in the result\n%s", slug, section(result))
		}
	}
}
