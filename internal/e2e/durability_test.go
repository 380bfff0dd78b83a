package e2e

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.com/acme-dreams/internal/environment"
)

// The three programs as they are built, as processes: what happens when they
// are killed, stopped, started alone, or started with what they cannot use.
func TestThePrograms(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin+"/", "./authserver", "./acme", "./dreams")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, test := range map[string]func(*testing.T, *processes){
		"kill -9 during exchanges loses nothing that was answered":      killedDuringExchanges,
		"kill -9 of Acme or of authserver forgets no revocation":        killedDuringRevocation,
		"kill -9 during registrations forgets no client":                killedDuringRegistrations,
		"SIGTERM answers the requests that are open, and exits with 0":  stoppedWithOpenRequests,
		"each starts alone, says what it lacks, and recovers":           startedAlone,
		"a value that cannot be used is one line, and exit status 2":    startedWithBadVariables,
		"a public address stops the start while demo secrets are there": startedInPublic,
		"rotate-keys works beside the server, in another process":       rotatedBesideTheServer,
		"a backup under load, and what stays ended when it is restored": backedUpUnderLoad,
		"what a person took back after a backup stays so":               withdrawnAfterABackup,
		"the security log leaves by an archive":                         archivedSecurityLog,
		"doctor says who reaches whom, and what to do":                  examinedByDoctor,
		"what is answered is on disk":                                   syncedBeforeTheAnswer,
		"acme and dreams are backed up and restored":                    othersRestored,
		"a full disk is a 503, and passes":                              fullDisk,
		"a full disk of Acme and Dreams is a 503, and passes":           fullDiskOfOthers,
		"a database that cannot be opened is one line":                  startedOnABadDatabase,
		"a database that can only be read is one line":                  startedOnAReadOnlyDatabase,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newProcesses(t, bin))
		})
	}
}

// processes are the three programs of one test, with a World to talk to them.
type processes struct {
	*World
	bin       string
	variables []string
}

func newProcesses(t *testing.T, bin string) *processes {
	t.Helper()
	p := &processes{bin: bin, World: &World{DataDir: t.TempDir(), Clock: &Clock{}}}
	p.Auth, p.Acme, p.Dreams = freeURL(t), freeURL(t), freeURL(t)
	variables := map[string]string{"AUTHSERVER_URL": p.Auth, "ACME_URL": p.Acme, "DREAMS_URL": p.Dreams, "DATA_DIR": p.DataDir}
	for name, value := range variables {
		p.variables = append(p.variables, name+"="+value)
	}
	var err error
	if p.Env, err = environment.Parse(variables); err != nil {
		t.Fatal(err)
	}
	copySeeded(t, p.DataDir)
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	p.Client = &http.Client{
		Timeout: 20 * time.Second, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return p
}

// freeURL is a port that is free, and that the system gives to nobody who asks
// for any port: below the range of RFC 6335 §6 for that.
func freeURL(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("localhost:%d", 20000+rand.IntN(12000))
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close()
			return "http://" + address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// process is a program that runs.
type process struct {
	*exec.Cmd
	out   lockedBuffer
	ended chan struct{} // closed when it ended
}

// run starts a program, with more variables, and does not wait for it.
func (p *processes) run(t testing.TB, name string, variables ...string) *process {
	t.Helper()
	return p.exec(t, variables, filepath.Join(p.bin, name))
}

func (p *processes) exec(t testing.TB, variables []string, command ...string) *process {
	t.Helper()
	one := p.prepare(variables, command...)
	one.begin(t)
	return one
}

func (p *processes) prepare(variables []string, command ...string) *process {
	one := &process{Cmd: exec.Command(command[0], command[1:]...), ended: make(chan struct{})}
	one.Env = append(append([]string{"PATH=" + os.Getenv("PATH")}, p.variables...), variables...)
	one.Stdout, one.Stderr = &one.out, &one.out
	// A group of its own, so that what it starts ends with it.
	one.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	one.WaitDelay = time.Second
	return one
}

func (one *process) begin(t testing.TB) {
	t.Helper()
	if err := one.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = one.Wait()
		close(one.ended)
	}()
	t.Cleanup(one.kill)
}

// start starts a program and waits until it is ready.
func (p *processes) start(t testing.TB, name string, variables ...string) *process {
	t.Helper()
	one := p.run(t, name, variables...)
	p.waitReady(t, one, map[string]string{"authserver": p.Auth, "acme": p.Acme, "dreams": p.Dreams}[name])
	return one
}

func (p *processes) waitReady(t testing.TB, one *process, address string) {
	t.Helper()
	waitFor(t, 20*time.Second, "the program is ready", func() bool {
		select {
		case <-one.ended:
			t.Fatalf("it ended: %s", one.out.Bytes())
		default:
		}
		answer, err := p.attempt("GET", address+"/readyz", nil, nil)
		return err == nil && answer.Status == http.StatusOK
	})
}

// kill is kill -9.
func (one *process) kill() {
	select {
	case <-one.ended: // its number may be another's by now
		return
	default:
	}
	_ = syscall.Kill(-one.Process.Pid, syscall.SIGKILL)
	<-one.ended
}

// stop asks the program to stop and returns its exit status.
func (one *process) stop(t testing.TB, signal os.Signal) int {
	t.Helper()
	if err := one.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	return one.status(t)
}

func (one *process) status(t testing.TB) int {
	t.Helper()
	select {
	case <-one.ended:
	case <-time.After(15 * time.Second):
		t.Fatalf("it did not end: %s", one.out.Bytes())
	}
	return one.ProcessState.ExitCode()
}

// attempt sends a request that may fail because nobody is there.
func (w *World) attempt(method, address string, header http.Header, form url.Values) (Response, error) {
	req, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return Response{}, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := w.Client.Do(req)
	if err != nil {
		return Response{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return Response{resp.StatusCode, resp.Header, string(body)}, err
}

// witness is what one client was told, as long as somebody answered.
type witness struct {
	w      *World
	cookie http.Header // of alice's session

	exchanges *atomic.Int32 // of all clients

	redeemed []string   // codes that gave tokens
	spent    []string   // refresh tokens that gave the next one
	revoked  []Response // tokens whose revocation was answered
	current  Response   // the newest tokens
	doubt    string     // a refresh token whose use was not answered
	unused   string     // a code that was not redeemed yet
	sent     string     // a code whose redemption was not answered
	lost     bool       // and which was spent nevertheless
	err      error      // what should not have been answered
}

var errNobody = errors.New("nobody answered")

// ask sends a form and wants an answer of success.
func (v *witness) ask(path string, header http.Header, form url.Values) (Response, error) {
	answer, err := v.w.attempt("POST", v.w.Auth+path, header, form)
	if err != nil {
		return answer, errNobody
	}
	if answer.Status != http.StatusOK {
		return answer, fmt.Errorf("%s: %d %s", path, answer.Status, answer.Body)
	}
	return answer, nil
}

// exchange goes through a whole authorization.
func (v *witness) exchange() error {
	answer, err := v.w.attempt("GET", v.w.Auth+"/authorize?"+v.w.Request("openid profile offline_access").Encode(), v.cookie, nil)
	if err != nil {
		return errNobody
	}
	location, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || location.Query().Get("code") == "" {
		return fmt.Errorf("no code: %d %s", answer.Status, answer.Header.Get("Location"))
	}
	v.unused = location.Query().Get("code")
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {v.unused}, "redirect_uri": {v.w.Dreams + "/callback"}, "code_verifier": {Verifier},
	}
	v.current, v.doubt = Response{}, ""
	v.unused, v.sent = "", v.unused
	tokens, err := v.ask("/token", Basic("dreams-web"), form)
	if err != nil {
		return err
	}
	v.redeemed, v.current, v.sent = append(v.redeemed, v.sent), tokens, ""
	for range 2 {
		old := v.current.String("refresh_token")
		v.doubt = old
		next, err := v.ask("/token", Basic("dreams-web"), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old}})
		if err != nil {
			return err
		}
		v.spent, v.current, v.doubt = append(v.spent, old), next, ""
	}
	if len(v.redeemed)%2 == 0 {
		ending := v.current
		v.current = Response{} // not known until it is answered
		if _, err := v.ask("/revoke", Basic("dreams-web"), url.Values{"token": {ending.String("refresh_token")}}); err != nil {
			return err
		}
		v.revoked = append(v.revoked, ending)
	}
	return nil
}

// work exchanges until nobody answers any more.
func (v *witness) work() {
	for v.err == nil {
		v.err = v.exchange()
		v.exchanges.Add(1)
	}
	if errors.Is(v.err, errNobody) {
		v.err = nil
	}
}

// check compares what was said with what is so. Introspection changes nothing;
// a code that comes back revokes, so that is tried last.
func (v *witness) check(t *testing.T) {
	t.Helper()
	if v.err != nil {
		t.Error(v.err)
	}
	for _, token := range v.spent {
		if v.w.active(t, "dreams-web", token) {
			t.Error("a refresh token was rotated, and is active again")
		}
	}
	for _, tokens := range v.revoked {
		if v.w.active(t, "dreams-web", tokens.String("refresh_token")) || v.w.active(t, "acme-api", tokens.String("access_token")) {
			t.Error("a revocation was answered, and is forgotten")
		}
	}
	if token := v.current.String("refresh_token"); token != "" && v.doubt == "" {
		if answer := v.w.refresh(t, "dreams-web", token); answer.Status != http.StatusOK {
			t.Errorf("a refresh token was given, and is unknown: %s", answer.Body)
		}
	}
	if v.unused != "" {
		form := url.Values{"grant_type": {"authorization_code"}, "code": {v.unused}, "redirect_uri": {v.w.Dreams + "/callback"}, "code_verifier": {Verifier}}
		if answer := v.w.Token(t, Basic("dreams-web"), form); answer.Status != http.StatusOK {
			t.Errorf("a code was given, and is unknown: %s", answer.Body)
		}
	}
	for _, code := range v.redeemed {
		form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {v.w.Dreams + "/callback"}, "code_verifier": {Verifier}}
		if answer := v.w.Token(t, Basic("dreams-web"), form); answer.Refusal() != "400 invalid_grant" {
			t.Errorf("a code was redeemed, and is again: %d", answer.Status)
		}
	}
	if v.sent != "" {
		v.checkSent(t)
	}
}

// checkSent sends a code again whose redemption was not answered. Either it is
// still good, or it is spent; then nothing is that came of it.
func (v *witness) checkSent(t *testing.T) {
	t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "code": {v.sent}, "redirect_uri": {v.w.Dreams + "/callback"}, "code_verifier": {Verifier}}
	answer := v.w.Token(t, Basic("dreams-web"), form)
	if v.lost = answer.Status != http.StatusOK; !v.lost {
		return
	}
	hash := sha256.Sum256([]byte(v.sent))
	live := v.w.value(t, "authserver", "SELECT count(*) FROM authorization_codes c JOIN grants g ON g.id = c.grant_id WHERE c.hash = ? AND g.revoked_at IS NULL", hash[:])
	if answer.Refusal() != "400 invalid_grant" || live != "0" {
		t.Errorf("a code was sent, and not answered: %s, and %s of its grants are live", answer.Refusal(), live)
	}
}

func killedDuringExchanges(t *testing.T, p *processes) {
	authserver := p.start(t, "authserver")
	b := p.SignedIn(t, "alice")
	p.Allow(b, p.Request("openid profile offline_access"), "offline_access")
	cookie := http.Header{"Cookie": {cookieHeader(t, b, p.Auth)}}
	for range 5 {
		witnesses := make([]*witness, 8)
		var working sync.WaitGroup
		var exchanges atomic.Int32
		for i := range witnesses {
			witnesses[i] = &witness{w: p.World, cookie: cookie, exchanges: &exchanges}
			working.Go(witnesses[i].work)
		}
		waitFor(t, 10*time.Second, "the clients are at work", func() bool { return exchanges.Load() >= int32(2*len(witnesses)) })
		time.Sleep(time.Duration(rand.IntN(50000)) * time.Microsecond)
		authserver.kill()
		working.Wait()
		if got := p.value(t, "authserver", "PRAGMA integrity_check"); got != "ok" {
			t.Fatalf("integrity_check: %s", got)
		}
		authserver = p.start(t, "authserver")
		for _, v := range witnesses {
			v.check(t)
		}
		// The session and the consent are there as well: nobody is asked.
		if page := p.Authorize(b, With(p.Request("openid profile"), url.Values{"prompt": {"none"}})); page.Answer().Get("code") == "" {
			t.Errorf("session or consent is lost: %s", page.Location)
		}
	}
}

// cookieHeader is what a browser would send.
func cookieHeader(t testing.TB, b *Browser, address string) string {
	t.Helper()
	at, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for _, cookie := range b.Jar().Cookies(at) {
		pairs = append(pairs, cookie.Name+"="+cookie.Value)
	}
	return strings.Join(pairs, "; ")
}

func killedDuringRevocation(t *testing.T, p *processes) {
	authserver, acme := p.start(t, "authserver"), p.start(t, "acme")
	p.waitForAcme(t)
	for _, victim := range []string{"acme", "authserver", "both"} {
		token := p.Tokens(t, "alice", "openid preferences:read").String("access_token")
		if through, refusal := p.preferences(t, token); !through {
			t.Fatalf("%s: before: %s", victim, refusal)
		}
		wantRevoked(t, p.revoke(t, "dreams-web", token))
		if victim != "authserver" {
			acme.kill()
		}
		if victim != "acme" {
			authserver.kill()
			authserver = p.start(t, "authserver")
		}
		if victim != "authserver" {
			acme = p.start(t, "acme")
		}
		waitFor(t, within, "Acme refuses the token after "+victim+" was killed", func() bool {
			_, refusal := p.preferences(t, token)
			return refusal == "401 invalid_token"
		})
		if p.active(t, "acme-api", token) {
			t.Errorf("%s: the token is active", victim)
		}
		p.waitForAcme(t)
	}
}

// A hundred requests are under way when the signal comes: the server has read
// their headers and asked for their bodies (RFC 9110 §10.1.1), which come later.
// Acme's question for revocations is open as well.
func stoppedWithOpenRequests(t *testing.T, p *processes) {
	authserver, acme, dreams := p.start(t, "authserver"), p.start(t, "acme"), p.start(t, "dreams")
	p.waitForAcme(t)
	const requests = 100
	p.Client.Transport.(*http.Transport).ExpectContinueTimeout = 20 * time.Second
	var open sync.WaitGroup
	var taken atomic.Int32
	tracing := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { taken.Add(1) }})
	stopping := make(chan struct{})
	for range requests {
		open.Go(func() {
			const form = "grant_type=client_credentials"
			req, err := http.NewRequestWithContext(tracing, "POST", p.Auth+"/token", &lateBody{after: stopping, Reader: strings.NewReader(form)})
			if err != nil {
				t.Error(err)
				return
			}
			req.ContentLength = int64(len(form))
			req.Header = Basic("dreams-catalogue")
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Expect", "100-continue")
			resp, err := p.Client.Do(req)
			if err != nil {
				t.Errorf("an open request: %v", err)
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "access_token") {
				t.Errorf("an open request: %s %s %v", resp.Status, body, err)
			}
		})
	}
	waitFor(t, 10*time.Second, "all requests are under way", func() bool { return taken.Load() == requests })
	begin := time.Now()
	if err := authserver.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, 5*time.Second, "no new connection is taken", func() bool {
		conn, err := net.Dial("tcp", p.Env.AuthserverURL.Host())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	close(stopping)
	open.Wait()
	if status := authserver.status(t); status != 0 {
		t.Errorf("authserver: exit status %d: %s", status, authserver.out.Bytes())
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	if status := acme.stop(t, syscall.SIGTERM); status != 0 {
		t.Errorf("acme: exit status %d: %s", status, acme.out.Bytes())
	}
	if status := dreams.stop(t, os.Interrupt); status != 0 {
		t.Errorf("dreams: exit status %d: %s", status, dreams.out.Bytes())
	}
}

// lateBody can be read once something has happened.
type lateBody struct {
	after <-chan struct{}
	io.Reader
}

func (b *lateBody) Read(p []byte) (int, error) {
	<-b.after
	return b.Reader.Read(p)
}

func startedAlone(t *testing.T, p *processes) {
	acme, dreams := p.start(t, "acme"), p.start(t, "dreams")
	for _, address := range []string{p.Acme + "/", p.Acme + "/healthz", p.Acme + "/readyz", p.Acme + "/packages", p.Dreams + "/", p.Dreams + "/healthz", p.Dreams + "/readyz"} {
		if answer := p.Do(t, "GET", address, nil, ""); answer.Status != http.StatusOK {
			t.Errorf("without the others: %s answered %d", address, answer.Status)
		}
	}
	token := p.forge(t, func(forged) {})
	if answer := p.API(t, "GET", "/me", token, ""); answer.Status != http.StatusServiceUnavailable || !strings.Contains(answer.String("detail"), "authorization server") {
		t.Errorf("the API without authserver: %d %s", answer.Status, answer.Body)
	}
	for _, address := range []string{p.Acme + "/login", p.Dreams + "/connect"} {
		b := NewBrowser(t)
		b.Stay = p.Auth
		page := b.Get(address)
		if page.Status < 500 || page.Location != "" || !strings.Contains(page.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s without authserver: %d %s", address, page.Status, page.Location)
		}
	}
	authserver := p.start(t, "authserver")
	waitFor(t, 5*time.Second, "the API answers", func() bool {
		through, _ := p.preferences(t, token)
		return through
	})
	for _, address := range []string{p.Acme + "/login", p.Dreams + "/connect"} {
		waitFor(t, 5*time.Second, address+" leads to authserver", func() bool {
			b := NewBrowser(t)
			b.Stay = p.Auth
			return strings.HasPrefix(b.Get(address).Location, p.Auth+"/authorize?")
		})
	}
	// And authserver does without the other two.
	acme.kill()
	dreams.kill()
	if answer := p.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}}); answer.Status != http.StatusOK {
		t.Errorf("authserver alone: %d", answer.Status)
	}
	for name, want := range map[string]int{"authserver": 0, "acme": 1} {
		if status := p.exec(t, nil, filepath.Join(p.bin, name), "healthcheck").status(t); status != want {
			t.Errorf("%s healthcheck: exit status %d, want %d", name, status, want)
		}
	}
	if status := authserver.stop(t, syscall.SIGTERM); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func startedWithBadVariables(t *testing.T, p *processes) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, name := range []string{"authserver", "acme", "dreams"} {
		for _, tt := range []struct{ variable, value, expected string }{
			{"AUTHSERVER_URL", "http://localhost:9000/", "expected http://host"},
			{"ACCESS_TOKEN_TTL", "soon", "expected a Go duration"},
			{"LEGACY_GRANTS", "maybe", "expected on or off"},
			{"LISTEN_ADDR", taken.Addr().String(), "expected a free port"},
			{"DATA_DIR", file, "expected a folder"},
		} {
			one := p.run(t, name, tt.variable+"="+tt.value)
			status, line := one.status(t), string(one.out.Bytes())
			if status != 2 || strings.Count(line, "\n") != 1 || !strings.Contains(line, fmt.Sprintf("%s=%q", tt.variable, tt.value)) || !strings.Contains(line, tt.expected) {
				t.Errorf("%s with %s=%s: exit status %d, %q", name, tt.variable, tt.value, status, line)
			}
		}
	}
}

// The passwords of the demonstration are in this repository.
func startedInPublic(t *testing.T, p *processes) {
	public := []string{"AUTHSERVER_URL=http://accounts.example.test", "LISTEN_ADDR=" + p.Env.AuthserverURL.Host()}
	for _, data := range []string{p.DataDir, t.TempDir()} { // seeded before, and by this start
		one := p.run(t, "authserver", append(public, "DATA_DIR="+data)...)
		status, line := one.status(t), string(one.out.Bytes())
		if status != 2 || strings.Count(line, "\n") != 1 || !strings.Contains(line, `AUTHSERVER_URL="http://accounts.example.test"`) || !strings.Contains(line, "ALLOW_DEMO_SECRETS=on") {
			t.Errorf("exit status %d, %q", status, line)
		}
	}
	allowed := p.run(t, "authserver", append(public, "ALLOW_DEMO_SECRETS=on")...)
	p.waitReady(t, allowed, p.Auth)
	answer := p.Do(t, "GET", p.Auth+"/.well-known/openid-configuration", nil, "")
	if answer.String("issuer") != "http://accounts.example.test" {
		t.Errorf("the issuer is %q", answer.String("issuer"))
	}
}

func rotatedBesideTheServer(t *testing.T, p *processes) {
	const secret = "KEY_ENCRYPTION_KEY=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv8="
	authserver := p.start(t, "authserver", secret)
	_, before := p.machineToken(t)
	command := func(variable string, args ...string) (int, string) {
		one := p.exec(t, []string{variable}, append([]string{filepath.Join(p.bin, "authserver"), "rotate-keys"}, args...)...)
		return one.status(t), string(one.out.Bytes())
	}
	if status, said := command(secret); status != 0 || strings.Count(said, "  new, signs from ") != 2 || strings.Count(said, "\n") != 4 {
		t.Errorf("exit status %d, %q", status, said)
	}
	p.waitForKey(t, before)
	// What cannot be used is one line, which holds no secret.
	for _, tt := range []struct{ variable, argument, want string }{
		{"KEY_ENCRYPTION_KEY=", "", `KEY_ENCRYPTION_KEY="" cannot be used: the signing keys in the database are encrypted`},
		{"KEY_ENCRYPTION_KEY=AAAAAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHv8=", "", `KEY_ENCRYPTION_KEY="a secret" cannot be used`},
		{"KEY_ENCRYPTION_KEY=hunter2", "", `KEY_ENCRYPTION_KEY="a secret" cannot be used: expected 32 bytes in base64`},
		{"DATA_DIR=" + t.TempDir(), "", "there is no authserver.db"},
		{secret, "--algorithm=HS256", `--algorithm="HS256" cannot be used: expected ES256 or RS256`},
		{secret, "--force", "flag provided but not defined"},
	} {
		var args []string
		if tt.argument != "" {
			args = []string{tt.argument}
		}
		status, said := command(tt.variable, args...)
		if status != 2 || strings.Count(said, "\n") != 1 || !strings.Contains(said, tt.want) || strings.Contains(said, "hunter2") || strings.Contains(said, "AAAAAwQ") {
			t.Errorf("%s %s: exit status %d, %q", tt.variable, tt.argument, status, said)
		}
	}
	// The server itself stops at the start in the same way.
	if status := authserver.stop(t, syscall.SIGTERM); status != 0 {
		t.Errorf("exit status %d", status)
	}
	one := p.run(t, "authserver")
	if status, said := one.status(t), string(one.out.Bytes()); status != 2 || strings.Count(said, "\n") != 1 || !strings.Contains(said, "KEY_ENCRYPTION_KEY") {
		t.Errorf("without the key: exit status %d, %q", status, said)
	}
}

// SQLite WAL, synchronous=FULL: the write-ahead log is synced before the answer
// is sent. A killed process cannot show that, for the system keeps what it
// wrote; the order of its system calls does, where strace is there to tell it.
func syncedBeforeTheAnswer(t *testing.T, p *processes) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Log("without strace the proof is left to the pragma that internal/sqlite sets and tests")
		return
	}
	trace := filepath.Join(t.TempDir(), "trace")
	authserver := p.exec(t, nil, strace, "-f", "-y", "-s", "40", "-e", "trace=write,fsync,fdatasync", "-o", trace, filepath.Join(p.bin, "authserver"))
	select {
	case <-authserver.ended:
		t.Logf("strace may not trace here: %s", authserver.out.Bytes())
		return
	case <-time.After(100 * time.Millisecond):
	}
	p.waitReady(t, authserver, p.Auth)
	tokens := p.offline(t)
	before := len(read(t, trace))
	if answer := p.refresh(t, "dreams-web", tokens.String("refresh_token")); answer.Status != http.StatusOK {
		t.Fatalf("refresh: %s", answer.Body)
	}
	answer := regexp.MustCompile(`write\(\d+<[^>]*>, "HTTP/1\.1 200`)
	synced := regexp.MustCompile(`(fsync|fdatasync)\(\d+<[^>]*authserver\.db-wal>\) += 0|<\.\.\. (fsync|fdatasync) resumed>\) += 0`)
	waitFor(t, 5*time.Second, "the answer is in the trace", func() bool { return answer.Match(read(t, trace)[before:]) })
	syncs := 0
	for lines := bufio.NewScanner(bytes.NewReader(read(t, trace)[before:])); lines.Scan(); {
		if synced.Match(lines.Bytes()) {
			syncs++
		}
		if answer.Match(lines.Bytes()) {
			if syncs == 0 {
				t.Errorf("the answer was sent before the log was synced:\n%s", read(t, trace)[before:])
			}
			return
		}
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
