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
	"sync"
	"syscall"
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

// Whoever wants something written gets 503 in the form of the endpoint, within the
// five seconds that a lock is waited for; and nothing of it is done: afterwards
// each of them is done, once.
func TestWhateverIsWrittenIsRefusedWhileTheDatabaseIsLocked(t *testing.T) {
	t.Parallel()
	w := New(t, Options{})
	w.waitForAcme(t)
	tokens, ending := w.offline(t), w.offline(t)
	b := w.SignedIn(t, "alice")
	code := w.Redemption(w.Authorize(b, w.Request("openid profile")))
	cookie := http.Header{"Cookie": {cookieHeader(t, b, w.Auth)}}
	writes := w.forge(t, func(f forged) { f.Claims["scope"] = "reviews:write" })
	type request struct {
		json bool
		send func() Response
		want int // afterwards
	}
	requests := map[string]request{
		"a refresh":        {true, func() Response { return w.refresh(t, "dreams-web", tokens.String("refresh_token")) }, 200},
		"a redemption":     {true, func() Response { return w.Token(t, Basic("dreams-web"), code) }, 200},
		"a revocation":     {true, func() Response { return w.revoke(t, "dreams-web", ending.String("refresh_token")) }, 200},
		"a registration":   {true, func() Response { return w.Register(t, nil, diary(nil)) }, 201},
		"a pushed request": {true, func() Response { return w.Post(t, w.Auth+"/par", Basic("dreams-web"), w.Request("openid profile")) }, 201},
		"a device": {true, func() Response {
			return w.Post(t, w.Auth+"/device_authorization", nil, url.Values{"client_id": {"dreams-tv"}, "scope": {"profile"}})
		}, 200},
		"a silent code": {false, func() Response {
			return w.Do(t, "GET", w.Auth+"/authorize?"+w.Request("openid profile").Encode(), cookie, "")
		}, 303},
		"a review": {false, func() Response {
			return w.API(t, "POST", "/packages/pk-cadiz/reviews", writes, `{"rating":4,"text":"late"}`)
		}, 201},
		"Acme's sign-in":      {false, func() Response { return w.Do(t, "GET", w.Acme+"/login", nil, "") }, 303},
		"Dreams's connection": {false, func() Response { return w.Do(t, "GET", w.Dreams+"/connect", nil, "") }, 303},
	}
	before := w.minted(t)
	var letGo []func()
	for _, program := range []string{"authserver", "acme", "dreams"} {
		letGo = append(letGo, w.hold(t, program))
	}
	var asking sync.WaitGroup
	for what, r := range requests {
		asking.Go(func() {
			begin := time.Now()
			answer := r.send()
			wantUnavailable(t, what, answer)
			if r.json && answer.Refusal() != "503 temporarily_unavailable" {
				t.Errorf("%s: %s", what, answer.Refusal())
			}
			// One who comes while somebody waits already waits for both.
			if took := time.Since(begin); took > 12*time.Second {
				t.Errorf("%s: refused after %s", what, took)
			}
		})
	}
	asking.Wait()
	for _, address := range []string{w.Auth + "/account", w.Acme + "/packages", w.Dreams + "/"} { // reading waits for nobody
		if answer := w.Do(t, "GET", address, cookie, ""); answer.Status != http.StatusOK {
			t.Errorf("%s: %d", address, answer.Status)
		}
	}
	for _, address := range []string{w.Auth, w.Acme, w.Dreams} {
		if answer := w.Do(t, "GET", address+"/readyz", nil, ""); answer.Status != http.StatusServiceUnavailable {
			t.Errorf("%s is ready while nothing can be written", address)
		}
	}
	for _, let := range letGo {
		let()
	}
	if after := w.minted(t); after != before {
		t.Errorf("%s before, %s after", before, after)
	}
	if !w.active(t, "dreams-web", ending.String("refresh_token")) {
		t.Error("revoked by halves")
	}
	for what, r := range requests {
		if answer := r.send(); answer.Status != r.want {
			t.Errorf("%s afterwards: %d %s", what, answer.Status, answer.Body)
		}
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

// The same at Acme and at Dreams. What authserver revokes meanwhile Acme refuses,
// written down or not, and knows after a restart.
func fullDiskOfOthers(t *testing.T, p *processes) {
	p.start(t, "authserver")
	acme, dreams := p.start(t, "acme"), p.start(t, "dreams")
	p.waitForAcme(t)
	private := p.Tokens(t, "alice", "openid preferences:read").String("access_token")
	writes := p.forge(t, func(f forged) { f.Claims["scope"] = "reviews:write" })
	review := func() Response {
		return p.API(t, "POST", "/packages/pk-cadiz/reviews", writes, `{"rating":4,"text":"late"}`)
	}
	connect := func() Response { return p.Do(t, "GET", p.Dreams+"/connect", nil, "") }
	for _, one := range []*process{acme, dreams} {
		if err := limitFiles(one.Process.Pid, 4096); err != nil {
			t.Logf("files cannot be limited here: %v", err)
			return
		}
	}
	for range 2 {
		wantUnavailable(t, "a review", review())
		wantUnavailable(t, "a connection", connect())
	}
	for address, want := range map[string]int{
		p.Acme + "/readyz": http.StatusServiceUnavailable, p.Dreams + "/readyz": http.StatusServiceUnavailable,
		p.Acme + "/packages": http.StatusOK, p.Acme + "/stories": http.StatusOK, p.Dreams + "/": http.StatusOK,
	} {
		if answer := p.Do(t, "GET", address, nil, ""); answer.Status != want {
			t.Errorf("%s: %d, want %d", address, answer.Status, want)
		}
	}
	if through, refusal := p.preferences(t, private); !through {
		t.Errorf("reading by the API: %s", refusal)
	}
	wantRevoked(t, p.revoke(t, "dreams-web", private))
	waitFor(t, within, "Acme refuses what was revoked", func() bool {
		_, refusal := p.preferences(t, private)
		return refusal == "401 invalid_token"
	})
	for _, one := range []*process{acme, dreams} {
		if err := limitFiles(one.Process.Pid, 1<<40); err != nil {
			t.Fatal(err)
		}
	}
	if answer := review(); answer.Status != http.StatusCreated {
		t.Errorf("a review when there is room again: %d %s", answer.Status, answer.Body)
	}
	if answer := connect(); answer.Status != http.StatusSeeOther {
		t.Errorf("a connection when there is room again: %d", answer.Status)
	}
	// Who looked while nothing could be written stands in the log.
	waitFor(t, 5*time.Second, "the accesses are written", func() bool {
		return p.value(t, "acme", "SELECT count(*) FROM accesses WHERE client_id = 'dreams-web' AND status = 200 AND scope = 'preferences:read'") != "0"
	})
	waitFor(t, 5*time.Second, "the revocation is written", func() bool { return p.value(t, "acme", "SELECT count(*) FROM revocations") != "0" })
	for name, one := range map[string]*process{"acme": acme, "dreams": dreams} {
		one.kill()
		if got := p.value(t, name, "PRAGMA integrity_check"); got != "ok" {
			t.Errorf("%s: integrity_check: %s", name, got)
		}
	}
	p.start(t, "acme")
	p.waitForAcme(t)
	if through, refusal := p.preferences(t, private); through || refusal != "401 invalid_token" {
		t.Errorf("after a restart: %s", refusal)
	}
}

// A file that may only be read stops the start with a line.
func startedOnAReadOnlyDatabase(t *testing.T, p *processes) {
	const nobody = 65534
	for _, name := range []string{"authserver", "acme", "dreams"} {
		path := filepath.Join(p.DataDir, name+".db")
		if err := os.Chmod(path, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	root := os.Getuid() == 0 // whom no mode binds
	if root {
		for _, path := range []string{p.bin, filepath.Dir(p.bin), filepath.Dir(p.DataDir)} {
			if err := os.Chmod(path, 0o755); err != nil { // folders of tests
				t.Fatal(err)
			}
		}
		err := filepath.WalkDir(p.DataDir, func(path string, _ os.DirEntry, err error) error {
			if err == nil {
				err = os.Chown(path, nobody, nobody)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"authserver", "acme", "dreams"} {
		one := p.prepare(nil, filepath.Join(p.bin, name))
		if root {
			one.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		}
		one.begin(t)
		status, line := one.status(t), string(one.out.Bytes())
		if status == 0 || strings.Count(line, "\n") != 1 || !strings.Contains(line, name+".db: permission denied") || !strings.HasPrefix(line, name+": ") {
			t.Errorf("%s: exit status %d, %q", name, status, line)
		}
	}
}

// limitFiles sets how large a file a running process may make (RLIMIT_FSIZE).
func limitFiles(pid int, bytes uint64) error {
	return exec.Command("prlimit", "--pid", strconv.Itoa(pid), "--fsize="+strconv.FormatUint(bytes, 10)+":").Run()
}
