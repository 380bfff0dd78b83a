package e2e

import (
	"net/url"
	"strings"
	"testing"
)

// Acme's first app: the password passes through it, and stays nowhere.
func TestAcmeMobile(t *testing.T) {
	var log lockedBuffer
	w := New(t, Options{Log: &log})
	b := NewBrowser(t)
	try := func(username, password string) Page {
		return b.Form(b.Get(w.Acme+"/mobile"), "password").With(url.Values{"username": {username}, "password": {password}}).Submit()
	}
	const wrong = "a wrong password, 42"
	for name, tt := range map[string]struct {
		username, password string
		status             int
		says               string
	}{
		"the right one": {"alice", "wanderlust", 200, "Alice Moreau"},
		"a wrong one":   {"alice", wrong, 422, "The user name or the password is wrong."},
		"nobody":        {"nobody", wrong, 422, "The user name or the password is wrong."},
		"none":          {"alice", "", 422, "Type both"},
	} {
		got := try(tt.username, tt.password)
		if got.Status != tt.status || !strings.Contains(got.Body, tt.says) {
			t.Errorf("%s: %d, %s", name, got.Status, got.Body)
		}
		if tt.password != "" && strings.Contains(strings.ReplaceAll(got.Body, "wanderlust. Never a real one.", ""), tt.password) {
			t.Errorf("%s: the password is on the page", name)
		}
	}
	got := try("alice", "wanderlust")
	for _, words := range []string{"10 characters, in clear", "preferences:read", "alice@acme.test", "GET /api/v1/me answered 200"} {
		if !strings.Contains(got.Body, words) {
			t.Errorf("the page does not say %q", words)
		}
	}
	for range 12 {
		got = try("bob", wrong)
	}
	if got.Status != 429 {
		t.Errorf("after twelve wrong passwords: %d", got.Status)
	}
	if said := string(log.Bytes()); strings.Contains(said, "wanderlust") || strings.Contains(said, wrong) {
		t.Error("a password is in the log")
	}
}

// LEGACY_GRANTS=off: the pages of the two old grants stay, explain, and run
// nothing.
func TestPagesOfTheOldGrantsWhenTheyAreOff(t *testing.T) {
	w := New(t, Options{Env: map[string]string{"LEGACY_GRANTS": "off"}})
	b := NewBrowser(t)
	for address, words := range map[string]string{
		w.Acme + "/mobile": "unsupported_grant_type", w.Dreams + "/widget": "unsupported_response_type", w.Dreams + "/widget/callback": "unsupported_response_type",
		w.Dreams + "/learn/implicit": "LEGACY_GRANTS=off", w.Dreams + "/learn/password": "LEGACY_GRANTS=off",
	} {
		page := b.Get(address)
		if page.Status != 200 || !strings.Contains(page.Body, words) {
			t.Errorf("%s: %d, does not say %s", address, page.Status, words)
		}
		if strings.Contains(page.Body, `type="password"`) || strings.Contains(page.Body, `src="/widget/widget.js"`) || strings.Contains(page.Body, `name="run"`) {
			t.Errorf("%s runs something", address)
		}
		if csp := page.Header.Get("Content-Security-Policy"); strings.HasPrefix(address, w.Dreams+"/widget") && !strings.Contains(csp, "connect-src 'self';") {
			t.Errorf("%s may connect elsewhere: %s", address, csp)
		}
	}
	answer := w.Post(t, w.Acme+"/mobile", nil, url.Values{"username": {"alice"}, "password": {"wanderlust"}})
	if answer.Status != 303 || strings.Contains(answer.Body, "Alice") {
		t.Errorf("the form still does something: %d %s", answer.Status, answer.Body)
	}
}

// Scripts of /spa and /widget, and they alone, may call the other two origins.
func TestWhichPagesMayCallOtherOrigins(t *testing.T) {
	w := New(t, Options{})
	for _, path := range []string{"/", "/offers", "/learn", "/tv", "/spa", "/spa/callback", "/spa/oauth.js", "/widget", "/widget/callback", "/widget/moved", "/widgets", "/spa/nothing", "/nowhere"} {
		may := path == "/spa" || path == "/spa/callback" || path == "/widget" || path == "/widget/callback"
		want := "connect-src 'self';"
		if may {
			want = "connect-src 'self' " + w.Auth + " " + w.Acme + ";"
		}
		if csp := w.Do(t, "GET", w.Dreams+path, nil, "").Header.Get("Content-Security-Policy"); !strings.Contains(csp, want) {
			t.Errorf("%s: %s, want %s", path, csp, want)
		}
	}
}
