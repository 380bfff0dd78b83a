package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// decide sends a consent page's form.
func decide(b *Browser, question Page, decision string, more url.Values, scopes ...string) Page {
	b.t.Helper()
	fields := With(url.Values{"scope": scopes, "decision": {decision}}, more)
	return b.Form(question, "decision").With(url.Values{"duration": nil}).With(fields).Submit()
}

// granted redeems the code of an answer to dreams-web and returns the tokens.
func (w *World) granted(t testing.TB, answer Page) Response {
	t.Helper()
	tokens := w.Token(t, Basic("dreams-web"), w.Redemption(answer))
	if tokens.Status != http.StatusOK {
		t.Fatalf("no tokens: %d %s", tokens.Status, tokens.Body)
	}
	return tokens
}

// RFC 6749 §10.2, RFC 6819 §5.2.4: who asks, where the answer goes, for what,
// and as whom.
func TestConsentPageSaysWhoAsksForWhatAsWhom(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	page := w.Authorize(b, w.Request("openid profile email blog:read offline_access"))
	wantQuestion(t, page)
	wantPageHeaders(t, page.Response)
	for _, words := range []string{
		"Dreams", "Dreams GmbH", strings.TrimPrefix(w.Dreams, "http://"), "Alice Moreau", "alice@acme.test", "Not you?",
		"That you are the same person as last time", "Your name and picture", "Your e-mail address",
		"Your blog posts, unpublished ones and pictures included", "Look again without asking you each time",
		`id="allow"`, `id="deny"`,
	} {
		if !strings.Contains(page.Body, words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	form := b.Form(page, "decision")
	for _, scope := range []string{"openid", "profile", "email", "blog:read", "offline_access"} {
		if !slices.Contains(form.Boxes, "scope="+scope) {
			t.Errorf("no box for %s: %v", scope, form.Boxes)
		}
	}
	if slices.ContainsFunc(form.Boxes, func(box string) bool { return strings.HasSuffix(box, "preferences:read") }) {
		t.Error("a box for what was not asked for")
	}
	if ticked := form.Fields["scope"]; slices.ContainsFunc(ticked, func(s string) bool { return s != "openid" && s != "profile" }) {
		t.Errorf("ticked at first: %v", ticked)
	}
	if policy := page.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' "+w.Dreams+";") {
		t.Errorf("form-action does not name the client's origin alone: %s", policy)
	}
}

func TestDenyIsAccessDenied(t *testing.T) { // RFC 6749 §4.1.2.1
	t.Parallel()
	w, b := alone(t, Options{})
	before := w.minted(t)
	question := w.Authorize(b, w.Request("openid profile email"))
	wantRedirect(t, w, decide(b, question, "deny", nil, "openid", "profile", "email"), w.Dreams+"/callback", "access_denied", "S1")
	wantPage(t, decide(b, question, "allow", nil, "email"), "invalid_request") // a no is an answer
	if after := w.minted(t); after != before {
		t.Errorf("minted: %s, and %s before", after, before)
	}
	w.wantLogged(t, "request refused", "access_denied", 1)
	wantQuestion(t, w.Authorize(b, w.Request("openid profile email")))
	if consents := w.value(t, "authserver", "SELECT count(*) FROM consents"); consents != "0" {
		t.Errorf("%s consents of somebody who said no", consents)
	}
}

func TestNothingGrantedIsAccessDenied(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	question := w.Authorize(b, w.Request("email preferences:read"))
	wantRedirect(t, w, decide(b, question, "allow", nil), w.Dreams+"/callback", "access_denied", "S1")
	question = w.Authorize(b, w.Request("email preferences:read"))
	wantRedirect(t, w, decide(b, question, "allow", nil, "blog:read"), w.Dreams+"/callback", "access_denied", "S1")
}

// What a person grants is a part of what was asked for, whatever is posted.
func TestPostedScopesAreNoMoreThanWasAskedFor(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		posted []string
		want   string
	}{
		"a part":                        {[]string{"openid", "profile", "email"}, "openid profile email"},
		"locked ones are added":         {[]string{"email"}, "openid profile email"},
		"nothing but locked ones":       {nil, "openid profile"},
		"not asked for":                 {[]string{"email", "blog:read", "offline_access"}, "openid profile email"},
		"not the client's":              {[]string{"email", "blog:write", "reviews:write"}, "openid profile email"},
		"unknown":                       {[]string{"email", "everything", "", "email preferences:read"}, "openid profile email"},
		"twice, and in another order":   {[]string{"preferences:read", "email", "email"}, "openid profile email preferences:read"},
		"in capitals, which is another": {[]string{"EMAIL"}, "openid profile"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, b := alone(t, Options{})
			answer := decide(b, w.Authorize(b, w.Request("openid profile email preferences:read")), "allow", nil, test.posted...)
			wantCode(t, answer)
			tokens := w.granted(t, answer)
			if got := tokens.String("scope"); got != test.want {
				t.Errorf("granted %q, want %q", got, test.want)
			}
			if tokens.String("refresh_token") != "" {
				t.Error("a refresh token without offline_access")
			}
		})
	}
}

func TestDecisionAndDurationAreOnesThatWeKnow(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	question := w.Authorize(b, w.Request("openid email"))
	before := w.minted(t)
	for name, fields := range map[string]url.Values{
		"no decision": {"decision": {""}}, "another decision": {"decision": {"ALLOW"}}, "another duration": {"decision": {"allow"}, "duration": {"forever"}},
	} {
		t.Run(name, func(t *testing.T) {
			page := decide(b, question, "", fields, "email")
			if page.Status != http.StatusBadRequest || page.Location != "" {
				t.Errorf("got %d to %q, want 400", page.Status, page.Location)
			}
			wantPageHeaders(t, page.Response)
		})
	}
	if after := w.minted(t); after != before {
		t.Errorf("minted: %s, and %s before", after, before)
	}
	wantCode(t, decide(b, question, "allow", nil, "email"))
}

// RFC 9700 §4.5: one yes is one code.
func TestTheSameConsentFormTwiceIsOneCode(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	question := w.Authorize(b, w.Request("openid profile email"))
	var mu sync.Mutex
	codes, refused := 0, 0
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			page := decide(b, question, "allow", nil, "email")
			mu.Lock()
			defer mu.Unlock()
			if page.Answer().Get("code") != "" {
				codes++
				return
			}
			refused++
			wantPage(t, page, "invalid_request")
			if !strings.Contains(page.Body, "answered already") {
				t.Errorf("the page does not say why: %.2000s", page.Body)
			}
		})
	}
	all.Wait()
	if codes != 1 || refused != 7 {
		t.Errorf("%d codes, %d refusals", codes, refused)
	}
	if n := w.value(t, "authserver", "SELECT count(*) FROM authorization_codes"); n != "1" {
		t.Errorf("%s codes in the database", n)
	}
	again := b.Get(question.URL.String())
	wantPage(t, again, "invalid_request")
	wantCode(t, w.Authorize(b, w.Request("openid profile email")))
}

// RFC 6749 §10.2: what was granted is remembered, and no more than that.
func TestRememberedConsentIsSilentAndANewScopeIsNot(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	wantCode(t, w.Allow(b, w.Request("openid profile email"), "email"))
	wantCode(t, w.Authorize(b, w.Request("openid profile email")))
	wantCode(t, w.Authorize(b, w.Request("profile")))

	page := w.Authorize(b, w.Request("openid profile email blog:read"))
	wantQuestion(t, page)
	news := page.Body[strings.Index(page.Body, "<main"):]
	if !strings.Contains(news, "New since") || !strings.Contains(news, "your blog posts, unpublished ones and pictures included") {
		t.Error("the new scope is not marked")
	}
	if ticked := b.Form(page, "decision").Fields["scope"]; !slices.Contains(ticked, "email") || slices.Contains(ticked, "blog:read") {
		t.Errorf("ticked: %v; want what was granted before, and not what is new", ticked)
	}
	wantQuestion(t, w.Authorize(b, With(w.Request("openid profile email"), url.Values{"prompt": {"consent"}})))

	other := With(w.Request("profile"), url.Values{"client_id": {"dreams-spa"}, "redirect_uri": {w.Dreams + "/spa/callback"}})
	wantQuestion(t, w.Authorize(b, other)) // a consent is one client's
	wantQuestion(t, w.Authorize(w.SignedIn(t, "bob"), w.Request("openid profile")))
}

// A scope that was refused once is asked for again and not taken as given.
func TestWhatWasRefusedIsNotSilentLater(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	wantCode(t, w.Allow(b, w.Request("openid profile email"))) // email not ticked
	page := w.Authorize(b, w.Request("openid profile email"))
	wantQuestion(t, page)
	if slices.Contains(b.Form(page, "decision").Fields["scope"], "email") {
		t.Error("ticked although it was refused")
	}
}

// RFC 8252 §8.6: a native app cannot prove its name.
func TestNativeClientIsAlwaysAskedAndOurOwnNever(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	b.Stay = "http://127.0.0.1:9"
	native := With(w.Request("profile"), url.Values{"client_id": {"dreams-cli"}, "redirect_uri": {"http://127.0.0.1:9/callback"}})
	for range 2 {
		question := w.Authorize(b, native)
		wantQuestion(t, question)
		wantCode(t, decide(b, question, "allow", nil, "profile"))
	}
	wantRedirect(t, w, w.Authorize(b, With(native, url.Values{"prompt": {"none"}})), "http://127.0.0.1:9/callback", "consent_required", "S1")

	b.Stay = w.Acme
	own := With(w.Request("openid profile"), url.Values{"client_id": {"acme-web"}, "redirect_uri": {w.Acme + "/callback"}})
	wantCode(t, w.Authorize(b, own))
	wantQuestion(t, w.Authorize(b, With(own, url.Values{"prompt": {"consent"}})))
}

// "once": an hour, and the next request is asked again.
func TestConsentForOnceIsAskedAgainAndEndsAfterAnHour(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{Env: map[string]string{"ACCESS_TOKEN_TTL": "3h"}})
	request := w.Request("openid profile offline_access")
	tokens := w.granted(t, decide(b, w.Authorize(b, request), "allow", url.Values{"duration": {"once"}}, "offline_access"))
	if seconds, _ := tokens.JSON()["expires_in"].(float64); seconds > 3600 {
		t.Errorf("the access token outlives the consent: %v s", seconds)
	}
	wantQuestion(t, w.Authorize(b, request))
	w.Clock.Advance(59 * time.Minute)
	if tokens = w.refresh(t, "dreams-web", tokens.String("refresh_token")); tokens.Status != http.StatusOK {
		t.Fatalf("within the hour: %s", tokens.Refusal())
	}
	w.Clock.Advance(time.Minute)
	if after := w.refresh(t, "dreams-web", tokens.String("refresh_token")); after.Refusal() != "400 invalid_grant" {
		t.Errorf("after the hour: %s", after.Refusal())
	}
}

func TestConsentForThirtyDaysEndsThen(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	request := w.Request("openid profile offline_access")
	tokens := w.granted(t, decide(b, w.Authorize(b, request), "allow", url.Values{"duration": {"30d"}}, "offline_access"))
	w.Clock.Advance(30*24*time.Hour - time.Minute)
	w.SignIn(b, "alice")
	wantCode(t, w.Authorize(b, request))
	if tokens = w.refresh(t, "dreams-web", tokens.String("refresh_token")); tokens.Status != http.StatusOK {
		t.Fatalf("within 30 days: %s", tokens.Refusal())
	}
	w.Clock.Advance(2 * time.Minute)
	if after := w.refresh(t, "dreams-web", tokens.String("refresh_token")); after.Refusal() != "400 invalid_grant" {
		t.Errorf("after 30 days: %s", after.Refusal())
	}
	wantQuestion(t, w.Authorize(b, request))
}

// A permission that is unticked on the consent page goes from what was given before,
// and nothing else does: tokens that carry it end at once, the next ones lack it.
func TestUntickingAPermissionOnlyNarrows(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	b := w.SignedIn(t, "alice")
	b.Stay = w.Dreams
	request := With(w.Request("openid profile email preferences:read blog:read offline_access"), url.Values{"prompt": {"consent"}})
	wide := w.granted(t, w.Allow(b, request, "email", "preferences:read", "blog:read", "offline_access"))
	without := w.refresh(t, "dreams-web", wide.String("refresh_token"), "profile")
	narrow := w.granted(t, w.Allow(b, request, "email", "blog:read", "offline_access"))
	old := wide.String("access_token")
	waitFor(t, within, "Acme refuses a token that carries it", func() bool {
		_, refusal := w.preferences(t, old)
		return refusal == "401 invalid_token"
	})
	if w.active(t, "acme-api", old) {
		t.Error("the wider access token is active")
	}
	if got := w.API(t, "GET", "/me", without.String("access_token"), ""); got.Status != http.StatusOK {
		t.Errorf("a token without it: %d %s", got.Status, got.Body)
	}
	wantRefusal(t, w.refresh(t, "dreams-web", without.String("refresh_token"), "profile preferences:read"), "400 invalid_scope", "asking for it again")
	for what, before := range map[string]Response{"before": without, "after": narrow} {
		next := w.refresh(t, "dreams-web", before.String("refresh_token"))
		if got := next.String("scope"); got != "openid profile email blog:read offline_access" {
			t.Errorf("refreshed, given %s: %q %s", what, got, next.Body)
		}
		if got := w.API(t, "GET", "/me/posts", next.String("access_token"), ""); got.Status != http.StatusOK {
			t.Errorf("the rest, given %s: %d", what, got.Status)
		}
	}
	wantQuestion(t, w.Authorize(b, w.Request("openid preferences:read")))
}

// RFC 9396 §9: so do authorization details, and a scope that opens more of the same
// leaves them where they have a box of their own.
func TestUntickingDetailsOnlyNarrows(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	asked := func(scope, details string) url.Values {
		return With(w.Request(scope), url.Values{"authorization_details": {details}, "prompt": {"consent"}})
	}
	given := func(request, ticked url.Values) Response {
		t.Helper()
		return w.granted(t, b.Form(w.Authorize(b, request), "decision").With(With(url.Values{"decision": {"allow"}}, ticked)).Submit())
	}
	all := url.Values{"scope": {"profile", "preferences:read", "offline_access"}, "authorization_detail": {"0"}}
	before := given(asked("openid profile preferences:read offline_access", aboutBeaches), all)
	given(asked("openid profile preferences:read", aboutBeaches), url.Values{"scope": {"profile", "preferences:read"}})
	next := w.refresh(t, "dreams-web", before.String("refresh_token"))
	if next.Status != http.StatusOK || next.JSON()["authorization_details"] != nil || !strings.Contains(next.String("scope"), "preferences:read") {
		t.Errorf("details unticked: %s", next.Body)
	}
	if w.active(t, "acme-api", before.String("access_token")) {
		t.Error("a token with the details is active")
	}
	says(t, w.appPage(b).Body, "You took back travel_preferences")
	before = given(asked("openid profile preferences:read offline_access", aboutBeaches), all)
	given(asked("openid profile preferences:read", aboutBeaches), url.Values{"scope": {"profile"}, "authorization_detail": {"0"}})
	next = w.refresh(t, "dreams-web", before.String("refresh_token"))
	if next.Status != http.StatusOK || next.JSON()["authorization_details"] == nil || strings.Contains(next.String("scope"), "preferences:read") {
		t.Errorf("scope unticked: %s", next.Body)
	}
}

// RFC 6749 §10.12: nobody consents by a form on another site.
func TestConsentFormOfAnotherSiteIsRefused(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	question := w.Authorize(b, w.Request("openid profile email"))
	form := b.Form(question, "decision").With(url.Values{"scope": {"email"}, "decision": {"allow"}})
	before := w.minted(t)
	for name, page := range map[string]Page{
		"without the form token":          form.With(url.Values{"csrf": nil}).Submit(),
		"with another":                    form.With(url.Values{"csrf": {strings.Repeat("A", 43)}}).Submit(),
		"with an empty one":               form.With(url.Values{"csrf": {""}}).Submit(),
		"from another origin":             form.SubmitAs(http.Header{"Origin": {"https://evil.test"}, "Sec-Fetch-Site": nil}),
		"from the client's":               form.SubmitAs(http.Header{"Origin": {w.Dreams}, "Sec-Fetch-Site": nil}),
		"from another site, by its frame": form.SubmitAs(http.Header{"Origin": {"null"}, "Sec-Fetch-Site": nil}),
		"cross-site":                      form.SubmitAs(http.Header{"Origin": nil, "Sec-Fetch-Site": {"cross-site"}}),
		"from another port of this host":  form.SubmitAs(http.Header{"Origin": nil, "Sec-Fetch-Site": {"same-site"}}),
	} {
		t.Run(name, func(t *testing.T) {
			if page.Status != http.StatusForbidden || page.Location != "" {
				t.Errorf("got %d to %q, want 403", page.Status, page.Location)
			}
			wantPageHeaders(t, page.Response)
		})
	}
	// bob's form token in alice's browser, and the other way round.
	bob := w.SignedIn(t, "bob")
	his := bob.Form(w.Authorize(bob, w.Request("openid profile email")), "decision")
	if page := form.With(url.Values{"csrf": his.Fields["csrf"]}).Submit(); page.Status != http.StatusForbidden {
		t.Errorf("with bob's form token: %d", page.Status)
	}
	if after := w.minted(t); after != before {
		t.Errorf("minted: %s, and %s before", after, before)
	}
	wantCode(t, form.Submit())
}

// Who decides is who is at the browser now, and they have to have been asked.
func TestNotYouGoesOnAsSomebodyElse(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	question := w.Authorize(b, w.Request("openid profile email"))
	alices := b.Form(question, "decision").With(url.Values{"scope": {"email"}, "decision": {"allow"}})
	var switching Form
	for _, form := range b.Forms(question) {
		if strings.HasSuffix(form.Action, "/account/switch") {
			switching = form
		}
	}
	login := switching.Submit()
	wantLogin(t, login)
	if !strings.Contains(login.Body, "Dreams") {
		t.Error("the request was lost")
	}
	question = w.LogIn(b, login, "carol", "wanderlust")
	wantQuestion(t, question)
	if !strings.Contains(question.Body, "Carol Okafor") || strings.Contains(question.Body, "Alice Moreau") {
		t.Error("the page does not ask carol")
	}
	if page := alices.Submit(); page.Status != http.StatusForbidden {
		t.Errorf("the form that alice was shown, sent as carol: %d", page.Status)
	}
	tokens := w.granted(t, decide(b, question, "allow", nil, "email"))
	claims := w.Do(t, "GET", w.Auth+"/userinfo", Bearer(tokens.String("access_token")), "")
	if claims.String("email") != "carol@acme.test" {
		t.Errorf("the token is for %s", claims.Body)
	}
}

// A request waits a quarter of an hour.
func TestARequestThatWaitedTooLongIsOver(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	before := w.minted(t)
	question := w.Authorize(b, w.Request("openid profile email"))
	interaction := question.URL.Query().Get("interaction")
	w.Clock.Advance(15*time.Minute + time.Second)
	wantPage(t, decide(b, question, "allow", nil, "email"), "invalid_request")
	for _, path := range []string{"/consent", "/login", "/authorize/resume"} {
		wantPage(t, b.Get(w.Auth+path+"?interaction="+interaction), "invalid_request")
		wantPage(t, b.Get(w.Auth+path+"?interaction=unknown"), "invalid_request")
	}
	if after := w.minted(t); after != before {
		t.Errorf("minted: %s, and %s before", after, before)
	}
	w.wantLogged(t, "request refused", "expired", 1)
	w.wantUnlogged(t, interaction)
}

// RFC 7009 §2.1, RFC 6819 §5.2.2.4.
func TestRemovingAConnectedAppEndsAllItsTokens(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	b := w.SignedIn(t, "alice")
	request := w.Request("openid profile preferences:read offline_access")
	tokens := w.granted(t, w.Allow(b, request, "preferences:read", "offline_access"))
	token := tokens.String("access_token")
	if got := w.API(t, "GET", "/me/preferences", token, ""); got.Status != http.StatusOK {
		t.Fatalf("before: %d %s", got.Status, got.Body)
	}
	apps := b.Get(w.Auth + "/account/apps")
	wantPageHeaders(t, apps.Response)
	form := b.Form(apps, "client_id").With(url.Values{"action": {"revoke"}})
	if form.Fields.Get("client_id") != "dreams-web" {
		t.Fatalf("the form is for %v", form.Fields)
	}
	for name, refused := range map[string]struct {
		page   Page
		status int
	}{
		"without the form token": {form.With(url.Values{"csrf": nil}).Submit(), http.StatusForbidden},
		"from another site":      {form.SubmitAs(http.Header{"Origin": {"https://evil.test"}, "Sec-Fetch-Site": {"cross-site"}}), http.StatusForbidden},
		"another action":         {form.With(url.Values{"action": {"keep"}}).Submit(), http.StatusBadRequest},
		"an app that is none":    {form.With(url.Values{"client_id": {"nope"}}).Submit(), http.StatusNotFound},
		"an app of nobody's":     {form.With(url.Values{"client_id": {"dreams-spa"}}).Submit(), http.StatusNotFound},
	} {
		if refused.page.Status != refused.status {
			t.Errorf("%s: %d, want %d", name, refused.page.Status, refused.status)
		}
	}
	bob := w.SignedIn(t, "bob") // has connected nothing
	csrf := bob.Form(bob.Get(w.Auth+"/account"), "csrf").Fields["csrf"]
	if page := bob.follow(http.MethodPost, w.Auth+"/account/apps", With(form.Fields, url.Values{"csrf": csrf}), nil); page.Status != http.StatusNotFound {
		t.Errorf("bob removes alice's: %d", page.Status)
	}
	if got := w.API(t, "GET", "/me/preferences", token, ""); got.Status != http.StatusOK {
		t.Fatalf("after refusals: %d %s", got.Status, got.Body)
	}

	if page := form.Submit(); page.Status != http.StatusOK || !strings.Contains(page.Body, "Dreams was removed") {
		t.Errorf("removing: %d", page.Status)
	}
	revoked := time.Now()
	if got := w.refresh(t, "dreams-web", tokens.String("refresh_token")); got.Refusal() != "400 invalid_grant" {
		t.Errorf("refresh: %s", got.Refusal())
	}
	introspected := w.Post(t, w.Auth+"/introspect", Basic("acme-api"), url.Values{"token": {token}})
	if strings.TrimSpace(introspected.Body) != `{"active":false}` {
		t.Errorf("introspection: %s", introspected.Body)
	}
	for w.API(t, "GET", "/me/preferences", token, "").Refusal() != "401 invalid_token" {
		if time.Since(revoked) > 2*time.Second {
			t.Fatal("Acme still takes the token after 2 s")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if page := form.Submit(); page.Status != http.StatusNotFound {
		t.Errorf("removing it again: %d", page.Status)
	}
	wantQuestion(t, w.Authorize(b, request))
	security := b.Get(w.Auth + "/account/security")
	if !strings.Contains(security.Body, "connected app removed") {
		t.Error("the person's security page does not tell")
	}
	for _, secret := range []string{token, tokens.String("refresh_token")} {
		if strings.Contains(security.Body, secret) {
			t.Error("a token stands on the security page")
		}
	}
}

// A client registers under whatever name it likes. It stays a name.
func TestHostileClientNameIsText(t *testing.T) {
	t.Parallel()
	const hostile = `INSERT INTO clients (client_id, secret_hash, metadata, created_at) VALUES ('hostile', NULL, json_object(
		'client_name', '"><script>alert(1)</script><img src=x onerror=alert(2)>' || char(8238) || 'moc.emca', 'kind', 'browser',
		'token_endpoint_auth_methods', json_array('none'), 'grant_types', json_array('authorization_code'), 'scope', 'profile email',
		'redirect_uris', json_array('https://evil.test/cb'), 'client_uri', 'javascript:alert(3)', 'developer', '<b onclick=alert(4)>Acme</b>',
		'purpose', '</q><script>alert(5)</script>', 'reasons', json_object('email', '<svg onload=alert(6)>')), 0)`
	w, b := alone(t, Options{SQL: map[string][]string{"authserver": {hostile}}})
	b.Stay = "https://evil.test"
	request := With(w.Request("profile email"), url.Values{"client_id": {"hostile"}, "redirect_uri": {"https://evil.test/cb"}})
	nobody := NewBrowser(t)
	login, question := w.Authorize(nobody, request), w.Authorize(b, request)
	wantLogin(t, login)
	wantQuestion(t, question)
	wantCode(t, decide(b, question, "allow", nil, "email"))
	pages := map[string]Page{
		"login": login, "consent": question, "answered": b.Get(question.URL.String()),
		"apps": b.Get(w.Auth + "/account/apps"), "security": b.Get(w.Auth + "/account/security"),
		"error": w.Authorize(b, With(request, url.Values{"redirect_uri": {`https://evil.test/"><script>alert(7)</script>`}})),
	}
	pages["removed"] = b.Form(pages["apps"], "client_id").With(url.Values{"action": {"revoke"}}).Submit()
	for name, page := range pages {
		t.Run(name, func(t *testing.T) {
			for _, live := range []string{"<script>alert", "<img src=x", "<svg onload", "<b onclick", `href="javascript:`, "\u202e"} {
				if strings.Contains(page.Body, live) {
					t.Errorf("%q stands on the page as it is", live)
				}
			}
			wantPageHeaders(t, page.Response)
		})
	}
	if !strings.Contains(question.Body, "&lt;script&gt;") || !strings.Contains(pages["apps"].Body, "&lt;script&gt;") {
		t.Error("the name is not shown at all")
	}
	if !strings.Contains(question.Body, "Not verified") || !strings.Contains(question.Body, "evil.test") {
		t.Error("the page does not say that nobody knows this client, or where it leads")
	}
}
