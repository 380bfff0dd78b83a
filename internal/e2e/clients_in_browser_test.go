package e2e

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/internal/e2e/chrome"
)

// until waits for something that a script does.
func until(t testing.TB, tab *chrome.Tab, what, expression string) {
	t.Helper()
	for begin := time.Now(); !chrome.Evaluate[bool](tab, expression); time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("%s did not come about at %s:\n%s", what, tab.Address(), tab.Text())
		}
	}
}

func textOf(tab *chrome.Tab, id string) string {
	return chrome.Evaluate[string](tab, `document.getElementById("`+id+`").textContent`)
}

const (
	signedIn = `!document.getElementById("signed-in").hidden && document.querySelectorAll("#packages li").length > 0`
	inWidget = `!document.getElementById("card").hidden`
)

// allowAll lets through whatever the consent page asks for.
func allowAll(tab *chrome.Tab) {
	chrome.Evaluate[bool](tab, `[...document.querySelectorAll("input[name=scope]:enabled")].forEach(b => { b.checked = true }) ?? true`)
	tab.Click("#allow")
}

// The page that is a client by itself: code with PKCE, tokens in memory alone,
// rotation, revocation. And the widget beside it, which can't tell whose token
// it gets.
func TestClientsInABrowser(t *testing.T) {
	b := realBrowser(t)
	var found findings
	w := New(t, Options{})
	a := newAuditor(t, w, b, &found)

	t.Run("spa", func(t *testing.T) {
		a.t = t
		a.open("spa, nobody", w.Dreams+"/spa", 200)
		if status := a.tab.Click("#sign-in"); status != 200 || !strings.HasPrefix(a.tab.Address(), w.Auth) {
			t.Fatalf("the button leads to %d %s", status, a.tab.Address())
		}
		a.signIn("alice", "wanderlust")
		allowAll(a.tab)
		until(t, a.tab, "signing in", signedIn)
		if address := a.tab.Address(); address != w.Dreams+"/spa" {
			t.Errorf("the code stays in the address bar: %s", address)
		}
		a.look("spa, signed in", 200, 200)
		if got := textOf(a.tab, "greeting"); got != "Hello, Alice Moreau" {
			t.Errorf("greets %q", got)
		}
		if got := textOf(a.tab, "preferences"); !strings.Contains(got, "hiking") {
			t.Errorf("preferences: %q", got)
		}
	})

	t.Run("spa: nothing that opens anything lies in the browser's stores", func(t *testing.T) {
		kept := chrome.Evaluate[string](a.tab, `JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage}) + document.cookie`)
		if kept != "{}{}" {
			t.Errorf("%s", kept)
		}
	})

	var token string
	t.Run("spa: refresh now rotates", func(t *testing.T) {
		before := textOf(a.tab, "token")
		a.tab.Tick("#refresh")
		until(t, a.tab, "the refresh", `document.getElementById("rotations").textContent === "1 so far"`)
		if token = textOf(a.tab, "token"); token == before || token == "" {
			t.Error("the access token is the same")
		}
		if got := chrome.Evaluate[string](a.tab, `document.getElementById("messages").textContent`); !strings.Contains(got, "grant_type, refresh_token") && !strings.Contains(got, "client_id, grant_type, refresh_token") {
			t.Errorf("the list of messages: %s", got)
		}
	})

	t.Run("widget", func(t *testing.T) {
		a.t = t
		a.open("widget, nobody", w.Dreams+"/widget", 200)
		a.tab.Click("#start")
		allowAll(a.tab)
		until(t, a.tab, "the widget's token", inWidget)
		if address := a.tab.Address(); address != w.Dreams+"/widget" {
			t.Errorf("the token stays in the address bar: %s", address)
		}
		a.look("widget, signed in", 200, 200)
		if shown := textOf(a.tab, "address"); !strings.HasPrefix(shown, w.Dreams+"/widget/callback#") || !strings.Contains(shown, "access_token=ey") {
			t.Errorf("the page does not show where the token was: %s", shown)
		}
		if members := textOf(a.tab, "members"); strings.Contains(members, "refresh_token") || !strings.Contains(members, "expires_in") {
			t.Errorf("RFC 6749 §4.2.2: the answer held %s", members)
		}
	})

	t.Run("widget: a token of another client passes for its own", func(t *testing.T) { // RFC 6749 §10.16
		a.t = t
		chrome.Evaluate[string](a.tab, `document.getElementById("foreign").value = "`+token+`"`)
		a.tab.Tick("#injection button")
		until(t, a.tab, "the injection", `!document.getElementById("injected").hidden`)
		if got := textOf(a.tab, "injected"); !strings.Contains(got, "greets Alice Moreau") || !strings.Contains(got, "made for dreams-spa") {
			t.Errorf("%q", got)
		}
		a.look("widget, with a foreign token", 200, 200)
	})

	t.Run("widget: a redirect carries the fragment along", func(t *testing.T) { // RFC 9110 §10.2.2
		a.t = t
		a.tab.Click("#moved")
		until(t, a.tab, "the fragment's arrival", `!document.getElementById("carried").hidden`)
		if got := textOf(a.tab, "carried-address"); !strings.HasPrefix(got, w.Dreams+"/widget#") || !strings.Contains(got, "access_token=ey") {
			t.Errorf("%q", got)
		}
		a.look("widget, with a fragment that was carried along", 200, 200)
	})

	t.Run("widget: an answer that nobody asked for is not used", func(t *testing.T) { // RFC 6749 §10.12
		a.tab.Open(w.Dreams + "/widget/callback#" + url.Values{"access_token": {token}, "state": {"mallory"}, "iss": {w.Auth}}.Encode())
		until(t, a.tab, "the complaint", `!document.getElementById("trouble").hidden`)
		if chrome.Evaluate[bool](a.tab, inWidget) {
			t.Error("the widget took it")
		}
	})

	for name, answer := range map[string]url.Values{
		"a state that the tab did not send": {"code": {"c"}, "state": {"mallory"}, "iss": {w.Auth}},
		"no state":                          {"code": {"c"}, "iss": {w.Auth}},
		"state twice":                       {"code": {"c"}, "state": {"a", "b"}, "iss": {w.Auth}},
	} {
		t.Run("spa refuses "+name, func(t *testing.T) { // RFC 6749 §10.12
			a.tab.Open(w.Dreams + "/spa/callback?" + answer.Encode())
			until(t, a.tab, "the complaint", `!document.getElementById("trouble").hidden`)
			requests, _ := a.tab.Seen()
			for _, r := range requests {
				if strings.HasPrefix(r.URL, w.Auth) {
					t.Errorf("it asked %s", r.URL)
				}
			}
		})
	}

	t.Run("spa refuses another issuer", func(t *testing.T) { // RFC 9207 §2.4
		a.tab.Open(w.Dreams + "/spa")
		chrome.Evaluate[bool](a.tab, `sessionStorage.setItem("dreams-spa-attempt", JSON.stringify({state: "s", nonce: "n", verifier: "v"})) ?? true`)
		a.tab.Open(w.Dreams + "/spa/callback?" + url.Values{"code": {"c"}, "state": {"s"}, "iss": {"https://evil.example"}}.Encode())
		until(t, a.tab, "the complaint", `!document.getElementById("trouble").hidden`)
		if got := textOf(a.tab, "trouble-rule"); got != "RFC 9207 §2.4" {
			t.Errorf("refused by %q", got)
		}
		if chrome.Evaluate[bool](a.tab, `sessionStorage.length > 0`) {
			t.Error("the attempt may be used again")
		}
		a.tab.Seen()
	})

	t.Run("spa: signing out gives the tokens back", func(t *testing.T) { // RFC 7009 §2.1
		a.tab.Open(w.Dreams + "/spa")
		a.tab.Click("#sign-in") // remembered at Acme: straight through, or one more page
		if strings.HasPrefix(a.tab.Address(), w.Auth) {
			allowAll(a.tab)
		}
		until(t, a.tab, "signing in", signedIn)
		held := textOf(a.tab, "token")
		if got := w.API(t, "GET", "/me", held, ""); got.Status != 200 {
			t.Fatalf("the token does not work: %d", got.Status)
		}
		a.tab.Tick("#sign-out")
		until(t, a.tab, "signing out", `document.getElementById("said").textContent.startsWith("Signed out")`)
		for begin := time.Now(); w.API(t, "GET", "/me", held, "").Status != 401; time.Sleep(50 * time.Millisecond) {
			if time.Since(begin) > chrome.RevocationTime+time.Second {
				t.Fatal("the token still works")
			}
		}
	})
	found.report(t)
}

// Without script both pages say what would happen.
func TestClientsWithoutScript(t *testing.T) {
	w := New(t, Options{})
	tab := realBrowser(t).Tab(t)
	defer tab.Close()
	tab.NoScript()
	for path, words := range map[string]string{
		"/spa":    "Script is off, so nothing happens here. With script, a button would send you",
		"/widget": "Script is off, so the widget cannot run",
	} {
		tab.Open(w.Dreams + path)
		if text := tab.Text(); !strings.Contains(text, words) || strings.Contains(text, "Sign in with Acme") || strings.Contains(text, "Ask Acme who I am") {
			t.Errorf("%s: %s", path, text)
		}
	}
}

// The television and Acme's first app, and the lessons about them, look as they
// should; the lesson about the implicit grant goes through the widget's script.
func TestOtherScreensInABrowser(t *testing.T) {
	b := realBrowser(t)
	var found findings
	w := New(t, Options{})
	a := newAuditor(t, w, b, &found)

	a.openLarge("tv, off", w.Dreams+"/tv")
	a.tab.Size(1280, 900)
	a.click("tv, waiting", `//main//button[contains(., "Switch it on")]`, 200)
	a.as(projector)
	a.tab.Size(1280, 900)
	if size := chrome.Evaluate[float64](a.tab, `parseFloat(getComputedStyle(document.querySelector(".tv .code")).fontSize)`); size < 64 {
		t.Errorf("the code is %v pixels high, and has to be read from a sofa", size)
	}
	if module := chrome.Evaluate[float64](a.tab, `document.querySelector(".qr").getBoundingClientRect().width / document.querySelector(".qr").viewBox.baseVal.width`); module < 8 {
		t.Errorf("a module of the QR code is %v pixels wide", module)
	}
	a.tab.Click(`//main//button[contains(., "ask at once")]`)
	a.click("tv, impatient", `//main//button[contains(., "ask at once")]`, 200)
	phone := a.w.SignedIn(t, "alice")
	phone.Form(w.TypeCode(phone, chrome.Evaluate[string](a.tab, `document.querySelector(".tv .code").textContent`)), "decision").
		With(url.Values{"scope": {"profile", "preferences:read", "packages:read"}, "decision": {"allow"}, "duration": nil}).Submit()
	w.Clock.Advance(time.Minute)
	for begin := time.Now(); !strings.Contains(a.tab.Text(), "Good evening, Alice"); a.tab.Open(w.Dreams + "/tv") {
		if time.Since(begin) > 20*time.Second {
			t.Fatal(a.tab.Text())
		}
	}
	a.open("tv, on", w.Dreams+"/tv", 200)

	a.open("mobile", w.Acme+"/mobile", 200)
	a.tab.Type("#username", "alice")
	a.tab.Type("#password", "wonderlust")
	a.click("mobile, refused", "#mobile-sign-in", 422)
	a.tab.Type("#password", "wanderlust")
	a.click("mobile, in", "#mobile-sign-in", 200)

	a.open("lesson, password", w.Dreams+"/learn/password", 200)
	a.tab.Type("#password", "wanderlust")
	a.click("lesson, password run", "#run", 200)
	a.open("lesson, device code", w.Dreams+"/learn/device-code", 200)
	a.click("lesson, device code under way", "#run", 200)
	a.open("lesson, implicit", w.Dreams+"/learn/implicit", 200)
	a.tab.Click("#run")
	a.signIn("alice", "wanderlust")
	allowAll(a.tab)
	until(t, a.tab, "the way back to the lesson", `location.pathname === "/learn/implicit" && document.readyState === "complete"`)
	a.look("lesson, implicit run", 200, 200)
	if text := a.tab.Text(); !strings.Contains(text, "unauthorized_client") || !strings.Contains(text, "Alice Moreau") {
		t.Errorf("the lesson ended with: %s", text)
	}
	found.report(t)
}
