package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestAuthorizationRequestHasPKCEAndFreshStateAndNonce(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	first, second := b.begin(), b.begin()
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(first.Get(name)) < 43 {
			t.Errorf("%s = %q has less than 256 bits", name, first.Get(name))
		}
		if first.Get(name) == second.Get(name) {
			t.Errorf("%s is the same for two attempts", name)
		}
	}
	for name, want := range map[string]string{
		"response_type": "code", "client_id": "dreams-web", "redirect_uri": w.http.URL + "/callback",
		"code_challenge_method": "S256", "scope": allScopes, "prompt": "",
	} {
		if first.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, first.Get(name), want)
		}
	}
	if a := b.get("/connect?prompt=consent"); !strings.Contains(a.location, "prompt=consent") {
		t.Errorf("prompt=consent was not passed on: %s", a.location)
	}
	b.get("/connect?prompt=none").has(t, 400, "We do not know that prompt")
	if a := b.post("/connect", url.Values{"prompt": {"consent"}}); a.status != http.StatusSeeOther {
		t.Errorf("POST /connect: %d", a.status)
	}
}

// Each of these is answered by a page, and nothing reaches the token endpoint.
func TestCallbackRefusals(t *testing.T) {
	tests := []struct {
		rule   string
		change func(q url.Values)
		says   string
	}{
		{"RFC 6749 §10.12: no state", func(q url.Values) { q.Del("state") }, "This answer has no state"},
		{"RFC 6749 §10.12: an empty state", func(q url.Values) { q.Set("state", "") }, "This answer has no state"},
		{"RFC 6749 §10.12: a state that we did not send", func(q url.Values) { q.Set("state", "unknown") }, "We did not ask for this"},
		{"RFC 9207 §2.4: another issuer", func(q url.Values) { q.Set("iss", "https://evil.test") }, "comes from somebody else"},
		{"RFC 9207 §2.4: an issuer with a trailing slash", func(q url.Values) { q.Set("iss", q.Get("iss")+"/") }, "comes from somebody else"},
		{"RFC 9207 §2.4: no issuer", func(q url.Values) { q.Del("iss") }, "does not say who gives it"},
		{"RFC 6749 §4.1.2: code and error", func(q url.Values) { q.Set("error", "access_denied") }, "Yes and no at once"},
		{"RFC 6749 §4.1.2: an empty code", func(q url.Values) { q.Set("code", "") }, "nothing in it"},
		{"RFC 6749 §4.1.2: no code", func(q url.Values) { q.Del("code") }, "nothing in it"},
		{"RFC 6749 §3.1: two codes", func(q url.Values) { q.Add("code", "another") }, "says a thing twice"},
		{"RFC 6749 §3.1: two states", func(q url.Values) { q.Add("state", "another") }, "says a thing twice"},
		{"RFC 6749 §4.1.2.1: an error", func(q url.Values) { q.Del("code"); q.Set("error", "invalid_scope") }, "invalid_scope"},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			q := w.callback(b.begin())
			test.change(q)
			b.get("/callback?"+q.Encode()).has(t, 400, test.says)
			if n := w.as.tokenRequests(""); n != 0 {
				t.Errorf("%d requests reached the token endpoint", n)
			}
			b.get("/outbox").has(t, 200, "We do not know you")
		})
	}
}

func TestCallbackOfAnotherBrowserIsRefused(t *testing.T) {
	w := newWorld(t)
	mallory, victim := w.browser(), w.browser()
	hers := w.callback(mallory.begin())
	victim.begin()
	victim.get("/callback?"+hers.Encode()).has(t, 400, "Another browser asked for this")

	stranger := w.browser() // has no session at all
	stranger.get("/callback?"+w.callback(mallory.begin()).Encode()).has(t, 400, "Another browser asked for this")
	if n := w.as.tokenRequests(""); n != 0 {
		t.Errorf("%d requests reached the token endpoint", n)
	}
}

func TestReplayedCallbackIsRefused(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	q := w.callback(b.begin())
	if a := b.get("/callback?" + q.Encode()); a.status != http.StatusSeeOther {
		t.Fatalf("%d %s", a.status, a.body)
	}
	b.get("/callback?"+q.Encode()).has(t, 400, "This answer was used before")
	if n := w.as.tokenRequests(""); n != 1 {
		t.Errorf("%d requests reached the token endpoint, want 1", n)
	}
}

func TestOfConcurrentCallbacksOneGoesOn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	q := w.callback(b.begin())
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			other := &browser{w, &http.Client{Jar: b.client.Jar, CheckRedirect: b.client.CheckRedirect}}
			other.get("/callback?" + q.Encode())
		})
	}
	group.Wait()
	if n := w.as.tokenRequests(""); n != 1 {
		t.Errorf("%d requests reached the token endpoint, want 1", n)
	}
}

func TestAttemptEndsAfterTenMinutes(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	q := w.callback(b.begin())
	w.clock.forward(11 * time.Minute)
	b.get("/callback?"+q.Encode()).has(t, 400, "That took a while")
	if n := w.as.tokenRequests(""); n != 0 {
		t.Errorf("%d requests reached the token endpoint", n)
	}
}

func TestFiveTabsMayBePendingAndTheSixthEndsTheOldest(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	var tabs []url.Values
	for range 6 {
		tabs = append(tabs, w.callback(b.begin()))
		w.clock.forward(time.Second)
	}
	b.get("/callback?"+tabs[0].Encode()).has(t, 400, "We did not ask for this")
	for _, q := range tabs[1:] {
		if a := b.get("/callback?" + q.Encode()); a.status != http.StatusSeeOther {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}

func TestSayingNoIsFine(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	q := w.callback(b.begin())
	q.Del("code")
	q.Set("error", "access_denied")
	b.get("/callback?"+q.Encode()).has(t, 200, "You said no. That is fine.")
	if n := w.as.tokenRequests(""); n != 0 {
		t.Errorf("%d requests reached the token endpoint", n)
	}
}

func TestErrorDescriptionIsEscaped(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	q := w.callback(b.begin())
	q.Del("code")
	q.Set("error", "server_error")
	q.Set("error_description", "<script>alert(1)</script>")
	resp, err := b.client.Get(w.http.URL + "/callback?" + q.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page := new(strings.Builder)
	if err := resp.Write(page); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(page.String(), "<script>alert") || !strings.Contains(page.String(), "&lt;script&gt;") {
		t.Error("the description stands in the page unescaped, or not at all")
	}
}

func TestIDTokenRefusals(t *testing.T) {
	tests := []struct {
		rule   string
		change func(c jwt.MapClaims)
		says   string
	}{
		{"OIDC Core §3.1.3.7: another nonce", func(c jwt.MapClaims) { c["nonce"] = "another" }, "proof is for another request"},
		{"OIDC Core §3.1.3.7: no nonce", func(c jwt.MapClaims) { delete(c, "nonce") }, "proof is for another request"},
		{"OIDC Core §3.1.3.7: another issuer", func(c jwt.MapClaims) { c["iss"] = "https://evil.test" }, "cannot tell who you are"},
		{"OIDC Core §3.1.3.7: another audience", func(c jwt.MapClaims) { c["aud"] = "dreams-spa" }, "cannot tell who you are"},
		{"OIDC Core §3.1.3.7: expired", func(c jwt.MapClaims) { c["exp"] = c["iat"].(int64) - 60 }, "cannot tell who you are"},
		{"OIDC Core §3.1.3.7: made for another party", func(c jwt.MapClaims) {
			c["aud"], c["azp"] = []string{"dreams-spa", "dreams-web"}, "dreams-spa"
		}, "made for somebody else"},
		{"OIDC Core §2: no sub", func(c jwt.MapClaims) { delete(c, "sub") }, "has no sub"},
		{"OIDC Core §3.1.3.8: at_hash of another access token", func(c jwt.MapClaims) { c["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, "do not belong together"},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			w := newWorld(t)
			w.as.claims = test.change
			b := w.browser()
			b.get("/callback?"+w.callback(b.begin()).Encode()).has(t, 400, test.says)
			b.get("/outbox").has(t, 200, "We do not know you")
		})
	}
	t.Run("OIDC Core §3.1.3.7: signed by somebody else", func(t *testing.T) {
		w := newWorld(t)
		w.as.signWith = w.as.other
		b := w.browser()
		b.get("/callback?"+w.callback(b.begin()).Encode()).has(t, 400, "cannot tell who you are")
		b.get("/outbox").has(t, 200, "We do not know you")
	})
}

func TestDiscoveryOfAnotherIssuerIsRefused(t *testing.T) { // RFC 8414 §3.3
	w := newWorld(t)
	w.as.issuer = "https://evil.test"
	w.browser().get("/connect").has(t, 502, "Somebody else answers", "https://evil.test")
}

func TestAuthserverDownAndUpAgain(t *testing.T) {
	w := newWorld(t)
	w.as.down.Store(true)
	b := w.browser()
	a := b.get("/connect")
	a.has(t, 503, "Acme accounts can’t be reached")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	for _, path := range []string{"/", "/offers", "/outbox", "/learn", "/help"} {
		b.get(path).has(t, 200)
	}
	w.as.down.Store(false)
	q := w.callback(b.begin())
	w.as.down.Store(true)
	b.get("/callback?"+q.Encode()).has(t, 503, "Acme accounts can’t be reached")
	w.as.down.Store(false)
	b.connect()
}

func TestNextStaysAtDreams(t *testing.T) { // RFC 9700 §4.11.1
	for next, want := range map[string]string{
		"https://evil.test": "/", "//evil.test": "/", `/\evil.test`: "/", "/%2fevil.test": "/", "javascript:alert(1)": "/", "http:evil.test": "/",
		"/outbox": "/outbox", "/offers?projector=1": "/offers?projector=1", "": "/offers",
	} {
		t.Run(next, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			to, err := url.Parse(b.get("/connect?" + url.Values{"next": {next}}.Encode()).location)
			if err != nil {
				t.Fatal(err)
			}
			a := b.get("/callback?" + w.callback(to.Query()).Encode())
			if a.location != w.http.URL+want {
				t.Errorf("ends at %q", a.location)
			}
		})
	}
}

func TestSessionIsRenewedAtSignIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	q := w.callback(b.begin())
	before := b.session()
	a := b.get("/callback?" + q.Encode())
	if before == "" || b.session() == before {
		t.Errorf("session %q before, %q after", before, b.session())
	}
	cookie := a.header.Get("Set-Cookie")
	for _, part := range []string{"dreams_session=", "HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie lacks %s: %s", part, cookie)
		}
	}
	planted := w.browser()
	req, _ := http.NewRequest(http.MethodGet, w.http.URL+"/outbox", nil)
	req.AddCookie(&http.Cookie{Name: "dreams_session", Value: before})
	planted.do(req).has(t, 200, "We do not know you")
}
