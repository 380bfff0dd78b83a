package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Where an application wants to be told is judged as at /register, beside its field.
func TestAddressesThatWeCallAreJudgedAsAtRegistration(t *testing.T) {
	t.Parallel()
	w, b := inPortal(t, Options{}, "carol")
	a := w.newApplication(b, "web", nil)
	good := url.Values{
		"redirect_uris": {"https://diary.example/cb"}, "post_logout_redirect_uris": {"https://diary.example/bye"},
		"backchannel_logout_uri": {"https://diary.example/logout"}, "security_events_uri": {"https://diary.example/events"},
	}
	for _, field := range []string{"backchannel_logout_uri", "security_events_uri"} {
		for _, wrong := range []string{
			"http://diary.example/x", "https://127.0.0.1/x", "https://169.254.169.254/latest", "https://[::1]/x", "https://localhost/x", "https://2130706433/x",
			"https://diary.internal/x", "https://me:pw@diary.example/x", "https://diary.example/x#y", "javascript:alert(1)", "diary.example", "https://diary.example/" + strings.Repeat("x", 2048),
		} {
			page := w.act(b, a.ID, "addresses", With(good, url.Values{field: {wrong}}))
			if page.Status != http.StatusUnprocessableEntity || textByID(page.Body, field+"-error") == "" || b.Form(page, "redirect_uris").Fields.Get(field) != wrong {
				t.Errorf("%s %.60s: %d, or nothing is said beside it, or it was lost", field, wrong, page.Status)
			}
		}
	}
	if page := w.act(b, a.ID, "addresses", With(good, url.Values{"post_logout_redirect_uris": {"javascript:alert(1)"}})); textByID(page.Body, "post_logout_redirect_uris-error") == "" {
		t.Errorf("javascript: after signing out: %d", page.Status)
	}
	const row = `SELECT (metadata ->> 'backchannel_logout_uri') || ' ' || (metadata ->> 'security_events_uri') FROM clients WHERE client_id = ?`
	if page := w.act(b, a.ID, "addresses", good); page.Status != http.StatusOK {
		t.Fatalf("%d\n%.2000s", page.Status, page.Body)
	}
	if got := w.value(t, "authserver", row, a.ID); got != "https://diary.example/logout https://diary.example/events" {
		t.Errorf("stored: %s", got)
	}
}

// What is typed there is used: the application hears of a sign-out, and of a
// permission that was taken back.
func TestAnApplicationOfThePortalIsToldWhatHasEnded(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 10)
	listener := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		heard <- r.URL.Path + " " + string(body)
		rw.WriteHeader(http.StatusOK)
	}))
	defer listener.Close()
	w, b := inPortal(t, Options{Env: map[string]string{"ALLOW_PRIVATE_URIS": "on"}}, "carol")
	a := w.newApplication(b, "web", nil)
	page := w.act(b, a.ID, "addresses", url.Values{
		"redirect_uris": {"https://diary.example/cb"}, "backchannel_logout_uri": {listener.URL + "/logout"}, "security_events_uri": {listener.URL + "/events"},
	})
	if page.Status != http.StatusOK {
		t.Fatalf("%d", page.Status)
	}
	request := url.Values{"client_id": {a.ID}, "redirect_uri": {"https://diary.example/cb"}}
	b.Stay = "https://diary.example"
	answer := w.Allow(b, With(w.Request("openid"), request))
	if tokens := w.Token(t, a.credentials(), With(w.Redemption(answer), url.Values{"redirect_uri": {"https://diary.example/cb"}, "client_id": nil})); tokens.Status != http.StatusOK {
		t.Fatalf("%d %s", tokens.Status, tokens.Body)
	}
	hears := func(path, holds string) {
		t.Helper()
		select {
		case got := <-heard:
			if !strings.HasPrefix(got, path+" ") || !strings.Contains(got, holds) {
				t.Errorf("heard %.200s", got)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("nothing came to %s", path)
		}
	}
	b.Stay = ""
	w.removeApp(b, a.ID)
	hears("/events", ".")
	w.signOut(b, nil)
	page = b.Get(w.Auth + "/account")
	for _, form := range b.Forms(page) {
		if strings.HasSuffix(form.Action, "/account/logout") {
			form.Submit()
		}
	}
	hears("/logout", "logout_token=")
}

// The operator's list has every application: page after page, or by a part of its
// name or client_id.
func TestTheOperatorFindsEveryApplication(t *testing.T) {
	t.Parallel()
	w, root := inPortal(t, Options{SQL: map[string][]string{"authserver": {`
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 230)
		INSERT INTO clients (client_id, metadata, created_at)
		SELECT printf('c_many%03d', i), json_object('client_name', printf('Diary of person %03d', i), 'kind', 'web', 'token_endpoint_auth_methods', json_array('none'),
			'grant_types', json_array('authorization_code'), 'scope', 'openid', 'redirect_uris', json_array('https://diary.example/cb')), 1700000000000 + i / 3 FROM n`}}}, "root")
	line := regexp.MustCompile(`c_many\d{3}</code>`)
	var seen []string
	older := w.Auth + "/developer"
	for pages := 0; older != ""; pages++ {
		page := root.Get(older)
		seen = append(seen, line.FindAllString(page.Body, -1)...)
		if page.Status != http.StatusOK || pages > 10 {
			t.Fatalf("page %d: %d", pages, page.Status)
		}
		older = linkNamed(page, "Older ones")
	}
	slices.Sort(seen)
	if len(seen) != 230 || len(slices.Compact(seen)) != 230 {
		t.Errorf("%d lines on all pages, want each of 230 once", len(seen))
	}
	for query, want := range map[string]int{"person 117": 1, "PERSON 117": 1, "c_many042": 1, "person 11": 10, "nobody": 0, "<script>": 0} {
		page := root.Get(w.Auth + "/developer?q=" + url.QueryEscape(query))
		if got := len(line.FindAllString(page.Body, -1)); got != want || page.Status != http.StatusOK || strings.Contains(page.Body, "<script>\"") {
			t.Errorf("%s: %d lines, want %d", query, got, want)
		}
	}
	for _, place := range []string{"x", "-1.", "9223372036854775808.c", "1700000000000.%00", strings.Repeat("9", 5000)} {
		if page := root.Get(w.Auth + "/developer?older=" + url.QueryEscape(place)); page.Status >= 500 {
			t.Errorf("%.40s: %d", place, page.Status)
		}
	}
	if page := w.SignedIn(t, "carol").Get(w.Auth + "/developer?q=c_many"); strings.Contains(page.Body, "c_many042") {
		t.Error("the search finds for somebody what is not hers")
	}
}

// linkNamed is where a link of a page leads; empty: there is none.
func linkNamed(p Page, name string) string {
	for _, found := range regexp.MustCompile(`<a href="([^"]+)">([^<]+)</a>`).FindAllStringSubmatch(p.Body, -1) {
		if found[2] == name {
			target, err := p.URL.Parse(strings.ReplaceAll(found[1], "&amp;", "&"))
			if err != nil {
				return ""
			}
			return target.String()
		}
	}
	return ""
}
