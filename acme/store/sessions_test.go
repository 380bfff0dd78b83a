package store_test

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/acme-dreams/acme/store"
)

// Who reads the file finds nothing that a browser could send.
func TestASessionIsKeptUnderItsHashAndSealed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "acme.db")
	sessions := open(t, path).Sessions()
	const token = "the-value-of-the-cookie-of-43-characters-xx"
	if err := sessions.Commit(token, []byte("kept in the session"), noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if data, found, err := sessions.Find(token); err != nil || !found || string(data) != "kept in the session" {
		t.Fatalf("%q, %t, %v", data, found, err)
	}
	var written []byte
	for _, name := range []string{path, path + "-wal"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, b...)
	}
	for what, secret := range map[string]string{"the cookie's value": token, "what the session holds": "kept in the session"} {
		if bytes.Contains(written, []byte(secret)) {
			t.Errorf("%s is in the files", what)
		}
	}
}

func TestASessionEnds(t *testing.T) {
	now := noon
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "acme.db"), func() time.Time { return now }, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	sessions := s.Sessions()
	found := func(token string) bool {
		t.Helper()
		_, ok, err := sessions.Find(token)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	for _, token := range []string{"short", "long", "ended"} {
		expiry := now.Add(time.Hour)
		if token == "short" {
			expiry = now.Add(time.Minute)
		}
		if err := sessions.Commit(token, []byte("x"), expiry); err != nil {
			t.Fatal(err)
		}
	}
	if err := sessions.Delete("ended"); err != nil {
		t.Fatal(err)
	}
	if found("ended") || !found("short") || found("never begun") {
		t.Error("wrong at first")
	}
	now = now.Add(time.Minute)
	if found("short") || !found("long") {
		t.Error("a session is found after its end, or lost before")
	}
	if err := s.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = noon // were it still in the table, it would be found again
	if found("short") || !found("long") {
		t.Error("Purge deleted the wrong ones")
	}
}
