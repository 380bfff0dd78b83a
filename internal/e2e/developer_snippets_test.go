package e2e

import (
	"bufio"
	"context"
	"fmt"
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
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, program[0], append(program[1:], file)...)
	run.Dir = "../.." // the module's go.mod
	run.Env = append(os.Environ(), "ACME_CLIENT_SECRET="+a.Secret, "NODE_NO_WARNINGS=1")
	out, in := pipes(t, run)
	var all strings.Builder
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		all.WriteString(line + "\n")
		w.obey(b, line, in)
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

// obey does what a program asks its person to do.
func (w *World) obey(b *Browser, line string, in io.Writer) {
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
	case strings.HasPrefix(line, "http") && strings.Contains(line, "code_challenge="):
		asked, err := url.Parse(line)
		if err != nil {
			b.t.Fatal(err)
		}
		b.Stay = asked.Query().Get("redirect_uri")
		page := w.allowAll(b, b.Get(line))
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
	redirectURI := fmt.Sprintf("http://localhost:%d/", freePort(t))
	a := w.newApplication(w.SignedIn(t, "alice"), "browser", url.Values{
		"redirect_uris": {redirectURI}, "scope": {"profile"}, "reason.profile": {"to greet you"},
	})
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
