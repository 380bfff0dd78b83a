package e2e

import (
	"html"
	"net/url"
	"strings"
	"testing"
	"time"
)

// runLesson presses the button of a lesson, allows what Acme asks about, and
// returns the page with the result.
func runLesson(t *testing.T, w *World, b *Browser, slug string) string {
	t.Helper()
	page := b.Form(b.Get(w.Dreams+"/learn/"+slug), "run").Submit()
	for range 3 {
		if !strings.HasPrefix(page.URL.String(), w.Auth) {
			break
		}
		form := b.Form(page, "decision")
		var scopes []string
		for _, box := range form.Boxes {
			if scope, ok := strings.CutPrefix(box, "scope="); ok {
				scopes = append(scopes, scope)
			}
		}
		page = form.With(url.Values{"scope": scopes, "decision": {"allow"}}).Submit()
	}
	if page.Status != 200 || !strings.HasPrefix(page.URL.String(), w.Dreams+"/learn/"+slug) {
		t.Fatalf("%s ended at %d %s: %v", slug, page.Status, page.URL, page.Visited)
	}
	return html.UnescapeString(page.Body)
}

func says(t *testing.T, page string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(page, word) {
			t.Errorf("the page does not say %q\n%s", word, section(page))
		}
	}
}

func saysNot(t *testing.T, page string, words ...string) {
	t.Helper()
	for _, word := range words {
		if strings.Contains(page, word) {
			t.Errorf("the page says %q\n%s", word, section(page))
		}
	}
}

// section is the part of a lesson's page that tells what happened.
func section(page string) string {
	_, after, found := strings.Cut(page, `id="result"`)
	if !found {
		return "(nothing happened)"
	}
	before, _, _ := strings.Cut(after, `What it is for`)
	return before[:min(len(before), 6000)]
}

// Each lesson runs for real, and the one thing that its grant cannot do is
// refused for real.
func TestLessonsRunAndTheirRefusalsAreReal(t *testing.T) {
	t.Parallel()
	tests := []struct {
		slug     string
		refusal  string
		says     []string
		saysNot  []string
		requests []string // grant types that reached the token endpoint
	}{
		{"pkce", "invalid_grant", []string{"code_challenge_method", "code_verifier does not", "Alice Moreau", "at+jwt", "The ID token"}, nil,
			[]string{"authorization_code"}},
		{"authorization-code", "invalid_grant", []string{"took the injected code", "nonce is the one that we sent", "has been used before", "401 Unauthorized", "Alice Moreau"},
			[]string{"<dt>code_challenge", "<dt>code_verifier"}, []string{"authorization_code"}},
		{"refresh-token", "invalid_grant", []string{"has been used before", "401 Unauthorized", "Alice Moreau"}, nil, []string{"refresh_token"}},
		{"client-credentials", "insufficient_scope", []string{"403 Forbidden", "dreams-catalogue", "pk-"}, []string{"Alice Moreau</"}, []string{"client_credentials"}},
		{"token-exchange", "invalid_scope", []string{`{"sub":"dreams-web"}`, "interests", "403 Forbidden", "blog:read is not in the subject token"}, nil,
			[]string{"urn:ietf:params:oauth:grant-type:token-exchange"}},
		{"jwt-bearer", "invalid_grant", []string{"client_assertion_type", "interests", "is nobody who lets dreams-web do this"}, nil,
			[]string{"urn:ietf:params:oauth:grant-type:jwt-bearer", "client_credentials"}},
	}
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	for _, tt := range tests {
		t.Run(tt.slug, func(t *testing.T) {
			page := runLesson(t, w, b, tt.slug)
			says(t, page, append(tt.says, "✓ Refused", `id="refusal">`+tt.refusal)...)
			saysNot(t, page, append(tt.saysNot, "should have been", "ended early")...)
			says(t, page, tt.requests...)
		})
	}
	says(t, b.Get(w.Dreams+"/learn").Body, "You ran it", "You have run")
	if other := NewBrowser(t).Get(w.Dreams + "/learn").Body; strings.Contains(other, "You ran it") {
		t.Error("another browser sees what this one has run")
	}
}

// A lesson burns an authorization of its own: what the person has connected
// stays.
func TestLessonsLeaveTheConnectionAlone(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	page := b.Get(w.Dreams + "/connect")
	form := b.Form(page, "decision")
	form.With(url.Values{"scope": {"openid", "profile", "preferences:read", "packages:read", "offline_access"}, "decision": {"allow"}}).Submit()
	for _, slug := range []string{"pkce", "authorization-code", "refresh-token", "token-exchange", "jwt-bearer"} {
		saysNot(t, runLesson(t, w, b, slug), "ended early", "should have been")
	}
	says(t, b.Get(w.Dreams+"/offers").Body, "Alice")
	saysNot(t, b.Get(w.Dreams+"/offers").Body, "Connect again", "stopped sharing")
}

// Who shares little sees a lesson that says so, and its refusal all the same.
// Carol, for whom the batch system signs in vain, has agreed by now herself.
func TestLessonsWithNextToNothingShared(t *testing.T) {
	t.Parallel()
	for slug, word := range map[string]string{"token-exchange": "little to leave out", "jwt-bearer": "Carol has agreed in the meantime", "refresh-token": "did not tick offline_access"} {
		w := New(t, Options{})
		b := NewBrowser(t)
		w.SignIn(b, "carol")
		page := b.Form(b.Get(w.Dreams+"/learn/"+slug), "run").Submit()
		page = b.Form(page, "decision").With(url.Values{"decision": {"allow"}}).Submit()
		body := html.UnescapeString(page.Body)
		says(t, body, word)
		saysNot(t, body, "ended early", "should have been")
		if slug != "refresh-token" {
			says(t, body, "✓ Refused")
		}
	}
}

// The nightly job, with the three real programs: who took the permission back
// is refused, and the other gets offers. Dreams has not been told, or it would not
// ask at all.
func TestTheNightWithOneWhoTookThePermissionBack(t *testing.T) {
	t.Parallel()
	w := New(t, Options{SQL: map[string][]string{"authserver": {
		"UPDATE clients SET metadata = json_remove(metadata, '$.security_events_uri') WHERE client_id = 'dreams-web'",
	}}})
	people := map[string]*Browser{"alice": NewBrowser(t), "bob": NewBrowser(t)}
	for name, b := range people {
		w.SignIn(b, name)
		b.Form(b.Get(w.Dreams+"/connect"), "decision").With(url.Values{"scope": {"preferences:read", "offline_access"}, "decision": {"allow"}}).Submit()
	}
	bob := people["bob"]
	bob.Form(bob.Get(w.Auth+"/account/apps"), "action").With(url.Values{"action": {"revoke"}}).Submit()
	w.Clock.Advance(2 * time.Hour) // no access token is good any more

	alice := people["alice"]
	page := alice.Form(alice.Get(w.Dreams+"/night"), "night").Submit()
	for begin := time.Now(); !strings.Contains(page.Body, "2 of 2 people done") && time.Since(begin) < 10*time.Second; time.Sleep(50 * time.Millisecond) {
		page = alice.Get(w.Dreams + "/night")
	}
	says(t, html.UnescapeString(page.Body), "2 of 2 people done, 1 refused", "✓ made", "refreshed", "invalid_grant")
	says(t, bob.Get(w.Dreams+"/offers").Body, "Connect again")
}

// Who says no to a lesson's request has connected nothing and is told so.
func TestALessonThatIsDeniedConnectsNobody(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "carol")
	page := b.Form(b.Get(w.Dreams+"/learn/pkce"), "run").Submit()
	page = b.Form(page, "decision").With(url.Values{"decision": {"deny"}}).Submit()
	says(t, page.Body, "access_denied", "Dreams got nothing")
	saysNot(t, b.Get(w.Dreams+"/").Body, "Carol")
}

// A lesson signs nobody in at Dreams.
func TestALessonSignsNobodyIn(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	runLesson(t, w, b, "pkce")
	says(t, b.Get(w.Dreams+"/offers").Body, "No offers yet")
}

func TestWiretapOffRecordsNothing(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Env: map[string]string{"WIRETAP": "off"}})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	says(t, b.Get(w.Dreams+"/learn").Body, "Nothing is recorded here")
	page := runLesson(t, w, b, "pkce")
	says(t, page, "Nothing is recorded here", "Alice Moreau", "✓ Refused")
	saysNot(t, page, "What was sent and received", "taken apart", "grant_type", "eyJ")
}
