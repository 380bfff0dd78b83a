package e2e

import (
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/dreams/learn"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/wiretap"
)

// inspect pastes a token, or presses something on its page.
func (w *World) inspect(t testing.TB, b *Browser, form url.Values) string {
	t.Helper()
	page := b.Form(b.Get(w.Dreams+"/inspector"), "token").With(form).Submit()
	if page.Status != http.StatusOK || page.URL.Path != "/inspector" || page.URL.RawQuery != "" {
		t.Fatalf("the inspector: %d %s\n%.2000s", page.Status, page.URL, page.Body)
	}
	return words(page.Body)
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
)

// words are what a page says, without its tags.
func words(page string) string {
	return html.UnescapeString(spaces.ReplaceAllString(tags.ReplaceAllString(page, " "), " "))
}

func saysAll(t testing.TB, page string, all ...string) {
	t.Helper()
	for _, one := range all {
		if !strings.Contains(page, one) {
			t.Errorf("it does not say %q\n%.30000s", one, page)
		}
	}
}

// What is decoded is one thing; what Acme checked is another, and comes from Acme.
func TestATokenIsTakenApartAndJudgedByAcme(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	tokens := w.Tokens(t, "alice", "openid profile offline_access")
	token := tokens.String("access_token")
	page := w.inspect(t, b, url.Values{"token": {"Bearer " + token[:40] + "\n" + token[40:]}})
	saysAll(t, page, "Readable by anyone", "✓ Verified: signature, issuer, audience, time", "GET /api/v1/me",
		"signature is the issuer's ✓ passed RFC 9068 §4 checkSignature", "token has not expired ✓ passed", "token has the scope ✓ passed", "Alice Moreau",
		"iss "+w.Auth, "✓ in the JWKS", "a bearer token", "left when this page was made", "✓ passed")

	w.Post(t, w.Auth+"/revoke", Basic("dreams-web"), url.Values{"token": {token}})
	waitFor(t, 5*time.Second, "Acme knows of it", func() bool { return w.API(t, "GET", "/me", token, "").Status == 401 })
	saysAll(t, w.inspect(t, b, url.Values{"token": {token}}), "✕ Invalid because: The token was revoked", "token was not revoked ✕ refused RFC 7009 §2.1", "What comes after the one that refused")

	id := tokens.String("id_token")
	saysAll(t, w.inspect(t, b, url.Values{"token": {id}}), "An ID token is for the app", "✕ Invalid because: This is not an access token", "typ is at+jwt ✕ refused")

	fresh := w.Tokens(t, "alice", "openid profile offline_access")
	saysAll(t, w.inspect(t, b, url.Values{"token": {fresh.String("refresh_token")}}), "Readable by nobody", "✓ Active, says Acme’s accounts", "Asked by dreams-web", "client_id dreams-web")
	saysAll(t, w.inspect(t, b, url.Values{"token": {"rt_made_up"}}), "✕ Not active", "active false")

	elsewhere := w.Tokens(t, "alice", "preferences:read").String("access_token")
	saysAll(t, w.inspect(t, b, url.Values{"token": {elsewhere}}), "✓ Verified", "GET /api/v1/me/preferences")
	writing := w.Tokens(t, "alice", "openid email").String("access_token")
	saysAll(t, w.inspect(t, b, url.Values{"token": {writing}}), "✓ Verified: signature, issuer, audience, time. It does not open this", "token has the scope ✕ refused")

	for _, bad := range []string{"", "<script>", strings.Repeat("a", 17<<10)} {
		page := b.Form(b.Get(w.Dreams+"/inspector"), "token").With(url.Values{"token": {bad}}).Submit()
		if page.Status != http.StatusUnprocessableEntity || strings.Contains(page.Body, "<script>alert") {
			t.Errorf("%.20q: %d", bad, page.Status)
		}
	}
}

// Without Acme, or where it does not tell, nothing is claimed.
func TestWhatIsNotHeardIsNotClaimed(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]struct {
		Options
		says string
	}{
		"Acme is away": {Options{Only: []string{"authserver", "dreams"}}, "– Not verified: Acme’s API cannot be reached just now"},
		"Acme does not tell": {Options{Resource: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == wiretap.Path {
				http.NotFound(w, r)
			}
		})}, "– Not verified: Acme answered 200 OK, and did not tell us what it checked"},
	} {
		w := New(t, o.Options)
		b := NewBrowser(t)
		page := w.inspect(t, b, url.Values{"token": {w.Tokens(t, "alice", "profile").String("access_token")}})
		saysAll(t, page, "Readable by anyone", o.says)
		if strings.Contains(page, "✓ passed") || strings.Contains(page, "✓ Verified") {
			t.Errorf("%s: it claims something", name)
		}
	}
}

// Each change is sent to Acme as it is, and the check that refuses is Acme's own.
func TestATamperedTokenIsRefusedByACheckThatIsNamed(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	token := w.Tokens(t, "alice", "openid profile").String("access_token")
	row := map[string]string{
		"flip": "Flip one bit One bit of the signature. 401 Unauthorized ✓ signature is the issuer's checkSignature RFC 9068 §4",
		"none": "401 Unauthorized ✓ alg is the key's algorithm checkAlgorithm RFC 8725 §3.1",
		"aud":  "The signature is the old one. 401 Unauthorized ✓ signature is the issuer's", "scope": "Add a scope", "sub": "Be somebody else", "exp": "Live a year longer",
		"hs256": "with the public key as the shared secret, which everybody has. 401 Unauthorized ✓ alg is the key's algorithm",
	}
	page := ""
	for _, name := range []string{"flip", "none", "aud", "scope", "sub", "exp", "hs256"} {
		page = w.inspect(t, b, url.Values{"token": {token}, "action": {"tamper"}, "change": {name}})
		saysAll(t, page, row[name], "✓ Verified")
	}
	saysAll(t, page, row["flip"], row["none"], row["exp"]) // the table grows
	if n := strings.Count(page, "401 Unauthorized"); n != 7 {
		t.Errorf("%d rows of seven", n)
	}
	if strings.Contains(page, "was let through") {
		t.Error("a change was let through")
	}
	if other := w.inspect(t, NewBrowser(t), url.Values{"token": {token}}); strings.Contains(other, "Flip one bit One bit") {
		t.Error("another browser sees what was tried")
	}
}

// freshToken runs the inspector's own flow, and returns the page of its access token.
func (w *World) freshToken(t *testing.T, b *Browser, scopes ...string) (page Page, token string) {
	t.Helper()
	w.SignIn(b, "alice")
	asked := b.Form(b.Get(w.Dreams+"/inspector"), "fresh").Submit()
	back := b.Form(asked, "decision").With(url.Values{"scope": scopes, "decision": {"allow"}, "duration": nil}).Submit()
	if back.Status != 200 || back.URL.Path != "/inspector" {
		t.Fatalf("it ended at %d %s: %v", back.Status, back.URL, back.Visited)
	}
	page = w.useLast(b, back)
	return page, b.Form(page, "change").Fields.Get("token")
}

// useLast presses "Use the access token of …".
func (w *World) useLast(b *Browser, page Page) Page {
	form := b.Form(page, "token")
	from := ""
	for _, button := range form.Buttons {
		if name, value, _ := strings.Cut(button, "="); name == "from" {
			from = value
		}
	}
	return form.With(url.Values{"from": {from}, "token": nil}).Submit()
}

// The token of one's own run is at hand, its refresh token is spent for another, and
// its messages stand in the run.
func TestATokenOfARunIsRefreshed(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	page, token := w.freshToken(t, b, "profile", "preferences:read", "offline_access")
	saysAll(t, words(page.Body), "Access token of your run A token to look at", "✓ Verified", "Refresh now")
	refreshed := b.Form(page, "change").With(url.Values{"action": {"refresh"}}).Submit()
	next := b.Form(refreshed, "change").Fields.Get("token")
	saysAll(t, words(refreshed.Body), "This is another token than before", "✓ Verified", "Access token of your run")
	if next == token || next == "" {
		t.Error("it is the same token")
	}
	// Who verifies an ID token is Dreams, when it comes: by checks that it ran.
	link := regexp.MustCompile(`value="([0-9a-f]+ id_token)"`).FindStringSubmatch(page.Body)
	if link == nil {
		t.Fatal("the ID token is not offered")
	}
	saysAll(t, w.inspect(t, b, url.Values{"from": {link[1]}, "token": nil}), "ID token of your run", "An ID token is for the app", "typ is at+jwt ✕ refused",
		"What Dreams checked when it came", "ID token: nonce is the one that we sent ✓ passed OIDC Core §3.1.3.7 checkNonce")
	// The one before is good to its end, and the run has one more refresh token to spend.
	saysAll(t, w.inspect(t, b, url.Values{"token": {token}}), "✓ Verified")
	again := b.Form(refreshed, "change").With(url.Values{"action": {"refresh"}}).Submit()
	saysAll(t, words(again.Body), "This is another token than before")
	// Nobody else's run is offered, or found.
	other := NewBrowser(t)
	if page := words(other.Get(w.Dreams + "/inspector").Body); strings.Contains(page, "Use the") {
		t.Error("another browser is offered the token")
	}
	saysAll(t, w.inspect(t, other, url.Values{"token": {next}}), "Access token, pasted")
	var from string
	for _, button := range b.Form(b.Get(w.Dreams+"/inspector"), "token").Buttons {
		if value, found := strings.CutPrefix(button, "from="); found {
			from = value
		}
	}
	if page := other.Form(other.Get(w.Dreams+"/inspector"), "token").With(url.Values{"from": {from}}).Submit(); page.Status != http.StatusUnprocessableEntity {
		t.Errorf("another browser used the token of a run that is not its own: %d", page.Status)
	}
}

// Whoever has a bearer token is in; and what they send from a terminal stands in the
// run that the token is of, since the token names it.
func TestAStolenBearerTokenWorksAndStandsInTheRun(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	page, token := w.freshToken(t, b, "profile", "offline_access")
	saysAll(t, words(page.Body), "curl -i '"+w.Acme+"/api/v1/me'", "Authorization: Bearer "+token)
	stolen := b.Form(page, "change").With(url.Values{"action": {"steal"}}).Submit()
	saysAll(t, words(stolen.Body), "Somebody to Acme Travel: GET /api/v1/me", "✕ the thief is in", "Alice Moreau")

	ids := w.room.IDs()
	run := w.room.Recording(ids[0])
	thieves := func() (n int) {
		all, _ := run.Exchanges()
		for _, e := range all {
			if e.From == "X" && e.To == "R" && len(e.Checks) > 10 {
				n++
			}
		}
		return n
	}
	waitFor(t, 5*time.Second, "the thief stands in the run", func() bool { return thieves() == 1 })
	if got := w.API(t, "GET", "/me", token, ""); got.Status != 200 { // what curl sends
		t.Fatalf("the command: %s", got.Refusal())
	}
	waitFor(t, 5*time.Second, "the terminal stands in the run", func() bool { return thieves() == 2 })
	link := regexp.MustCompile(`/runs/[0-9a-f]+`).FindString(page.Body)
	if shown := words(b.Get(w.Dreams + link).Body); strings.Count(shown, "GET /api/v1/me") < 2 {
		t.Errorf("the page of the run does not show it\n%.4000s", shown)
	}
}

// RFC 9449 §7.2: the same with a bound token comes to nothing. The run has the key,
// and the inspector proves it.
func TestAStolenBoundTokenIsRefused(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	runLab(t, w, b, "dpop")
	page := w.useLast(b, b.Get(w.Dreams+"/inspector"))
	saysAll(t, words(page.Body), "your run still holds that", "Authorization: DPoP and a proof of its key.", "✓ Verified", "token that is sent as DPoP is bound to a key ✓ passed")
	token := b.Form(page, "change").Fields.Get("token")
	stolen := words(b.Form(page, "change").With(url.Values{"action": {"steal"}}).Submit().Body)
	saysAll(t, stolen, "✓ refused: token that is bound to a key is not sent as Bearer RFC 9449 §7.2", "Authorization: DPoP 401 Unauthorized ✓ refused There is no DPoP header with a proof")
	if strings.Contains(stolen, "the thief is in") {
		t.Error("the thief is in")
	}
	saysAll(t, w.inspect(t, NewBrowser(t), url.Values{"token": {token}}), "bound to a key that is not here", "✕ Invalid without its key")
	for _, scheme := range []string{"Bearer", "DPoP"} {
		if got := w.Do(t, "GET", w.Acme+"/api/v1/me", http.Header{"Authorization": {scheme + " " + token}}, ""); got.Status != 401 {
			t.Errorf("the command with %s: %d", scheme, got.Status)
		}
	}
}

// OIDC Core §10.1.1: after a rotation the old kid verifies until it is retired.
func TestAfterARotationTheOldKeyVerifies(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	token := w.Tokens(t, "alice", "openid profile").String("access_token")
	_, kid := w.machineToken(t)
	saysAll(t, w.inspect(t, b, url.Values{"token": {token}}), kid+" ✓ in the JWKS", "go run ./authserver rotate-keys")
	w.rotateKeys(t)
	next := w.waitForKey(t, kid)
	saysAll(t, w.inspect(t, b, url.Values{"token": {token}}), kid+" ✓ in the JWKS", next, "✓ Verified", "kid names a key of the issuer ✓ passed")
	fresh := w.Tokens(t, "alice", "openid profile").String("access_token")
	saysAll(t, w.inspect(t, b, url.Values{"token": {fresh}}), next+" ✓ in the JWKS", "✓ Verified")
	w.Clock.Advance(2 * time.Hour)
	w.rotateKeys(t)
	waitFor(t, within, "the old key is gone", func() bool { return !strings.Contains(strings.Join(w.kids(t), " "), kid) })
	saysAll(t, w.inspect(t, b, url.Values{"token": {token}}), kid+" ✕ not in the JWKS", "✕ Invalid because")
}

// The countdown goes by the room's clock, and one press ends the token.
func TestTheInspectorMovesTheClock(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	token := w.Tokens(t, "alice", "openid profile").String("access_token")
	page := w.inspect(t, b, url.Values{"token": {token}, "action": {"clock"}})
	saysAll(t, page, "The clock here is 5 min ahead", "5 min ahead now", "54 min", "✓ Verified")
	w.moveClock(t, b, "1h")
	saysAll(t, w.inspect(t, b, url.Values{"token": {token}}), "It ended", "✕ Invalid because: The token has expired", "token has not expired ✕ refused RFC 7519 §4.1.4")
}

// One call in three ways, each with its messages and checks.
func TestOneCallThreeWays(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	b := NewBrowser(t)
	form := b.Form(b.Get(w.Dreams+"/inspector"), "action")
	page := form.With(url.Values{"action": {"compare"}}).Submit()
	said := words(page.Body)
	saysAll(t, said, "JWT, as bearer", "With introspection", "With DPoP", "POST /introspect", "Somebody to Acme Travel", "✕ the thief is in",
		"✓ refused: token that is bound to a key is not sent as Bearer", "signature is the issuer's")
	if n := strings.Count(said, "the thief is in"); n != 2 {
		t.Errorf("the thief is in %d times, want 2", n)
	}
	saysAll(t, words(w.useLast(b, page).Body), "your run still holds that", "✓ Verified")
	link := regexp.MustCompile(`/runs/[0-9a-f]+`).FindString(page.Body)
	if run := b.Get(w.Dreams + link); run.Status != 200 || !strings.Contains(run.Body, "three ways") {
		t.Errorf("its run: %d", run.Status)
	}
}

// With WIRETAP=off nothing of a run is there, and what is pasted is taken apart and
// no more.
func TestTheInspectorWithoutTheWiretap(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Env: map[string]string{"WIRETAP": "off"}})
	b := NewBrowser(t)
	if strings.Contains(b.Get(w.Dreams+"/").Body, `href="/inspector"`) {
		t.Error("it stands in the navigation")
	}
	front := b.Get(w.Dreams + "/inspector")
	saysAll(t, words(front.Body), "WIRETAP=off", "Here a token is only taken apart")
	page := w.inspect(t, b, url.Values{"token": {w.Tokens(t, "alice", "profile").String("access_token")}, "action": {"steal"}})
	saysAll(t, page, "Readable by anyone", "– Not verified", "iss "+w.Auth)
	for _, not := range []string{"What Acme checked", "Steal this token", "Flip one bit", "Run the three"} {
		if strings.Contains(page, not) {
			t.Errorf("it says %q", not)
		}
	}
}

// What is pasted is kept nowhere: in no log, no recording, no database, no address.
func TestAPastedTokenIsKeptNowhere(t *testing.T) {
	t.Parallel()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	w := New(t, Options{Log: log})
	b := NewBrowser(t)
	token := w.Tokens(t, "alice", "openid profile").String("access_token")
	w.inspect(t, b, url.Values{"token": {token}})
	w.inspect(t, b, url.Values{"token": {token}, "action": {"tamper"}, "change": {"flip"}})
	w.inspect(t, b, url.Values{"token": {token}, "action": {"steal"}})
	if ids := w.room.IDs(); len(ids) != 0 {
		t.Errorf("recordings are left: %v", ids)
	}
	signature := token[strings.LastIndexByte(token, '.')+1:]
	w.Stop()
	files, err := filepath.Glob(filepath.Join(w.DataDir, "*"))
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, name := range append(files, log.Name()) {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), signature) {
			t.Errorf("the token is in %s", name)
		}
	}
}

// The checks that stand beside a claim are checks that Acme has.
func TestTheChecksOfTheClaimsAreAcmes(t *testing.T) {
	t.Parallel()
	for claim, names := range learn.JudgedBy() {
		for _, name := range names {
			if !slices.ContainsFunc(bearer.Rules(), func(r check.Rule) bool { return r.Name == name }) {
				t.Errorf("%s: Acme has no check %q", claim, name)
			}
		}
	}
}
