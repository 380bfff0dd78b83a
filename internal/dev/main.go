// Command dev builds the three programs, starts them side by side and says what
// to open and who to sign in as. Ctrl-C stops all three; when one of them ends,
// so do the others.
//
//	go run ./internal/dev
//	go run ./internal/dev doctor    looks why they do not come together
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"example.com/acme-dreams/internal/doctor"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/seed"
)

// startTimeout is how long a program may take until it is ready: the first
// start seeds its database.
const startTimeout = 60 * time.Second

// program is one of the three.
type program struct {
	name, variable string // acme, ACME_URL
	url            environment.BaseURL
	role           string
}

func programs(env environment.Environment) []program {
	return []program{
		{"dreams", "DREAMS_URL", env.DreamsURL, "Dreams, the partner: start here"},
		{"acme", "ACME_URL", env.AcmeURL, "Acme Travel: the website and the API"},
		{"authserver", "AUTHSERVER_URL", env.AuthserverURL, "Acme's accounts: the authorization server"},
	}
}

func main() {
	signals, ignore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer ignore()
	ctx, cancel := context.WithCancel(signals)
	defer cancel()
	go func() { // killing "go run" ends it without a word to us
		for parent := os.Getppid(); os.Getppid() == parent; time.Sleep(time.Second) {
		}
		cancel()
	}()
	do := run
	if len(os.Args) == 2 && os.Args[1] == "doctor" {
		do = examine
	}
	if err := do(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// examine looks why the programs do not come together on this computer.
func examine(ctx context.Context, out io.Writer) error {
	env, err := environment.Parse(variables())
	if err != nil {
		return err
	}
	if d := (&doctor.Doctor{Env: env, Now: time.Now, Out: out}); !d.Examine(ctx) {
		return errors.New("something is wrong: see above")
	}
	return nil
}

func run(ctx context.Context, out io.Writer) error {
	env, err := environment.Parse(variables())
	if err != nil {
		return err
	}
	if env.ListenAddr != "" {
		return fmt.Errorf("LISTEN_ADDR=%q is for one program: three cannot listen there. Unset it, and set AUTHSERVER_URL, ACME_URL or DREAMS_URL", env.ListenAddr)
	}
	if env.MetricsAddr != "" {
		return fmt.Errorf("METRICS_ADDR=%q is for one program: three cannot listen there. Unset it: each shows its metrics at /metrics", env.MetricsAddr)
	}
	all := programs(env)
	if err := portsFree(all); err != nil {
		return err
	}
	fmt.Fprintln(out, "Building the three programs; the first time takes a minute or two.")
	if err := build(ctx, all); err != nil {
		return err
	}
	return start(ctx, all, env.DataDir, out)
}

// portsFree tells about a taken port before anything is built or started.
func portsFree(all []program) error {
	var taken []error
	for _, p := range all {
		listener, err := net.Listen("tcp", environment.Loopback(p.url.Address()))
		if err != nil {
			taken = append(taken, fmt.Errorf("%s cannot listen at %s: %w.\nStop the program that is there, or choose another port: %s=http://localhost:%s make run",
				p.name, p.url, err, p.variable, freePort()))
			continue
		}
		_ = listener.Close()
	}
	return errors.Join(taken...)
}

// freePort is a port to suggest.
func freePort() string {
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return "9100"
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

func build(ctx context.Context, all []program) error {
	if _, err := os.Stat("go.mod"); err != nil {
		return errors.New("run this in the folder that go.mod is in")
	}
	args := []string{"build", "-o", "bin" + string(filepath.Separator)}
	for _, p := range all {
		args = append(args, "./"+p.name)
	}
	command := exec.CommandContext(ctx, "go", args...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	return command.Run()
}

// start runs the programs until ctx ends or one of them does.
func start(ctx context.Context, all []program, dataDir string, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	lines := &lines{out: out}
	var running sync.WaitGroup
	var first sync.Once
	var failure error
	for _, p := range all {
		running.Go(func() {
			err := supervise(ctx, p, lines)
			if ctx.Err() == nil {
				first.Do(func() { failure = fmt.Errorf("%s ended (%w): the others were stopped", p.name, err) })
			}
			stop()
		})
	}
	if ready(ctx, all) {
		lines.print(welcome(all, dataDir))
	}
	running.Wait()
	return failure
}

var errNoReason = errors.New("exit status 0")

// supervise runs one program; when ctx ends it is asked to stop.
func supervise(ctx context.Context, p program, lines *lines) error {
	command := exec.CommandContext(ctx, filepath.Join("bin", p.name))
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 15 * time.Second // open requests may take ten
	prefixed := &prefixed{prefix: fmt.Sprintf("%-10s | ", p.name), lines: lines}
	command.Stdout, command.Stderr = prefixed, prefixed
	if err := command.Run(); err != nil {
		return err
	}
	return errNoReason
}

// ready waits until all programs answer.
func ready(ctx context.Context, all []program) bool {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for _, p := range all {
		for !answers(ctx, p) {
			select {
			case <-ctx.Done():
				return false
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return true
}

func answers(ctx context.Context, p program) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+environment.Loopback(p.url.Address())+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// welcome says what to open and who to be.
func welcome(all []program, dataDir string) string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	fmt.Fprint(table, "\nOpen this\tto see\n")
	for _, p := range all {
		fmt.Fprintf(table, "%s\t%s\n", p.url, p.role)
	}
	_ = table.Flush()
	fmt.Fprint(table, "\nSign in as\tpassword\twho that is\n")
	for _, u := range seed.Users() {
		fmt.Fprintf(table, "%s\t%s\t%s: %s\n", u.Username, u.Password, u.Name, u.About)
	}
	_ = table.Flush()
	fmt.Fprintf(&text, "\nAll three are ready: open %s\nTheir data is in %s. Ctrl-C stops them.\n\n", all[0].url, dataDir)
	return text.String()
}

// lines writes whole lines, whoever they come from.
type lines struct {
	mu  sync.Mutex
	out io.Writer
}

func (l *lines) print(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = io.WriteString(l.out, text)
}

// prefixed puts a program's name before each of its lines.
type prefixed struct {
	prefix string
	lines  *lines
	begun  []byte // of a line that is not yet whole
}

func (p *prefixed) Write(text []byte) (int, error) {
	p.begun = append(p.begun, text...)
	for {
		advance, line, _ := bufio.ScanLines(p.begun, false)
		if advance == 0 {
			return len(text), nil
		}
		p.lines.print(p.prefix + string(line) + "\n")
		p.begun = p.begun[advance:]
	}
}

func variables() map[string]string {
	all := map[string]string{}
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		all[name] = value
	}
	return all
}
