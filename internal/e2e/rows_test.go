package e2e

import (
	"bytes"
	"database/sql"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/acme-dreams/authserver/oauth"
)

// What the tests of single rules have in common: the forms in which a refusal
// comes, and a look into the databases for what must not be there.

// alone is authserver alone, with a browser at which alice is signed in.
func alone(t *testing.T, o Options) (*World, *Browser) {
	t.Helper()
	o.Only = authserverAlone.Only
	w := New(t, o)
	return w, w.SignedIn(t, "alice")
}

// wantPage is a refusal that leads nowhere: status 400, and a page that names
// the error. RFC 6749 §4.1.2.1.
func wantPage(t testing.TB, page Page, code string) {
	t.Helper()
	if page.Status != http.StatusBadRequest || ErrorOnPage(page.Body) != code {
		t.Errorf("got %d %q, want 400 %q", page.Status, ErrorOnPage(page.Body), code)
	}
	if location := page.Header.Get("Location"); location != "" {
		t.Errorf("the page has the Location %q", location)
	}
	wantPageHeaders(t, page.Response)
}

// wantRedirect is a refusal that goes back to the client: 303 to exactly the
// registered address, with error, error_description, state and iss, and nothing
// else. RFC 6749 §4.1.2.1, RFC 9207 §2.
func wantRedirect(t testing.TB, w *World, page Page, redirectURI, code, state string) {
	t.Helper()
	if page.Status != http.StatusSeeOther || page.Location == "" {
		t.Errorf("got %d %q, want 303 %s", page.Status, ErrorOnPage(page.Body), code)
		return
	}
	separator := "?"
	if strings.Contains(page.Location, "#") {
		separator = "#"
	}
	if at, _, _ := strings.Cut(page.Location, separator); at != redirectURI {
		t.Errorf("redirected to %q, want %q", at, redirectURI)
	}
	answer := page.Answer()
	want := url.Values{"error": {code}, "iss": {w.Auth}, "error_description": answer["error_description"], "error_uri": {oauth.ErrorURI(w.Auth, code)}}
	if state != "" {
		want.Set("state", state)
	}
	if answer.Encode() != want.Encode() || answer.Get("error_description") == "" {
		t.Errorf("answered %v, want %v", answer, want)
	}
	if strings.ContainsFunc(answer.Get("error_description"), func(r rune) bool { return r < 0x20 || r > 0x7E || r == '"' || r == '\\' }) {
		t.Errorf("error_description %q has characters that RFC 6749 §5.2 does not allow", answer.Get("error_description"))
	}
}

// pageHeaders are on every page of the three programs.
var pageHeaders = map[string]string{
	"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
}

// wantPageHeaders is RFC 9700 §4.16 and §4.2.4, and what goes with them.
func wantPageHeaders(t testing.TB, r Response) {
	t.Helper()
	for name, want := range pageHeaders {
		if got := r.Header.Values(name); len(got) == 0 || got[0] != want || (len(got) > 1 && name != "Cache-Control") { // more of the latter cannot loosen it
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	policy := r.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("Content-Security-Policy: %q", policy)
	}
}

// value asks a program's database, from outside.
func (w *World) value(t testing.TB, program, query string, args ...any) string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.DataDir, program+".db")+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var value sql.NullString
	if err := db.QueryRow(query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value.String
}

// minted is everything that authserver ever gave out.
func (w *World) minted(t testing.TB) string {
	t.Helper()
	return w.value(t, "authserver", "SELECT (SELECT count(*) FROM authorization_codes) || ' codes, ' || (SELECT count(*) FROM refresh_tokens) || ' refresh tokens, ' || (SELECT count(*) FROM grants) || ' grants'")
}

// wantLogged waits for the security log, which is written behind the requests'
// backs, to have entries of a kind that hold some words.
func (w *World) wantLogged(t testing.TB, kind, words string, atLeast int) {
	t.Helper()
	const count = "SELECT count(*) >= ? FROM security_events WHERE kind = ? AND instr(detail, ?) > 0"
	for range 100 {
		if w.value(t, "authserver", count, atLeast, kind, words) == "1" {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("the security log has not %d entries %q with %q", atLeast, kind, words)
}

// wantUnlogged looks for secrets in the security log.
func (w *World) wantUnlogged(t testing.TB, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if secret != "" && w.value(t, "authserver", "SELECT count(*) FROM security_events WHERE instr(detail || client_id, ?) > 0", secret) != "0" {
			t.Errorf("%q stands in the security log", secret)
		}
	}
}

// wantCode is the answer that was asked for.
func wantCode(t testing.TB, page Page) {
	t.Helper()
	if page.Status != http.StatusSeeOther || page.Answer().Get("code") == "" {
		t.Errorf("no code: %d %s %.300s", page.Status, page.Location, page.Body)
	}
}

// wantQuestion is the consent page.
func wantQuestion(t testing.TB, page Page) {
	t.Helper()
	if page.Status != http.StatusOK || page.URL.Path != "/consent" {
		t.Errorf("no consent page: %d %s %s", page.Status, page.URL, page.Location)
	}
}

// wantLogin is the login page.
func wantLogin(t testing.TB, page Page) {
	t.Helper()
	if page.Status != http.StatusOK || page.URL.Path != "/login" {
		t.Errorf("no login page: %d %s %s", page.Status, page.URL, page.Location)
	}
}

// lockedBuffer collects what three programs log.
type lockedBuffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return bytes.Clone(b.all.Bytes())
}
