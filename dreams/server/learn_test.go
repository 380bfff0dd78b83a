package server_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tapped is a world that records.
func tapped(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.env.Wiretap, w.env.LegacyGrants = true, true
	w.restart()
	return w
}

// run presses the button of a lesson, plays the authorization server's answer as
// often as the browser is sent there, and returns the page with the result.
func (b *browser) run(slug string) answer {
	b.w.t.Helper()
	a := b.post("/learn/"+slug, nil)
	for range 3 {
		if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location, b.w.as.URL) {
			break
		}
		to, err := url.Parse(a.location)
		if err != nil {
			b.w.t.Fatal(err)
		}
		a = b.get("/callback?" + b.w.callback(to.Query()).Encode())
	}
	want := b.w.http.URL + "/learn/" + slug + "#result"
	if a.status != http.StatusSeeOther || a.location != want {
		b.w.t.Fatalf("%s: %d %s\n%s", slug, a.status, a.location, a.body)
	}
	return b.get("/learn/" + slug)
}

func TestLessonsShowWhatWasSentAndWhatWasRefused(t *testing.T) {
	w := tapped(t)
	b := w.browser()
	b.run("client-credentials").has(t, 200, "grant_type", "client_credentials", "403 Forbidden", "insufficient_scope", "✓ Refused")
	b.run("pkce").has(t, 200, "code_challenge_method", "code_verifier", "invalid_grant", "✓ Refused", "Alice Moreau")
	b.run("refresh-token").has(t, 200, "refresh_token", "invalid_grant", "✓ Refused")
	b.get("/learn").has(t, 200, "You ran it", "You have run 3 of")
}

// The lesson without PKCE leaves out the challenge, and nothing else does.
func TestOnlyTheLessonWithoutPKCELeavesItOut(t *testing.T) {
	w := tapped(t)
	b := w.browser()
	for slug, want := range map[string]bool{"authorization-code": false, "pkce": true, "refresh-token": true, "token-exchange": true} {
		to, err := url.Parse(b.post("/learn/"+slug, nil).location)
		if err != nil {
			t.Fatal(err)
		}
		if got := to.Query().Has("code_challenge"); got != want || to.Query().Get("nonce") == "" || to.Query().Get("state") == "" {
			t.Errorf("%s: %s", slug, to.RawQuery)
		}
	}
	if !b.begin().Has("code_challenge") {
		t.Error("/connect left it out")
	}
}

// The same list of checks judges a lesson's answer.
func TestALessonsAnswerIsCheckedLikeAnyOther(t *testing.T) {
	for name, change := range map[string]func(url.Values){
		"RFC 6749 §10.12": func(q url.Values) { q.Set("state", "another") },
		"RFC 9207 §2.4":   func(q url.Values) { q.Set("iss", "https://evil.test") },
		"RFC 6749 §3.1":   func(q url.Values) { q.Add("code", "another") },
	} {
		w := tapped(t)
		b := w.browser()
		to, err := url.Parse(b.post("/learn/pkce", nil).location)
		if err != nil {
			t.Fatal(err)
		}
		q := w.callback(to.Query())
		change(q)
		b.get("/callback?"+q.Encode()).has(t, 400)
		if n := w.as.tokenRequests(""); n != 0 {
			t.Errorf("%s: %d requests reached the token endpoint", name, n)
		}
	}
}

// Another browser cannot bring a lesson's answer, nor the same one twice.
func TestALessonsAnswerIsForItsBrowserAndForOnce(t *testing.T) {
	w := tapped(t)
	b := w.browser()
	to, err := url.Parse(b.post("/learn/pkce", nil).location)
	if err != nil {
		t.Fatal(err)
	}
	q := w.callback(to.Query())
	w.browser().get("/callback?"+q.Encode()).has(t, 400, "Another browser asked for this")

	to, err = url.Parse(b.post("/learn/pkce", nil).location)
	if err != nil {
		t.Fatal(err)
	}
	q = w.callback(to.Query())
	b.get("/callback?" + q.Encode())
	b.get("/callback?"+q.Encode()).has(t, 400, "This answer was used before")
}

// A lesson connects nobody and keeps nothing on disk.
func TestALessonConnectsNobody(t *testing.T) {
	w := tapped(t)
	b := w.browser()
	b.run("pkce")
	b.run("refresh-token")
	if n := w.count(`SELECT count(*) FROM connections`) + w.count(`SELECT count(*) FROM people`); n != 0 {
		t.Errorf("%d rows", n)
	}
	b.get("/offers").has(t, 200, "No offers yet")
}

func TestSecretsAreMaskedUntilAsked(t *testing.T) {
	w := tapped(t)
	a := w.browser().run("refresh-token")
	found := 0
	for _, secret := range w.as.secrets {
		if !strings.HasPrefix(secret, "rt-") {
			continue
		}
		// Each time it stands in full, it stands in something that is folded.
		rest := a.body
		for {
			before, after, more := strings.Cut(rest, secret)
			if !more {
				break
			}
			found++
			if strings.LastIndex(before, "<details") <= strings.LastIndex(before, "</details>") {
				t.Errorf("%s is in plain sight", secret)
			}
			rest = after
		}
	}
	if found < 2 {
		t.Errorf("%d secrets on the page: there is nothing to show", found)
	}
}

func TestWhatOthersSayIsEscaped(t *testing.T) {
	w := tapped(t)
	b := w.browser()
	to, err := url.Parse(b.post("/learn/pkce", nil).location)
	if err != nil {
		t.Fatal(err)
	}
	q := w.callback(to.Query())
	q.Del("code")
	q.Set("error", "<script>alert(1)</script>")
	q.Set("error_description", "<img src=x>")
	b.get("/callback?" + q.Encode())
	resp, err := b.client.Get(w.http.URL + "/learn/pkce")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw := new(strings.Builder)
	if err := resp.Write(raw); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(raw.String(), "<script>alert") || strings.Contains(raw.String(), "<img src=x>") || !strings.Contains(raw.String(), "&lt;script&gt;") {
		t.Error("an error of the authorization server stands in the page unescaped, or not at all")
	}
}

func TestLessonsAreApart(t *testing.T) {
	w := tapped(t)
	one, two := w.browser(), w.browser()
	one.run("client-credentials")
	two.get("/learn/client-credentials").lacks(t, "What happened")
	two.run("pkce")
	two.get("/learn/client-credentials").lacks(t, "What happened")
	one.get("/learn/pkce").lacks(t, "What happened")
}

func TestWiretapOffShowsAnswersAlone(t *testing.T) {
	w := newWorld(t) // WIRETAP=off
	a := w.browser().run("client-credentials")
	a.has(t, 200, "Nothing is recorded here", "403 Forbidden", "insufficient_scope")
	a.lacks(t, "What was sent and received", "grant_type", "taken apart")
}

func TestLessonsSayWhoDoesNotAnswer(t *testing.T) {
	w := tapped(t)
	b := w.browser()
	w.acme.down.Store(true)
	b.run("client-credentials").has(t, 200, "Acme’s API cannot be reached", "ended early")
	w.acme.down.Store(false)
	w.as.down.Store(true)
	b.run("client-credentials").has(t, 200, "accounts cannot be reached", "No answer")
	w.as.down.Store(false)
	b.run("client-credentials").has(t, 200, "✓ Refused")
	b.get("/learn/nothing").has(t, 404)
	b.post("/learn/nothing", nil).has(t, 404)
}

// What a lesson holds is in memory alone: neither the log nor the database has it.
func TestLessonsLeaveNoSecretBehind(t *testing.T) {
	w := tapped(t)
	b := w.browser()
	for _, slug := range []string{"pkce", "authorization-code", "refresh-token", "client-credentials"} {
		b.run(slug)
	}
	if err := w.server.Close(); err != nil {
		t.Fatal(err)
	}
	kept := w.log.String()
	files, _ := filepath.Glob(filepath.Join(w.env.DataDir, "dreams.db*"))
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		kept += string(content)
	}
	if len(w.as.secrets) < 15 || len(files) == 0 {
		t.Fatalf("%d secrets: there is nothing to look for", len(w.as.secrets))
	}
	for _, secret := range w.as.secrets {
		if secret != "" && strings.Contains(kept, secret) {
			t.Errorf("%q was kept", secret)
		}
	}
	w.start()
	b.get("/learn/pkce").lacks(t, "What happened")
}
