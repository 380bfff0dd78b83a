package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// writes is the one request of the API that every step-up test sends.
func (w *World) writes(t testing.TB, token string) Response {
	t.Helper()
	return w.API(t, http.MethodPut, "/me/preferences", token, `{"interests":["food"]}`)
}

// stepUpAttacks are on RFC 9470.
var stepUpAttacks = []Attack{
	{
		Rule: "a write wants a recent login", Name: "with a login of five minutes and a second ago",
		Refused: "401 insufficient_user_authentication",
		Try:     oldWrite(func(f forged) { f.Claims["auth_time"] = time.Now().Unix() - 302 }),
	},
	{
		Rule: "a write wants a recent login", Name: "with a token that tells of no login",
		Refused: "401 insufficient_user_authentication",
		Try:     oldWrite(func(f forged) { delete(f.Claims, "auth_time") }),
	},
	{
		Rule: "a write wants a recent login", Name: "with a login of tomorrow",
		Refused: "401 insufficient_user_authentication",
		Try:     oldWrite(func(f forged) { f.Claims["auth_time"] = time.Now().Add(24 * time.Hour).Unix() }),
	},
}

func oldWrite(change func(forged)) func(testing.TB, *World) (bool, string) {
	return func(t testing.TB, w *World) (bool, string) {
		w.waitForAcme(t)
		answer := w.writes(t, w.forge(t, func(f forged) {
			f.Claims["scope"] = "preferences:read preferences:write"
			change(f)
		}))
		return answer.Status == http.StatusOK, answer.Refusal()
	}
}

// acmeWebRequest is an authorization request of the one seeded client with a
// redirect URI that may write.
func (w *World) acmeWebRequest(changes url.Values) url.Values {
	return With(With(w.Request("openid preferences:read preferences:write offline_access"), url.Values{
		"client_id": {"acme-web"}, "redirect_uri": {w.Acme + "/callback"},
	}), changes)
}

// redeemForAcmeWeb gets the tokens of an answer to acmeWebRequest.
func (w *World) redeemForAcmeWeb(t testing.TB, answer Page) Response {
	t.Helper()
	return w.Token(t, Basic("acme-web"), With(w.Redemption(answer), url.Values{"redirect_uri": {w.Acme + "/callback"}}))
}

// RFC 9470 §2: the client is refused, sends the person back with max_age, and
// repeats the request with what it gets.
func TestAWriteAfterFiveMinutesWantsALogin(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	b := NewBrowser(t)
	b.Stay = w.Acme
	w.SignIn(b, "alice")
	first := w.redeemForAcmeWeb(t, w.Authorize(b, w.acmeWebRequest(nil)))
	if answer := w.writes(t, first.String("access_token")); answer.Status != 200 {
		t.Fatalf("at once: %d %s", answer.Status, answer.Body)
	}

	w.Clock.Advance(5*time.Minute + time.Second)
	w.waitForAcmeLater(t, first.String("access_token"))
	refused := w.writes(t, first.String("access_token"))
	challenge := refused.Header.Get("WWW-Authenticate")
	if refused.Status != 401 || parameter(challenge, "error") != "insufficient_user_authentication" || parameter(challenge, "max_age") != "300" ||
		parameter(challenge, "resource_metadata") != w.Acme+"/.well-known/oauth-protected-resource" || parameter(challenge, "scope") != "" {
		t.Errorf("%d %s", refused.Status, challenge)
	}
	problem := refused.JSON()
	if refused.Header.Get("Content-Type") != "application/problem+json" || problem["error"] != "insufficient_user_authentication" || problem["max_age"] != 300.0 {
		t.Errorf("the problem document: %s", refused.Body)
	}
	if held := refused.Header.Get("X-OAuth-Scopes"); !strings.Contains(held, "preferences:write") {
		t.Errorf("the token is good but for this, and the answer says that it holds %q", held)
	}

	// A refreshed token is as old as the login that it comes from.
	refreshed := w.refresh(t, "acme-web", first.String("refresh_token"))
	if answer := w.writes(t, refreshed.String("access_token")); answer.Refusal() != "401 insufficient_user_authentication" {
		t.Errorf("after a refresh: %s", answer.Refusal())
	}
	// Without max_age the session that there is will do, and helps nothing.
	again := w.redeemForAcmeWeb(t, w.Authorize(b, w.acmeWebRequest(nil)))
	if answer := w.writes(t, again.String("access_token")); answer.Refusal() != "401 insufficient_user_authentication" {
		t.Errorf("with the old session: %s", answer.Refusal())
	}

	login := w.Authorize(b, w.acmeWebRequest(url.Values{"max_age": {parameter(challenge, "max_age")}}))
	if login.Location != "" || !strings.Contains(login.Body, `name="password"`) {
		t.Fatalf("max_age=300 did not ask for the password: %d %s", login.Status, login.Location)
	}
	stepped := w.redeemForAcmeWeb(t, w.LogIn(b, login, "alice", "wanderlust"))
	if answer := w.writes(t, stepped.String("access_token")); answer.Status != 200 {
		t.Errorf("after the login: %d %s", answer.Status, answer.Body)
	}
	// RFC 9470 §6.2: a resource server that asks is told too.
	told := w.introspect(t, "acme-api", stepped.String("access_token")).JSON()
	if at, _ := told["auth_time"].(float64); w.Clock.Now().Unix()-int64(at) > 60 || told["acr"] == nil {
		t.Errorf("introspection: auth_time %v, acr %v", told["auth_time"], told["acr"])
	}
}

// waitForAcmeLater waits until Acme has heard of revocations at the new time.
func (w *World) waitForAcmeLater(t testing.TB, token string) {
	t.Helper()
	waitFor(t, 5*time.Second, "Acme takes a good token at the new time", func() bool {
		through, _ := w.preferences(t, token)
		return through
	})
}

// The password grant is a login of this moment: its token writes for as long as
// any other.
func TestAPasswordGrantWritesForFiveMinutes(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	token := w.Token(t, nil, password("acme-mobile", "profile preferences:read preferences:write")).String("access_token")
	if answer := w.writes(t, token); answer.Status != 200 {
		t.Errorf("at once: %d %s", answer.Status, answer.Body)
	}
	w.Clock.Advance(301 * time.Second)
	w.waitForAcmeLater(t, token)
	if answer := w.writes(t, token); answer.Refusal() != "401 insufficient_user_authentication" {
		t.Errorf("later: %s", answer.Refusal())
	}
}

// RFC 9470 §3: the same for "other OAuth authentication schemes, such as" DPoP. The
// challenge has the scheme by which the token came.
func TestABoundTokenIsSteppedUpByItsOwnScheme(t *testing.T) {
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	holder := w.Holder(t)
	token := holder.Token(t, nil, password("acme-mobile", "preferences:read preferences:write")).String("access_token")
	write := func() Response {
		return holder.Do(t, http.MethodPut, w.Acme+"/api/v1/me/preferences", token, http.Header{"Content-Type": {"application/json"}}, `{}`)
	}
	if answer := write(); answer.Status != http.StatusOK {
		t.Fatalf("at once: %d %s", answer.Status, answer.Body)
	}
	w.Clock.Advance(301 * time.Second)
	waitFor(t, 5*time.Second, "Acme reads with the token at the new time", func() bool {
		return holder.API(t, http.MethodGet, "/me/preferences", token).Status == http.StatusOK
	})
	challenge := write().Header.Get("WWW-Authenticate")
	if !strings.HasPrefix(challenge, "DPoP ") || parameter(challenge, "error") != "insufficient_user_authentication" || parameter(challenge, "max_age") != "300" {
		t.Errorf("later: %s", challenge)
	}
}

// OIDC Core §3.1.2.1: a clock that was ahead and was put right leaves sessions that
// begin tomorrow. They are no recent login until then.
func TestALoginOfTomorrowIsNotRecent(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	w.Clock.Advance(24 * time.Hour)
	b := w.SignedIn(t, "alice")
	w.Clock.Advance(-24 * time.Hour)
	for name, changes := range map[string]url.Values{"prompt=login": {"prompt": {"login"}}, "max_age": {"max_age": {"300"}}} {
		if page := w.Authorize(b, With(w.Request("openid profile"), changes)); page.URL.Path != "/login" {
			t.Errorf("%s: %d %s", name, page.Status, page.URL)
		}
	}
	page := w.LogIn(b, w.Authorize(b, With(w.Request("openid profile"), url.Values{"max_age": {"300"}})), "alice", "wanderlust")
	if page.URL.Path != "/consent" {
		t.Errorf("signed in again: %d %s", page.Status, page.URL)
	}
}
