package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// OIDC Core §3.1.2.1: the authorization request may be posted, from the
// client's site. SameSite=Lax keeps our cookie from such a request; whoever
// was signed in all along need not sign in again for it.
func TestARequestThatAnotherSitePostedFindsItsPerson(t *testing.T) {
	w, b := alone(t, Options{})
	w.Allow(b, w.Request("openid profile"))
	for name, changes := range map[string]url.Values{
		"answered":             nil,
		"prompt=login":         {"prompt": {"login"}},
		"refused once known":   {"code_challenge": {"guess-me"}},
		"asked for more scope": {"scope": {"openid profile email"}},
	} {
		answer := w.Post(t, w.Auth+"/authorize", http.Header{"Origin": {w.Dreams}}, With(w.Request("openid profile"), changes))
		location := answer.Header.Get("Location")
		if answer.Status != http.StatusSeeOther || !strings.HasPrefix(location, "/login?interaction=") {
			t.Fatalf("%s: %d, to %q", name, answer.Status, location)
		}
		page := b.Get(w.Auth + location)
		var ended string
		switch {
		case page.Answer().Get("code") != "":
			ended = "answered"
		case page.Answer().Get("error") == "invalid_request":
			ended = "refused once known"
		case page.URL.Path == "/login":
			ended = "prompt=login"
		case page.URL.Path == "/consent":
			ended = "asked for more scope"
		}
		if ended != name {
			t.Errorf("%s: ended as %q at %s %s", name, ended, page.URL, page.Location)
		}
	}
}

// A request that waited for a sign-in is answered once: with prompt=login its
// address would otherwise give codes to whoever is at the browser next.
func TestARequestThatWaitedIsAnsweredOnce(t *testing.T) {
	w, b := alone(t, Options{})
	w.Allow(b, w.Request("openid profile"))
	login := w.Authorize(b, With(w.Request("openid profile"), url.Values{"prompt": {"login"}}))
	answer := w.LogIn(b, login, "alice", "wanderlust")
	if answer.Answer().Get("code") == "" {
		t.Fatalf("no code: %d %s", answer.Status, answer.Location)
	}
	again := b.Get(w.Auth + "/authorize/resume?" + login.URL.RawQuery)
	wantPage(t, again, "invalid_request")
}

// A class that signs in as alice at the same moment, all rightly, is not taken
// for somebody who guesses.
func TestThirtyPeopleSignInAsAliceAtOnce(t *testing.T) {
	w := New(t, authserverAlone)
	var all sync.WaitGroup
	for range 30 {
		b := NewBrowser(t)
		login := b.Get(w.Auth + "/login")
		all.Go(func() {
			if page := w.LogIn(b, login, "alice", "wanderlust"); page.Status != http.StatusOK || page.URL.Path != "/account" {
				t.Errorf("got %d at %s", page.Status, page.URL)
			}
		})
	}
	all.Wait()
}

// The security log names the client also where it is named in the body.
func TestTheSecurityLogNamesTheClient(t *testing.T) {
	w, _ := alone(t, Options{})
	w.Token(t, nil, url.Values{"grant_type": {"refresh_token"}, "client_id": {"dreams-spa"}, "refresh_token": {"rt_unknown"}})
	w.Do(t, http.MethodGet, w.Auth+"/no-such-page", nil, "")
	w.wantLogged(t, "request refused", "/token: invalid_grant", 1)
	if n := w.value(t, "authserver", "SELECT count(*) FROM security_events WHERE kind = 'request refused' AND client_id = 'dreams-spa'"); n != "1" {
		t.Errorf("%s entries name dreams-spa, want 1", n)
	}
	if n := w.value(t, "authserver", "SELECT count(*) FROM security_events WHERE instr(detail, 'no-such-page')"); n != "0" {
		t.Errorf("a wrong address is in the security log: anybody could fill it")
	}
}
