package e2e

import (
	"bufio"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"go/format"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"example.com/acme-dreams/internal/e2e/chrome"
)

// freePort is a port of this computer that nobody listens at.
func freePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// snippet runs a program that a page of the portal shows, as it stands; a browser
// goes where it says. It returns what the program wrote; false: the language is not
// installed here.
func (w *World) snippet(t *testing.T, b *Browser, a application, id string) (string, bool) {
	t.Helper()
	code := textByID(a.Body, "snippet-"+id)
	if code == "" {
		t.Fatalf("no program snippet-%s on the page", id)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, map[string]string{"curl": "first.sh", "go": "main.go", "javascript": "first.mjs", "python": "first.py"}[id])
	if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	program := map[string][]string{"curl": {"bash"}, "go": {"go", "run"}, "javascript": {"node"}, "python": {"python3"}}[id]
	if id == "javascript" {
		if os.Getenv(nodeVariable) == "none" {
			return "", false
		}
		nodeModules(t, "node")
		modules, err := filepath.Abs("node/node_modules")
		if err == nil {
			err = os.Symlink(modules, filepath.Join(dir, "node_modules"))
		}
		if err != nil {
			t.Fatal(err)
		}
		program[0] = nodeJS(t)
	}
	if _, err := exec.LookPath(program[0]); err != nil {
		t.Logf("no %s here", program[0])
		return "", false
	}
	if id == "go" {
		if formatted, err := format.Source([]byte(code)); err != nil || strings.TrimSpace(string(formatted)) != strings.TrimSpace(code) {
			t.Errorf("gofmt would change it: %v\n%s", err, code)
		}
	}
	if id == "python" && strings.Contains(code, "import cryptography") && exec.Command(program[0], "-c", "import cryptography").Run() != nil {
		t.Log("no cryptography for python3 here")
		return "", false
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, program[0], append(program[1:], file)...)
	run.Dir = "../.." // the module's go.mod
	run.Env = append(os.Environ(), "ACME_CLIENT_SECRET="+a.Secret, "ACME_CLIENT_KEY="+a.KeyFile, "NODE_NO_WARNINGS=1")
	out, in := pipes(t, run)
	var all strings.Builder
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	before := ""
	for lines.Scan() {
		line := lines.Text()
		all.WriteString(line + "\n")
		w.obey(b, before, line, in)
		before = line
	}
	if err := run.Wait(); err != nil {
		t.Errorf("%s: %v\n%s", id, err, all.String())
	}
	return all.String(), true
}

// pipes starts a program.
func pipes(t *testing.T, run *exec.Cmd) (io.Reader, io.Writer) {
	t.Helper()
	in, err := run.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	run.Stderr = run.Stdout
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	return out, in
}

// obey does what a program asks its person to do, by a line and the one before it.
func (w *World) obey(b *Browser, before, line string, in io.Writer) {
	b.t.Helper()
	target, found := strings.CutPrefix(line, "Open http")
	switch {
	case found && strings.Contains(line, " and type "):
		address, code, _ := strings.Cut("http"+target, " and type ")
		page := b.Form(b.Get(address), "user_code").With(url.Values{"user_code": {code}}).Submit()
		w.allowAll(b, page)
	case found:
		b.Stay = ""
		w.allowAll(b, b.Get("http"+target))
	case strings.HasPrefix(line, "You land at an address that begins with "):
		b.Stay, _, _ = strings.Cut(strings.TrimPrefix(line, "You land at an address that begins with "), ". It need not load")
		page := w.allowAll(b, b.Get(before))
		_, _ = fmt.Fprintln(in, page.Location)
	}
}

// allowAll ticks every box of a consent page, where there is one.
func (w *World) allowAll(b *Browser, page Page) Page {
	b.t.Helper()
	forms := b.Forms(page)
	i := slices.IndexFunc(forms, func(f Form) bool { return f.has("decision") })
	if i < 0 {
		return page
	}
	var scopes []string
	for _, box := range forms[i].Boxes {
		if scope, ok := strings.CutPrefix(box, "scope="); ok {
			scopes = append(scopes, scope)
		}
	}
	return forms[i].With(url.Values{"scope": scopes, "decision": {"allow"}}).Submit()
}

// A developer who is here for the first time has an answer within five minutes:
// by the forms alone, without script.
func TestTheFirstAnswerWithinFiveMinutes(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	began := time.Now()
	b := NewBrowser(t)
	page := b.Get(w.Auth + "/developer")
	page = b.Form(page, "password").With(url.Values{"username": {"carol"}, "password": {"wanderlust"}}).Submit()
	if page.Status != http.StatusOK || !strings.Contains(page.Body, "Five minutes to your first answer") {
		t.Fatalf("%d %s", page.Status, page.URL)
	}
	a := w.newApplication(b, "machine", nil)
	if a.Secret == "" {
		t.Fatal("no secret was shown")
	}
	out, _ := w.snippet(t, b, a, "curl")
	if !strings.Contains(out, `"packages"`) {
		t.Errorf("the first answer: %.1000s", out)
	}
	t.Logf("from the sign-in to the first answer: %s", time.Since(began))
}

// Every program that the portal shows runs as it stands, with the client's own
// values in it, and gets an answer of Acme's API.
func TestSnippetsRunAsTheyStand(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Env: map[string]string{"DEVICE_POLL_INTERVAL": "1s"}})
	scopes := url.Values{"scope": {"openid", "profile", "packages:read"}, "reason.profile": {"to greet you"}}
	b := w.SignedIn(t, "alice")
	at := func() string { return fmt.Sprintf("http://localhost:%d/first/answer", freePort(t)) }
	for _, c := range []struct {
		name, kind, want string
		fields           url.Values
		languages        []string
	}{
		{"machine", "machine", `"packages"`, nil, []string{"curl", "go", "javascript", "python"}},
		{"web application", "web", "Alice Moreau", With(scopes, url.Values{"redirect_uris": {at()}}), []string{"curl", "go", "javascript", "python"}},
		{"single page", "browser", "Alice Moreau", With(scopes, url.Values{"redirect_uris": {"https://diary.example/c'b$HOME"}}), []string{"curl"}},
		{"command line", "native", "Alice Moreau", With(scopes, url.Values{"redirect_uris": {strings.Replace(at(), "localhost", "127.0.0.1", 1)}}), []string{"curl", "go", "javascript", "python"}},
		{"television", "native", "Alice Moreau", scopes, []string{"curl", "go", "javascript", "python"}},
	} {
		a := w.newApplication(b, c.kind, c.fields)
		for _, language := range c.languages {
			t.Run(c.name+" in "+language, func(t *testing.T) {
				b := w.SignedIn(t, "alice")
				out, ran := w.snippet(t, b, a, language)
				if ran && !strings.Contains(out, c.want) {
					t.Errorf("%.2000s", out)
				}
			})
		}
		if a.Secret != "" && strings.Contains(w.applicationTab(b, a.ID, "code").Body, a.Secret) {
			t.Errorf("%s: the secret stands in a program after it was shown once", c.name)
		}
	}
}

// The single page runs in a browser, served as the portal says.
func TestTheSinglePageRunsInABrowser(t *testing.T) {
	browser := realBrowser(t)
	w := New(t, Options{})
	for name, settings := range map[string][]string{"plain": nil, "DPoP and PAR": {"dpop_bound_access_tokens", "require_pushed_authorization_requests"}} {
		t.Run(name, func(t *testing.T) { singlePage(t, w, browser, settings) })
	}
}

func singlePage(t *testing.T, w *World, browser *chrome.Browser, settings []string) {
	redirectURI := fmt.Sprintf("http://localhost:%d/", freePort(t))
	b := w.SignedIn(t, "alice")
	a := w.newApplication(b, "browser", url.Values{"redirect_uris": {redirectURI}, "scope": {"profile"}, "reason.profile": {"to greet you"}})
	w.act(b, a.ID, "settings", url.Values{"access_token_ttl": {"60"}, "refresh_token_ttl": {"365"}, "setting": settings})
	a.Page = w.applicationTab(b, a.ID, "code")
	if proves := strings.Contains(textByID(a.Body, "snippet-javascript"), "DPoP"); proves != (settings != nil) {
		t.Errorf("the page proves a key: %t", proves)
	}
	listener, err := net.Listen("tcp", strings.TrimSuffix(strings.TrimPrefix(redirectURI, "http://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	page := textByID(a.Body, "snippet-javascript")
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(rw, page)
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()

	tab := browser.Tab(t)
	defer tab.Close()
	tab.Open(redirectURI)
	tab.Click("#go")
	tab.Type("#username", "alice")
	tab.Type("#password", "wanderlust")
	tab.Click("#sign-in")
	tab.Click("#allow")
	for range 50 {
		if strings.Contains(tab.Text(), "Alice Moreau") {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("at %s: %s; %s", tab.Address(), tab.Text(), chrome.Evaluate[string](tab, "document.body.innerText"))
}

// The consent page beside the form follows what is typed; without script a button
// makes it.
func TestThePreviewFollowsWhatIsTyped(t *testing.T) {
	browser := realBrowser(t)
	w := New(t, Options{Only: []string{"authserver"}})
	for name, script := range map[string]bool{"by script": true, "by the button": false} {
		t.Run(name, func(t *testing.T) {
			tab := browser.Tab(t)
			defer tab.Close()
			if !script {
				tab.NoScript()
			}
			tab.Open(w.Auth + "/developer/new")
			tab.Type("#username", "carol")
			tab.Type("#password", "wanderlust")
			tab.Click("#sign-in")
			tab.Tick("#ask-email")
			tab.Type("#name", "Diary")
			tab.Type("#reason-email", "So that it can write to you.")
			if script {
				tab.Keys("\t")
			} else {
				tab.Click(`//button[.="Preview"]`)
			}
			const shown = `document.querySelector("#preview").textContent`
			for range 50 {
				text := chrome.Evaluate[string](tab, shown)
				if strings.Contains(text, "Diary asks to see") && strings.Contains(text, "So that it can write to you.") && strings.Contains(text, "Carol Okafor") {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
			t.Errorf("the preview is: %s", chrome.Evaluate[string](tab, shown))
		})
	}
}

// keyFile makes a key, as the credentials tab says to.
func keyFile(t *testing.T, algorithm string) (file, public string) {
	t.Helper()
	var key crypto.Signer
	var err error
	switch algorithm {
	case "ES256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "Ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "2026's", Algorithm: algorithm, Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	return file, string(set)
}

// An application that demands more of itself has programs that do it: sign with its
// key, prove another with every request, push the request.
func TestSnippetsOfDemandingApplicationsRunAsTheyStand(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Env: map[string]string{"DEVICE_POLL_INTERVAL": "1s"}})
	scopes := url.Values{"scope": {"openid", "profile", "packages:read"}, "reason.profile": {"to greet you"}}
	at := func(host string) url.Values {
		return With(scopes, url.Values{"redirect_uris": {fmt.Sprintf("http://%s:%d/first/answer", host, freePort(t))}})
	}
	const dpop, par, pkce = "dpop_bound_access_tokens", "require_pushed_authorization_requests", "require_pkce"
	all := []string{"curl", "go", "javascript", "python"}
	for _, c := range []struct {
		name, kind, want string
		fields           url.Values
		key              string // the algorithm of its key; empty: its secret stays
		settings         []string
		languages        []string
	}{
		{"machine with a key", "machine", `"packages"`, nil, "ES256", nil, all},
		{"machine with an RSA key", "machine", `"packages"`, nil, "RS256", nil, all},
		{"machine with an RSA key and PSS", "machine", `"packages"`, nil, "PS256", nil, all},
		{"machine with an Edwards key", "machine", `"packages"`, nil, "Ed25519", nil, all},
		{"machine with DPoP", "machine", `"packages"`, nil, "", []string{dpop}, all},
		{"machine with a key and DPoP", "machine", `"packages"`, nil, "RS256", []string{dpop}, all},
		{"web application with PAR", "web", "Alice Moreau", at("localhost"), "", []string{pkce, par}, all},
		{"web application with a key, PAR and DPoP", "web", "Alice Moreau", at("localhost"), "ES256", []string{pkce, par, dpop}, all},
		{"web application with a key", "web", "Alice Moreau", at("localhost"), "PS256", []string{pkce}, all},
		{"single page with PAR and DPoP", "browser", "Alice Moreau", With(scopes, url.Values{"redirect_uris": {"https://diary.example/cb"}}), "", []string{par, dpop}, []string{"curl"}},
		{"command line with PAR and DPoP", "native", "Alice Moreau", at("127.0.0.1"), "", []string{par, dpop}, all},
		{"television with DPoP", "native", "Alice Moreau", scopes, "", []string{dpop}, all},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := w.SignedIn(t, "alice")
			a := w.newApplication(b, c.kind, c.fields)
			if c.key != "" {
				var public string
				a.KeyFile, public = keyFile(t, c.key)
				w.act(b, a.ID, "keys", url.Values{"jwks": {public}})
				b.Form(w.applicationTab(b, a.ID, "credentials"), "secret").With(url.Values{"action": {"end-secret"}}).Submit()
				a.Secret = ""
			}
			if page := w.act(b, a.ID, "settings", url.Values{"access_token_ttl": {"60"}, "refresh_token_ttl": {"365"}, "setting": c.settings}); page.Status != http.StatusOK {
				t.Fatalf("settings: %d", page.Status)
			}
			a.Page = w.applicationTab(b, a.ID, "code")
			for _, language := range c.languages {
				t.Run(language, func(t *testing.T) {
					b := w.SignedIn(t, "alice")
					out, ran := w.snippet(t, b, a, language)
					if ran && !strings.Contains(out, c.want) {
						t.Errorf("%.2000s\n%s", out, textByID(a.Body, "snippet-"+language))
					}
				})
			}
			for _, m := range []string{"DPoP", "client_assertion"} {
				demands := m == "DPoP" && slices.Contains(c.settings, dpop) || m != "DPoP" && c.key != ""
				if code := textByID(a.Body, "snippet-curl"); strings.Contains(code, m) != demands {
					t.Errorf("%s in the program: %t, want %t", m, !demands, demands)
				}
			}
		})
	}
}
