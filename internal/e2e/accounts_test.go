package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// newcomer is a good form for a new account.
func newcomer(username string) url.Values {
	return url.Values{"name": {"Dora Dahl"}, "username": {username}, "email": {username + "@example.test"}, "password": {"a walk in the hills"}}
}

// signUp opens an account, for a request that waits where a page is about one.
func (w *World) signUp(b *Browser, from Page, fields url.Values) Page {
	b.t.Helper()
	_, after, _ := strings.Cut(from.Body, `href="/signup`)
	query, _, _ := strings.Cut(after, `"`)
	return b.Form(b.Get(w.Auth+"/signup"+strings.ReplaceAll(query, "&amp;", "&")), "password").With(fields).Submit()
}

// Somebody without an account opens one on the way, goes on with the request, and
// Acme knows them at once.
func TestANewAccountGoesOnWithTheRequest(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	b := NewBrowser(t)
	b.Stay = w.Dreams
	question := w.signUp(b, w.Authorize(b, w.Request("openid profile email preferences:read offline_access")), newcomer("dora"))
	wantQuestion(t, question)
	if !strings.Contains(question.Body, "Dora Dahl") {
		t.Error("the page does not say who shares")
	}
	tokens := w.granted(t, decide(b, question, "allow", nil, "email", "preferences:read", "offline_access"))
	me := func() Response { return w.API(t, "GET", "/me", tokens.String("access_token"), "") }
	waitFor(t, within, "Acme knows the name", func() bool { return me().String("name") == "Dora Dahl" })
	if got := me(); got.String("email") != "dora@example.test" || got.JSON()["picture"] != nil {
		t.Errorf("/me: %s", got.Body)
	}
	if through, refusal := w.preferences(t, tokens.String("access_token")); !through {
		t.Errorf("preferences of somebody who said none: %s", refusal)
	}
	// OIDC Core §5.1: nobody has looked whose address it is.
	info := w.Do(t, "GET", w.Auth+"/userinfo", Bearer(tokens.String("access_token")), "").JSON()
	if info["email_verified"] != false || info["name"] != "Dora Dahl" || info["picture"] != nil {
		t.Errorf("userinfo: %v", info)
	}

	profile := b.Form(b.Get(w.Auth+"/account/profile"), "name").With(url.Values{"name": {"Dora  O’Hara\u202e"}, "email": {"dora@new.test"}})
	if done := profile.Submit(); !strings.Contains(done.Body, "Done.") {
		t.Fatalf("changing the name: %d", done.Status)
	}
	waitFor(t, within, "Acme knows the new name", func() bool { return me().String("name") == "Dora O’Hara" })
	w.answerLetter(b)
	waitFor(t, within, "Acme knows the new address", func() bool { return me().String("email") == "dora@new.test" })
	// Both survive, and both names of the account sign in.
	w.restart(t)
	waitFor(t, 5*time.Second, "Acme knows the name after a restart", func() bool { return me().String("name") == "Dora O’Hara" })
	for _, login := range []string{"dora", "dora@new.test"} {
		b := NewBrowser(t)
		if page := w.LogIn(b, b.Get(w.Auth+"/login"), login, "a walk in the hills"); page.URL.Path != "/account" {
			t.Errorf("%s: %d at %s", login, page.Status, page.URL)
		}
	}
}

// An account that nobody can have is 422, says what to mend, and keeps what was
// typed but for the password. Who has an account already it does not say.
func TestAccountsThatNobodyCanHave(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	for name, fields := range map[string]url.Values{
		"no name":                {"name": {" \u202e "}},
		"a long name":            {"name": {strings.Repeat("x", 61)}},
		"no user name":           {"username": {""}},
		"a user name with @":     {"username": {"alice@acme.test"}},
		"an address with a tag":  {"email": {`"><script>alert(1)</script>@x.test`}},
		"no address":             {"email": {"nowhere"}},
		"an address of RFC 6531": {"email": {"dóra@new.test"}},
		"a line break in it":     {"email": {"a@x.test\r\nBcc: b@x.test"}},
		"a short password":       {"password": {"seven77"}},
		"a long password":        {"password": {strings.Repeat("x", 129)}},
		"a common password":      {"password": {"Password123"}},
		"the user name":          {"username": {"newcomer1"}, "password": {"NEWCOMER1"}},
		"a taken user name":      {"username": {"alice"}},
		"a taken address":        {"email": {"Alice@acme.test"}},
	} {
		b := NewBrowser(t)
		page := b.Form(b.Get(w.Auth+"/signup"), "password").With(newcomer("newcomer")).With(fields).Submit()
		if page.Status != http.StatusUnprocessableEntity || !strings.Contains(page.Body, `role="alert"`) || strings.Contains(page.Body, "a walk in the hills") || strings.Contains(page.Body, "<script>alert") {
			t.Errorf("%s: %d", name, page.Status)
		}
		if got := b.Get(w.Auth + "/account"); got.URL.Path != "/login" {
			t.Errorf("%s: signed in", name)
		}
	}
	b := NewBrowser(t)
	said := func(fields url.Values) string {
		page := b.Form(b.Get(w.Auth+"/signup"), "password").With(newcomer("same")).With(fields).Submit()
		_, after, _ := strings.Cut(page.Body, `role="alert"`)
		words, _, _ := strings.Cut(after, "</ul>")
		return words
	}
	if name, address := said(url.Values{"username": {"bob"}}), said(url.Values{"email": {"bob@acme.test"}}); name != address {
		t.Errorf("the page tells a taken name from a taken address:\n%s\n%s", name, address)
	}
	form := b.Form(b.Get(w.Auth+"/signup"), "password").With(newcomer("newcomer"))
	for what, page := range map[string]Page{
		"without the form token": form.With(url.Values{"csrf": nil}).Submit(),
		"from another site":      form.SubmitAs(http.Header{"Origin": {"https://evil.test"}, "Sec-Fetch-Site": {"cross-site"}}),
		"without our cookie":     NewBrowser(t).follow("POST", w.Auth+"/signup", form.Fields, nil),
	} {
		if page.Status != http.StatusForbidden {
			t.Errorf("%s: %d", what, page.Status)
		}
	}
	if page := form.Submit(); page.URL.Path != "/account" {
		t.Fatalf("the next good one: %d", page.Status)
	}
	// Somewhere it ends: trying names is counted, like wrong passwords.
	var last Page
	for i := 0; i < 40 && last.Status != http.StatusTooManyRequests; i++ {
		last = b.Form(b.Get(w.Auth+"/signup"), "password").With(newcomer("alice")).Submit()
	}
	if last.Status != http.StatusTooManyRequests || last.Header.Get("Retry-After") == "" {
		t.Errorf("after 40 attempts: %d", last.Status)
	}
}

// A name is a stranger's words on every page.
func TestAPersonsNameIsText(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	w.waitForAcme(t)
	b := NewBrowser(t)
	b.Stay = w.Dreams
	fields := newcomer("mallory")
	fields.Set("name", `<script>alert(1)</script>"><img src=x onerror=a>`)
	pages := map[string]Page{"consent": w.signUp(b, w.Authorize(b, w.Request("openid profile reviews:read")), fields)}
	for _, path := range []string{"/account", "/account/profile", "/account/apps", "/account/security", "/account/sessions", "/account/password"} {
		pages[path] = b.Get(w.Auth + path)
	}
	token := w.Token(t, nil, url.Values{
		"grant_type": {"password"}, "client_id": {"acme-mobile"}, "username": {"mallory"}, "password": {"a walk in the hills"}, "scope": {"reviews:write profile"},
	}).String("access_token")
	if got := w.API(t, "POST", "/packages/pk-silvretta/reviews", token, `{"rating":5,"text":"Fine."}`); got.Status != http.StatusCreated {
		t.Fatalf("a review: %d %s", got.Status, got.Body)
	}
	pages["a review"] = b.Get(w.Acme + "/packages/pk-silvretta")
	b.Stay = ""
	allowed := b.Form(b.Get(w.Dreams+"/connect"), "decision").With(url.Values{"scope": {"email", "preferences:read", "packages:read"}, "decision": {"allow"}}).Submit()
	pages["Dreams, allowed"], pages["Dreams"] = allowed, b.Get(w.Dreams+"/")
	pages["Dreams, offers"], pages["Dreams, outbox"] = b.Get(w.Dreams+"/offers"), b.Get(w.Dreams+"/outbox")
	pages["Acme"] = b.Get(w.Acme + "/login?next=/me")
	for name, page := range pages {
		if page.Status != http.StatusOK {
			t.Errorf("%s: %d at %s", name, page.Status, page.URL)
		}
		for _, live := range []string{"<script>alert", "<img src=x"} {
			if strings.Contains(page.Body, live) {
				t.Errorf("%s: %q stands on the page as it is", name, live)
			}
		}
	}
	if !strings.Contains(pages["a review"].Body, "&lt;script&gt;") || !strings.Contains(pages["Acme"].Body, "&lt;script&gt;") {
		t.Error("Acme does not show the name at all")
	}
}

// Another password ends every other session and what the person does not keep;
// this browser goes on, under another cookie.
func TestAnotherPassword(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b, other, bob := w.SignedIn(t, "alice"), w.SignedIn(t, "alice"), w.SignedIn(t, "bob")
	tokens := w.granted(t, w.Allow(b, w.Request("openid offline_access"), "offline_access"))
	spa := With(w.Request("openid offline_access"), url.Values{"client_id": {"dreams-spa"}, "redirect_uri": {w.Dreams + "/spa/callback"}})
	second := w.Token(t, nil, With(w.Redemption(w.Allow(b, spa, "offline_access")), url.Values{"client_id": {"dreams-spa"}, "redirect_uri": {w.Dreams + "/spa/callback"}}))
	mobile := w.Token(t, nil, url.Values{"grant_type": {"password"}, "client_id": {"acme-mobile"}, "username": {"alice"}, "password": {"wanderlust"}, "scope": {"profile offline_access"}})

	form := b.Form(b.Get(w.Auth+"/account/password"), "current").With(url.Values{"current": {"wanderlust"}, "password": {"a walk in the hills"}, "keep": {"dreams-web"}})
	for what, refused := range map[string]struct {
		page   Page
		status int
	}{
		"a wrong present one":    {form.With(url.Values{"current": {"wonderlust"}}).Submit(), http.StatusUnprocessableEntity},
		"no present one":         {form.With(url.Values{"current": {""}}).Submit(), http.StatusUnprocessableEntity},
		"a common one":           {form.With(url.Values{"password": {"password1"}}).Submit(), http.StatusUnprocessableEntity},
		"the same":               {form.With(url.Values{"password": {"wanderlust"}}).Submit(), http.StatusUnprocessableEntity},
		"without the form token": {form.With(url.Values{"csrf": nil}).Submit(), http.StatusForbidden},
		"from another site":      {form.SubmitAs(http.Header{"Origin": {"https://evil.test"}, "Sec-Fetch-Site": {"cross-site"}}), http.StatusForbidden},
	} {
		if refused.page.Status != refused.status {
			t.Errorf("%s: %d, want %d", what, refused.page.Status, refused.status)
		}
	}
	if got := other.Get(w.Auth + "/account"); got.URL.Path != "/account" {
		t.Fatal("a refused change ended a session")
	}
	before := b.Jar().Cookies(form.browserURL(t))
	if done := form.Submit(); done.URL.Path != "/account/sessions" || strings.Count(done.Body, "<h2>") != 1 {
		t.Fatalf("changing it: %d at %s", done.Status, done.URL)
	}
	if after := b.Jar().Cookies(form.browserURL(t)); after[0].Value == before[0].Value {
		t.Error("the cookie is the same")
	}
	for who, at := range map[string]struct {
		b    *Browser
		path string
	}{"this browser": {b, "/account"}, "the other": {other, "/login"}, "bob's": {bob, "/account"}} {
		if got := at.b.Get(w.Auth + "/account"); got.URL.Path != at.path {
			t.Errorf("%s is at %s", who, got.URL)
		}
	}
	if !w.active(t, "dreams-web", tokens.String("refresh_token")) {
		t.Error("the app that was kept is gone")
	}
	if w.active(t, "acme-api", second.String("access_token")) || w.active(t, "acme-api", mobile.String("access_token")) {
		t.Error("what was not kept goes on")
	}
	for password, path := range map[string]string{"wanderlust": "/login", "a walk in the hills": "/account"} {
		b := NewBrowser(t)
		if got := w.LogIn(b, b.Get(w.Auth+"/login"), "alice", password); got.URL.Path != path {
			t.Errorf("%s leads to %s", password, got.URL)
		}
	}
	w.wantLogged(t, "password changed", "1 other session ended", 1)
	w.wantUnlogged(t, "wanderlust", "a walk in the hills")
}

func (f Form) browserURL(t *testing.T) *url.URL {
	u, err := url.Parse(f.Action)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// A person sees where they are signed in, and ends one session or all others;
// another person's is not there.
func TestWhereOneIsSignedIn(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	b, second, third, bob := w.SignedIn(t, "alice"), w.SignedIn(t, "alice"), w.SignedIn(t, "alice"), w.SignedIn(t, "bob")
	w.Clock.Advance(5 * time.Minute)
	page := b.Get(w.Auth + "/account/sessions")
	if got := strings.Count(page.Body, "<h2>"); got != 3 || strings.Count(page.Body, "This browser") != 1 {
		t.Errorf("%d sessions", got)
	}
	form := b.Form(page, "session")
	csrf := bob.Form(bob.Get(w.Auth+"/account"), "csrf").Fields["csrf"]
	for what, refused := range map[string]struct {
		page   Page
		status int
	}{
		"bob ends alice's":       {bob.follow("POST", w.Auth+"/account/sessions", With(form.Fields, url.Values{"csrf": csrf, "action": {"end"}}), nil), http.StatusNotFound},
		"without the form token": {form.With(url.Values{"csrf": nil, "action": {"end"}}).Submit(), http.StatusForbidden},
		"from another site":      {form.With(url.Values{"action": {"end"}}).SubmitAs(http.Header{"Origin": {"https://evil.test"}, "Sec-Fetch-Site": {"cross-site"}}), http.StatusForbidden},
		"another action":         {form.With(url.Values{"action": {"keep"}}).Submit(), http.StatusBadRequest},
		"one that is none":       {form.With(url.Values{"session": {"s_none"}, "action": {"end"}}).Submit(), http.StatusNotFound},
	} {
		if refused.page.Status != refused.status {
			t.Errorf("%s: %d, want %d", what, refused.page.Status, refused.status)
		}
	}
	signedIn := func() (n int) {
		for _, b := range []*Browser{b, second, third, bob} {
			if b.Get(w.Auth+"/account").URL.Path == "/account" {
				n++
			}
		}
		return n
	}
	if got := signedIn(); got != 4 {
		t.Fatalf("%d browsers are signed in, want 4", got)
	}
	form.With(url.Values{"action": {"end"}}).Submit()
	if got := signedIn(); got != 3 {
		t.Errorf("%d browsers are signed in, want 3", got)
	}
	b.Form(b.Get(w.Auth+"/account/sessions"), "action").With(url.Values{"action": {"end-others"}, "session": nil}).Submit()
	if got := signedIn(); got != 2 {
		t.Errorf("%d browsers are signed in, want alice's and bob's", got)
	}
}
