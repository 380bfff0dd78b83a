package e2e

import (
	"net/url"
	"strings"
	"testing"
)

// bobsIDToken is what dreams-web once got for bob.
func bobsIDToken(t *testing.T, w *World) string {
	t.Helper()
	return w.Tokens(t, "bob", "openid profile").String("id_token")
}

// OIDC Core §3.1.2.1, login_hint: somebody else is signed in, and is asked
// before anything is shared from the wrong account.
func TestALoginHintForSomebodyElseAsksWhichAccount(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	b := w.SignedIn(t, "alice")
	w.Allow(b, w.Request("openid profile")) // nobody would be asked
	for _, own := range []string{"alice", "ALICE@acme.test", ""} {
		wantCode(t, w.Authorize(b, With(w.Request("openid profile"), url.Values{"login_hint": {own}})))
	}
	request := With(w.Request("openid profile"), url.Values{"login_hint": {"bob"}})
	page := w.Authorize(b, request)
	if page.Location != "" || !strings.Contains(page.Body, "Continue as Alice Moreau") || !strings.Contains(page.Body, "bob") {
		t.Fatalf("no question: %d %s", page.Status, page.Location)
	}
	t.Run("going on", func(t *testing.T) {
		forms := b.Forms(page)
		answer := forms[slicesIndex(forms, "/account/choose")].Submit()
		wantCode(t, answer)
		if sub := subject(t, w, answer); sub != person(t, "alice") {
			t.Errorf("the code is %s's", sub)
		}
	})
	t.Run("another account", func(t *testing.T) {
		page := w.Authorize(b, request)
		forms := b.Forms(page)
		login := forms[slicesIndex(forms, "/account/switch")].Submit()
		if name := b.Form(login, "password").Fields.Get("username"); name != "bob" {
			t.Errorf("the login page knows %q", name)
		}
		answer := b.Form(w.LogIn(b, login, "bob", "wanderlust"), "decision").With(url.Values{"decision": {"allow"}}).Submit()
		if sub := subject(t, w, answer); sub != person(t, "bob") {
			t.Errorf("the code is %s's", sub)
		}
	})
	t.Run("prompt=none shows no page", func(t *testing.T) {
		wantCode(t, w.Authorize(b, With(request, url.Values{"login_hint": {"alice"}, "prompt": {"none"}})))
	})
}

// slicesIndex finds the form that posts to a path.
func slicesIndex(forms []Form, path string) int {
	for i, f := range forms {
		if strings.HasSuffix(f.Action, path) {
			return i
		}
	}
	return -1
}

// subject redeems a code and tells whose it is.
func subject(t *testing.T, w *World, answer Page) string {
	t.Helper()
	_, claims := parts(t, w.Token(t, Basic("dreams-web"), w.Redemption(answer)).String("id_token"))
	sub, _ := claims["sub"].(string)
	return sub
}

// OIDC Core §3.1.2.1, prompt=select_account: asked each time, and once.
func TestSelectAccountAsksWhichAccount(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	b := w.SignedIn(t, "alice")
	w.Allow(b, w.Request("openid profile"))
	for range 2 {
		page := w.Authorize(b, With(w.Request("openid profile"), url.Values{"prompt": {"select_account"}}))
		forms := b.Forms(page)
		i := slicesIndex(forms, "/account/choose")
		if i < 0 {
			t.Fatalf("no question: %d %s", page.Status, page.Location)
		}
		wantCode(t, forms[i].Submit())
	}
	// Who has just signed in for it has chosen.
	fresh := NewBrowser(t)
	fresh.Stay = w.Dreams
	wantCode(t, w.LogIn(fresh, w.Authorize(fresh, With(w.Request("openid profile"), url.Values{"prompt": {"select_account"}})), "alice", "wanderlust"))
}

// OIDC Core §3.1.2.1, id_token_hint: the answer is about that person, or there is
// none.
func TestAnIDTokenHintIsForOnePersonAlone(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	hint := bobsIDToken(t, w)
	for name, about := range map[string]url.Values{
		"id_token_hint":            {"id_token_hint": {hint}},
		"claims: sub with a value": {"claims": {`{"id_token":{"sub":{"value":"` + person(t, "bob") + `"}}}`}},
	} {
		t.Run(name, func(t *testing.T) {
			b := w.SignedIn(t, "alice")
			w.Allow(b, w.Request("openid profile"))
			request := With(w.Request("openid profile"), about)
			if page := w.Authorize(b, With(request, url.Values{"prompt": {"none"}})); page.Refusal() != "303 login_required" {
				t.Errorf("prompt=none: %s", page.Refusal())
			}
			login := w.Authorize(b, request)
			if answer := w.LogIn(b, login, "alice", "wanderlust"); answer.Refusal() != "303 login_required" {
				t.Errorf("alice signs in once more: %s", answer.Refusal())
			}
			answer := w.LogIn(b, w.Authorize(b, request), "bob", "wanderlust")
			if sub := subject(t, w, answer); sub != person(t, "bob") {
				t.Errorf("the code is %q's", sub)
			}
		})
	}
}
