package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

// Verifier is the code_verifier of Request. RFC 7636 §4.1.
const Verifier = "a-verifier-of-43-characters-or-more_0123456789"

// Challenge is S256 of a verifier.
func Challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Request is a good authorization request of dreams-web: attacks change it.
func (w *World) Request(scope string) url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {"dreams-web"}, "redirect_uri": {w.Dreams + "/callback"},
		"scope": {scope}, "state": {"S1"}, "nonce": {"N1"},
		"code_challenge": {Challenge(Verifier)}, "code_challenge_method": {"S256"},
	}
}

// With returns a copy with parameters changed; nil values remove one.
func With(values url.Values, changes url.Values) url.Values {
	all := url.Values{}
	for name, value := range values {
		all[name] = value
	}
	for name, value := range changes {
		if value == nil {
			delete(all, name)
			continue
		}
		all[name] = value
	}
	return all
}

// SignIn signs a seeded person in at authserver.
func (w *World) SignIn(b *Browser, username string) Page {
	b.t.Helper()
	return w.LogIn(b, b.Get(w.Auth+"/login"), username, "wanderlust")
}

// LogIn fills in the login form on a page.
func (w *World) LogIn(b *Browser, login Page, username, password string) Page {
	b.t.Helper()
	return b.Form(login, "password").With(url.Values{"username": {username}, "password": {password}}).Submit()
}

// SignedIn returns a browser at which a person is signed in, and which stops at
// redirects to Dreams.
func (w *World) SignedIn(t testing.TB, username string) *Browser {
	t.Helper()
	b := NewBrowser(t)
	b.Stay = w.Dreams
	w.SignIn(b, username)
	return b
}

// Authorize opens an authorization request.
func (w *World) Authorize(b *Browser, request url.Values) Page {
	b.t.Helper()
	return b.Get(w.Auth + "/authorize?" + request.Encode())
}

// Allow opens an authorization request and lets through what scopes names;
// where nobody is
// asked, or where there is nothing to ask, the answer is there at once.
func (w *World) Allow(b *Browser, request url.Values, scopes ...string) Page {
	b.t.Helper()
	page := w.Authorize(b, request)
	if page.Location != "" || page.Status != 200 {
		return page
	}
	return b.Form(page, "decision").With(url.Values{"scope": scopes, "decision": {"allow"}, "duration": nil}).Submit()
}

// Redemption is the token request for the code of an answer to Request.
func (w *World) Redemption(answer Page) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Answer().Get("code")},
		"redirect_uri": {w.Dreams + "/callback"}, "code_verifier": {Verifier},
	}
}

// Tokens is the whole flow: a person allows every optional scope of those
// asked for, dreams-web redeems the code.
func (w *World) Tokens(t testing.TB, username, scope string) Response {
	t.Helper()
	b := w.SignedIn(t, username)
	request := w.Request(scope)
	answer := w.Allow(b, With(request, url.Values{"prompt": {"consent"}}), strings.Fields(scope)...)
	tokens := w.Token(t, Basic("dreams-web"), w.Redemption(answer))
	if tokens.Status != 200 {
		t.Fatalf("no tokens for %s: %d %s", username, tokens.Status, tokens.Body)
	}
	return tokens
}
