package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const sessionCookie = "authserver_session"

// session is the value of a browser's cookie for authserver.
func (b *Browser) session(w *World) string {
	b.t.Helper()
	at, err := url.Parse(w.Auth)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, cookie := range b.Jar().Cookies(at) {
		if cookie.Name == sessionCookie {
			return cookie.Value
		}
	}
	return ""
}

// plant puts a cookie for authserver into a browser, as whoever controls a
// neighbouring host can.
func (b *Browser) plant(w *World, value string) {
	at, _ := url.Parse(w.Auth)
	b.Jar().SetCookies(at, []*http.Cookie{{Name: sessionCookie, Value: value, Path: "/"}})
}

// signedIn tells whether authserver knows the browser.
func (b *Browser) signedIn(w *World) bool {
	b.t.Helper()
	return b.Get(w.Auth+"/account").URL.Path == "/account"
}

// The answer must not tell who has an account.
func TestWrongPasswordAndUnknownUserGetTheSameAnswer(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	b := NewBrowser(t)
	login := b.Get(w.Auth + "/login")
	try := func(username string) Page {
		page := w.LogIn(b, login, username, "wrong")
		if page.Status != http.StatusUnprocessableEntity || b.signedIn(w) {
			t.Errorf("%s: %d", username, page.Status)
		}
		wantPageHeaders(t, page.Response)
		return page
	}
	known, unknown := try("alice"), try("ecila")
	if strings.ReplaceAll(known.Body, `value="alice"`, "") == known.Body {
		t.Error("the name is not there to be corrected")
	}
	// The first "alice" is the echoed one; those behind it are the classroom's buttons.
	if strings.Replace(known.Body, `value="alice"`, "value", 1) != strings.Replace(unknown.Body, `value="ecila"`, "value", 1) {
		t.Errorf("the pages differ:\n%s\n%s", known.Body, unknown.Body)
	}
	if strings.Contains(known.Body, "wrong\"") {
		t.Error("the password comes back")
	}
	for _, nobody := range []string{"alice'--", "' OR ''='", "", "alice\x00", "%", strings.Repeat("a", 60000)} {
		try(nobody)
	}
	w.wantLogged(t, "sign-in failed", "", 8)
}

// Session fixation: the name of the session changes when it becomes somebody's.
func TestSessionIsRenewedAtSignIn(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	planted := strings.Repeat("mallory", 10)
	for name, before := range map[string]func(b *Browser) string{
		"our own":               func(b *Browser) string { b.Get(w.Auth + "/login"); return b.session(w) },
		"one that we planted":   func(b *Browser) string { b.plant(w, planted); return planted },
		"somebody's, signed in": func(b *Browser) string { w.SignIn(b, "bob"); return b.session(w) },
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBrowser(t)
			old := before(b)
			w.SignIn(b, "alice")
			if !b.signedIn(w) || b.session(w) == old || len(b.session(w)) < 22 {
				t.Errorf("%q before, %q after", old, b.session(w))
			}
			thief := NewBrowser(t)
			thief.plant(w, old)
			if thief.signedIn(w) {
				t.Error("the old one is signed in")
			}
		})
	}
}

// RFC 6265bis §4.1.3: what a browser holds the cookie to. Behind a TLS proxy the
// programs speak plain HTTP themselves.
func TestSessionCookies(t *testing.T) {
	t.Parallel()
	attributes := func(t *testing.T, r Response, name string, secure bool) {
		t.Helper()
		cookies := (&http.Response{Header: r.Header}).Cookies()
		i := slices.IndexFunc(cookies, func(c *http.Cookie) bool { return c.Name == name })
		if i < 0 {
			t.Fatalf("no cookie %s: %d %v", name, r.Status, r.Header["Set-Cookie"])
		}
		c := cookies[i]
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != secure {
			t.Errorf("%s", c.Raw)
		}
	}
	page := http.Header{"Accept": {"text/html"}}
	t.Run("https", func(t *testing.T) {
		t.Parallel()
		w := New(t, Options{Env: map[string]string{
			"AUTHSERVER_URL": "https://accounts.example.test", "ACME_URL": "https://acme.example.test", "DREAMS_URL": "https://dreams.example.test", "ALLOW_DEMO_SECRETS": "on",
		}, Only: authserverAlone.Only})
		login := w.Do(t, "GET", w.Auth+"/login", page, "")
		attributes(t, login, "__Host-authserver_session", true)
		if login.Header.Get("Strict-Transport-Security") == "" {
			t.Error("no Strict-Transport-Security")
		}
		cookie := (&http.Response{Header: login.Header}).Cookies()[0]
		b := NewBrowser(t)
		form := b.Form(Page{Response: login, URL: mustParse(t, w.Auth+"/login")}, "password").Fields
		form.Set("username", "alice")
		form.Set("password", "wanderlust")
		in := w.Post(t, w.Auth+"/login", http.Header{"Cookie": {cookie.Name + "=" + cookie.Value}, "Origin": {"https://accounts.example.test"}}, form)
		if in.Status != http.StatusSeeOther {
			t.Fatalf("signing in behind a TLS proxy: %d", in.Status)
		}
		attributes(t, in, "__Host-authserver_session", true)
		if issuer := w.Do(t, "GET", w.Auth+"/.well-known/openid-configuration", nil, "").String("issuer"); issuer != "https://accounts.example.test" {
			t.Errorf("issuer %q", issuer)
		}
		refused := w.Post(t, w.Auth+"/login", http.Header{"Cookie": {cookie.Name + "=" + cookie.Value}, "Origin": {"http://accounts.example.test"}}, form)
		if refused.Status != http.StatusForbidden {
			t.Errorf("a form from the page without TLS: %d", refused.Status)
		}
	})
	t.Run("https at Acme and Dreams", func(t *testing.T) {
		t.Parallel()
		w := New(t, Options{Env: map[string]string{"ACME_URL": "https://acme.localhost", "DREAMS_URL": "https://dreams.localhost"}})
		attributes(t, w.Do(t, "GET", w.Acme+"/login", page, ""), "__Host-acme_session", true)
		attributes(t, w.Do(t, "GET", w.Dreams+"/connect", page, ""), "__Host-dreams_session", true)
	})
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		w := New(t, Options{})
		attributes(t, w.Do(t, "GET", w.Auth+"/login", page, ""), sessionCookie, false)
		attributes(t, w.Do(t, "GET", w.Acme+"/login", page, ""), "acme_session", false)
		attributes(t, w.Do(t, "GET", w.Dreams+"/connect", page, ""), "dreams_session", false)
	})
}

func mustParse(t testing.TB, address string) *url.URL {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// RFC 9700 §4.11: nobody is led off by the address that they signed in at.
func TestSigningInLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme", "dreams"}})
	foreign := []string{
		"https://evil.test", "//evil.test", "///evil.test", `/\evil.test`, `\\evil.test`, `/\/evil.test`, "/%2fevil.test", "/%5cevil.test", "/\tevil.test", "\t//evil.test",
		"javascript:alert(1)", "http:evil.test", "evil.test", "@evil.test", "/../..//evil.test\\", " //evil.test",
	}
	b := NewBrowser(t)
	for _, to := range foreign {
		for _, name := range []string{"next", "return_to", "redirect", "continue"} {
			b.Stay = "" // forms find the login page again
			login := b.Get(w.Auth + "/login?" + url.Values{name: {to}}.Encode())
			form := b.Form(login, "password").With(url.Values{"username": {"alice"}, "password": {"wanderlust"}})
			if name != "next" && to != foreign[0] {
				continue
			}
			b.Stay = "/"
			page := form.Submit()
			b.Stay = ""
			if page.Status != http.StatusSeeOther || page.Location != "/account" {
				t.Errorf("%s=%q leads to %d %q", name, to, page.Status, page.Location)
			}
		}
		direct := w.Post(t, w.Auth+"/login?"+url.Values{"next": {to}, "return_to": {to}}.Encode(), nil, url.Values{"username": {"alice"}, "password": {"wanderlust"}})
		if direct.Status != http.StatusForbidden || direct.Header.Get("Location") != "" {
			t.Errorf("without our form: %d %q", direct.Status, direct.Header.Get("Location"))
		}
	}
	// Pages that ask for a sign-in lead back to themselves.
	b = NewBrowser(t)
	login := b.Get(w.Auth + "/account/apps?tab=ended")
	wantLogin(t, login)
	if back := w.LogIn(b, login, "alice", "wanderlust"); back.URL.String() != w.Auth+"/account/apps?tab=ended" {
		t.Errorf("led to %s", back.URL)
	}
}

// RFC 6819 §5.1.4.2.3, RFC 6585 §4: ten wrong passwords for one person in five
// minutes; everybody else goes on.
func TestTheEleventhPasswordHasToWait(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	b := NewBrowser(t)
	login := b.Get(w.Auth + "/login")
	for i, name := range []string{"alice", "ALICE", " alice ", "alice@acme.test", "Alice@Acme.Test", "alice", "alice", "alice", "alice", "alice"} {
		if page := w.LogIn(b, login, name, "guess-"+strconv.Itoa(i)); page.Status != http.StatusUnprocessableEntity {
			t.Fatalf("attempt %d: %d", i+1, page.Status)
		}
	}
	waits := func(page Page) {
		t.Helper()
		seconds, err := strconv.Atoi(page.Header.Get("Retry-After"))
		if page.Status != http.StatusTooManyRequests || err != nil || seconds < 1 || seconds > 300 {
			t.Errorf("got %d, Retry-After %q", page.Status, page.Header.Get("Retry-After"))
		}
		if !strings.Contains(page.Body, "Too many wrong passwords") {
			t.Error("the page does not say what happened")
		}
		wantPageHeaders(t, page.Response)
	}
	waits(w.LogIn(b, login, "alice", "guess-11"))
	waits(w.LogIn(b, login, "alice", "wanderlust"))
	waits(w.LogIn(b, login, "alice@acme.test", "wanderlust"))
	other := NewBrowser(t)
	waits(w.LogIn(other, other.Get(w.Auth+"/login"), "alice", "wanderlust"))
	w.SignIn(other, "bob")
	if !other.signedIn(w) {
		t.Error("bob has to wait for alice's wrong passwords")
	}
	w.wantLogged(t, "sign-in throttled", "", 4)
	w.wantUnlogged(t, "guess-", "wanderlust")
	w.Clock.Advance(5*time.Minute + time.Second)
	w.SignIn(b, "alice")
	if !b.signedIn(w) {
		t.Error("alice is shut out for longer than five minutes")
	}
}

// A hundred guesses at the same moment are a hundred guesses.
func TestGuessesAtTheSameTimeAreCounted(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	b := NewBrowser(t)
	login := b.Get(w.Auth + "/login")
	var mu sync.Mutex
	statuses := map[int]int{}
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			page := w.LogIn(b, login, "alice", "guess")
			mu.Lock()
			defer mu.Unlock()
			statuses[page.Status]++
		})
	}
	all.Wait()
	if statuses[http.StatusUnprocessableEntity] != 10 || statuses[http.StatusTooManyRequests] != 20 {
		t.Errorf("answers by status: %v; want 10 tries and 20 refusals", statuses)
	}
}

// Whoever tries one password on many people is counted by address; a header
// that anybody can write is none.
func TestFiftyWrongPasswordsFromOneAddressHaveToWait(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	b := NewBrowser(t)
	login := b.Get(w.Auth + "/login")
	try := func(i int) Page {
		form := b.Form(login, "password").With(url.Values{"username": {"nobody-" + strconv.Itoa(i)}, "password": {"wanderlust"}})
		address := fmt.Sprintf("203.0.113.%d", i)
		return form.SubmitAs(http.Header{"X-Forwarded-For": {address}, "X-Real-Ip": {address}, "Forwarded": {"for=" + address}})
	}
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			if page := try(i); page.Status != http.StatusUnprocessableEntity {
				t.Errorf("attempt %d: %d", i+1, page.Status)
			}
		})
	}
	all.Wait()
	if page := try(50); page.Status != http.StatusTooManyRequests || page.Header.Get("Retry-After") == "" {
		t.Errorf("the 51st: %d", page.Status)
	}
	w.Clock.Advance(5*time.Minute + time.Second)
	if page := w.LogIn(b, login, "bob", "wanderlust"); page.Status != http.StatusOK {
		t.Errorf("five minutes later: %d", page.Status)
	}
}

// RFC 9700 §4.7: signing somebody in by a form of one's own is an attack, too.
func TestLoginFormOfAnotherSiteIsRefused(t *testing.T) {
	t.Parallel()
	w := New(t, authserverAlone)
	good := url.Values{"username": {"alice"}, "password": {"wanderlust"}}
	for name, header := range map[string]http.Header{
		"no cookie at all":             {},
		"another site's origin":        {"Origin": {"https://evil.test"}},
		"Sec-Fetch-Site: cross-site":   {"Sec-Fetch-Site": {"cross-site"}},
		"Origin: null":                 {"Origin": {"null"}},
		"a cookie that was made up":    {"Cookie": {sessionCookie + "=" + strings.Repeat("m", 43)}},
		"a short cookie, and no token": {"Cookie": {sessionCookie + "=x"}},
	} {
		t.Run(name, func(t *testing.T) {
			page := w.Post(t, w.Auth+"/login", header, good)
			if page.Status != http.StatusForbidden || !strings.HasPrefix(page.Header.Get("Content-Type"), "text/html") {
				t.Errorf("got %d %s, want a 403 page", page.Status, page.Header.Get("Content-Type"))
			}
			if name != "a short cookie, and no token" && page.Header.Get("Set-Cookie") != "" {
				t.Errorf("it sets the cookie %s", page.Header.Get("Set-Cookie"))
			}
			wantPageHeaders(t, page)
		})
	}
	b := NewBrowser(t)
	form := b.Form(b.Get(w.Auth+"/login"), "password").With(good)
	for name, page := range map[string]Page{
		"without the form token":  form.With(url.Values{"csrf": nil}).Submit(),
		"with another":            form.With(url.Values{"csrf": {"x"}}).Submit(),
		"from another site":       form.SubmitAs(http.Header{"Origin": {"https://evil.test"}, "Sec-Fetch-Site": {"cross-site"}}),
		"from Dreams's origin":    form.SubmitAs(http.Header{"Origin": {w.Dreams}, "Sec-Fetch-Site": nil}),
		"from a sibling's":        form.SubmitAs(http.Header{"Origin": nil, "Sec-Fetch-Site": {"same-site"}}),
		"as another content type": form.SubmitAs(http.Header{"Content-Type": {"text/plain"}}),
	} {
		want := http.StatusForbidden
		if strings.HasPrefix(name, "as ") {
			want = http.StatusBadRequest
		}
		if page.Status != want || b.signedIn(w) {
			t.Errorf("%s: %d, want %d", name, page.Status, want)
		}
	}
	if n := w.value(t, "authserver", "SELECT count(*) FROM sessions"); n != "0" {
		t.Errorf("%s sessions were begun", n)
	}
	form.Submit()
	if !b.signedIn(w) {
		t.Error("the good form is refused")
	}
}

func TestSigningOutEndsTheSessionEverywhere(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	copied := b.session(w)
	if page := b.Get(w.Auth + "/account/logout"); page.Status != http.StatusMethodNotAllowed || !b.signedIn(w) {
		t.Errorf("a link signs out: %d", page.Status)
	}
	out := Form{browser: b, Action: w.Auth + "/account/logout", Fields: url.Values{}}
	if page := out.Submit(); page.Status != http.StatusForbidden || !b.signedIn(w) {
		t.Errorf("a form without our token signs out: %d", page.Status)
	}
	out.Fields = url.Values{"csrf": b.Form(b.Get(w.Auth+"/account/apps"), "csrf").Fields["csrf"]}
	if page := out.Submit(); page.URL.Path != "/signed-out" || b.signedIn(w) {
		t.Errorf("signing out: %d %s", page.Status, page.URL)
	}
	thief := NewBrowser(t)
	thief.plant(w, copied)
	if thief.signedIn(w) {
		t.Error("a copy of the cookie is still signed in")
	}
	w.wantLogged(t, "signed out", "", 1)
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	remembered := NewBrowser(t)
	remembered.Form(remembered.Get(w.Auth+"/login"), "password").
		With(url.Values{"username": {"bob"}, "password": {"wanderlust"}, "remember": {"on"}}).Submit()
	w.Clock.Advance(12*time.Hour - time.Minute)
	if !b.signedIn(w) {
		t.Error("over before twelve hours")
	}
	w.Clock.Advance(time.Minute)
	if b.signedIn(w) || !remembered.signedIn(w) {
		t.Error("after twelve hours whoever asked to be remembered is signed in, and nobody else")
	}
	wantLogin(t, w.Authorize(b, w.Request("openid")))
	w.Clock.Advance(14 * 24 * time.Hour)
	if remembered.signedIn(w) {
		t.Error("remembered for longer than fourteen days")
	}
}

// A locked account: no page, no code, no token, and it says why.
func TestLockedUserGetsNoCode(t *testing.T) {
	t.Parallel()
	w, b := alone(t, Options{})
	request := w.Request("openid profile offline_access")
	tokens := w.granted(t, w.Allow(b, request, "offline_access"))
	question := w.Authorize(b, With(request, url.Values{"prompt": {"consent"}}))
	late := w.Authorize(b, request)
	before := w.minted(t)

	if page := b.Get(w.Auth + "/operator/users"); page.Status != http.StatusNotFound {
		t.Errorf("alice sees the operator's page: %d", page.Status)
	}
	root := w.SignedIn(t, "root")
	people := root.Get(w.Auth + "/operator/users")
	alice := w.value(t, "authserver", "SELECT sub FROM users WHERE username = 'alice'")
	var lock Form
	for _, form := range root.Forms(people) {
		if form.Fields.Get("sub") == alice {
			lock = form.With(url.Values{"action": {"lock"}})
		}
	}
	if page := b.follow(http.MethodPost, lock.Action, With(lock.Fields, url.Values{"csrf": b.Form(question, "csrf").Fields["csrf"]}), nil); page.Status != http.StatusNotFound {
		t.Errorf("alice locks somebody: %d", page.Status)
	}
	lock.Submit()

	login := w.Authorize(b, request)
	wantLogin(t, login)
	if !strings.Contains(login.Body, "locked") {
		t.Error("the login page does not say why she is signed out")
	}
	page := w.LogIn(b, login, "alice", "wanderlust")
	if page.Status != http.StatusUnprocessableEntity || !strings.Contains(page.Body, "locked") {
		t.Errorf("signing in again: %d", page.Status)
	}
	if page := decide(b, question, "allow", nil, "offline_access"); page.Location != "" {
		t.Errorf("the consent page from before: sent to %s", page.Location)
	}
	if got := w.Token(t, Basic("dreams-web"), w.Redemption(late)); got.Refusal() != "400 invalid_grant" {
		t.Errorf("the code from before: %s", got.Refusal())
	}
	if got := w.refresh(t, "dreams-web", tokens.String("refresh_token")); got.Refusal() != "400 invalid_grant" {
		t.Errorf("the refresh token: %s", got.Refusal())
	}
	if after := w.minted(t); after != before {
		t.Errorf("minted: %s, and %s before", after, before)
	}
	w.wantLogged(t, "account locked", "by root", 1)
	// A wrong password says what it says to everybody.
	if page := w.LogIn(b, login, "alice", "wrong"); strings.Contains(page.Body, "This account is locked. Ask") {
		t.Error("who does not know the password is told that the account is locked")
	}
}
