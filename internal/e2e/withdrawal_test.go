package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// Taking one permission back narrows what an application has: tokens that are out
// and carry it end within two seconds, the next has the rest, and none may ask for
// it again.
func TestOnePermissionIsTakenBack(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	b := w.SignedIn(t, "alice")
	request := w.Request("openid profile preferences:read blog:read offline_access")
	tokens := w.granted(t, w.Allow(b, request, "preferences:read", "blog:read", "offline_access"))
	narrow := w.refresh(t, "dreams-web", tokens.String("refresh_token"), "profile")
	bobs := w.Tokens(t, "bob", "openid preferences:read").String("access_token")

	page := w.takeBack(b, "preferences:read")
	if strings.Contains(page.Body, `value="preferences:read"`) || !strings.Contains(page.Body, "You took back preferences:read") {
		t.Error("the page does not say what was taken back")
	}
	old := tokens.String("access_token")
	waitFor(t, within, "Acme refuses the token", func() bool {
		_, refusal := w.preferences(t, old)
		return refusal == "401 invalid_token"
	})
	if through, refusal := w.userinfo(t, old); through || refusal != "401 invalid_token" || w.active(t, "acme-api", old) {
		t.Errorf("authserver itself: %s", refusal)
	}
	if got := w.API(t, "GET", "/me", narrow.String("access_token"), ""); got.Status != http.StatusOK {
		t.Errorf("a token without the permission: %d %s", got.Status, got.Body)
	}
	if through, refusal := w.preferences(t, bobs); !through {
		t.Errorf("bob's token: %s", refusal)
	}

	wantRefusal(t, w.refresh(t, "dreams-web", narrow.String("refresh_token"), "profile preferences:read"), "400 invalid_scope", "asking for it again")
	next := w.refresh(t, "dreams-web", narrow.String("refresh_token"))
	if got := next.String("scope"); next.Status != http.StatusOK || strings.Contains(got, "preferences:read") || !strings.Contains(got, "blog:read") {
		t.Fatalf("the next token is for %q: %s", got, next.Body)
	}
	if got := w.API(t, "GET", "/me/posts", next.String("access_token"), ""); got.Status != http.StatusOK {
		t.Errorf("the rest: %d", got.Status)
	}
	if _, refusal := w.preferences(t, next.String("access_token")); refusal != "403 insufficient_scope" {
		t.Errorf("what was taken back: %s", refusal)
	}
	// RFC 6749 §10.2: never silent; and what is given again works again.
	again := w.Authorize(b, request)
	wantQuestion(t, again)
	anew := w.granted(t, decide(b, again, "allow", nil, "preferences:read", "blog:read", "offline_access"))
	if through, refusal := w.preferences(t, anew.String("access_token")); !through {
		t.Errorf("given again: %s", refusal)
	}
	if _, refusal := w.preferences(t, old); refusal != "401 invalid_token" {
		t.Errorf("the token from before: %s", refusal)
	}
	w.wantLogged(t, "permission taken back", "preferences:read", 1)
}

// What was taken back stays taken back, whoever is started again.
func TestWhatWasTakenBackSurvivesRestarts(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	tokens := w.offline(t)
	w.takeBack(w.SignedIn(t, "alice"), "preferences:read")
	others := w.Tokens(t, "bob", "openid preferences:read").String("access_token")
	w.restart(t)
	waitFor(t, 5*time.Second, "Acme takes another token from before", func() bool {
		through, _ := w.preferences(t, others)
		return through
	})
	if _, refusal := w.preferences(t, tokens.String("access_token")); refusal != "401 invalid_token" {
		t.Errorf("after a restart of both: %s", refusal)
	}
	if w.active(t, "acme-api", tokens.String("access_token")) {
		t.Error("it is active again")
	}
	w.stopAuthserver()
	if _, refusal := w.preferences(t, tokens.String("access_token")); refusal != "401 invalid_token" {
		t.Errorf("with authserver away: %s", refusal)
	}
	w.startAuthserver(t)
	if got := w.refresh(t, "dreams-web", tokens.String("refresh_token")); got.Status != http.StatusOK || strings.Contains(got.String("scope"), "preferences:read") {
		t.Errorf("refreshed: %s", got.Body)
	}
}

// RFC 9396 §9: details that open a part of what was taken back go with it, and can
// be taken back alone.
func TestAuthorizationDetailsAreTakenBack(t *testing.T) {
	t.Parallel()
	for permission, left := range map[string]struct{ scope, details bool }{
		"travel_preferences": {scope: true}, "preferences:read": {}, "blog:read": {scope: true, details: true},
	} {
		w := New(t, Options{Only: []string{"authserver"}})
		b := w.SignedIn(t, "alice")
		request := With(w.Request("openid preferences:read blog:read offline_access"), url.Values{"authorization_details": {aboutBeaches}})
		tokens := w.granted(t, w.agree(b, request, "preferences:read", "blog:read", "offline_access"))
		w.takeBack(b, permission)
		if w.active(t, "acme-api", tokens.String("access_token")) {
			t.Errorf("%s: the token is active", permission)
		}
		next := w.refresh(t, "dreams-web", tokens.String("refresh_token"))
		if next.Status != http.StatusOK || (next.JSON()["authorization_details"] != nil) != left.details || strings.Contains(next.String("scope"), "preferences:read") != left.scope {
			t.Errorf("%s: refreshed: %s", permission, next.Body)
		}
	}
}

// OIDC Core §5.5: a claim that was asked for by itself goes with the permission
// that it is part of.
func TestClaimsAreTakenBackWithTheirPermission(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "alice")
	request := With(w.Request("openid profile offline_access"), url.Values{"claims": {`{"userinfo":{"email":null}}`}})
	tokens := w.granted(t, w.Allow(b, request, "email", "offline_access"))
	email := func(token string) string {
		return w.Do(t, "GET", w.Auth+"/userinfo", Bearer(token), "").String("email")
	}
	if email(tokens.String("access_token")) == "" {
		t.Fatal("before: no address")
	}
	w.takeBack(b, "email")
	if got := email(w.refresh(t, "dreams-web", tokens.String("refresh_token")).String("access_token")); got != "" {
		t.Errorf("userinfo still says %q", got)
	}
}

// Every page about a consent is its person's alone, and its forms want our token.
func TestAConsentIsItsPersons(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b, bob := w.SignedIn(t, "alice"), w.SignedIn(t, "bob")
	w.granted(t, w.Allow(b, w.Request("openid profile preferences:read"), "preferences:read"))
	page := w.appPage(b)
	here := page.URL.String()
	wantPageHeaders(t, page.Response)
	for _, suffix := range []string{"", "/remove", "/receipt"} {
		if got := bob.Get(here + suffix); got.Status != http.StatusNotFound {
			t.Errorf("bob reads %s: %d", suffix, got.Status)
		}
		if got := NewBrowser(t).Get(here + suffix); got.URL.Path != "/login" {
			t.Errorf("nobody reads %s: %s", suffix, got.URL)
		}
	}
	form := b.Form(page, "permission").With(url.Values{"action": {"withdraw"}})
	csrf := bob.Form(bob.Get(w.Auth+"/account"), "csrf").Fields["csrf"]
	for what, refused := range map[string]struct {
		page   Page
		status int
	}{
		"bob":                         {bob.follow("POST", here, With(form.Fields, url.Values{"csrf": csrf}), nil), http.StatusNotFound},
		"without the form token":      {form.With(url.Values{"csrf": nil}).Submit(), http.StatusForbidden},
		"from another site":           {form.SubmitAs(http.Header{"Origin": {"https://evil.test"}, "Sec-Fetch-Site": {"cross-site"}}), http.StatusForbidden},
		"a permission that is locked": {form.With(url.Values{"permission": {"openid"}}).Submit(), http.StatusBadRequest},
		"another action":              {form.With(url.Values{"action": {"widen"}}).Submit(), http.StatusBadRequest},
		"remove all, without token":   {b.Form(b.Get(w.Auth+"/account/apps/remove-all"), "action").With(url.Values{"csrf": nil, "action": {"revoke-all"}}).Submit(), http.StatusForbidden},
	} {
		if refused.page.Status != refused.status {
			t.Errorf("%s: %d, want %d", what, refused.page.Status, refused.status)
		}
	}
	if got := w.appPage(b); !strings.Contains(got.Body, "Switch off preferences:read") {
		t.Error("one of the refused requests took something back")
	}
	// A name that it does not have changes nothing.
	if got := form.With(url.Values{"permission": {"blog:read"}}).Submit(); got.Status != http.StatusOK || strings.Contains(got.Body, "Done.") {
		t.Errorf("what it does not have: %d", got.Status)
	}
}

// Removing tells first what it means, from the page about the app; all at once too.
func TestRemovingTellsItsConsequences(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "alice")
	tokens := w.granted(t, w.Allow(b, w.Request("openid offline_access"), "offline_access"))
	asked := b.Get(w.appPage(b).URL.String() + "/remove")
	if !strings.Contains(asked.Body, "within 2 seconds") || !strings.Contains(asked.Body, "copied before stays") {
		t.Error("the page does not tell the consequences")
	}
	if !w.active(t, "dreams-web", tokens.String("refresh_token")) {
		t.Error("asking removed it")
	}
	all := b.Form(b.Get(w.Auth+"/account/apps/remove-all"), "action").With(url.Values{"action": {"revoke-all"}})
	if done := all.Submit(); !strings.Contains(done.Body, "All apps were removed") {
		t.Errorf("removing all: %d", done.Status)
	}
	if w.active(t, "dreams-web", tokens.String("refresh_token")) {
		t.Error("the refresh token is active")
	}
	if page := b.Get(w.Auth + "/account/apps?tab=removed"); !strings.Contains(page.Body, "Removed (1)") || !strings.Contains(page.Body, "removed by you") {
		t.Error("it is not on the tab Removed")
	}
}

// What nobody used for 30 days is pointed out, after 90 it ends by itself: for
// whoever asks at that moment, and by the worker.
func TestUnusedConsentsExpire(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "alice")
	request := w.Request("openid profile")
	w.granted(t, w.Allow(b, request))
	w.Clock.Advance(31 * 24 * time.Hour)
	b = w.SignedIn(t, "alice")
	if page := b.Get(w.Auth + "/account/apps"); !strings.Contains(page.Body, "Unused for 30 days") || !strings.Contains(page.Body, "Active (1)") {
		t.Error("nobody is told after 31 days")
	}
	w.Clock.Advance(59 * 24 * time.Hour)
	b = w.SignedIn(t, "alice")
	wantQuestion(t, w.Authorize(b, request))
	if page := b.Get(w.Auth + "/account/apps?tab=expired"); !strings.Contains(page.Body, "Expired (1)") || !strings.Contains(page.Body, "not used for 90 days") {
		t.Error("it is not on the tab Expired")
	}
	w.Stop()
	ahead := 91 * 24 * time.Hour
	w = New(t, Options{Only: []string{"authserver"}, DataDir: w.DataDir, Ahead: map[string]time.Duration{"authserver": ahead}})
	waitFor(t, 5*time.Second, "the worker ends it", func() bool {
		b := w.SignedIn(t, "alice")
		return strings.Contains(b.Get(w.Auth+"/account/security").Body, "connected app expired")
	})
}

// A receipt says what was agreed to; its JWS verifies with the keys at jwks_uri.
func TestConsentReceiptsVerify(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b := w.SignedIn(t, "alice")
	w.granted(t, w.Allow(b, w.Request("openid profile preferences:read blog:read"), "preferences:read", "blog:read"))
	w.takeBack(b, "blog:read")
	for path, scopes := range map[string]string{w.appPage(b).URL.Path + "/receipt": "openid profile preferences:read", "/account/apps/history": ""} {
		page := b.Get(w.Auth + path)
		if got := page.Header.Get("Content-Disposition"); page.Status != http.StatusOK || !strings.HasPrefix(got, "attachment; filename=") {
			t.Fatalf("%s: %d, %q", path, page.Status, got)
		}
		claims := jwt.MapClaims{}
		token, err := jwt.NewParser(jwt.WithValidMethods([]string{"ES256"})).ParseWithClaims(page.String("jws"), claims, w.keyfunc(t))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if token.Header["typ"] != "consent-receipt+jwt" || claims["iss"] != w.Auth || claims["piiPrincipalId"] != person(t, "alice") {
			t.Errorf("%s: %v %v", path, token.Header, claims)
		}
		if scopes == "" {
			if all, _ := claims["receipts"].([]any); len(all) != 1 {
				t.Errorf("history: %v", claims)
			}
			continue
		}
		if got := page.JSON()["receipt"].(map[string]any); got["consentReceiptID"] != claims["consentReceiptID"] || got["status"] != "active" {
			t.Errorf("what is to be read differs from what is signed: %v", got)
		}
		history := claims["history"].([]any)
		if last := history[len(history)-1].(map[string]any); last["what"] != "narrowed" || last["scope"] != scopes {
			t.Errorf("history: %v", history)
		}
		// It opens nothing.
		if through, _ := w.userinfo(t, page.String("jws")); through || w.active(t, "acme-api", page.String("jws")) {
			t.Error("the receipt is taken for a token")
		}
	}
}

// keyfunc finds the key of a JWT in the JWKS.
func (w *World) keyfunc(t testing.TB) jwt.Keyfunc {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(w.Do(t, "GET", w.Auth+"/jwks", nil, "").Body), &set); err != nil {
		t.Fatal(err)
	}
	return func(token *jwt.Token) (any, error) {
		id, _ := token.Header["kid"].(string)
		if keys := set.Key(id); len(keys) == 1 {
			return keys[0].Key, nil
		}
		return nil, jwt.ErrTokenUnverifiable
	}
}

// restart stops authserver and Acme, and starts both where they were.
func (w *World) restart(t testing.TB) {
	t.Helper()
	w.Stop()
	for _, p := range []struct{ name, address string }{{"authserver", w.Env.AuthserverURL.Address()}, {"acme", w.Env.AcmeURL.Address()}} {
		listener, err := net.Listen("tcp", p.address)
		if err != nil {
			t.Fatal(err)
		}
		w.start(t, listener, p.name, Options{})
	}
}
