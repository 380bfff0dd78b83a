package e2e

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// RFC 6585 §4: 429 "MAY include a Retry-After header"; ours always does, says in
// the form of its endpoint what happened, and is kept by nobody.
func TestWhoeverHasToWaitIsToldHowLong(t *testing.T) {
	t.Parallel()
	guess := url.Values{"username": {"alice"}, "password": {"a wrong password"}, "current": {"a wrong password"}}
	for name, c := range map[string]struct {
		only []string
		try  func(t *testing.T, w *World) func() Response
		form string // of what the answer is
	}{
		"sign-in": {nil, func(t *testing.T, w *World) func() Response {
			b := NewBrowser(t)
			form := b.Form(b.Get(w.Auth+"/login"), "password").With(guess)
			return func() Response { return form.Submit().Response }
		}, "text/html"},
		"present password": {nil, func(t *testing.T, w *World) func() Response {
			b := w.SignedIn(t, "alice")
			form := b.Form(b.Get(w.Auth+"/account/password"), "current").With(guess)
			return func() Response { return form.Submit().Response }
		}, "text/html"},
		"sign-up": {nil, func(t *testing.T, w *World) func() Response {
			b := NewBrowser(t)
			form := b.Form(b.Get(w.Auth+"/signup"), "password").With(newcomer("alice"))
			return func() Response { return form.Submit().Response }
		}, "text/html"},
		"another address": {nil, func(t *testing.T, w *World) func() Response {
			b := w.SignedIn(t, "alice")
			form := b.Form(b.Get(w.Auth+"/account/profile"), "email").With(url.Values{"email": {"bob@acme.test"}})
			return func() Response { return form.Submit().Response }
		}, "text/html"},
		"user code": {nil, func(t *testing.T, w *World) func() Response {
			b := NewBrowser(t)
			form := b.Form(b.Get(w.Auth+"/device"), "user_code").With(url.Values{"user_code": {"BCDF-GHJK"}})
			return func() Response { return form.Submit().Response }
		}, "text/html"},
		"password grant": {nil, func(t *testing.T, w *World) func() Response {
			return func() Response {
				return w.Token(t, nil, With(password("acme-mobile", "profile"), url.Values{"password": {"a wrong password"}}))
			}
		}, "application/json"},
		"registration": {nil, func(t *testing.T, w *World) func() Response {
			return func() Response { return w.Register(t, nil, diary(nil)) }
		}, "application/json"},
		"Acme's app of 2012": {[]string{"authserver", "acme"}, func(t *testing.T, w *World) func() Response {
			b := NewBrowser(t)
			form := b.Form(b.Get(w.Acme+"/mobile"), "password").With(guess)
			return func() Response { return form.Submit().Response }
		}, "text/html"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.only == nil {
				c.only = []string{"authserver"}
			}
			try := c.try(t, New(t, Options{Only: c.only}))
			var answer Response
			for range 700 {
				if answer = try(); answer.Status == http.StatusTooManyRequests {
					break
				}
			}
			seconds, err := strconv.Atoi(answer.Header.Get("Retry-After"))
			if answer.Status != http.StatusTooManyRequests || err != nil || seconds < 1 || seconds > 600 {
				t.Fatalf("%d, Retry-After %q", answer.Status, answer.Header.Get("Retry-After"))
			}
			if answer.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(answer.Header.Get("Content-Type"), c.form) {
				t.Errorf("%v", answer.Header)
			}
			if words := strings.ToLower(answer.Body); !strings.Contains(words, "too many") && !strings.Contains(words, "wait") {
				t.Errorf("it does not say what happened: %.500s", answer.Body)
			}
			if c.form == "application/json" && (answer.String("error") == "" || answer.String("error_description") == "") {
				t.Errorf("%s", answer.Body)
			}
		})
	}
}

// Limits are on what fails. A client and an API that are in order are never
// asked to wait, however much they ask, and however many guess passwords at the
// same address.
func TestWhoIsInOrderIsNotLimited(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	tokens := w.offline(t)
	wrong := With(password("acme-mobile", "profile"), url.Values{"password": {"a wrong password"}})
	for i := range 60 {
		w.Token(t, nil, With(wrong, url.Values{"username": {"nobody-" + strconv.Itoa(i)}}))
	}
	if answer := w.Token(t, nil, password("acme-mobile", "profile")); answer.Status != http.StatusTooManyRequests {
		t.Fatalf("nothing is limited: %d", answer.Status)
	}
	for i := range 300 {
		if !w.active(t, "acme-api", tokens.String("access_token")) {
			t.Fatalf("introspection %d", i)
		}
		if i%3 == 0 {
			tokens = w.refresh(t, "dreams-web", tokens.String("refresh_token"))
		}
		if tokens.Status != http.StatusOK {
			t.Fatalf("refresh %d: %d %s", i, tokens.Status, tokens.Body)
		}
	}
}
