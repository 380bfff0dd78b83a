package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Whoever looks at a person's data is seen by that person, and by nobody else,
// within a second; so is whoever tries.
func TestWhoLookedIsSeenByThePerson(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	w.waitForAcme(t)
	token := w.Tokens(t, "bob", "openid profile preferences:read").String("access_token")
	for path, status := range map[string]int{"/me/preferences": http.StatusOK, "/me/posts": http.StatusForbidden} {
		if answer := w.API(t, "GET", path, token, ""); answer.Status != status {
			t.Fatalf("%s: %d %s", path, answer.Status, answer.Body)
		}
	}
	bob, carol := w.atAcme(t, "bob"), w.atAcme(t, "carol")
	var page Page
	for deadline := time.Now().Add(time.Second); ; time.Sleep(20 * time.Millisecond) {
		page = bob.Get(w.Acme + "/me/access?app=dreams-web") // Acme Accounts may have looked, for the consent
		if strings.Count(page.Body, "<tr>") == 3 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within a second: %s", page.Body)
		}
	}
	for _, words := range []string{"One was refused.", "read your travel preferences", "tried to read all your posts", "Allowed, 200", "Refused, 403"} {
		if !strings.Contains(page.Body, words) {
			t.Errorf("%q is not on the page", words)
		}
	}
	if strings.Contains(page.Body, token) || strings.Contains(bob.Get(w.Acme+"/me/access.csv").Body, token) {
		t.Error("the token is on the page")
	}
	if page := carol.Get(w.Acme + "/me/access"); !strings.Contains(page.Body, "Nobody has looked") {
		t.Error("carol sees bob's")
	}
}

// atAcme is a browser of somebody who is signed in at Acme Travel.
func (w *World) atAcme(t testing.TB, username string) *Browser {
	t.Helper()
	b := NewBrowser(t)
	if page := w.LogIn(b, b.Get(w.Acme+"/login?next="+url.QueryEscape("/me")), username, "wanderlust"); page.Status != http.StatusOK {
		t.Fatalf("%s cannot sign in at Acme: %d", username, page.Status)
	}
	return b
}
