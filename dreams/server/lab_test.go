package server_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// RFC 7591 §3.2.2: whoever is not let in is told why, in words.
func TestTheLabSaysWhyItCouldNotRegister(t *testing.T) {
	for code, words := range map[string]string{
		"invalid_token":           "Start Dreams with the same REGISTRATION_TOKEN",
		"invalid_redirect_uri":    "open Dreams at a localhost address, or by https",
		"invalid_client_metadata": "they answered invalid_client_metadata (told by the fake)",
	} {
		w := tapped(t)
		w.as.stranger = code
		b := w.browser()
		if a := b.post("/learn/resource-indicators", nil); a.status != http.StatusSeeOther {
			t.Fatalf("%d %s", a.status, a.body)
		}
		b.get("/learn/resource-indicators").has(t, 200, "The run ended early", words)
	}
}

// What the metadata does not name is not offered (RFC 8414 §2).
func TestTheLabSaysWhatTheServerDoesNotOffer(t *testing.T) {
	w := tapped(t)
	b := w.browser()
	b.get("/learn/par").has(t, 200, "This server does not offer it", "pushed_authorization_request_endpoint")
	b.get("/learn/par").lacks(t, `id="run"`, "name registration_endpoint")
	b.get("/learn/registration").has(t, 200, `id="run"`)
}

// The lab's answers come back to an address of its own, and others do not.
func TestTheLabsAnswerIsCheckedLikeAnyOther(t *testing.T) {
	for name, test := range map[string]struct {
		path   string
		change func(url.Values)
		status int
	}{
		"RFC 6749 §10.12":            {"/lab/callback", func(q url.Values) { q.Set("state", "another") }, 400},
		"RFC 9207 §2.4":              {"/lab/callback", func(q url.Values) { q.Set("iss", "https://evil.test") }, 400},
		"another redirect URI":       {"/callback", func(url.Values) {}, 404},
		"a sign-in by the back door": {"/lab/logged-out", func(url.Values) {}, 400},
		"a logout that nobody began": {"/lab/logged-out", func(q url.Values) { q.Set("state", "another") }, 400},
	} {
		w := tapped(t)
		b := w.browser()
		to, err := url.Parse(b.post("/learn/resource-indicators", nil).location)
		if err != nil || to.Query().Get("client_id") != "lab" {
			t.Fatalf("%s: %v", to, err)
		}
		q := w.callback(to.Query())
		test.change(q)
		b.get(test.path+"?"+q.Encode()).has(t, test.status)
		if n := w.as.tokenRequests(""); n != 0 {
			t.Errorf("%s: %d requests reached the token endpoint", name, n)
		}
	}
	w := tapped(t)
	b := w.browser()
	to, err := url.Parse(b.post("/learn/pkce", nil).location)
	if err != nil {
		t.Fatal(err)
	}
	b.get("/lab/callback?"+w.callback(to.Query()).Encode()).has(t, 404)
}

// The lab's key and its registration access token lie on disk sealed.
func TestTheLabsKeyIsSealed(t *testing.T) {
	w := tapped(t)
	w.browser().post("/learn/resource-indicators", nil)
	if n := w.count(`SELECT count(*) FROM registrations`); n != 1 {
		t.Fatalf("%d registrations", n)
	}
	files, err := filepath.Glob(filepath.Join(w.env.DataDir, "dreams.db*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range append([]string{`"kty":"EC"`, `"d":"`}, w.as.secrets...) {
			if strings.HasPrefix(secret, "rat-") || strings.HasPrefix(secret, `"`) {
				if bytes.Contains(content, []byte(secret)) {
					t.Errorf("%s is in %s", secret, filepath.Base(name))
				}
			}
		}
	}
}

// RFC 9470 §4: what Acme's challenge names goes into the request, and the answer has
// to keep it (OIDC Core §3.1.3.7). Whoever is refused again is sent in no circle.
func TestAnOldLoginIsSentBackForANewOne(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.connect()
	w.acme.login.Store(true)
	leave := func() url.Values {
		a := b.get("/offers")
		to, err := url.Parse(a.location)
		if err != nil || a.status != http.StatusSeeOther || to.Query().Get("max_age") != "300" || to.Query().Get("acr_values") != "urn:x" {
			t.Fatalf("%d %s", a.status, a.location)
		}
		return to.Query()
	}
	b.get("/callback?"+w.callback(leave()).Encode()).has(t, 400, "We cannot tell when you signed in")
	signedIn := w.clock.Now().Add(-10 * time.Minute)
	w.as.claims = func(m jwt.MapClaims) { m["auth_time"] = signedIn.Unix() }
	b.get("/callback?"+w.callback(leave()).Encode()).has(t, 400, "That login is too old")
	signedIn = w.clock.Now()
	if a := b.get("/callback?" + w.callback(leave()).Encode()); a.location != w.http.URL+"/offers?again=1" {
		t.Fatalf("%d %s", a.status, a.location)
	}
	b.get("/offers?again=1").has(t, 400, "Acme says that it is not enough")
	w.acme.login.Store(false)
	b.get("/offers?again=1").has(t, 200, "Silvretta")
}
