package e2e

import (
	"context"
	"html"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/internal/httpserver"
	"example.com/acme-dreams/internal/wiretap"
)

// moveClock presses a button on the page of the room's clock.
func (w *World) moveClock(t testing.TB, b *Browser, by string) Page {
	t.Helper()
	page := b.Form(b.Get(w.Dreams+"/clock"), "by").With(url.Values{"by": {by}}).Submit()
	if page.Status != http.StatusOK || page.URL.Path != "/clock" {
		t.Fatalf("moving the clock by %s: %d %s\n%.2000s", by, page.Status, page.URL, page.Body)
	}
	return page
}

// Everybody in the room sees that the clock is not the world's, on all three
// programs, and once it is right nobody does.
func TestAMovedClockIsShownOnEveryPage(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b, other := NewBrowser(t), NewBrowser(t)
	pages := []string{w.Dreams + "/", w.Dreams + "/learn/pkce", w.Dreams + "/nowhere", w.Auth + "/login", w.Auth + "/docs/errors/invalid_grant", w.Acme + "/", w.Acme + "/nowhere", w.Dreams + "/tv", w.Dreams + "/spa"}
	shown := func(words string, want bool) {
		t.Helper()
		for _, address := range pages {
			page := other.Get(address)
			if got := strings.Contains(html.UnescapeString(page.Body), words); got != want || !strings.Contains(page.Body, `class="place"`) {
				t.Errorf("%s says %q: %v, want %v", address, words, got, want)
			}
		}
	}
	shown("The clock here is", false)
	w.moveClock(t, b, "1h")
	w.moveClock(t, b, "5m")
	shown("The clock here is 1 h 5 min ahead", true)
	shown(`<a class="ahead" href="`+w.Dreams+`/clock">`, true)
	if page := w.moveClock(t, b, "0"); !strings.Contains(page.Body, "It is right") {
		t.Error("the page does not say that the clock is right")
	}
	shown("The clock here is", false)
	for _, by := range []string{"-1h", "1h1m", "", "8760h"} {
		if page := b.Form(b.Get(w.Dreams+"/clock"), "by").With(url.Values{"by": {by}}).Submit(); page.Status != http.StatusBadRequest {
			t.Errorf("by %q: %d", by, page.Status)
		}
	}
	if foreign := b.Form(b.Get(w.Dreams+"/clock"), "by").With(url.Values{"by": {"1h"}}).SubmitAs(http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}}); foreign.Status != http.StatusForbidden {
		t.Errorf("another site moved the clock: %d", foreign.Status)
	}
	shown("The clock here is", false)
}

// RFC 6749 §4.1.2: a code "MUST expire shortly after it is issued". One press, and it
// has: nobody had to wait.
func TestACodeExpiresWhenTheRoomsClockIsMoved(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	code := func() url.Values {
		return w.Redemption(w.Allow(w.SignedIn(t, "alice"), w.Request("profile"), "profile"))
	}
	old := code()
	w.moveClock(t, b, "1m")
	if got := w.Token(t, Basic("dreams-web"), old); got.Refusal() != "400 invalid_grant" {
		t.Errorf("a code after a minute of the room's clock: %s", got.Refusal())
	}
	if got := w.Token(t, Basic("dreams-web"), code()); got.Status != 200 {
		t.Errorf("a code of this minute: %s", got.Refusal())
	}
}

// RFC 7519 §4.1.4, at Acme, whose clock goes with the room's.
func TestAnAccessTokenExpiresWhenTheRoomsClockIsMoved(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	token := w.Tokens(t, "alice", "profile").String("access_token")
	w.moveClock(t, b, "5m")
	if got := w.API(t, "GET", "/me", token, ""); got.Status != 200 {
		t.Errorf("after five minutes: %s", got.Refusal())
	}
	w.moveClock(t, b, "1h")
	got := w.API(t, "GET", "/me", token, "")
	if got.Refusal() != "401 invalid_token" || !strings.Contains(got.Header.Get("WWW-Authenticate"), "The token has expired") {
		t.Errorf("after an hour: %s, %s", got.Refusal(), got.Header.Get("WWW-Authenticate"))
	}
	// What is made now is from the future once the clock is right.
	token = w.Tokens(t, "alice", "profile").String("access_token")
	if got := w.API(t, "GET", "/me", token, ""); got.Status != 200 {
		t.Errorf("a token of the room's time: %s", got.Refusal())
	}
	w.moveClock(t, b, "0")
	if got := w.API(t, "GET", "/me", token, ""); got.Refusal() != "401 invalid_token" {
		t.Errorf("a token from the future: %s", got.Refusal())
	}
}

// A consent for 30 days ends, and the browser that moved the clock still has its
// session at Dreams.
func TestAConsentEndsWhenTheRoomsClockIsMoved(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	decide(b, b.Get(w.Dreams+"/connect"), "allow", url.Values{"duration": {"30d"}}, "profile", "preferences:read", "packages:read", "offline_access")
	connected := func() bool { return strings.Contains(b.Get(w.Dreams+"/offers").Body, "You like") }
	if !connected() {
		t.Fatal("alice is not connected")
	}
	w.moveClock(t, b, "24h")
	if !connected() {
		t.Error("the consent ended after a day")
	}
	w.moveClock(t, b, "720h")
	if connected() {
		t.Error("the consent goes on after 31 days")
	}
	if page := b.Get(w.Dreams + "/"); !strings.Contains(page.Body, "has ended") && !strings.Contains(page.Body, "Connect again") {
		t.Errorf("Dreams does not say that it has ended\n%.3000s", page.Body)
	}
}

// OIDC Core §10.1.1: keys are replaced by schedule. Once the clock is right again the
// server signs with what it has, and Acme takes it.
func TestKeysAreReplacedWhenTheRoomsClockIsMoved(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	_, before := w.machineToken(t)
	for range 4 {
		w.moveClock(t, b, "720h")
	}
	waitFor(t, within, "the next keys are published", func() bool { return len(w.kids(t)) == 4 })
	w.moveClock(t, b, "24h") // they sign when everybody has had time to read them
	kid := w.waitForKey(t, before)
	if !slices.Contains(w.kids(t), kid) {
		t.Errorf("%s is not in the JWKS: %v", kid, w.kids(t))
	}
	good := func(when string) {
		t.Helper()
		if got := w.API(t, "GET", "/me", w.Tokens(t, "alice", "openid profile").String("access_token"), ""); got.Status != 200 {
			t.Errorf("%s: %s", when, got.Refusal())
		}
	}
	good("121 days later")
	w.moveClock(t, b, "0")
	good("with the clock put right")
}

// A program that was started again has the world's time until the room tells it.
func TestAnAuthserverThatIsStartedAgainLearnsTheRoomsTime(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "dreams"}})
	b := NewBrowser(t)
	w.moveClock(t, b, "24h")
	ahead := func() bool { return strings.Contains(b.Get(w.Auth+"/login").Body, "The clock here is 1 day ahead") }
	if !ahead() {
		t.Fatal("authserver does not have the room's time")
	}
	w.startOver(t, 0, "authserver")
	waitFor(t, 10*time.Second, "the room's time is told again", ahead)
	w.moveClock(t, b, "0")
	if ahead() {
		t.Error("the clock was not put right")
	}
}

// A room that was started again is at the world's time, and so is everybody in it
// soon.
func TestARoomThatIsStartedAgainPutsTheClockRight(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.moveClock(t, b, "24h")
	w.startOver(t, 2, "dreams")
	for _, program := range []string{w.Auth + "/login", w.Acme + "/"} {
		waitFor(t, 15*time.Second, "the clock is put right", func() bool { return !strings.Contains(b.Get(program).Body, "The clock here is") })
	}
}

// Once the clock is right again, all goes on: tokens, revocations, refreshing.
func TestAfterTheClockWasPutRightAllGoesOn(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	before := w.Tokens(t, "alice", "openid profile offline_access")
	w.moveClock(t, b, "24h")
	w.Tokens(t, "bob", "openid profile")
	w.moveClock(t, b, "0")
	fresh := w.Tokens(t, "alice", "openid profile preferences:read offline_access")
	token := fresh.String("access_token")
	if got := w.API(t, "GET", "/me/preferences", token, ""); got.Status != 200 {
		t.Fatalf("a new token: %s", got.Refusal())
	}
	refreshed := w.Token(t, Basic("dreams-web"), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {before.String("refresh_token")}})
	if refreshed.Status != 200 || w.API(t, "GET", "/me", refreshed.String("access_token"), "").Status != 200 {
		t.Errorf("refreshing: %d", refreshed.Status)
	}
	w.Post(t, w.Auth+"/revoke", Basic("dreams-web"), url.Values{"token": {token}})
	waitFor(t, 5*time.Second, "a revocation reaches Acme", func() bool { return w.API(t, "GET", "/me", token, "").Status == 401 })
	says(t, b.Get(w.Acme+"/").Body, "Acme")
}

// startOver stops a program, which New has started as the nth, and starts it again on
// the same data and port.
func (w *World) startOver(t *testing.T, n int, name string) {
	t.Helper()
	done := make(chan struct{})
	go func() { w.stop[n](); close(done) }()
	for stopped := false; !stopped; {
		select {
		case <-done:
			stopped = true
		case <-time.After(20 * time.Millisecond):
			w.Client.CloseIdleConnections()
			http.DefaultClient.CloseIdleConnections()
			for _, back := range w.backs {
				back.CloseIdleConnections()
			}
		}
	}
	w.stop = slices.Delete(w.stop, n, n+1)
	w.startAgain(t, name)
}

// With WIRETAP=off there is neither a page nor an order that moves a clock.
func TestWithoutTheWiretapNoClockIsMoved(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Env: map[string]string{"WIRETAP": "off"}})
	b := NewBrowser(t)
	if page := b.Get(w.Dreams + "/clock"); page.Status != http.StatusNotFound {
		t.Errorf("the page of the clock: %d", page.Status)
	}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"}}
	if got := w.Do(t, "POST", w.Dreams+"/clock", form, "by=720h"); got.Status != http.StatusNotFound {
		t.Errorf("moving it: %d", got.Status)
	}
	order := `{"key":"0123456789abcdef0123456789abcdef","fresh":true,"ahead_ms":86400000,"runs":{}}`
	for _, program := range []string{w.Auth, w.Acme, w.Dreams} {
		got := w.Do(t, "POST", program+wiretap.Path, http.Header{"Content-Type": {"application/json"}}, order)
		if got.Status != http.StatusNotFound {
			t.Errorf("an order to %s: %d", program, got.Status)
		}
		if strings.Contains(b.Get(program+"/").Body, "The clock here is") {
			t.Errorf("the clock of %s was moved", program)
		}
	}
	if token := w.Tokens(t, "alice", "profile").String("access_token"); w.API(t, "GET", "/me", token, "").Status != 200 {
		t.Error("a fresh token is not good")
	}
}

// Where others reach Dreams, nobody moves the clock for everybody.
func TestNobodyMovesTheClockOfANetwork(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	env := w.Env
	if err := env.DreamsURL.UnmarshalText([]byte("http://dreams.workshop.example:" + port)); err != nil {
		t.Fatal(err)
	}
	c := w.config("dreams", Options{})
	c.Env = env
	ctx, cancel := context.WithCancel(t.Context())
	server, err := compose["dreams"](ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = httpserver.Run(ctx, listener, server, c.Log) }()
	t.Cleanup(func() { cancel(); w.Client.CloseIdleConnections(); <-served; _ = server.Close() })

	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"}}
	address := "http://127.0.0.1:" + port + "/clock"
	if got := w.Do(t, "GET", address, nil, ""); got.Status != 200 || !strings.Contains(got.Body, "Nobody moves it here") || strings.Contains(got.Body, `name="by"`) {
		t.Errorf("the page: %d\n%.2000s", got.Status, got.Body)
	}
	if got := w.Do(t, "POST", address, header, "by=1h"); got.Status != http.StatusForbidden {
		t.Errorf("moving it: %d", got.Status)
	}
	w.Do(t, "POST", "http://127.0.0.1:"+port+"/inspector", header, "token=a.b.c&action=clock")
	if got := w.Do(t, "GET", w.Auth+"/login", nil, ""); strings.Contains(got.Body, "The clock here is") {
		t.Error("it was moved")
	}
}
