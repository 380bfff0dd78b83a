package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestNobodyConnectedIsInvited(t *testing.T) {
	w := newWorld(t)
	a := w.browser().get("/offers")
	a.has(t, 200, "No offers yet", `href="/connect"`)
	if a.header.Get("Set-Cookie") != "" {
		t.Error("a visitor who only looks gets a session")
	}
}

func TestOffersNameRecordTimeAndScope(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.connect()
	b.get("/offers").has(t, 200, "offers for you, Alice", "Hut to hut, Silvretta", "Saimaa, sauna and canoe", // of the second page
		"GET /api/v1/me/preferences, read today at", "preferences:read", "fetched by Dreams itself")
}

func TestPartialGrantIsPoorerAndSaysSo(t *testing.T) {
	w := newWorld(t)
	w.as.scope = "openid profile preferences:read"
	b := w.browser()
	b.connect()
	a := b.get("/offers")
	a.has(t, 200, "Hut to hut, Silvretta", "Not used: ", "your posts", "blog:read", "not granted", "/connect?prompt=consent")
	a.lacks(t, "GET /api/v1/me/posts, read")
	if w.count(`SELECT count(*) FROM letters`) != 0 {
		t.Error("a letter was written to somebody who did not share an address")
	}
	b.get("/outbox").has(t, 200, "You do not share your e-mail address")

	w.as.scope = "openid profile"
	b.connect()
	b.get("/offers").has(t, 200, "What travellers like best")
}

func TestScopeThatAcmeRefusesIsLeftOut(t *testing.T) { // RFC 6750 §3.1
	w := newWorld(t)
	b := w.browser()
	b.connect()
	w.as.set(func() {
		for token := range w.as.access {
			w.as.access[token] = "openid profile email preferences:read"
		}
	})
	b.get("/offers").has(t, 200, "offers for you, Alice", "Hut to hut, Silvretta")
}

func TestAcmeDownShowsTheLastOffers(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.connect()
	b.get("/offers").has(t, 200)
	w.restart()
	w.acme.down.Store(true)
	b.get("/offers").has(t, 200, "Acme Travel does not answer", "last offers", "made today at", "Hut to hut, Silvretta")
	w.acme.down.Store(false)
	w.acme.stale.Store(true) // it answers, but not about people
	b.get("/offers").has(t, 200, "Acme Travel does not answer", "last offers")
	w.acme.stale.Store(false)
	b.get("/offers").lacks(t, "does not answer")
}

func TestAcmeDownBeforeThereWereOffers(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.connect()
	w.acme.down.Store(true)
	b.get("/offers").has(t, 503, "Acme Travel does not answer", "No offers just now")

	w.acme.down.Store(false)
	w.work(func() bool { return w.count(`SELECT count(*) FROM catalogue`) == 1 })
	w.restart()
	w.acme.down.Store(true)
	w.clock.forward(30 * time.Minute)
	a := b.get("/offers") // of the catalogue that was kept
	a.has(t, 200, "Night train to Ljubljana", "fetched by Dreams itself")
	if w.count(`SELECT count(*) FROM letters`) != 0 {
		t.Error("a letter was written without the person's data")
	}
}

func TestLetterIsWrittenOncePerSetOfOffers(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.connect()
	for range 3 {
		b.get("/offers").has(t, 200, "in your outbox")
	}
	b.connect()
	b.get("/offers")
	if n := w.count(`SELECT count(*) FROM letters`); n != 1 {
		t.Errorf("%d letters", n)
	}
	id := w.text(`SELECT id FROM letters`)
	b.get("/outbox").has(t, 200, "alice@acme.test", "Dear Alice")
	b.get("/outbox/"+id+"?view=text").has(t, 200, "Hut to hut, Silvretta")
	source := unfold(b.get("/outbox/" + id + "?view=source").body)
	for _, header := range []string{"List-Unsubscribe: <" + w.http.URL + "/unsubscribe?token=", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"} {
		if !strings.Contains(source, header) {
			t.Errorf("the message has no %s", header)
		}
	}
	b.get("/outbox/nope").has(t, 404)
}

// unfold joins header lines that were folded (RFC 5322 §2.2.3).
func unfold(message string) string {
	return strings.NewReplacer("\r\n ", " ", "\n ", " ").Replace(message)
}

func TestUnsubscribing(t *testing.T) { // RFC 8058
	w := newWorld(t)
	b := w.browser()
	b.connect()
	b.get("/offers")
	source := unfold(b.get("/outbox/" + w.text(`SELECT id FROM letters`) + "?view=source").body)
	_, rest, _ := strings.Cut(source, "List-Unsubscribe: <"+w.http.URL)
	link, _, found := strings.Cut(rest, ">")
	if !found {
		t.Fatalf("no link in %s", source)
	}
	mailProgram := w.browser()

	mailProgram.get(link).has(t, 200, "Stop our letters?")
	if w.count(`SELECT count(*) FROM people WHERE unsubscribed_at IS NOT NULL`) != 0 {
		t.Error("opening the link was enough")
	}
	req, _ := http.NewRequest(http.MethodPost, w.http.URL+link, strings.NewReader("List-Unsubscribe=One-Click"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", "https://mail.test")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	mailProgram.do(req).has(t, 200, "No more letters")

	w.as.set(func() { w.as.scope = "openid profile email offline_access blog:read" }) // other offers, so another letter
	b.connect()
	b.get("/offers").has(t, 200)
	// The first one rested on preferences:read, which is gone.
	if n := w.count(`SELECT count(*) FROM letters`); n != 0 {
		t.Errorf("%d letters", n)
	}
	b.get("/outbox").has(t, 200, "You stopped these letters")
	if a := b.post("/subscribe", nil); a.status != http.StatusSeeOther {
		t.Errorf("%d", a.status)
	}
	b.get("/outbox").lacks(t, "You stopped these letters")

	token, _ := url.Parse(link)
	for _, bad := range []string{"", "1", "1.", token.Query().Get("token") + "x", "2" + token.Query().Get("token")[1:]} {
		mailProgram.get("/unsubscribe?"+url.Values{"token": {bad}}.Encode()).has(t, 400, "not one of ours")
		mailProgram.post("/unsubscribe", url.Values{"token": {bad}}).has(t, 400, "not one of ours")
	}
	if w.count(`SELECT count(*) FROM people WHERE unsubscribed_at IS NOT NULL`) != 0 {
		t.Error("a wrong token stopped somebody's letters")
	}
}

func TestOffersAreMadeWhileTheySleepOnlyWithOfflineAccess(t *testing.T) { // OIDC Core §11
	w := newWorld(t)
	sleeper, visitor := w.browser(), w.browser()
	sleeper.connect()
	sleeper.get("/offers")
	w.as.set(func() { w.as.sub, w.as.scope = "u_bob", "openid profile preferences:read" })
	visitor.connect()
	visitor.get("/offers")
	w.as.set(func() { w.as.scope = "" })
	w.clock.forward(25 * time.Hour)
	w.as.expireAll()
	w.work(func() bool {
		return w.count(fmt.Sprintf(`SELECT count(*) FROM offers WHERE made_at >= %d`, w.clock.Now().Unix())) > 0
	})
	if n := w.count(fmt.Sprintf(`SELECT count(*) FROM offers WHERE made_at >= %d`, w.clock.Now().Unix())); n != 1 {
		t.Errorf("%d sets of offers were made, want that of the one who sleeps", n)
	}
	if n := w.as.tokenRequests("refresh_token"); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	if n := w.count(`SELECT count(*) FROM letters`); n != 1 {
		t.Errorf("%d letters: nothing new was found", n)
	}
}

func TestCatalogueUsesATokenOfItsOwn(t *testing.T) { // RFC 6749 §4.4
	w := newWorld(t)
	w.as.scope = "openid profile" // the person opens no packages
	b := w.browser()
	b.connect()
	b.get("/offers").has(t, 200, "Hut to hut, Silvretta")
}

func TestPagesAreServedWithTheirHeaders(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	for path, status := range map[string]int{"/": 200, "/offers": 200, "/outbox": 200, "/learn": 200, "/help": 200,
		"/source/dreams/flow/authorization_code.go": 200, "/source/dreams/flow/..%2fstore%2fstore.go": 404, "/nope": 404, "/callback": 400} {
		a := b.get(path)
		a.has(t, status)
		csp := a.header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, a.header)
		}
	}
	if a := b.post("/offers", nil); a.status != 405 || a.header.Get("Allow") == "" {
		t.Errorf("POST /offers: %d %s", a.status, a.header.Get("Allow"))
	}
}
