package e2e

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"example.com/acme-dreams/internal/e2e/chrome"
)

//go:embed testdata/axe/axe.min.js
var axe string

// The kinds of findings.
const (
	wcag        = "WCAG 2.2 AA: axe-core finds no violation"
	overflow    = "WCAG 2.2 1.4.10: no page is wider than a window of 320 pixels"
	headings    = "every page has one h1 and a title"
	otherOrigin = "no page asks another origin for anything"
	console     = "no page breaks its content security policy or logs an error"
	deadLinks   = "no link leads nowhere"
)

var kinds = []string{wcag, overflow, headings, otherOrigin, console, deadLinks}

// variant is how a page is looked at.
type variant struct {
	theme string
	width int
}

var (
	variants  = []variant{{"light", 1280}, {"dark", 1280}, {"dark", 320}, {"light", 320}}
	projector = variant{"projector", 1920}
)

// auditor looks at one page after the other, in one tab.
type auditor struct {
	t       testing.TB
	w       *World
	tab     *chrome.Tab
	found   *findings
	shots   string
	origins []string
	name    string
	checked map[string]bool // links
}

func newAuditor(t testing.TB, w *World, b *chrome.Browser, found *findings) *auditor {
	t.Helper()
	tab := b.Tab(t)
	t.Cleanup(tab.Close)
	tab.Still()
	tab.Size(1280, 900)
	return &auditor{t: t, w: w, tab: tab, found: found, shots: os.Getenv("E2E_SHOTS"), origins: []string{w.Auth, w.Acme, w.Dreams}, checked: map[string]bool{}}
}

// open goes to an address and looks at the page.
func (a *auditor) open(name, address string, status int) {
	a.t.Helper()
	got := a.tab.Open(address)
	a.look(name, got, status)
}

// openLarge is open for a page that people show to a room.
func (a *auditor) openLarge(name, address string) {
	a.t.Helper()
	a.open(name, address, 200)
	a.as(projector)
}

// click clicks and looks at the page that comes.
func (a *auditor) click(name, element string, status int) {
	a.t.Helper()
	got := a.tab.Click(element)
	a.look(name, got, status)
}

// look audits the page that the tab shows.
func (a *auditor) look(name string, got, want int) {
	a.t.Helper()
	a.name = name
	if got != want {
		a.t.Errorf("%s: status %d at %s, want %d", name, got, a.tab.Address(), want)
	}
	page := chrome.Evaluate[struct {
		Title string
		H1    int
	}](a.tab, `({Title: document.title, H1: document.querySelectorAll("h1").length})`)
	if page.H1 != 1 || len(page.Title) < 5 {
		a.found.add(headings, "%s: %d h1, title %q", name, page.H1, page.Title)
	}
	a.traffic(got)
	a.links()
	for _, v := range variants {
		a.as(v)
	}
	a.tab.Size(1280, 900)
}

// as audits the page in one theme and width. The theme is what the server
// writes into data-theme for the cookie (TestTheThemeIsKept).
func (a *auditor) as(v variant) {
	a.t.Helper()
	a.tab.Size(v.width, 900)
	wide := chrome.Evaluate[string](a.tab, fmt.Sprintf(`(() => {
		document.documentElement.dataset.theme = %q;
		for (const d of document.querySelectorAll("details:not(.theme)")) d.open = true;
		const excess = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && getComputedStyle(e).position !== "fixed");
		return document.documentElement.scrollWidth > innerWidth ? excess.slice(0, 3).map(e => e.tagName + "." + e.className + ": " + e.textContent.trim().slice(0, 40)).join("; ") || "the document" : "";
	})()`, v.theme))
	if wide != "" {
		a.found.add(overflow, "%s, %d, %s: %s", a.name, v.width, v.theme, wide)
	}
	for _, violation := range runAxe(a.tab) {
		a.found.add(wcag, "%s, %d, %s: %s", a.name, v.width, v.theme, violation)
	}
	if a.shots != "" {
		a.shoot(v)
	}
}

func (a *auditor) shoot(v variant) {
	name := strings.NewReplacer(" ", "-", ":", "", ",", "", "/", "-").Replace(a.name)
	path := filepath.Join(a.shots, fmt.Sprintf("%s-%d-%s.png", name, v.width, v.theme))
	if err := os.WriteFile(path, a.tab.Screenshot(), 0o644); err != nil {
		a.t.Fatal(err)
	}
}

// runAxe returns what axe-core finds on the page.
func runAxe(tab *chrome.Tab) []string {
	if !chrome.Evaluate[bool](tab, "!!window.axe") {
		chrome.Evaluate[bool](tab, axe+"; true")
	}
	var violations []struct{ Rule, Node, Why string }
	report := chrome.Evaluate[string](tab, `axe.run(document, {
		runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"], elementRef: false,
	}).then(r => JSON.stringify(r.violations.flatMap(v => v.nodes.map(n => ({
		Rule: v.id, Node: n.html.slice(0, 160), Why: n.failureSummary.split("\n").slice(1, 3).join(" ").slice(0, 220),
	})))))`)
	if err := json.Unmarshal([]byte(report), &violations); err != nil {
		return []string{err.Error()}
	}
	var found []string
	for _, v := range violations {
		found = append(found, fmt.Sprintf("%s: %s: %s", v.Rule, v.Node, v.Why))
	}
	return found
}

// traffic judges what the way to the page asked for and what the console said.
func (a *auditor) traffic(status int) {
	requests, said := a.tab.Seen()
	for _, r := range requests {
		origin, own := chrome.Origin(r.URL), chrome.Origin(r.Page)
		switch {
		case strings.HasPrefix(r.URL, "data:"):
		case !slices.Contains(a.origins, origin):
			a.found.add(otherOrigin, "%s asks for %s", r.Page, r.URL)
		case r.Type != network.ResourceTypeDocument && origin != own && !a.mayCall(r.Page):
			a.found.add(otherOrigin, "%s asks for %s, which is not its own", r.Page, r.URL)
		}
	}
	for _, line := range said {
		if status >= 400 && strings.HasPrefix(line, "network: Failed to load resource") && strings.Contains(line, "("+a.tab.Address()+")") {
			continue // the page's own status
		}
		a.found.add(console, "%s: %s", a.name, line)
	}
}

// mayCall is true for the two pages whose script is a client by itself.
func (a *auditor) mayCall(page string) bool {
	page, _, _ = strings.Cut(page, "?")
	page, _, _ = strings.Cut(page, "#")
	return slices.Contains([]string{a.w.Dreams + "/spa", a.w.Dreams + "/spa/callback", a.w.Dreams + "/widget", a.w.Dreams + "/widget/callback"}, page)
}

// links opens what the page leads to: as this person what is of the same
// program, as anybody what is of another.
func (a *auditor) links() {
	a.t.Helper()
	page := chrome.Evaluate[struct{ Missing, Links []string }](a.tab, `(() => {
		const all = [...document.querySelectorAll("a[href]")];
		const here = all.filter(l => l.getAttribute("href").startsWith("#"));
		return {
			Missing: here.filter(l => !document.getElementById(l.hash.slice(1))).map(l => l.hash),
			Links: all.filter(l => !here.includes(l)).map(l => l.href.split("#")[0]),
		};
	})()`)
	for _, fragment := range page.Missing {
		a.found.add(deadLinks, "%s: %s is not on the page", a.name, fragment)
	}
	own := []string{}
	for _, link := range page.Links {
		origin := chrome.Origin(link)
		switch {
		case a.checked[link] || !slices.Contains(a.origins, origin) || strings.Contains(link, "/connect"): // starts a flow
		case origin == chrome.Origin(a.tab.Address()):
			own = append(own, link)
		default:
			if status := a.w.Do(a.t, http.MethodGet, link, nil, "").Status; status >= 400 {
				a.found.add(deadLinks, "%s leads to %s: %d", a.name, link, status)
			}
		}
		a.checked[link] = true
	}
	addresses, _ := json.Marshal(own)
	for _, dead := range chrome.Evaluate[[]string](a.tab, fmt.Sprintf(`Promise.all(%s.map(async link =>
		(await fetch(link, {redirect: "manual"})).status >= 400 ? [link] : [])).then(dead => dead.flat())`, addresses)) {
		a.found.add(deadLinks, "%s leads to %s", a.name, dead)
	}
	a.tab.Seen() // the looking is not the page's
}

// report fails the test with what was found, a subtest for each kind.
func (f *findings) report(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			for _, finding := range f.byKind[kind] {
				t.Error(finding)
			}
		})
	}
}

// signIn fills in the login form that the tab shows, and returns the status.
func (a *auditor) signIn(username, password string) int {
	a.t.Helper()
	a.tab.Type("#username", username)
	a.tab.Type("#password", password)
	return a.tab.Click("#sign-in")
}

// strangers is a client that nobody vouches for, with a name made to try the
// pages. Its id is not dreams-web's, all else is.
const strangers = `INSERT INTO clients (client_id, secret_hash, metadata, created_at)
	SELECT 'stranger', secret_hash, replace(replace(json_set(metadata, '$.policy_uri', 'https://stranger.example/privacy', '$.tos_uri', 'https://stranger.example/terms'), '"verified":true', '"verified":false'), '"client_name":"Dreams"',
		'"client_name":"Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"'), created_at
	FROM clients WHERE client_id = 'dreams-web'`

// Every page of the three programs, signed out and signed in, as it should be
// and with errors on it, in light and dark, wide and narrow.
func TestEveryPage(t *testing.T) {
	b := realBrowser(t)
	var found findings
	t.Run("walk", func(t *testing.T) {
		for name, walk := range map[string]func(*auditor){
			"accounts": walkAccounts, "developer": walkDeveloper, "consent": walkConsent, "acme": walkAcme, "dreams": walkDreams,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := New(t, Options{SQL: map[string][]string{"authserver": {strangers}}})
				walk(newAuditor(t, w, b, &found))
			})
		}
	})
	found.report(t)
}

func walkAccounts(a *auditor) {
	auth := a.w.Auth
	a.openLarge("accounts, home", auth+"/")
	a.tab.Tick(".theme summary")
	a.as(variants[0])
	a.as(variants[2])
	a.tab.Size(1280, 900)
	a.open("accounts, help", auth+"/help", 200)
	a.open("accounts, errors", auth+"/docs/errors", 200)
	a.open("accounts, how not to ask", auth+"/docs/bad-consent", 200)
	a.open("accounts, an error", auth+"/docs/errors/invalid_grant", 200)
	a.open("accounts, signed out", auth+"/signed-out", 200)
	a.open("accounts, not found", auth+"/nowhere", 404)
	a.open("accounts, method not allowed", auth+"/account/logout", 405)
	a.open("accounts, a sign-in that nobody began", auth+"/login?interaction=unknown", 400)

	bad := func(changes url.Values) string {
		return auth + "/authorize?" + With(a.w.Request("openid"), changes).Encode()
	}
	a.open("accounts, unknown client", bad(url.Values{"client_id": {"nobody"}}), 400)
	a.open("accounts, other redirect URI", bad(url.Values{"redirect_uri": {a.w.Dreams + "/callback/"}}), 400)
	a.open("accounts, no redirect URI", bad(url.Values{"redirect_uri": nil}), 400)

	a.openLarge("accounts, login", auth+"/login")
	a.look("accounts, login with a wrong password", a.signIn("alice", "wonderlust"), 422)
	for range 10 {
		b := NewBrowser(a.t)
		a.w.LogIn(b, b.Get(auth+"/login"), "bob", "wrong")
	}
	a.look("accounts, login of somebody who has to wait", a.signIn("bob", "wrong"), 429)
	a.look("accounts, account", a.signIn("alice", "wanderlust"), 200)
	a.open("accounts, home signed in", auth+"/", 200)
	a.open("accounts, no apps", auth+"/account/apps", 200)
	a.open("accounts, security", auth+"/account/security", 200)
	a.open("accounts, name and address", auth+"/account/profile", 200)
	a.open("accounts, no letters", auth+"/account/outbox", 200)
	a.tab.Open(auth + "/account/profile")
	a.tab.Type("#email", "alice.moreau.with.a.long.name@another.example.test")
	a.click("accounts, another address", `//button[.="Keep"]`, 200)
	a.open("accounts, letters", auth+"/account/outbox", 200)
	a.click("accounts, is this your address", `//a[contains(., "Confirm your e-mail address")]`, 200)
	a.open("accounts, a link that confirms nothing", auth+"/account/address?token=unknown", 404)
	a.open("accounts, sessions", auth+"/account/sessions", 200)
	a.open("accounts, password", auth+"/account/password", 200)
	a.tab.Type("#current", "wonderlust")
	a.tab.Type("#password", "short")
	a.click("accounts, password refused", `//button[contains(., "Change the password")]`, 422)
	a.open("accounts, sign up", auth+"/signup", 200)
	for field, text := range map[string]string{"name": "Eve", "username": "alice", "email": "eve@example.test", "password": "a walk in the hills"} {
		a.tab.Type("#"+field, text)
	}
	a.click("accounts, sign up refused", "#sign-up", 422)
	a.open("accounts, people for somebody else", auth+"/operator/users", 404)
	a.open("accounts, login signed in", auth+"/login", 200)

	a.look("accounts, account of the operator", a.signIn("root", "wanderlust"), 200)
	a.open("accounts, people", auth+"/operator/users", 200)
	a.click("accounts, people with a locked one", `//button[contains(., "Lock Carol")]`, 200)
	a.open("accounts, security of the operator", auth+"/account/security", 200)
}

// walkConsole is the API console with each kind of answer.
func walkConsole(a *auditor, machine string) {
	console := a.w.Auth + "/developer/console"
	a.open("developer, console", console, 200)
	a.click("developer, console without a token", `//button[.="Send"]`, 200)
	a.open("developer, console for a machine", console+"?op=listPackages&app="+machine, 200)
	a.click("developer, console with an answer", `//button[.="Send"]`, 200)
	a.tab.Open(console + "?op=writeReview&app=" + machine)
	a.click("developer, console, not enough scope", `//button[.="Send"]`, 200)
	a.tab.Open(console + "?op=createPost")
	a.tab.Type("#body", "no JSON")
	a.click("developer, console with errors", `//button[.="Send"]`, 422)
}

// walkDemanding is an application with a logo, a key, and everything that it can
// demand of itself.
func walkDemanding(a *auditor, auth string) {
	b := NewBrowser(a.t)
	a.w.LogIn(b, b.Get(auth+"/login"), "carol", "wanderlust")
	app := a.w.newApplication(b, "web", url.Values{"redirect_uris": {"http://localhost:8765/callback"}, "scope": {"openid", "profile"}, "reason.profile": {"to greet you"}})
	a.w.uploadLogo(b, app.ID, square(a.t), nil)
	a.w.act(b, app.ID, "settings", url.Values{"access_token_ttl": {"60"}, "refresh_token_ttl": {"365"}, "setting": {"require_pkce", "dpop_bound_access_tokens", "require_pushed_authorization_requests"}})
	for _, tab := range []string{"overview", "addresses", "permissions", "code"} {
		a.open("developer, demanding, "+tab, auth+"/developer/apps/"+app.ID+"?tab="+tab, 200)
	}
}

func walkDeveloper(a *auditor) {
	auth := a.w.Auth
	a.tab.Open(auth + "/developer")
	a.look("developer, nobody's applications", a.signIn("carol", "wanderlust"), 200)
	a.open("developer, register", auth+"/developer/new", 200)
	a.tab.Tick("#kind-native")
	a.tab.Type("#name", "<script>alert(1)</script>")
	a.tab.Type("#homepage", "https://10.0.0.1/")
	a.tab.Tick("#ask-email")
	addresses := func(uri string) {
		chrome.Evaluate[string](a.tab, fmt.Sprintf(`document.querySelector("#redirect_uris").value = %q`, uri))
	}
	addresses("http://diary.example/cb#x")
	a.click("developer, register with errors", `//button[.="Register"]`, 422)
	a.tab.Type("#homepage", "https://diary.example/")
	a.tab.Type("#reason-email", "{{.}} <svg/onload=alert(1)>")
	a.tab.Type("#purpose", `"><svg/onload=alert(1)>`)
	addresses("http://127.0.0.1/callback")
	a.click("developer, preview", `//button[.="Preview"]`, 200)
	a.click("developer, registered", `//button[.="Register"]`, 201)
	a.click("developer, overview", `//a[contains(., "To the application")]`, 200)
	app, _, _ := strings.Cut(a.tab.Address(), "?")
	for _, tab := range []string{"credentials", "addresses&try=http://127.0.0.1:8080/callback", "addresses&try=http://localhost/callbak", "permissions", "code", "test-users", "errors", "settings", "delete"} {
		name, _, _ := strings.Cut(tab, "=http")
		a.open("developer, "+strings.NewReplacer("&", " ", "localhost", "").Replace(name), app+"?tab="+tab, 200)
	}
	a.tab.Type("#confirm", "something else")
	a.click("developer, delete with another name", `//button[.="Delete for good"]`, 422)

	a.tab.Open(auth + "/developer/new")
	a.tab.Tick("#kind-machine")
	a.tab.Type("#name", "Night job")
	a.click("developer, machine registered", `//button[.="Register"]`, 201)
	a.tab.Click(`//a[contains(., "To the application")]`)
	app, _, _ = strings.Cut(a.tab.Address(), "?")
	a.open("developer, machine's credentials", app+"?tab=credentials", 200)
	a.click("developer, second secret", `//button[contains(., "Make a second secret")]`, 200)
	a.open("developer, two secrets", app+"?tab=credentials", 200)
	a.w.Token(a.t, Credentials{strings.TrimPrefix(app, auth+"/developer/apps/"), "wrong"}.Header(), url.Values{"grant_type": {"client_credentials"}})
	a.open("developer, errors of the machine", app+"?tab=errors", 200)
	a.open("developer, list", auth+"/developer", 200)
	walkConsole(a, strings.TrimPrefix(app, auth+"/developer/apps/"))
	walkDemanding(a, auth)

	a.tab.Open(auth + "/login")
	a.signIn("root", "wanderlust")
	a.open("developer, list of the operator", auth+"/developer", 200)
	a.open("developer, what came with Acme", auth+"/developer/apps/dreams-web?tab=credentials", 200)
	a.open("developer, permissions of what came with Acme", auth+"/developer/apps/dreams-web?tab=permissions", 200)
	a.open("developer, somebody's application", auth+"/developer/apps/nobody", 404)
}

func walkConsent(a *auditor) {
	auth := a.w.Auth
	authorize := func(scope string, changes url.Values) string {
		return auth + "/authorize?" + With(a.w.Request(scope), changes).Encode()
	}
	const all = "openid profile email offline_access packages:read reviews:read preferences:read blog:read"
	a.openLarge("consent, login on the way", authorize("openid profile preferences:read", nil))
	a.look("consent, login with an error on the way", a.signIn("alice", "wonderlust"), 422)
	a.look("consent, little asked for", a.signIn("alice", "wanderlust"), 200)
	a.as(projector)
	a.tab.Size(1280, 900)
	a.tab.Tick("input[value='preferences:read']")
	a.tab.Click("#allow")
	a.tab.Seen() // Dreams refuses an answer that it did not ask for
	a.open("consent, new permissions", authorize(all, nil), 200)
	a.open("consent, asked again", authorize("openid profile preferences:read", url.Values{"prompt": {"consent"}}), 200)
	a.open("consent, not verified", authorize(all, url.Values{"client_id": {"stranger"}}), 200)
	a.open("consent, locked permissions alone", authorize("openid profile", url.Values{"client_id": {"stranger"}}), 200)
	a.open("consent, which account", authorize("openid", url.Values{"prompt": {"select_account"}}), 200)
	a.open("consent, another account than the hint", authorize("openid", url.Values{"login_hint": {"bob"}}), 200)
	a.open("consent, sign in again", authorize("openid", url.Values{"prompt": {"login"}}), 200)
	a.open("consent, an interaction that nobody knows", auth+"/consent?interaction=unknown", 400)

	a.open("consent, apps", auth+"/account/apps", 200)
	a.open("consent, remove all apps", auth+"/account/apps/remove-all", 200)
	a.open("consent, expired apps", auth+"/account/apps?tab=expired", 200)
	a.tab.Open(auth + "/account/apps")
	a.click("consent, an app", `//a[contains(., "Details of Dreams")]`, 200)
	a.click("consent, remove an app", `//a[contains(., "Remove")]`, 200)
	a.as(projector)
	a.tab.Size(1280, 900)
	a.click("consent, app removed", `//button[@value="revoke"]`, 200)
	a.open("consent, removed apps", auth+"/account/apps?tab=removed", 200)
	a.open("consent, security", auth+"/account/security", 200)
}

func walkAcme(a *auditor) {
	acme := a.w.Acme
	a.openLarge("acme, home", acme+"/")
	a.open("acme, packages", acme+"/packages", 200)
	a.open("acme, packages by tag", acme+"/packages?tag=mountains", 200)
	a.open("acme, nothing found", acme+"/packages?q=submarine", 200)
	a.open("acme, bad cursor", acme+"/packages?cursor=mine", 200)
	a.openLarge("acme, package", acme+"/packages/pk-silvretta")
	a.open("acme, no such package", acme+"/packages/pk-nowhere", 404)
	a.open("acme, stories", acme+"/stories", 200)
	a.click("acme, story", `//main//a[starts-with(@href, "/stories/")]`, 200)
	a.open("acme, developers", acme+"/developers", 200)
	a.open("acme, help", acme+"/help", 200)
	a.open("acme, signed out", acme+"/signed-out", 200)
	a.open("acme, bad callback", acme+"/callback?state=x&code=y", 400)

	a.open("acme, sign in on the way to recommended", acme+"/recommended", 200)
	a.look("acme, recommended", a.signIn("alice", "wanderlust"), 200)
	a.openLarge("acme, home signed in", acme+"/")
	a.w.waitForAcme(a.t)
	token := a.w.Tokens(a.t, "alice", "openid profile preferences:read").String("access_token")
	for _, path := range []string{"/me", "/me/preferences", "/me/posts", "/me/preferences"} {
		a.w.API(a.t, "GET", path, token, "")
	}
	time.Sleep(300 * time.Millisecond) // the log gathers for 100
	a.openLarge("acme, me", acme+"/me")
	a.tab.Type("#budget", "-1")
	a.click("acme, preferences with an error", `//button[.="Save preferences"]`, 422)
	a.openLarge("acme, who looked", acme+"/me/access")
	a.open("acme, who was refused", acme+"/me/access?result=refused", 200)
	a.open("acme, nobody of that name looked", acme+"/me/access?app=nobody", 200)
	a.open("acme, package with the review form", acme+"/packages/pk-silvretta", 200)
	a.click("acme, review with errors", `//button[.="Publish review"]`, 422)
	a.open("acme, new post", acme+"/me/posts/new", 200)
	a.click("acme, new post with errors", `//button[.="Publish"]`, 422)
	a.open("acme, own post", acme+"/me/posts/po-the-pass", 200)
	a.click("acme, picture with errors", `//button[.="Add the picture"]`, 422)
	picture := filepath.Join(a.t.TempDir(), "square.png")
	if err := os.WriteFile(picture, square(a.t), 0o600); err != nil {
		a.t.Fatal(err)
	}
	a.tab.Type("#alt", "A black square, as seen from the pass")
	a.tab.Do("choosing a file", chromedp.SetUploadFiles(chromedp.CSS("#picture"), []string{picture}))
	a.click("acme, own post with a picture", `//button[.="Add the picture"]`, 200)
	a.click("acme, delete a post", `//a[.="Delete"]`, 200)
	a.open("acme, edit post", acme+"/me/posts/po-the-pass/edit", 200)
	a.tab.Type("#title", " ")
	a.click("acme, edit post with an error", `//button[.="Save changes"]`, 422)
	a.open("acme, somebody else's post", acme+"/me/posts/po-bunk-61", 404)
	a.click("acme, signed out just now", `//button[.="Sign out"]`, 200)
}

func walkDreams(a *auditor) {
	dreams := a.w.Dreams
	a.openLarge("dreams, home", dreams+"/")
	a.open("dreams, nobody's offers", dreams+"/offers", 200)
	a.open("dreams, nobody's outbox", dreams+"/outbox", 200)
	a.openLarge("dreams, learn", dreams+"/learn")
	for _, slug := range []string{"par", "registration", "fapi2"} { // all of them with results: TestEveryLessonOfTheLabInABrowser
		a.open("dreams, lab, "+slug, dreams+"/learn/"+slug, 200)
	}
	a.open("dreams, source", dreams+"/source/dreams/flow/authorization_code.go#L40", 200)
	a.open("dreams, help", dreams+"/help", 200)
	a.open("dreams, not found", dreams+"/nowhere", 404)
	a.open("dreams, bad callback", dreams+"/callback?code=x&state=y", 400)
	a.open("dreams, bad prompt", dreams+"/connect?prompt=please", 400)
	a.open("dreams, unsubscribe without a token", dreams+"/unsubscribe", 400)

	a.tab.Open(dreams + "/connect")
	a.signIn("alice", "wanderlust")
	a.click("dreams, denied", "#deny", 200)

	a.tab.Open(dreams + "/connect")
	a.click("dreams, offers for nobody in particular", "#allow", 200)
	a.open("dreams, outbox without an address", dreams+"/outbox", 200)
	a.tab.Open(dreams + "/connect?prompt=consent")
	a.tab.Tick("input[value='preferences:read']")
	a.tab.Tick("input[value='email']")
	a.click("dreams, offers of a partial grant", "#allow", 200)
	a.tab.Open(dreams + "/connect?prompt=consent")
	a.tab.Tick("input[value='blog:read']")
	a.tab.Tick("input[value='offline_access']")
	a.click("dreams, offers", "#allow", 200)
	a.as(projector)
	a.openLarge("dreams, home signed in", dreams+"/")

	a.openLarge("dreams, outbox", dreams+"/outbox")
	a.click("dreams, letter as text", `//nav[@aria-label="View"]//a[contains(@href, "text")]`, 200)
	a.click("dreams, letter's source", `//nav[@aria-label="View"]//a[contains(@href, "source")]`, 200)
	token := chrome.Evaluate[string](a.tab, `document.querySelector("pre").textContent.match(/unsubscribe\?token=([^>\s]+)/)?.[1] ?? ""`)
	a.open("dreams, unsubscribe", dreams+"/unsubscribe?token="+token, 200)
	a.click("dreams, unsubscribed", `//button[.="Stop the letters"]`, 200)
	a.open("dreams, outbox stopped", dreams+"/outbox", 200)

	a.tab.Open(a.w.Auth + "/account/apps")
	a.tab.Click(`//form[.//input[@value="dreams-web"]]//button[@value="revoke"]`)
	a.open("dreams, ended", dreams+"/offers", 200)
	a.open("dreams, home after the end", dreams+"/", 200)
	a.tab.Open(dreams + "/connect")
	a.tab.Tick("input[value='preferences:read']")
	a.tab.Click("#allow")
	a.tab.Open(dreams + "/")
	a.click("dreams, disconnected", `//button[contains(., "Disconnect")]`, 200)
}

// The audit is worth something: it finds what is planted.
func TestAPlantedDefectIsFound(t *testing.T) {
	planted := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "script-src 'none'")
		fmt.Fprint(w, `<!DOCTYPE html><html lang="en"><title>x</title><script>alert(1)</script><main>
			<p style="color: #bbb; width: 900px">pale <a href="#x">x</a></p><img src="http://elsewhere.example/x.png"></main></html>`)
	}))
	defer planted.Close()
	var found findings
	a := newAuditor(t, &World{Auth: strings.Replace(planted.URL, "127.0.0.1", "localhost", 1)}, realBrowser(t), &found)
	a.open("planted", a.w.Auth, 200)
	for kind, sign := range map[string]string{
		wcag: "color-contrast", overflow: "320", headings: "0 h1", otherOrigin: "http://elsewhere.example/x.png", console: "security: ",
		deadLinks: "#x",
	} {
		if !strings.Contains(strings.Join(found.byKind[kind], "\n"), sign) {
			t.Errorf("%s: found %v, want something with %q", kind, found.byKind[kind], sign)
		}
	}
	if !strings.Contains(strings.Join(found.byKind[wcag], "\n"), "image-alt") {
		t.Error("axe-core misses an image without a text")
	}
}

// The theme that a person chose is in the page as the server wrote it, at each
// of the three, and works without script.
func TestTheThemeIsKept(t *testing.T) {
	w := New(t, Options{})
	tab := realBrowser(t).Tab(t)
	defer tab.Close()
	tab.NoScript()
	tab.Size(1280, 900)
	for _, app := range []string{w.Auth, w.Acme, w.Dreams} {
		for _, theme := range []string{"dark", "light", "projector", "system"} {
			tab.Open(app + "/help")
			tab.Tick(".theme summary")
			tab.Click(fmt.Sprintf("button[name=theme][value=%s]", theme))
			if at := tab.Address(); at != app+"/help" {
				t.Errorf("after the choice the browser is at %s", at)
			}
			tab.Open(app + "/")
			if got := chrome.Evaluate[string](tab, "document.documentElement.dataset.theme"); got != theme {
				t.Errorf("%s: chose %s, got %s", app, theme, got)
			}
		}
	}
}
