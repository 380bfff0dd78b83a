package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// nodeVariable names the Node.js to use, by name or path, or "none".
const nodeVariable = "E2E_NODE"

// nodeJS finds Node.js. Where there is none the test fails: only somebody who
// says so in words does without. make test says it, with a line about it, where
// none is on PATH.
func nodeJS(t *testing.T) string {
	t.Helper()
	name := os.Getenv(nodeVariable)
	if name == "none" {
		t.Skip("no Node.js: " + nodeVariable + " is none")
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
	for _, file := range tests {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			w := New(t, Options{Env: map[string]string{"DEVICE_POLL_INTERVAL": "1s", "ALLOW_PRIVATE_URIS": "on"}})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			run := exec.CommandContext(ctx, node, "--no-warnings", "--test", "--test-reporter=spec", filepath.Base(file))
			run.Dir, run.WaitDelay = "node", time.Second
			run.Env = append(os.Environ(), "E2E_ISSUER="+w.Auth, "E2E_API="+w.Acme, "E2E_DREAMS="+w.Dreams)
			out, err := run.CombinedOutput()
			t.Logf("%s", out)
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
				t.Fatalf("%s: %v", file, exit)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
}
