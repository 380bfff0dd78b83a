package e2e

import (
	"bytes"
	"context"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// nodeVariable names the Node.js to use, by name or path, or "none".
const nodeVariable = "E2E_NODE"

// nodeJS finds Node.js. Where there is none the test fails: make test leaves it out
// by name where somebody does without, or, with a line about it, where none is on
// PATH (tools/without.sh).
func nodeJS(t *testing.T) string {
	t.Helper()
	name := os.Getenv(nodeVariable)
	if name == "none" {
		t.Fatal("no Node.js: " + nodeVariable + " is none")
	}
	if name == "" {
		name = "node"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("the clients from npm want Node.js: %v; %s=none does without", err, nodeVariable)
	}
	return path
}

// nodeModules installs what package-lock.json names, unless it is there.
func nodeModules(t *testing.T, dir string) {
	t.Helper()
	wanted, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	installed := filepath.Join(dir, "node_modules", ".installed-from.json")
	if have, err := os.ReadFile(installed); err == nil && bytes.Equal(have, wanted) {
		return
	}
	npm := exec.CommandContext(t.Context(), "npm", "ci")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v; %s=none does without\n%s", err, nodeVariable, out)
	}
	if err := os.WriteFile(installed, wanted, 0o644); err != nil {
		t.Fatal(err)
	}
}

// runNode runs a file of tests against a World, with more in its environment.
func (w *World) runNode(t *testing.T, node, file string, environment ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, node, "--no-warnings", "--test", "--test-reporter=spec", file)
	run.Dir, run.WaitDelay = "node", time.Second
	run.Env = append(append(os.Environ(), "E2E_ISSUER="+w.Auth, "E2E_API="+w.Acme, "E2E_DREAMS="+w.Dreams), environment...)
	out, err := run.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// Clients that others wrote, which know the issuer's URL and what they are
// registered with: openid-client and oauth4webapi, in node/*.test.mjs.
func TestClientsFromNPM(t *testing.T) {
	t.Parallel()
	node := nodeJS(t)
	nodeModules(t, "node")
	tests, err := filepath.Glob("node/*.test.mjs")
	if err != nil || len(tests) == 0 {
		t.Fatalf("no tests in node: %v", err)
	}
	variables := map[string]string{"DEVICE_POLL_INTERVAL": "1s", "ALLOW_PRIVATE_URIS": "on"}
	for _, file := range tests {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			New(t, Options{Env: variables}).runNode(t, node, filepath.Base(file))
		})
	}
	// The issuer is then https, and so is what a proof of DPoP is made for.
	t.Run("behind a TLS proxy", func(t *testing.T) {
		t.Parallel()
		var authserver *url.URL
		running := make(chan struct{})
		proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			<-running
			r.SetURL(authserver)
			r.Out.Host = r.In.Host
		}, ErrorLog: log.New(io.Discard, "", 0)} // whoever hangs up when the World ends
		front, back := httptest.NewTLSServer(proxy), httptest.NewServer(proxy)
		t.Cleanup(front.Close)
		t.Cleanup(back.Close)
		env := map[string]string{"AUTHSERVER_URL": front.URL, "AUTHSERVER_BACKCHANNEL_URL": back.URL}
		maps.Copy(env, variables)
		w := New(t, Options{Env: env})
		authserver, _ = url.Parse(w.Auth) // we made it
		close(running)
		w.Auth = front.URL
		certificate := filepath.Join(t.TempDir(), "ca.pem")
		encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
		if err := os.WriteFile(certificate, encoded, 0o644); err != nil {
			t.Fatal(err)
		}
		w.runNode(t, node, "extensions.test.mjs", "NODE_EXTRA_CA_CERTS="+certificate)
	})
}
