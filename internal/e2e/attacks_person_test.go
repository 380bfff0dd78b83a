package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// personAttacks are on what a person takes back: a client goes on as before.
var personAttacks = []Attack{
	{
		Rule: "no permission of the token was taken back", Name: "by a token from before",
		Refused: "401 invalid_token", Options: Options{Only: []string{"authserver", "acme"}},
		Try: func(t testing.TB, w *World) (bool, string) {
			w.waitForAcme(t)
			token := w.offline(t).String("access_token")
			w.takeBack(w.SignedIn(t, "alice"), "preferences:read")
			if w.active(t, "dreams-web", token) {
				t.Error("authserver itself calls it active")
			}
			return w.afterFeed(t, token)
		},
	},
	{
		Rule: "no permission of the token was taken back", Name: "for something else that it carries",
		Refused: "401 invalid_token", Options: Options{Only: []string{"authserver", "acme"}},
		Try: func(t testing.TB, w *World) (bool, string) {
			w.waitForAcme(t)
			token := w.Tokens(t, "alice", "openid email preferences:read").String("access_token")
			w.takeBack(w.SignedIn(t, "alice"), "email")
			return w.afterFeed(t, token)
		},
	},
	{
		Rule: "no permission of the token was taken back", Name: "by an authorization detail that opens a part of it",
		Refused: "401 invalid_token", Options: Options{Only: []string{"authserver", "acme"}},
		Try: func(t testing.TB, w *World) (bool, string) {
			w.waitForAcme(t)
			b := w.SignedIn(t, "alice")
			token := w.granted(t, w.agree(b, With(w.Request("openid preferences:read"), url.Values{"authorization_details": {aboutBeaches}}), "preferences:read")).String("access_token")
			w.takeBack(b, "preferences:read")
			return w.afterFeed(t, token)
		},
	},
	{
		Rule:    "refresh token's person still lets the client look again",
		Refused: "400 invalid_grant", Options: Options{Only: []string{"authserver"}},
		Try: func(t testing.TB, w *World) (bool, string) {
			tokens := w.offline(t)
			w.takeBack(w.SignedIn(t, "alice"), "offline_access")
			if w.active(t, "dreams-web", tokens.String("refresh_token")) {
				t.Error("introspection calls it active")
			}
			answer := w.refresh(t, "dreams-web", tokens.String("refresh_token"))
			return answer.Status == http.StatusOK, answer.Refusal()
		},
	},
}

// agree lets a request through with some scopes and all its details.
func (w *World) agree(b *Browser, request url.Values, scopes ...string) Page {
	b.t.Helper()
	form := b.Form(w.Authorize(b, request), "decision")
	var details []string
	for _, box := range form.Boxes {
		if value, ok := strings.CutPrefix(box, "authorization_detail="); ok {
			details = append(details, value)
		}
	}
	return form.With(url.Values{"scope": scopes, "authorization_detail": details, "decision": {"allow"}, "duration": nil}).Submit()
}

// afterFeed uses a token once Acme has heard what authserver said before.
func (w *World) afterFeed(t testing.TB, token string) (bool, string) {
	t.Helper()
	mark := w.Tokens(t, "bob", "openid preferences:read").String("access_token")
	w.revoke(t, "dreams-web", mark)
	waitFor(t, within, "Acme hears of a later revocation", func() bool {
		_, refusal := w.preferences(t, mark)
		return refusal == "401 invalid_token"
	})
	return w.preferences(t, token)
}

// details is the page about the only app that is connected.
func (w *World) appPage(b *Browser) Page {
	b.t.Helper()
	_, after, found := strings.Cut(b.Get(w.Auth+"/account/apps").Body, `href="/account/apps/c_`)
	if !found {
		b.t.Fatal("no app is connected")
	}
	id, _, _ := strings.Cut(after, `"`)
	return b.Get(w.Auth + "/account/apps/c_" + id)
}

// takeBack switches a permission off, on the page of the only app that is connected.
func (w *World) takeBack(b *Browser, permission string) Page {
	b.t.Helper()
	for _, form := range b.Forms(w.appPage(b)) {
		if form.Fields.Get("permission") == permission {
			done := form.With(url.Values{"action": {"withdraw"}}).Submit()
			if done.Status != http.StatusOK {
				b.t.Fatalf("taking %s back: %d", permission, done.Status)
			}
			return done
		}
	}
	b.t.Fatalf("%s cannot be taken back", permission)
	return Page{}
}
