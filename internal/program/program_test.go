package program_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/program"
)

// The tests start this very file as a program: what Main is about happens to a
// process. An argument after the mark is the program's own.
const mark = "as-acme"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == mark {
		os.Args = append(os.Args[:1], os.Args[2:]...)
		os.Exit(program.Main("acme", func(env environment.Environment) environment.BaseURL { return env.AcmeURL }, compose,
			program.Command{Name: "add", Run: add}))
	}
	os.Exit(m.Run())
}

type server struct{ http.Handler }

func compose(ctx context.Context, c program.Config) (program.Server, error) {
	switch c.Env.RegistrationToken { // a free word to choose a behaviour by
	case "unusable":
		return nil, fmt.Errorf("acme: %w", program.Unusable{Variable: "ACME_URL", Value: c.Env.AcmeURL.String(), Expected: "expected a loopback address"})
	case "broken":
		return nil, errors.New("the schema is\nbroken")
	case "slow start":
		fmt.Println("starting")
		<-ctx.Done()
		return nil, ctx.Err()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if c.Env.RegistrationToken == "not ready" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Println("slow: begun")
		time.Sleep(500 * time.Millisecond)
		_, _ = io.WriteString(w, "whole")
	})
	return server{mux}, nil
}

// add is a command of the program's own.
func add(_ context.Context, c program.Config, args []string, out io.Writer) error {
	switch len(args) {
	case 0:
		return program.Usage{Reason: "add: expected a word"}
	case 1:
		fmt.Fprintln(out, c.Env.AcmeURL, args[0])
		return nil
	}
	return errors.New("add: too\nmany")
}

func (server) Work(ctx context.Context) {
	<-ctx.Done()
	time.Sleep(600 * time.Millisecond) // longer than any request of the tests
	fmt.Println("work: ending")
	time.Sleep(200 * time.Millisecond)
	fmt.Println("work: ended")
}

func (server) Close() error {
	fmt.Println("closed")
	return nil
}

// process is the program, running.
type process struct {
	*exec.Cmd
	url            string
	stdout, stderr *output
}

func start(t *testing.T, variables []string, args ...string) *process {
	t.Helper()
	address := freeAddress(t)
	p := &process{
		Cmd: exec.Command(os.Args[0], append([]string{mark}, args...)...),
		url: "http://" + address, stdout: new(output), stderr: new(output),
	}
	p.Env = append([]string{"ACME_URL=http://" + address, "DATA_DIR=" + t.TempDir(), "GORACE=atexit_sleep_ms=0"}, variables...)
	p.Stdout, p.Stderr = p.stdout, p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill(); _ = p.Wait() })
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// status waits for the process to end.
func (p *process) status(t *testing.T) int {
	t.Helper()
	timer := time.AfterFunc(20*time.Second, func() { _ = p.Process.Kill() })
	defer timer.Stop()
	_ = p.Wait()
	return p.ProcessState.ExitCode()
}

func waitFor(t *testing.T, out *output, text string) {
	t.Helper()
	for begin := time.Now(); !strings.Contains(out.String(), text); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("no %q in %q", text, out.String())
		}
	}
}

func TestAValueThatCannotBeUsedStopsTheStartWithOneLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		variable, value, expected string
	}{
		{"WIRETAP", "maybe", "expected on or off"},
		{"ACME_URL", "http://localhost:9001/", "expected http://host"},
		{"ACME_URL", "http://" + taken.Addr().String(), "expected a free port of this computer, or LISTEN_ADDR"},
		{"LISTEN_ADDR", taken.Addr().String(), "expected a free port of this computer: listen tcp"},
		{"LISTEN_ADDR", "192.0.2.1:9000", "expected a free port of this computer: listen tcp"},
		{"METRICS_ADDR", taken.Addr().String(), "expected a free port of this computer: listen tcp"},
		{"DATA_DIR", file, "expected a folder to write to"},
		{"DATA_DIR", "/proc/nowhere", "expected a folder to write to"},
		{"REGISTRATION_TOKEN", "unusable", "expected a loopback address"}, // found while composing
	} {
		p := start(t, []string{tt.variable + "=" + tt.value})
		status, line := p.status(t), p.stderr.String()
		want := fmt.Sprintf("acme: %s=%q cannot be used: ", tt.variable, tt.value)
		if tt.value == "unusable" {
			want = fmt.Sprintf("acme: acme: ACME_URL=%q cannot be used: ", p.url)
		}
		if status != 2 || !strings.HasPrefix(line, want) || !strings.Contains(line, tt.expected) || strings.Count(line, "\n") != 1 {
			t.Errorf("%s=%s: status %d, %q, want 2 and %q … %q", tt.variable, tt.value, status, line, want, tt.expected)
		}
		if p.stdout.String() != "" {
			t.Errorf("%s=%s: said %q", tt.variable, tt.value, p.stdout)
		}
	}
}

func TestAnotherFailureIsStatus1AndOneLine(t *testing.T) {
	p := start(t, []string{"REGISTRATION_TOKEN=broken"})
	if status := p.status(t); status != 1 || p.stderr.String() != "acme: the schema is; broken\n" {
		t.Errorf("status %d, %q", status, p.stderr)
	}
}

func TestAnUnknownArgumentIsStatus2(t *testing.T) {
	p := start(t, nil, "--port=9001")
	if status := p.status(t); status != 2 || !strings.Contains(p.stderr.String(), `"--port=9001" is not known`) {
		t.Errorf("status %d, %q", status, p.stderr)
	}
}

func TestACommandRunsInsteadOfTheServer(t *testing.T) {
	for _, tt := range []struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		{[]string{"add", "one"}, 0, " one\n", ""},
		{[]string{"add"}, 2, "", "acme: add: expected a word\n"},
		{[]string{"add", "one", "two"}, 1, "", "acme: add: too; many\n"},
		{[]string{"subtract"}, 2, "", "acme: argument \"subtract\" is not known: expected none, or healthcheck or add or backup or restore or doctor\n"},
	} {
		p := start(t, nil, tt.args...)
		if status := p.status(t); status != tt.status || strings.TrimPrefix(p.stdout.String(), p.url) != tt.stdout || p.stderr.String() != tt.stderr {
			t.Errorf("%v: status %d, said %q and %q", tt.args, status, p.stdout, p.stderr)
		}
	}
}

func TestAStopLetsRequestsAndWorkFinishBeforeClosing(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := start(t, nil)
		waitFor(t, p.stdout, "listening on")
		answer := make(chan string, 1)
		go func() {
			resp, err := http.Get(p.url + "/slow")
			if err != nil {
				answer <- err.Error()
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			answer <- string(body)
		}()
		waitFor(t, p.stdout, "slow: begun")
		if err := p.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if got := <-answer; got != "whole" {
			t.Errorf("%v: the open request got %q", signal, got)
		}
		waitFor(t, p.stdout, "work: ending")
		_ = p.Process.Signal(syscall.SIGINT) // a terminal and a supervisor both send one
		if status := p.status(t); status != 0 {
			t.Errorf("%v: status %d, %s", signal, status, p.stderr)
		}
		said := p.stdout.String()
		if !strings.HasSuffix(said, "work: ended\nclosed\n") {
			t.Errorf("%v: said %q, want the work to end before Close", signal, said)
		}
	}
}

func TestAStopDuringTheStartIsAGracefulOne(t *testing.T) {
	p := start(t, []string{"REGISTRATION_TOKEN=slow start"})
	waitFor(t, p.stdout, "starting")
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := p.status(t); status != 0 || p.stderr.String() != "" {
		t.Errorf("status %d, %q", status, p.stderr)
	}
}

func TestHealthcheckAsksTheRunningProgram(t *testing.T) {
	for word, want := range map[string]int{"ready": 0, "not ready": 1} {
		p := start(t, []string{"REGISTRATION_TOKEN=" + word})
		waitFor(t, p.stdout, "listening on")
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(p.url, "http://"))
		for _, variables := range [][]string{
			{"ACME_URL=" + p.url},
			{"ACME_URL=http://elsewhere.invalid", "LISTEN_ADDR=:" + port}, // as in a container
		} {
			check := start(t, variables, "healthcheck")
			if status := check.status(t); status != want {
				t.Errorf("%s, %q: status %d, %s", word, variables, status, check.stderr)
			}
		}
	}
	if check := start(t, nil, "healthcheck"); check.status(t) != 1 || strings.Count(check.stderr.String(), "\n") != 1 {
		t.Errorf("nobody listens: %q", check.stderr)
	}
}

// Two processes on one database would each keep counters, spent proofs and
// clients of their own. A command beside the server is none.
func TestASecondProcessOnTheSameDataDoesNotStart(t *testing.T) {
	data := t.TempDir()
	first := start(t, []string{"DATA_DIR=" + data})
	waitFor(t, first.stdout, "listening on")
	second := start(t, []string{"DATA_DIR=" + data})
	want := fmt.Sprintf("acme: DATA_DIR=%q cannot be used: another acme, process %d, is at work on it: ", data, first.Process.Pid)
	if status := second.status(t); status != 2 || !strings.HasPrefix(second.stderr.String(), want) || strings.Count(second.stderr.String(), "\n") != 1 {
		t.Errorf("status %d, %q, want %q", status, second.stderr, want)
	}
	if beside := start(t, []string{"DATA_DIR=" + data}, "add", "one"); beside.status(t) != 0 {
		t.Errorf("a command: %s", beside.stderr)
	}
	// However the first one ends, the lock goes with it.
	_ = first.Process.Kill()
	_ = first.Wait()
	third := start(t, []string{"DATA_DIR=" + data})
	waitFor(t, third.stdout, "listening on")
}

func TestMetricsHaveAListenerOfTheirOwn(t *testing.T) {
	address := freeAddress(t)
	p := start(t, []string{"METRICS_ADDR=" + address})
	waitFor(t, p.stdout, "listening on")
	resp, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || !strings.Contains(string(text), "go_goroutines ") {
		t.Errorf("%s %s", resp.Status, text)
	}
}

func TestAPublicNameBelowLocalhostIsListenedOnWithoutDNS(t *testing.T) {
	_, port, _ := net.SplitHostPort(freeAddress(t))
	p := start(t, []string{"ACME_URL=http://acme.localhost:" + port})
	waitFor(t, p.stdout, "http://acme.localhost:"+port)
}
