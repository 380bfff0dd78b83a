package e2e

import (
	"context"
	"database/sql"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hold keeps a program's database for another process until the function that
// it returns is called.
func (w *World) hold(t testing.TB, program string) (letGo func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.DataDir, program+".db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(context.Background(), "BEGIN EXCLUSIVE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		_, _ = conn.ExecContext(context.Background(), "ROLLBACK")
		_ = conn.Close()
		_ = db.Close()
	}
}

// wantUnavailable wants a 503 that says when to come again.
func wantUnavailable(t testing.TB, what string, answer Response) {
	t.Helper()
	if answer.Status != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: %d %v", what, answer.Status, answer.Header)
	}
}

// RFC 6749 §5.2 knows no code for it; §4.1.2.1 has temporarily_unavailable. Who
// waits for a lock of three seconds gets what they asked for; after five they
// are told to come again, and nothing has happened.
func TestALockedDatabaseIsWaitedForAndThen503(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	tokens := w.offline(t)
	refresh := func() Response { return w.refresh(t, "dreams-web", tokens.String("refresh_token")) }

	letGo := w.hold(t, "authserver")
	time.AfterFunc(3*time.Second, letGo)
	begin := time.Now()
	next := refresh()
	if took := time.Since(begin); next.Status != http.StatusOK || took < 2*time.Second {
		t.Fatalf("locked for 3 s: %s after %s", next.Refusal(), took)
	}
	tokens = next

	letGo = w.hold(t, "authserver")
	b := NewBrowser(t)
	login := b.Get(w.Auth + "/login") // reading waits for nobody
	if login.Status != http.StatusOK {
		t.Errorf("reading while it is locked: %d", login.Status)
	}
	answer := refresh()
	wantUnavailable(t, "locked for longer", answer)
	if answer.Refusal() != "503 temporarily_unavailable" {
		t.Errorf("locked for longer: %s", answer.Refusal())
	}
	wantUnavailable(t, "a page while it is locked", w.LogIn(b, login, "alice", "wanderlust").Response)
	if answer := w.Do(t, "GET", w.Auth+"/readyz", nil, ""); answer.Status != http.StatusServiceUnavailable {
		t.Errorf("ready while nothing can be written: %d", answer.Status)
	}
	letGo()
	if answer := refresh(); answer.Status != http.StatusOK {
		t.Errorf("the refresh token after a refusal of ours: %s", answer.Body)
	}
	if answer := w.Do(t, "GET", w.Auth+"/readyz", nil, ""); answer.Status != http.StatusOK {
		t.Errorf("not ready: %d", answer.Status)
	}
	if busy := w.metric(t, w.Auth, "database_busy_total"); busy < 2 {
		t.Errorf("busy: %g", busy)
	}

	// Acme's.
	writes := w.forge(t, func(f forged) { f.Claims["scope"] = "reviews:write" })
	letGo = w.hold(t, "acme")
	wantUnavailable(t, "a review", w.API(t, "POST", "/packages/pk-cadiz/reviews", writes, `{"rating":4,"text":"late"}`))
	letGo()
	if answer := w.API(t, "POST", "/packages/pk-cadiz/reviews", writes, `{"rating":4,"text":"late"}`); answer.Status != http.StatusCreated {
		t.Errorf("a review afterwards: %d %s", answer.Status, answer.Body)
	}
}

// A file that was deleted or replaced can still be written to, and nobody would
// ever find it again: what is answered must be found.
func TestADatabaseThatIsGoneIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	tokens := w.offline(t)
	away := filepath.Join(t.TempDir(), "away")
	if err := os.Rename(w.DataDir, away); err != nil {
		t.Fatal(err)
	}
	answer := w.refresh(t, "dreams-web", tokens.String("refresh_token"))
	wantUnavailable(t, "the folder is gone", answer)
	if ready := w.Do(t, "GET", w.Auth+"/readyz", nil, ""); ready.Status != http.StatusServiceUnavailable {
		t.Errorf("ready without its folder: %d", ready.Status)
	}
	if err := os.Rename(away, w.DataDir); err != nil {
		t.Fatal(err)
	}
	if answer := w.refresh(t, "dreams-web", tokens.String("refresh_token")); answer.Status != http.StatusOK {
		t.Errorf("the folder is back: %s", answer.Body)
	}
}

// What cannot be opened stops the start with a line.
func startedOnABadDatabase(t *testing.T, p *processes) {
	for _, name := range []string{"authserver", "acme", "dreams"} {
		for what, spoil := range map[string]func(path string) error{
			"schema version 9999": func(path string) error {
				runSQL(t, path, []string{"INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)"})
				return nil
			},
			"not a database": func(path string) error { return os.WriteFile(path, []byte(strings.Repeat("hello ", 1000)), 0o600) },
			"is a directory": func(path string) error { _ = os.Remove(path); return os.Mkdir(path, 0o700) },
		} {
			data := t.TempDir()
			copySeeded(t, data)
			if err := spoil(filepath.Join(data, name+".db")); err != nil {
				t.Fatal(err)
			}
			one := p.run(t, name, "DATA_DIR="+data)
			status, line := one.status(t), string(one.out.Bytes())
			if status == 0 || strings.Count(line, "\n") != 1 || !strings.Contains(line, what) || !strings.HasPrefix(line, name+": ") {
				t.Errorf("%s, %s: exit status %d, %q", name, what, status, line)
			}
		}
	}
}

// A disk that is full: nothing is half written, reading goes on, and when there
// is room again so does everything else.
func fullDisk(t *testing.T, p *processes) {
	authserver := p.start(t, "authserver")
	tokens := p.offline(t)
	b := p.SignedIn(t, "alice")
	if err := limitFiles(authserver.Process.Pid, 4096); err != nil {
		t.Logf("files cannot be limited here: internal/sqlite proves the same with max_page_count (%v)", err)
		return
	}
	for range 3 {
		answer := p.refresh(t, "dreams-web", tokens.String("refresh_token"))
		wantUnavailable(t, "full", answer)
	}
	if answer := p.Do(t, "GET", p.Auth+"/readyz", nil, ""); answer.Status != http.StatusServiceUnavailable {
		t.Errorf("ready while the disk is full: %d", answer.Status)
	}
	if answer := p.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}}); answer.Status != http.StatusOK {
		t.Errorf("what writes nothing: %d %s", answer.Status, answer.Body)
	}
	if !p.active(t, "dreams-web", tokens.String("refresh_token")) {
		t.Error("the refresh token was spent by halves")
	}
	if page := b.Get(p.Auth + "/account"); page.Status != http.StatusOK {
		t.Errorf("a page: %d", page.Status)
	}
	if err := limitFiles(authserver.Process.Pid, 1<<40); err != nil {
		t.Fatal(err)
	}
	if answer := p.refresh(t, "dreams-web", tokens.String("refresh_token")); answer.Status != http.StatusOK {
		t.Errorf("there is room again: %d %s", answer.Status, answer.Body)
	}
	authserver.kill()
	if got := p.value(t, "authserver", "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity_check: %s", got)
	}
}

// limitFiles sets how large a file a running process may make (RLIMIT_FSIZE).
func limitFiles(pid int, bytes uint64) error {
	return exec.Command("prlimit", "--pid", strconv.Itoa(pid), "--fsize="+strconv.FormatUint(bytes, 10)+":").Run()
}
