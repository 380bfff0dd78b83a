package server_test

import (
	"database/sql"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"example.com/acme-dreams/internal/environment"
)

func TestExpiredAccessTokenIsRefreshedAndTheCallRepeated(t *testing.T) { // RFC 6749 §6
	w := newWorld(t)
	b := w.browser()
	b.connect()
	b.get("/offers").has(t, 200, "offers for you, Alice")
	w.clock.forward(2 * time.Hour)
	w.as.expireAll()
	b.get("/offers").has(t, 200, "offers for you, Alice")
	if n := w.as.tokenRequests("refresh_token"); n != 1 {
		t.Errorf("%d refreshes", n)
	}
}

func TestInvalidTokenIsAnsweredByOneRefresh(t *testing.T) { // RFC 6750 §3.1
	w := newWorld(t)
	b := w.browser()
	b.connect()
	w.as.expireAll() // before its time: the clock stands still
	b.get("/offers").has(t, 200, "offers for you, Alice")
	if n := w.as.tokenRequests("refresh_token"); n != 1 {
		t.Errorf("%d refreshes", n)
	}
}

func TestOneRefreshUnderConcurrentRequests(t *testing.T) { // RFC 9700 §4.14.2
	w := newWorld(t)
	b := w.browser()
	b.connect()
	w.clock.forward(2 * time.Hour)
	w.as.expireAll()
	w.as.onRefresh = func() { time.Sleep(50 * time.Millisecond) }
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			other := &browser{w, &http.Client{Jar: b.client.Jar, CheckRedirect: b.client.CheckRedirect}}
			if a := other.get("/offers"); a.status != 200 || !strings.Contains(a.body, "offers for you, Alice") {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	group.Wait()
	if n := w.as.tokenRequests("refresh_token"); n != 1 || w.as.reused {
		t.Errorf("%d refreshes, a spent token came back: %v", n, w.as.reused)
	}
}

func TestRotatedRefreshTokenSurvivesARestart(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.connect()
	for n := 1; n <= 3; n++ {
		w.clock.forward(2 * time.Hour)
		w.as.expireAll()
		b.get("/offers").has(t, 200, "offers for you, Alice")
		if got := w.as.tokenRequests("refresh_token"); got != n || w.as.reused {
			t.Fatalf("%d refreshes, want %d; a spent token came back: %v", got, n, w.as.reused)
		}
		w.restart()
	}
}

func TestRevokedGrantEndsTheConnection(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.connect()
	b.get("/offers").has(t, 200)
	w.as.expireAll()
	w.as.set(func() { w.as.noRefresh = true })
	for range 2 {
		b.get("/offers").has(t, 200, "You stopped sharing", "Connect again")
	}
	if n := w.as.tokenRequests("refresh_token"); n != 1 {
		t.Errorf("%d refreshes: a connection that ended asks no more", n)
	}
	b.get("/").has(t, 200, "Connect my Acme account")
	if n := w.count(`SELECT count(*) FROM offers`); n != 0 {
		t.Errorf("%d sets of offers are left", n)
	}
	if n := w.count(`SELECT count(*) FROM connections WHERE access_token IS NOT NULL OR refresh_token IS NOT NULL`); n != 0 {
		t.Error("tokens are left")
	}
	w.as.set(func() { w.as.noRefresh = false })
	b.connect()
	b.get("/offers").has(t, 200, "offers for you, Alice")
}

func TestWithoutOfflineAccessTheConnectionEndsByItself(t *testing.T) {
	w := newWorld(t)
	w.as.scope = "openid profile preferences:read"
	b := w.browser()
	b.connect()
	b.get("/").has(t, 200, "you did not let us come back alone")
	w.clock.forward(2 * time.Hour)
	w.as.expireAll()
	b.get("/offers").has(t, 200, "The hour is over", "Connect again")
	if n := w.as.tokenRequests("refresh_token"); n != 0 {
		t.Errorf("%d refreshes without a refresh token", n)
	}
}

func TestNetworkErrorWhileRefreshingIsNoEnd(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.connect()
	b.get("/offers").has(t, 200)
	w.clock.forward(2 * time.Hour)
	w.as.expireAll()
	w.as.down.Store(true)
	b.get("/offers").has(t, 200, "Acme accounts does not answer", "last offers", "Hut to hut, Silvretta")
	w.as.down.Store(false)
	b.get("/offers").has(t, 200, "offers for you, Alice")
}

func TestNewConnectionReplacesTheOldAndRevokesIt(t *testing.T) { // RFC 7009 §2.1
	w := newWorld(t)
	b := w.browser()
	b.connect()
	old := w.as.unspent()
	b.connect()
	if !slices.Equal(w.as.revoked, old) {
		t.Errorf("revoked %d tokens, want the first refresh token", len(w.as.revoked))
	}
	if n := w.count(`SELECT count(*) FROM connections`); n != 1 {
		t.Errorf("%d connections", n)
	}
	b.get("/offers").has(t, 200, "offers for you, Alice")
}

func TestTwoPeopleAreTwoPeople(t *testing.T) { // OIDC Core §5.7
	w := newWorld(t)
	alice, bob := w.browser(), w.browser()
	alice.connect()
	alice.get("/offers")
	w.as.set(func() { w.as.sub = "u_bob" })
	bob.connect()
	if n := w.count(`SELECT count(*) FROM people`); n != 2 || len(w.as.revoked) != 0 {
		t.Errorf("%d people, %d tokens revoked", n, len(w.as.revoked))
	}
	bob.get("/outbox").has(t, 200, "There is no letter yet")
	bob.get("/outbox/"+w.text(`SELECT id FROM letters`)).has(t, 404)
}

func TestDisconnectRevokesAndDeletes(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.connect()
	b.get("/offers")
	held := w.as.unspent()
	b.post("/disconnect", nil).has(t, 200, "You are disconnected", "your name", "1 letter", "an access token and a refresh token", "Acme has confirmed")
	if !slices.Equal(w.as.revoked, held) {
		t.Errorf("revoked %d tokens", len(w.as.revoked))
	}
	for _, table := range []string{"people", "connections", "offers", "letters", "revocations"} {
		if n := w.count(`SELECT count(*) FROM ` + table); n != 0 {
			t.Errorf("%d rows are left in %s", n, table)
		}
	}
	b.get("/offers").has(t, 200, "No offers yet")
	b.get("/disconnect").has(t, 405)
}

func TestDisconnectWhileAccountsAreDownRevokesLater(t *testing.T) { // RFC 7009 §2.2.1
	w := newWorld(t)
	b := w.browser()
	b.connect()
	held := w.as.unspent()
	w.as.down.Store(true)
	b.post("/disconnect", nil).has(t, 200, "You are disconnected", "could not be reached")
	w.as.down.Store(false)
	w.restart()
	w.work(func() bool { return w.count(`SELECT count(*) FROM revocations`) == 0 })
	if !slices.Equal(w.as.revoked, held) {
		t.Errorf("revoked %d tokens", len(w.as.revoked))
	}
}

func TestDisconnectingInOneBrowserSignsOutTheOther(t *testing.T) {
	w := newWorld(t)
	one, two := w.browser(), w.browser()
	one.connect()
	two.connect()
	one.post("/disconnect", nil)
	two.get("/offers").has(t, 200, "No offers yet")
	// A number that was given to somebody is never given to anybody else.
	w.as.set(func() { w.as.sub = "u_bob" })
	w.browser().connect()
	two.get("/offers").has(t, 200, "No offers yet")
}

func TestSigningOutLeavesTheConnection(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.connect()
	if a := b.post("/logout", nil); a.status != http.StatusSeeOther || a.location != w.http.URL+"/" {
		t.Errorf("%d %s", a.status, a.location)
	}
	b.get("/offers").has(t, 200, "No offers yet")
	if len(w.as.revoked) != 0 || w.count(`SELECT count(*) FROM connections`) != 1 {
		t.Error("signing out touched the connection")
	}
}

func TestFormsFromOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.connect()
	for _, path := range []string{"/disconnect", "/logout", "/subscribe", "/connect"} {
		req, _ := http.NewRequest(http.MethodPost, w.http.URL+path, nil)
		req.Header.Set("Origin", "https://evil.test")
		b.do(req).has(t, 403)
	}
	b.get("/offers").has(t, 200, "offers for you, Alice")
}

func TestNothingSecretInLogsOrDatabase(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.connect()
	b.get("/offers")
	w.clock.forward(2 * time.Hour)
	w.as.expireAll()
	b.get("/offers")
	refused := w.callback(b.begin())
	refused.Set("iss", "https://evil.test")
	b.get("/callback?" + refused.Encode())
	unfinished := w.callback(b.begin())
	w.as.down.Store(true)
	b.get("/callback?" + unfinished.Encode())
	session := b.session()
	b.post("/disconnect", nil)
	pending := w.browser()
	w.as.down.Store(false)
	request := pending.begin()
	w.as.set(func() { w.as.secrets = append(w.as.secrets, request.Get("state"), request.Get("nonce")) })
	other := w.browser()
	other.connect() // so that the database holds tokens when it is read
	if err := w.server.Close(); err != nil {
		t.Fatal(err)
	}
	database := ""
	files, _ := filepath.Glob(filepath.Join(w.env.DataDir, "dreams.db*"))
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		database += string(content)
	}
	log := w.log.String()
	if len(w.as.secrets) < 15 || database == "" || !strings.Contains(log, "connected") {
		t.Fatalf("%d secrets: the test has nothing to look for", len(w.as.secrets))
	}
	for _, secret := range append(w.as.secrets, session, other.session(), "dreams-web-secret", "dreams-catalogue-secret") {
		if secret == "" {
			continue
		}
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q", secret)
		}
		if strings.Contains(database, secret) {
			t.Errorf("the database has %q", secret)
		}
	}
	w.start()
}

func TestKeyFileIsForItsOwnerAlone(t *testing.T) {
	w := newWorld(t)
	info, err := os.Stat(filepath.Join(w.env.DataDir, "dreams.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestLostKeyEndsConnectionsAndNothingElse(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.connect()
	b.get("/offers")
	if err := w.server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(w.env.DataDir, "dreams.key")); err != nil {
		t.Fatal(err)
	}
	w.start()
	b.get("/offers").has(t, 200, "Connect again")
	b.connect()
	b.get("/offers").has(t, 200, "offers for you, Alice")
}

func TestCookiesOverTLS(t *testing.T) { // RFC 6265bis §4.1.3.2
	w := newWorld(t)
	if err := w.server.Close(); err != nil {
		t.Fatal(err)
	}
	w.env.DreamsURL = environment.BaseURL(strings.Replace(w.http.URL, "http://", "https://", 1))
	w.start()
	a := w.browser().get("/connect")
	cookie := a.header.Get("Set-Cookie")
	for _, part := range []string{"__Host-dreams_session=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie lacks %s: %s", part, cookie)
		}
	}
	if strings.Contains(cookie, "Domain") {
		t.Errorf("the cookie has a Domain: %s", cookie)
	}
}

// count and text look into the database.
func (w *world) count(query string) (n int) {
	w.t.Helper()
	w.scan(query, &n)
	return n
}

func (w *world) text(query string) (s string) {
	w.t.Helper()
	w.scan(query, &s)
	return s
}

func (w *world) scan(query string, into any) {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.env.DataDir, "dreams.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(query).Scan(into); err != nil {
		w.t.Fatal(err)
	}
}
