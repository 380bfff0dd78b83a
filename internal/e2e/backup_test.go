package e2e

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// command runs a program's command to its end.
func (p *processes) command(t testing.TB, name string, args ...string) (status int, said string) {
	t.Helper()
	one := p.exec(t, nil, append([]string{filepath.Join(p.bin, name)}, args...)...)
	return one.status(t), string(one.out.Bytes())
}

// want runs a command that must succeed.
func (p *processes) want(t testing.TB, name string, args ...string) string {
	t.Helper()
	status, said := p.command(t, name, args...)
	if status != 0 {
		t.Fatalf("%s %v: exit status %d, %s", name, args, status, said)
	}
	return said
}

// A backup has every answer that was given before it, and what was ended after
// it stays ended when it is restored: the database that it replaces tells what,
// and where that is lost everything is ended.
func backedUpUnderLoad(t *testing.T, p *processes) {
	authserver, _ := p.start(t, "authserver"), p.start(t, "acme")
	p.waitForAcme(t)
	b := p.SignedIn(t, "alice")
	p.Allow(b, p.Request("openid profile preferences:read offline_access"), "preferences:read", "offline_access")
	cookie := http.Header{"Cookie": {cookieHeader(t, b, p.Auth)}}
	var exchanges atomic.Int32
	told := &witness{w: p.World, cookie: cookie, exchanges: &exchanges}
	for range 5 {
		if err := told.exchange(); err != nil {
			t.Fatal(err)
		}
	}
	kept := p.tokensFor(t, b)
	ending := p.tokensFor(t, b)
	if through, refusal := p.preferences(t, ending.String("access_token")); !through {
		t.Fatal(refusal)
	}

	// Something new about two people, before the backup and again after it.
	tell := func(at string) {
		t.Helper()
		runSQL(t, filepath.Join(p.DataDir, "authserver.db"), []string{
			"DELETE FROM revocations WHERE sub IS NOT NULL",
			"INSERT INTO revocations (sub, created_at, expires_at) SELECT sub, " + at + ", 9999999999999 FROM users WHERE username IN ('alice', 'bob')",
		})
	}
	tell("1")

	// The backup, while others work.
	file := filepath.Join(t.TempDir(), "authserver.backup")
	others := make([]*witness, 8)
	var working sync.WaitGroup
	for i := range others {
		others[i] = &witness{w: p.World, cookie: cookie, exchanges: &exchanges}
		working.Go(others[i].work)
	}
	said := p.want(t, "authserver", "backup", file)
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 || !strings.Contains(said, "checked") {
		t.Fatalf("%v, %v, %q", info, err, said)
	}
	if status, said := p.command(t, "authserver", "backup", file); status != 2 || !strings.Contains(said, "overwrites nothing") || strings.Count(said, "\n") != 1 {
		t.Errorf("a file that is there: exit status %d, %q", status, said)
	}
	if status, said := p.command(t, "authserver", "restore", file); status != 2 || !strings.Contains(said, "is at work on it") {
		t.Errorf("while the server runs: exit status %d, %q", status, said)
	}
	if status, said := p.command(t, "acme", "backup", filepath.Join(t.TempDir(), "x")); status != 0 {
		t.Errorf("acme: %q", said)
	}
	after := p.tokensFor(t, b)

	// After it: a person takes something back, a client refreshes.
	wantRevoked(t, p.revoke(t, "dreams-web", ending.String("refresh_token")))
	kept = p.refresh(t, "dreams-web", kept.String("refresh_token"))
	wantRefused := func(when string) {
		t.Helper()
		waitFor(t, within, when+": Acme refuses what was revoked after the backup", func() bool {
			_, refusal := p.preferences(t, ending.String("access_token"))
			return refusal == "401 invalid_token"
		})
	}
	wantRefused("before")
	authserver.kill()
	working.Wait()
	tell("2")
	replaced := read(t, filepath.Join(p.DataDir, "authserver.db"))

	if said := p.want(t, "authserver", "restore", file); !strings.Contains(said, "stays ended, as the database before tells") {
		t.Errorf("restore: %q", said)
	}
	if got := p.value(t, "authserver", "PRAGMA integrity_check"); got != "ok" {
		t.Fatalf("integrity_check: %s", got)
	}
	if got := p.value(t, "authserver", "SELECT count(*) FROM revocations WHERE sub IS NOT NULL"); got != "2" {
		t.Errorf("what is new about two people: %s entries", got)
	}
	authserver = p.start(t, "authserver")
	told.check(t)
	wantRefused("restored")
	if p.active(t, "dreams-web", ending.String("refresh_token")) || p.active(t, "acme-api", ending.String("access_token")) {
		t.Error("a revocation was undone")
	}
	if answer := p.refresh(t, "dreams-web", kept.String("refresh_token")); answer.Status != http.StatusOK {
		t.Errorf("a client that had refreshed since: %s", answer.Body)
	}
	if answer := p.refresh(t, "dreams-web", after.String("refresh_token")); answer.Refusal() != "400 invalid_grant" {
		t.Errorf("a grant from after the backup: %s", answer.Body)
	}
	p.waitForAcme(t)

	// The database was lost, and a new one had been started in its place.
	second := filepath.Join(t.TempDir(), "second")
	p.want(t, "authserver", "backup", second)
	current := p.tokensFor(t, p.SignedIn(t, "alice"))
	if status := authserver.stop(t, syscall.SIGTERM); status != 0 {
		t.Errorf("exit status %d", status)
	}
	lose := func() {
		t.Helper()
		for _, file := range []string{"authserver.db", "authserver.db-wal", "authserver.db-shm"} {
			_ = os.Remove(filepath.Join(p.DataDir, file))
		}
	}
	lose()
	authserver = p.start(t, "authserver")
	if status := authserver.stop(t, syscall.SIGTERM); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if said := p.want(t, "authserver", "restore", file); !strings.Contains(said, "it is another one") || !strings.Contains(said, "of the backup has ended") {
		t.Errorf("restore without the database before: %q", said)
	}
	authserver = p.start(t, "authserver")
	wantRefused("everything ended")
	waitFor(t, within, "Acme refuses a token whose key was revoked", func() bool {
		_, refusal := p.preferences(t, current.String("access_token"))
		return refusal == "401 invalid_token"
	})
	if page := p.Authorize(b, With(p.Request("openid profile"), url.Values{"prompt": {"none"}})); page.Answer().Get("error") != "login_required" {
		t.Errorf("a session that may have ended lives: %s", page.Location)
	}
	p.waitForAcme(t)
	if status := authserver.stop(t, syscall.SIGTERM); status != 0 {
		t.Errorf("exit status %d", status)
	}

	// Lost as well, and the operator knows that nothing was ended meanwhile. Acme
	// keeps what it knew.
	lose()
	p.want(t, "authserver", "restore", "--nothing-ended-since", file)
	p.start(t, "authserver")
	wantRefused("the operator's word")
	if page := p.Authorize(b, With(p.Request("openid profile"), url.Values{"prompt": {"none"}})); page.Answer().Get("code") == "" {
		t.Errorf("the session is lost: %s", page.Location)
	}

	// What is no backup of this program is not taken, and nothing changes.
	damaged := read(t, file)
	copy(damaged[len(damaged)/2:], make([]byte, 9000))
	for what, content := range map[string][]byte{"a copy of the file": replaced, "a text": []byte("hello"), "damaged": damaged} {
		other := filepath.Join(t.TempDir(), "other")
		if err := os.WriteFile(other, content, 0o600); err != nil {
			t.Fatal(err)
		}
		one := p.exec(t, []string{"DATA_DIR=" + t.TempDir()}, filepath.Join(p.bin, "authserver"), "restore", other)
		if status := one.status(t); status != 2 || strings.Count(string(one.out.Bytes()), "\n") != 1 {
			t.Errorf("%s: exit status %d, %s", what, status, one.out.Bytes())
		}
	}
}

// A person takes a permission back, unticks another and removes an app after backups
// of both were made, and both are restored: Acme, which has forgotten what it heard
// since, serves nothing until it knows again, and then refuses the same.
func withdrawnAfterABackup(t *testing.T, p *processes) {
	authserver, acme := p.start(t, "authserver"), p.start(t, "acme")
	p.waitForAcme(t)
	b := p.stay(p.SignedIn(t, "alice"))
	request := With(p.Request("openid profile preferences:read blog:read offline_access"), url.Values{"prompt": {"consent"}})
	narrowed := p.granted(t, p.Allow(b, request, "preferences:read", "blog:read", "offline_access"))
	bob := p.stay(p.SignedIn(t, "bob"))
	removed := p.granted(t, p.Allow(bob, request, "preferences:read", "blog:read", "offline_access"))
	calls := map[string][2]string{
		"a permission that was switched off": {narrowed.String("access_token"), "/me/preferences"},
		"one that was unticked":              {narrowed.String("access_token"), "/me/posts"},
		"an app that was removed":            {removed.String("access_token"), "/me"},
	}
	for what, c := range calls {
		if got := p.API(t, "GET", c[1], c[0], ""); got.Status != http.StatusOK {
			t.Fatalf("%s, before: %d %s", what, got.Status, got.Body)
		}
	}
	backups := map[string]string{}
	for _, name := range []string{"authserver", "acme"} {
		backups[name] = filepath.Join(t.TempDir(), name+".backup")
		p.want(t, name, "backup", backups[name])
	}
	p.takeBack(b, "preferences:read")
	p.Allow(b, With(p.Request("openid profile blog:read"), url.Values{"prompt": {"consent"}}))
	p.removeApp(bob, "dreams-web")
	wantRefused := func(when, refusal string) {
		t.Helper()
		for what, c := range calls {
			waitFor(t, within, when+": Acme refuses "+what, func() bool { return p.API(t, "GET", c[1], c[0], "").Refusal() == refusal })
		}
	}
	wantRefused("before", "401 invalid_token")
	for _, one := range []*process{authserver, acme} {
		if status := one.stop(t, syscall.SIGTERM); status != 0 {
			t.Errorf("exit status %d", status)
		}
	}
	for name, file := range backups {
		p.want(t, name, "restore", file)
	}
	if n := p.value(t, "acme", "SELECT count(*) FROM revocations"); n != "0" {
		t.Errorf("Acme knows %s revocations: nothing is tried here", n)
	}
	acme = p.start(t, "acme")
	for what, c := range calls {
		if got := p.API(t, "GET", c[1], c[0], ""); got.Status != http.StatusServiceUnavailable {
			t.Errorf("%s, with Acme alone: %d %s", what, got.Status, got.Body)
		}
	}
	p.start(t, "authserver")
	wantRefused("restored", "401 invalid_token")
	if got := p.refresh(t, "dreams-web", narrowed.String("refresh_token")); got.String("scope") != "openid profile offline_access" {
		t.Errorf("refreshed: %s", got.Body)
	}
	wantRefusal(t, p.refresh(t, "dreams-web", removed.String("refresh_token")), "400 invalid_grant", "the removed app's")
	says(t, b.Get(p.Auth+"/account/apps").Body, "Active (1)")
	saysNot(t, p.appPage(b).Body, "Switch off preferences:read", "Switch off blog:read")
	says(t, bob.Get(p.Auth+"/account/apps?tab=removed").Body, "Active (0)", "removed by you")

	// Acme alone goes back: authserver tells it all again that still counts.
	if status := acme.stop(t, syscall.SIGTERM); status != 0 {
		t.Errorf("exit status %d", status)
	}
	p.want(t, "acme", "restore", backups["acme"])
	p.start(t, "acme")
	wantRefused("Acme's backup alone", "401 invalid_token")
}

// tokensFor goes through an authorization of somebody who is signed in and was
// asked before.
func (p *processes) tokensFor(t testing.TB, b *Browser) Response {
	t.Helper()
	tokens := p.Token(t, Basic("dreams-web"), p.Redemption(p.Authorize(p.stay(b), p.Request("openid profile preferences:read offline_access"))))
	if tokens.Status != http.StatusOK {
		t.Fatalf("no tokens: %s", tokens.Body)
	}
	return tokens
}

// The other two have nothing to carry over: what was there is kept beside.
func othersRestored(t *testing.T, p *processes) {
	for _, name := range []string{"acme", "dreams"} {
		file := filepath.Join(t.TempDir(), name+".backup")
		one := p.start(t, name)
		p.want(t, name, "backup", file)
		if status := one.stop(t, syscall.SIGTERM); status != 0 {
			t.Errorf("%s: exit status %d", name, status)
		}
		if said := p.want(t, name, "restore", file); !strings.Contains(said, name+".db.replaced-") {
			t.Errorf("%s: %q", name, said)
		}
		if got := p.value(t, name, "PRAGMA integrity_check"); got != "ok" {
			t.Errorf("%s: integrity_check: %s", name, got)
		}
		through := filepath.Join(t.TempDir(), "through a pipe")
		sh := func(command string) (int, string) {
			t.Helper()
			one := p.exec(t, []string{"P=" + filepath.Join(p.bin, name), "FILE=" + through}, "sh", "-c", command)
			return one.status(t), string(one.out.Bytes())
		}
		if status, said := sh(`"$P" backup - >"$FILE"`); status != 0 || !strings.Contains(said, "standard output: ") {
			t.Errorf("%s: exit status %d, %q", name, status, said)
		}
		one = p.start(t, name)
		if status := one.stop(t, syscall.SIGTERM); status != 0 {
			t.Errorf("%s: exit status %d", name, status)
		}
		for command, want := range map[string]int{`"$P" restore - <"$FILE"`: 0, `head -c 9000 "$FILE" | "$P" restore -`: 2, `"$P" restore - </dev/null`: 2} {
			if status, said := sh(command); status != want {
				t.Errorf("%s: %s: exit status %d, %q", name, command, status, said)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(p.DataDir, ".*")); len(left) != 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
		p.start(t, name)
		if status, said := p.command(t, "authserver", "restore", file); status != 2 || !strings.Contains(said, "not a backup of this program") {
			t.Errorf("%s's backup for authserver: exit status %d, %q", name, status, said)
		}
	}
}

// The security log leaves by an archive, while the server writes to it.
func archivedSecurityLog(t *testing.T, p *processes) {
	p.start(t, "authserver")
	b := p.SignedIn(t, "alice")
	p.Token(t, Credentials{"dreams-web", "wrong"}.Header(), url.Values{"grant_type": {"client_credentials"}})
	waitFor(t, within, "the refusal is in the log", func() bool {
		return strings.Contains(p.want(t, "authserver", "security-log"), `"kind":"request refused"`)
	})
	archive := filepath.Join(t.TempDir(), "security.jsonl")
	content := p.want(t, "authserver", "security-log")
	if err := os.WriteFile(archive, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Authorize(b, p.Request("openid"))
	if said := p.want(t, "authserver", "security-log", "--forget", archive); !strings.HasPrefix(said, strconv.Itoa(strings.Count(content, "\n"))+" entries") {
		t.Errorf("%q", said)
	}
	p.Token(t, Credentials{"dreams-web", "wrong"}.Header(), url.Values{"grant_type": {"client_credentials"}})
	waitFor(t, within, "the server goes on writing", func() bool {
		left := p.want(t, "authserver", "security-log")
		return strings.Contains(left, `"kind":"security log archived"`) && strings.Contains(left, `"kind":"request refused"`) && !strings.Contains(left, content)
	})
	if said := p.want(t, "authserver", "security-log", "--before", "2001-01-01"); said != "" {
		t.Errorf("%q", said)
	}
	for _, args := range [][]string{{"--before", "yesterday"}, {"--forget", archive, "--after", "1"}, {"--forget", archive + "x"}, {"x"}} {
		if status, said := p.command(t, "authserver", append([]string{"security-log"}, args...)...); status != 2 || strings.Count(said, "\n") != 1 {
			t.Errorf("%v: exit status %d, %q", args, status, said)
		}
	}
}

func examinedByDoctor(t *testing.T, p *processes) {
	p.start(t, "authserver")
	acme := p.start(t, "acme")
	p.start(t, "dreams")
	for _, name := range []string{"authserver", "acme", "dreams"} {
		if status, said := p.command(t, name, "doctor"); status != 0 || strings.Contains(said, "WRONG") || strings.Count(said, " is ready\n") != 3 {
			t.Errorf("%s: exit status %d\n%s", name, status, said)
		}
	}
	acme.kill()
	if status, said := p.command(t, "dreams", "doctor"); status != 1 || !strings.Contains(said, "WRONG  acme") || !strings.Contains(said, "-> start acme") {
		t.Errorf("without Acme: exit status %d\n%s", status, said)
	}
}
