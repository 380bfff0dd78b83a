package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// offline is the tokens of dreams-web for alice, with a refresh token.
func (w *World) offline(t testing.TB) Response {
	t.Helper()
	return w.Tokens(t, "alice", "openid profile preferences:read offline_access")
}

// RFC 6749 §6, RFC 9700 §4.14.2: every use gives a new refresh token, with the
// same rights; the old one is spent.
func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	first := w.offline(t)
	w.Clock.Advance(time.Minute)
	second := w.refresh(t, "dreams-web", first.String("refresh_token"))
	wantNoStoreJSON(t, second, http.StatusOK)
	if second.String("refresh_token") == "" || second.String("refresh_token") == first.String("refresh_token") {
		t.Error("the refresh token was not rotated")
	}
	if second.String("scope") != first.String("scope") || second.JSON()["expires_in"] != float64(3600) || second.String("token_type") != "Bearer" {
		t.Errorf("got %s", second.Body)
	}
	_, was := parts(t, first.String("access_token"))
	_, is := parts(t, second.String("access_token"))
	if is["jti"] == was["jti"] || is["grant_id"] != was["grant_id"] || is["sub"] != was["sub"] || is["auth_time"] != was["auth_time"] || is["exp"].(float64) < was["exp"].(float64)+60 {
		t.Errorf("access token %v, before %v", is, was)
	}
	// OIDC Core §12.2: same issuer, subject, audience and auth_time; "it SHOULD
	// NOT have a nonce Claim".
	_, was = parts(t, first.String("id_token"))
	_, is = parts(t, second.String("id_token"))
	if is["iss"] != was["iss"] || is["sub"] != was["sub"] || is["aud"] != was["aud"] || is["auth_time"] != was["auth_time"] || is["nonce"] != nil {
		t.Errorf("ID token %v, before %v", is, was)
	}
	// The access token from before stays good: it was not what was spent.
	if !w.active(t, "acme-api", first.String("access_token")) {
		t.Error("the earlier access token ended")
	}
	if third := w.refresh(t, "dreams-web", second.String("refresh_token")); third.Status != http.StatusOK {
		t.Errorf("the next refresh: %s", third.Body)
	}
}

// RFC 9700 §4.14.2: a spent token that returns ends its whole family, and the
// person can see it.
func TestASpentRefreshTokenThatReturnsRevokesItsFamily(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	first := w.offline(t)
	second := w.refresh(t, "dreams-web", first.String("refresh_token"))
	third := w.refresh(t, "dreams-web", second.String("refresh_token"))
	wantRefusal(t, w.refresh(t, "dreams-web", first.String("refresh_token")), "400 invalid_grant", "the first one again")
	for i, tokens := range []Response{first, second, third} {
		if w.active(t, "acme-api", tokens.String("access_token")) || w.active(t, "dreams-web", tokens.String("refresh_token")) {
			t.Errorf("tokens %d are active", i+1)
		}
	}
	wantRefusal(t, w.refresh(t, "dreams-web", third.String("refresh_token")), "400 invalid_grant", "the newest one")
	if page := w.SignedIn(t, "alice").Get(w.Auth + "/account/security"); strings.Count(page.Body, "token reuse: refresh token used twice") != 1 {
		t.Error("the person does not see it, once")
	}
}

// RFC 6749 §6: less may be asked for, for one access token; never more. A
// refusal leaves the token as it was.
func TestRefreshScope(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	token := w.offline(t).String("refresh_token")
	for _, wider := range []string{"openid email", "blog:read", "bookings:read", "profile packages:read"} {
		wantRefusal(t, w.refresh(t, "dreams-web", token, wider), "400 invalid_scope", wider)
	}
	narrow := w.refresh(t, "dreams-web", token, "profile")
	if narrow.Status != http.StatusOK || narrow.String("scope") != "profile" || narrow.JSON()["id_token"] != nil {
		t.Fatalf("less: %d %s", narrow.Status, narrow.Body)
	}
	if answer := w.API(t, "GET", "/me/preferences", narrow.String("access_token"), ""); answer.Status != http.StatusForbidden {
		t.Errorf("the narrow token opens what it was not asked for: %d", answer.Status)
	}
	if all := w.refresh(t, "dreams-web", narrow.String("refresh_token")); all.String("scope") != "openid profile preferences:read offline_access" {
		t.Errorf("everything again: %s", all.Body)
	}
}

// Rows of the refresh token grant. What is refused here leaves the token good:
// nobody can end somebody else's authorization by presenting its token.
func TestRefreshIsRefused(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	tokens := w.offline(t)
	token := tokens.String("refresh_token")
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	for _, tt := range []struct {
		name   string
		header http.Header
		change url.Values
		want   string
	}{
		{"none", Basic("dreams-web"), url.Values{"refresh_token": nil}, "400 invalid_request"},
		{"an empty one", Basic("dreams-web"), url.Values{"refresh_token": {""}}, "400 invalid_request"},
		{"two", Basic("dreams-web"), url.Values{"refresh_token": {token, token}}, "400 invalid_request"},
		{"garbage", Basic("dreams-web"), url.Values{"refresh_token": {"rt_garbage"}}, "400 invalid_grant"},
		{"one cut short", Basic("dreams-web"), url.Values{"refresh_token": {token[:len(token)-1]}}, "400 invalid_grant"},
		{"SQL", Basic("dreams-web"), url.Values{"refresh_token": {"' OR ''='"}}, "400 invalid_grant"},
		{"an access token", Basic("dreams-web"), url.Values{"refresh_token": {tokens.String("access_token")}}, "400 invalid_grant"},
		{"an ID token", Basic("dreams-web"), url.Values{"refresh_token": {tokens.String("id_token")}}, "400 invalid_grant"},
		{"by another client", Basic("acme-web"), nil, "400 invalid_grant"},
		{"by a client without the grant", Basic("dreams-catalogue"), nil, "400 unauthorized_client"},
		{"by a public client", nil, url.Values{"client_id": {"dreams-spa"}}, "400 invalid_grant"},
		{"without the secret", nil, url.Values{"client_id": {"dreams-web"}}, "401 invalid_client"},
		{"with a wrong secret", Credentials{"dreams-web", "wrong"}.Header(), nil, "401 invalid_client"},
		{"as a code", Basic("dreams-web"), url.Values{"grant_type": {"authorization_code"}, "code": {token}, "redirect_uri": {w.Dreams + "/callback"}}, "400 invalid_grant"},
	} {
		before := w.issuedSoFar(t)
		wantRefusal(t, w.Token(t, tt.header, With(form, tt.change)), tt.want, tt.name)
		if after := w.issuedSoFar(t); after != before {
			t.Errorf("%s: something was minted: %s, before %s", tt.name, after, before)
		}
	}
	if !w.active(t, "acme-api", tokens.String("access_token")) {
		t.Error("the access token ended")
	}
	if answer := w.refresh(t, "dreams-web", token); answer.Status != http.StatusOK {
		t.Errorf("the good request afterwards: %s", answer.Body)
	}
	w.wantUnlogged(t, token, tokens.String("access_token"), tokens.String("id_token"))
}

// RFC 9700 §4.14.2: a token that nobody uses ends; one that is used lives on,
// but never beyond its end.
func TestRefreshTokenLifetimes(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	w := New(t, Options{Only: []string{"authserver"}})
	token := w.offline(t).String("refresh_token")
	for range 5 { // 360 days, each shorter than the idle time
		w.Clock.Advance(72 * day)
		next := w.refresh(t, "dreams-web", token)
		if next.Status != http.StatusOK {
			t.Fatalf("a token in use ended: %s", next.Body)
		}
		token = next.String("refresh_token")
	}
	w.Clock.Advance(5*day + time.Second) // a year is over
	wantRefusal(t, w.refresh(t, "dreams-web", token), "400 invalid_grant", "after a year of use")

	idle := w.offline(t).String("refresh_token")
	w.Clock.Advance(90 * day)
	wantRefusal(t, w.refresh(t, "dreams-web", idle), "400 invalid_grant", "after 90 idle days")
	if w.active(t, "dreams-web", idle) {
		t.Error("an idle token is active")
	}
}

// A person who lets an app in for a time: no token of it lives longer.
func TestNoTokenOutlivesTheConsent(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}, Env: map[string]string{"ACCESS_TOKEN_TTL": "2h"}})
	b := w.SignedIn(t, "alice")
	page := w.Authorize(b, w.Request("openid profile offline_access"))
	answer := b.Form(page, "decision").With(url.Values{"scope": {"offline_access"}, "decision": {"allow"}, "duration": {"once"}}).Submit()
	tokens := w.Token(t, Basic("dreams-web"), w.Redemption(answer))
	if seconds, _ := tokens.JSON()["expires_in"].(float64); seconds > 3600 || seconds < 3590 {
		t.Errorf("expires_in is %v, want the hour of the consent", seconds)
	}
	w.Clock.Advance(40 * time.Minute)
	next := w.refresh(t, "dreams-web", tokens.String("refresh_token"))
	if seconds, _ := next.JSON()["expires_in"].(float64); next.Status != http.StatusOK || seconds > 1200 || seconds < 1190 {
		t.Errorf("after 40 minutes: %s, want 20 minutes", next.Body)
	}
	w.Clock.Advance(20 * time.Minute)
	wantRefusal(t, w.refresh(t, "dreams-web", next.String("refresh_token")), "400 invalid_grant", "after the hour")
	if w.active(t, "acme-api", next.String("access_token")) || w.active(t, "dreams-web", next.String("refresh_token")) {
		t.Error("a token outlives the consent")
	}
}

// OIDC Core §11: offline access is access "even when the End-User is not
// present". Signing out ends the session, not the authorization.
func TestOfflineAccessOutlivesTheSession(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "alice")
	tokens := w.Token(t, Basic("dreams-web"), w.Redemption(w.Allow(b, w.Request("openid offline_access"), "offline_access")))
	for _, form := range b.Forms(b.Get(w.Auth + "/account")) {
		if strings.HasSuffix(form.Action, "/account/logout") {
			form.Submit()
		}
	}
	if page := b.Get(w.Auth + "/account"); page.URL.Path != "/login" {
		t.Fatalf("still signed in: %s", page.URL)
	}
	if answer := w.refresh(t, "dreams-web", tokens.String("refresh_token")); answer.Status != http.StatusOK {
		t.Errorf("got %s", answer.Body)
	}
}

// An operator locks an account: everything that came from it ends, and stays
// ended when the account is unlocked.
func TestALockedAccountIsRefreshedNoMore(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	tokens := w.offline(t)
	b := w.SignedIn(t, "alice")
	code := w.Authorize(b, w.Request("openid profile"))
	w.setLock(t, "alice", "lock")
	wantRefusal(t, w.refresh(t, "dreams-web", tokens.String("refresh_token")), "400 invalid_grant", "a refresh")
	wantRefusal(t, w.Token(t, Basic("dreams-web"), w.Redemption(code)), "400 invalid_grant", "a code from before")
	if w.active(t, "acme-api", tokens.String("access_token")) {
		t.Error("the access token is active")
	}
	if page := w.Authorize(b, w.Request("openid profile")); page.Answer().Get("code") != "" || page.URL.Path != "/login" {
		t.Errorf("a code for a locked account: %s %s", page.URL, page.Location)
	}
	w.setLock(t, "alice", "unlock")
	wantRefusal(t, w.refresh(t, "dreams-web", tokens.String("refresh_token")), "400 invalid_grant", "after the account was unlocked")
}

// setLock is what the operator does on the page of accounts.
func (w *World) setLock(t testing.TB, username, action string) {
	t.Helper()
	b := w.SignedIn(t, "root")
	for _, form := range b.Forms(b.Get(w.Auth + "/operator/users")) {
		if form.Fields.Get("sub") == person(t, username) {
			if done := form.With(url.Values{"action": {action}}).Submit(); done.Status != http.StatusOK {
				t.Fatalf("%s %s: %d", action, username, done.Status)
			}
			return
		}
	}
	t.Fatalf("no form for %s", username)
}

// What was rotated, spent and revoked is so after a restart too.
func TestRefreshTokensAfterARestart(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	first, revoked := w.offline(t), w.offline(t)
	second := w.refresh(t, "dreams-web", first.String("refresh_token"))
	w.revoke(t, "dreams-web", revoked.String("refresh_token"))
	w.Stop()
	w = New(t, Options{Only: []string{"authserver"}, DataDir: w.DataDir})
	wantRefusal(t, w.refresh(t, "dreams-web", revoked.String("refresh_token")), "400 invalid_grant", "the revoked one")
	if w.active(t, "dreams-web", revoked.String("access_token")) {
		t.Error("the revoked grant's access token is active")
	}
	third := w.refresh(t, "dreams-web", second.String("refresh_token"))
	if third.Status != http.StatusOK {
		t.Errorf("the current one: %s", third.Body)
	}
	wantRefusal(t, w.refresh(t, "dreams-web", first.String("refresh_token")), "400 invalid_grant", "the spent one")
	if w.active(t, "dreams-web", third.String("refresh_token")) {
		t.Error("reuse after a restart revokes nothing")
	}
}
