package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Connected apps says what an application last did with its permissions, and how
// often: calls at Acme, and not tokens. The card leads to each of them, and the look
// at the log is not in the log.
func TestConnectedAppsCountCallsAtAcme(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	w.waitForAcme(t)
	b := w.SignedIn(t, "bob")
	b.Stay = w.Dreams
	tokens := w.granted(t, w.Allow(b, w.Request("openid profile preferences:read"), "preferences:read"))
	apps := func() string { return b.Get(w.Auth + "/account/apps").Body }
	says(t, apps(), "not at Acme yet", "0 calls in 7 days", "Last token ", "while you were there")
	for _, path := range []string{"/me", "/me", "/me/posts", "/me/preferences"} {
		w.API(t, "GET", path, tokens.String("access_token"), "")
	}
	w.eventually(t, "the card does not count the calls", func() bool { return strings.Contains(apps(), "4 calls in 7 days, 1 refused") })
	says(t, apps(), "read your travel preferences", w.Acme+"/me/access?app=dreams-web")
	says(t, w.appPage(b).Body, "read your travel preferences", "4 calls in 7 days")
	b.Get(w.Acme + "/login?next=/me")
	says(t, b.Get(w.Acme+"/me/access?app=dreams-web").Body, "read your travel preferences", `<option value="dreams-web" selected>`)
	if n := w.value(t, "acme", "SELECT count(*) FROM accesses WHERE scope = 'accesses:read'"); n != "0" {
		t.Errorf("%s looks at the log are in the log", n)
	}
	// Another consent of the same application begins with nothing; the one that ended
	// keeps its last use.
	w.removeApp(b, "dreams-web")
	w.Clock.Advance(2 * time.Second)
	w.granted(t, w.Allow(b, w.Request("openid profile"), "email"))
	says(t, apps(), "not at Acme yet")
	removed := b.Get(w.Auth + "/account/apps?tab=removed").Body
	says(t, removed, "read your travel preferences", "/me/access?app=dreams-web")
	saysNot(t, removed, "calls in 7 days")
	if alice := w.SignedIn(t, "alice"); strings.Contains(alice.Get(w.Auth+"/account/apps").Body, "read your travel preferences") {
		t.Error("alice reads what was done in bob's name")
	}
}

// Whoever else asks for the summary is refused, and that stands in the log.
func TestTheSummaryOfTheLogIsForTheAuthorizationServer(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	const path = "/me/accesses/summary"
	all := "openid profile email preferences:read blog:read packages:read reviews:read offline_access"
	if got := w.API(t, "GET", path, w.Tokens(t, "alice", all).String("access_token"), ""); got.Refusal() != "403 insufficient_scope" {
		t.Errorf("dreams-web: %d %s", got.Status, got.Body)
	}
	if got := w.API(t, "GET", path, "", ""); got.Status != http.StatusUnauthorized {
		t.Errorf("nobody: %d", got.Status)
	}
	b := w.SignedIn(t, "alice")
	if page := w.Authorize(b, w.Request("openid accesses:read")); page.Answer().Get("error") != "invalid_scope" {
		t.Errorf("asking a person for it: %s", page.Location)
	}
	w.eventually(t, "the attempt is not in the log", func() bool {
		return w.value(t, "acme", "SELECT count(*) FROM accesses WHERE client_id = 'dreams-web' AND what = 'tried to look at who looked at your data' AND status = 403") == "1"
	})
	for _, document := range []string{"/api/openapi.json", "/.well-known/oauth-protected-resource"} {
		if got := w.Do(t, "GET", w.Acme+document, nil, ""); strings.Contains(got.Body, "accesses") {
			t.Errorf("%s promises it to applications", document)
		}
	}
}

// Connected apps stands without Acme, within half a second, and says what it counts
// instead; nothing of an answer is markup.
func TestConnectedAppsStandsWithoutAcme(t *testing.T) {
	t.Parallel()
	for name, acme := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"slow":          {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "Acme does not say just now"},
		"down":          {func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }, "Acme does not say just now"},
		"nonsense":      {func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "nonsense") }, "Acme does not say just now"},
		"another shape": {func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, `{"clients":[{"calls":[1,2]},7]}`) }, "Acme does not say just now"},
		"nobody":        {func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, `{}`) }, "not at Acme yet"},
		"negative": {func(rw http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(rw, `{"clients":[{"client_id":"dreams-web","calls":[-9,0,0,0,0,0,2],"refused":-1}]}`)
		}, "2 calls in 7 days<"},
		"markup": {func(rw http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(rw, `{"clients":[{"client_id":"dreams-web","calls":[0,0,0,0,0,0,1],"last":{"at":%q,"what":"<script>alert(1)</script>\u202e%s","scope":"<b>"}}]}`, time.Now().UTC().Format(time.RFC3339Nano), strings.Repeat("x", 300))
		}, "&lt;script&gt;alert(1)&lt;/script&gt;xxx"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := New(t, Options{Only: []string{"authserver", "acme"}, Resource: acme.answer})
			b := w.SignedIn(t, "alice")
			w.granted(t, w.Allow(b, w.Request("openid profile offline_access"), "offline_access"))
			begin := time.Now()
			page := b.Get(w.Auth + "/account/apps")
			if took := time.Since(begin); page.Status != http.StatusOK || took > time.Second {
				t.Errorf("%d after %s", page.Status, took)
			}
			says(t, page.Body, acme.says, "Last token ", "/receipt")
			saysNot(t, page.Body, "<script>alert", "<b>&lt;", "\u202e", strings.Repeat("x", 100))
			if strings.Contains(acme.says, "does not say") {
				says(t, page.Body, "1 token in 7 days", "What is counted here is tokens, not calls")
			}
		})
	}
}

// Right after Allow the receipt is where the person looks: on the newest card, on the
// page of the account, and from Dreams one click away.
func TestTheReceiptIsAtHandAfterAllow(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := w.connected(t)
	landed := b.Get(w.Dreams + "/offers")
	says(t, landed.Body, w.Auth+"/account/apps", "receipt of what you allowed")
	for _, path := range []string{"/account/apps", "/account"} {
		page := b.Get(w.Auth + path)
		says(t, page.Body, "Allowed just now")
		_, after, found := strings.Cut(page.Body, `href="/account/apps/c_`)
		id, _, _ := strings.Cut(after, `"`)
		if !found || !strings.Contains(page.Body, `href="/account/apps/c_`+id+`/receipt"`) {
			t.Fatalf("%s has no receipt", path)
		}
		if receipt := b.Get(w.Auth + "/account/apps/c_" + id + "/receipt"); receipt.Status != http.StatusOK || receipt.String("jws") == "" {
			t.Errorf("%s: %d", path, receipt.Status)
		}
	}
	w.Clock.Advance(11 * time.Minute)
	saysNot(t, b.Get(w.Auth+"/account/apps").Body, "Allowed just now")
	saysNot(t, b.Get(w.Dreams+"/offers").Body, "receipt of what you allowed")
	// Asked again, and something else allowed, it is new again.
	b.Stay = w.Dreams
	w.Allow(b, With(w.Request("openid email"), url.Values{"prompt": {"consent"}}), "email")
	says(t, b.Get(w.Auth+"/account/apps").Body, "Allowed just now")
}
