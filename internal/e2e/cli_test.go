package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/acme-dreams/dreams/cli"
	"example.com/acme-dreams/internal/backchannel"
)

// commandLine is the dreams command on somebody's computer.
type commandLine struct {
	t      *testing.T
	w      *World
	folder string
}

// run runs a command; open is what happens in place of a browser that opens.
func (c commandLine) run(open func(address string) error, args ...string) (status int, out, complaint string) {
	c.t.Helper()
	var stdout, stderr bytes.Buffer
	if open == nil {
		open = func(string) error { c.t.Error("a browser was opened"); return nil }
	}
	p := &cli.Program{
		Env: c.w.Env, Folder: c.folder, Back: backchannel.Transport(c.w.Env), Now: c.w.Clock.Now, Random: rand.Reader,
		Open: open, Out: &stdout, Err: &stderr,
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	status = p.Run(ctx, args)
	if complaint = stderr.String(); strings.Count(complaint, "\n") > 1 {
		c.t.Errorf("more than one line on standard error: %q", complaint)
	}
	return status, stdout.String(), complaint
}

// visit is a person whose browser opens an address, allows everything and comes
// back to the program.
func (c commandLine) visit(username, decision string) func(string) error {
	return func(address string) error {
		go func() {
			b := NewBrowser(c.t)
			c.w.SignIn(b, username)
			form := b.Form(b.Get(address), "decision")
			var scopes []string
			for _, box := range form.Boxes {
				if scope, ok := strings.CutPrefix(box, "scope="); ok {
					scopes = append(scopes, scope)
				}
			}
			page := form.With(url.Values{"scope": scopes, "decision": {decision}}).Submit()
			if want := map[string]string{"allow": "You are logged in", "deny": "You are not logged in"}[decision]; !strings.Contains(page.Body, want) {
				c.t.Errorf("the browser ended at %d: %s", page.Status, page.Body)
			}
		}()
		return nil
	}
}

// RFC 8252: the person's own browser, a loopback port, PKCE.
func TestDreamsOnTheCommandLine(t *testing.T) {
	w := New(t, Options{})
	c := commandLine{t, w, filepath.Join(t.TempDir(), "acme-dreams")}

	for _, args := range [][]string{{"whoami"}, {"packages"}, {"logout"}} {
		if status, _, complaint := c.run(nil, args...); status != 1 || complaint != "dreams: nobody is logged in: run dreams login\n" {
			t.Errorf("%v: %d %q", args, status, complaint)
		}
	}
	for _, args := range [][]string{{}, {"dance"}, {"login", "now"}, {"packages", "-colour", "red"}, {"packages", "huts"}} {
		if status, _, complaint := c.run(nil, args...); status != 2 || !strings.Contains(complaint, "usage: dreams login") {
			t.Errorf("%v: %d %q", args, status, complaint)
		}
	}

	status, out, complaint := c.run(c.visit("alice", "allow"), "login")
	if status != 0 || !strings.Contains(out, "Logged in as Alice Moreau.") || !strings.Contains(out, w.Auth+"/authorize?") {
		t.Fatalf("login: %d %q %q", status, out, complaint)
	}
	for _, parameter := range []string{"code_challenge_method=S256", "redirect_uri=http%3A%2F%2F127.0.0.1%3A", "state="} {
		if !strings.Contains(out, parameter) {
			t.Errorf("the request has no %s: %s", parameter, out)
		}
	}
	info, err := os.Stat(filepath.Join(c.folder, "credentials.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the credentials are for others too: %v %v", info, err)
	}

	if status, out, complaint := c.run(nil, "whoami"); status != 0 || !strings.HasPrefix(out, "Alice Moreau\n") || !strings.Contains(out, "preferences:read") {
		t.Errorf("whoami: %d %q %q", status, out, complaint)
	}
	status, all, _ := c.run(nil, "packages")
	_, huts, _ := c.run(nil, "packages", "-tag", "huts")
	if status != 0 || !strings.Contains(huts, "Hut to hut, Silvretta") || strings.Count(huts, "\n") >= strings.Count(all, "\n") {
		t.Errorf("packages: %d\n%s\nwith a tag:\n%s", status, all, huts)
	}

	// RFC 9700 §4.14.2: eight commands at once, whose access token is over, spend
	// the refresh token once. A second time would end everything.
	w.Clock.Advance(2 * time.Hour)
	var together sync.WaitGroup
	for range 8 {
		together.Go(func() {
			if status, _, complaint := c.run(nil, "whoami"); status != 0 {
				t.Errorf("whoami, beside seven others: %d %q", status, complaint)
			}
		})
	}
	together.Wait()

	// The token goes to nobody else's issuer.
	other := *w
	other.Env.AuthserverURL = "http://localhost:1"
	if status, _, complaint := (commandLine{t, &other, c.folder}).run(nil, "whoami"); status != 1 || !strings.Contains(complaint, "nobody is logged in") {
		t.Errorf("with another issuer: %d %q", status, complaint)
	}

	document, err := os.ReadFile(filepath.Join(c.folder, "credentials.json"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(document), `"AccessToken":"`)
	access, _, _ := strings.Cut(after, `"`)
	if status, out, complaint := c.run(nil, "logout"); status != 0 || !strings.Contains(out, "Logged out") {
		t.Errorf("logout: %d %q", status, complaint)
	}
	if _, err := os.Stat(filepath.Join(c.folder, "credentials.json")); !os.IsNotExist(err) {
		t.Errorf("the credentials are still there: %v", err)
	}
	for begin := time.Now(); w.API(t, http.MethodGet, "/me", access, "").Status != 401; time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > 3*time.Second {
			t.Fatal("RFC 7009 §2.1: the access token still works")
		}
	}
}

func TestCommandLineLoginThatComesToNothing(t *testing.T) {
	w := New(t, Options{})
	t.Run("the person says no", func(t *testing.T) {
		c := commandLine{t, w, t.TempDir()}
		status, _, complaint := c.run(c.visit("alice", "deny"), "login")
		if status != 1 || complaint != "dreams: you said no at Acme, so nobody is logged in\n" {
			t.Errorf("%d %q", status, complaint)
		}
		if entries, _ := fs.Glob(os.DirFS(c.folder), "*.json"); entries != nil {
			t.Errorf("kept: %v", entries)
		}
	})
	t.Run("the authorization server is away", func(t *testing.T) {
		away := *w
		away.Env.AuthserverURL = "http://localhost:1"
		status, _, complaint := (commandLine{t, &away, t.TempDir()}).run(nil, "login")
		if status != 1 || !strings.Contains(complaint, "cannot be reached") {
			t.Errorf("%d %q", status, complaint)
		}
	})
}

// Others can call the loopback port: what is not the answer to our request
// neither logs in nor ends the wait. RFC 8252 §8.9, RFC 6749 §10.12, RFC 9207.
func TestCommandLineWaitsForItsOwnAnswer(t *testing.T) {
	w := New(t, Options{})
	c := commandLine{t, w, t.TempDir()}
	status, out, complaint := c.run(func(address string) error {
		u, err := url.Parse(address)
		if err != nil {
			return err
		}
		callback := u.Query().Get("redirect_uri")
		for _, answer := range []string{
			"", "?code=c", "?code=c&state=", "?code=c&state=mallory&iss=" + url.QueryEscape(w.Auth), "?error=access_denied&state=mallory",
		} {
			if got := w.Do(t, http.MethodGet, callback+answer, nil, ""); got.Status != 400 || !strings.Contains(got.Body, "not the answer") {
				t.Errorf("%q: %d %s", answer, got.Status, got.Body)
			}
		}
		for _, method := range []string{http.MethodPost, http.MethodHead} {
			if got := w.Do(t, method, callback+"?code=c&state="+u.Query().Get("state"), nil, ""); got.Status != 404 {
				t.Errorf("%s: %d", method, got.Status)
			}
		}
		// A name that somebody leads to loopback (DNS rebinding) is not our address.
		_, port, _ := strings.Cut(strings.TrimPrefix(callback, "http://"), ":")
		if got := w.Do(t, http.MethodGet, "http://localhost:"+port+"?code=c&state="+u.Query().Get("state"), nil, ""); got.Status != 404 {
			t.Errorf("under another name: %d", got.Status)
		}
		return c.visit("alice", "allow")(address)
	}, "login")
	if status != 0 || !strings.Contains(out, "Logged in as Alice Moreau.") {
		t.Errorf("%d %q %q", status, out, complaint)
	}

	status, _, complaint = c.run(func(address string) error {
		u, _ := url.Parse(address)
		answer := url.Values{"code": {"c"}, "state": {u.Query().Get("state")}, "iss": {"https://evil.example"}}
		if got := w.Do(t, http.MethodGet, u.Query().Get("redirect_uri")+"?"+answer.Encode(), nil, ""); got.Status != 400 || !strings.Contains(got.Body, "You are not logged in") {
			t.Errorf("another issuer: %d %s", got.Status, got.Body)
		}
		return nil
	}, "login")
	if status != 1 || !strings.Contains(complaint, "https://evil.example") {
		t.Errorf("another issuer: %d %q", status, complaint)
	}
}
