// Package program is the main function of the three programs: environment,
// listener, server, graceful stop.
package program

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"example.com/acme-dreams/internal/backchannel"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/httpserver"
	"example.com/acme-dreams/internal/metrics"
	"example.com/acme-dreams/internal/tracing"
	"example.com/acme-dreams/internal/wiretap"
)

// Config is what a server is composed from. Time and randomness are fields, so
// that tests and recorded transcripts are exact.
type Config struct {
	Env    environment.Environment
	Log    *slog.Logger
	Now    func() time.Time
	Random io.Reader
	Checks check.Runner
	// Back makes the connections to the other programs.
	Back http.RoundTripper
	// Metrics is what the program counts; nil: nothing.
	Metrics *metrics.Registry
	// Clock is the room's, which people may move; nil: time is the world's.
	Clock *wiretap.Clock
}

// World is the time outside, wherever the room's clock is.
func (c Config) World() func() time.Time {
	if c.Clock == nil {
		return c.Now
	}
	return c.Clock.Base
}

// ShowMetrics tells whether the program shows its metrics at its public
// address: while only this computer reaches that, and unless they have one of
// their own.
func (c Config) ShowMetrics(public environment.BaseURL) bool {
	return c.Env.MetricsAddr == "" && public.Loopback()
}

// Server is one of the three programs, composed.
type Server interface {
	http.Handler
	// Work does what happens between requests until ctx ends.
	Work(ctx context.Context)
	Close() error
}

// Configure is the Config of a program that runs for real.
func Configure(env environment.Environment, log *slog.Logger) Config {
	return Config{Env: env, Log: log, Now: time.Now, Random: rand.Reader, Back: backchannel.Transport(env), Metrics: metrics.New()}
}

// Command is what a program does instead of serving, and then ends: its name is
// the first argument.
type Command struct {
	Name string
	Run  func(ctx context.Context, c Config, args []string, out io.Writer) error
}

// workTimeout is how long Work may take to end once the last request is answered.
const workTimeout = 2 * time.Second

// Main runs a program and returns its exit status: 0 after a graceful stop, 1
// when it failed, 2 when it was started with something that cannot be used.
// "healthcheck" as the only argument asks the running program whether it is
// ready, for containers, which have no curl; "backup FILE" and "restore FILE"
// copy its database and put a copy in its place, "doctor" looks why the three
// programs do not come together; other words are the program's
// own commands.
func Main(name string, public func(environment.Environment) environment.BaseURL, compose func(context.Context, Config) (Server, error), commands ...Command) int {
	env, err := environment.Parse(variables())
	if err != nil {
		return fail(name, 2, err)
	}
	address := environment.Loopback(public(env).Address())
	if env.ListenAddr != "" {
		address = string(env.ListenAddr)
	}
	switch {
	case len(os.Args) == 2 && os.Args[1] == "healthcheck":
		if err := healthcheck(address); err != nil {
			return fail(name, 1, err)
		}
		return 0
	case len(os.Args) > 1:
		// Of two with one name the program's own counts.
		return command(name, env, append(commands, backup(name), restore(name), examine(name)), os.Args[1:])
	}

	surviveLimits()
	// Signals stay caught to the end: a second one must not cut a stop short.
	signals, ignore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer ignore()
	ctx, stop := context.WithCancel(signals)
	defer stop()
	log := Log(name, env, os.Stderr)
	// Listening comes first: a taken port is told before a database is touched.
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fail(name, 2, cannotListen(name, env, public(env), err))
	}
	if err := writable(env.DataDir); err != nil {
		_ = listener.Close()
		return fail(name, 2, Unusable{"DATA_DIR", env.DataDir, "expected a folder to write to: " + err.Error()})
	}
	held, err := lock(name, env.DataDir)
	if err != nil {
		_ = listener.Close()
		return fail(name, 2, err)
	}
	defer held.Close() // the system lets go of it in any case
	limitMemory()
	config := Configure(env, log)
	shown, err := showMetrics(config)
	if err != nil {
		_ = listener.Close()
		return fail(name, 2, err)
	}
	defer shown()
	tracer, err := tracing.Start(ctx, name, string(env.TraceEndpoint), log)
	if err != nil {
		_ = listener.Close()
		return fail(name, 2, Unusable{"OTEL_EXPORTER_OTLP_ENDPOINT", string(env.TraceEndpoint), err.Error()})
	}
	defer tracer.Stop()
	config.Back = tracer.Transport(config.Back)
	server, err := compose(ctx, config)
	if err != nil {
		_ = listener.Close()
		var unusable Unusable
		switch {
		case errors.As(err, &unusable):
			return fail(name, 2, err)
		case ctx.Err() != nil: // stopped before it was up
			return 0
		}
		return fail(name, 1, err)
	}
	debug.FreeOSMemory() // what the start took: the seed, and hashing its passwords
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		server.Work(ctx)
	}()
	fmt.Printf("%-10s %s  (listening on %s, data in %s)\n", name, public(env), listener.Addr(), env.DataDir)
	if env.Wiretap {
		fmt.Printf("%-10s WIRETAP=on: the messages of runs are recorded, in memory, and people can move the clock; never use it with real data\n", name)
	}
	err = httpserver.Run(ctx, listener, tracer.Handler(server), log)
	stop() // Work ends, also where serving failed by itself
	select {
	case <-worked:
	case <-time.After(workTimeout):
		log.Warn("the work between requests did not end in time")
	}
	if err := errors.Join(err, server.Close()); err != nil {
		return fail(name, 1, err)
	}
	return 0
}

// showMetrics serves the metrics at METRICS_ADDR, where that is set, until the
// function that it returns is called.
func showMetrics(c Config) (stop func(), err error) {
	if c.Env.MetricsAddr == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", string(c.Env.MetricsAddr))
	if err != nil {
		return nil, Unusable{"METRICS_ADDR", string(c.Env.MetricsAddr), "expected a free port of this computer: " + err.Error()}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", c.Metrics.Handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	return func() { _ = server.Close() }, nil
}

// command runs the command that the arguments name.
func command(name string, env environment.Environment, commands []Command, args []string) int {
	known := []string{"healthcheck"}
	for _, c := range commands {
		if c.Name != args[0] {
			known = append(known, c.Name)
			continue
		}
		ctx, ignore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer ignore()
		log := Log(name, env, os.Stderr)
		err := c.Run(ctx, Configure(env, log), args[1:], os.Stdout)
		switch {
		case err == nil:
			return 0
		case errors.As(err, new(Unusable)), errors.As(err, new(Usage)):
			return fail(name, 2, err)
		}
		return fail(name, 1, err)
	}
	return fail(name, 2, fmt.Errorf("argument %q is not known: expected none, or %s", args[0], strings.Join(slices.Compact(known), " or ")))
}

// Usage is arguments of a command that cannot be used.
type Usage struct{ Reason string }

func (u Usage) Error() string { return u.Reason }

// limitMemory sets the garbage collector, unless the operator does (GOGC,
// GOMEMLIMIT). The programs live in a few megabytes: collecting whenever these
// have doubled, as is the default, is a tenth of a busy server's work. The
// limit keeps what is large and short-lived (hashing a password takes 19 MiB)
// from growing the heap in the same proportion.
func limitMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(64 << 20)
	}
}

// Unusable is a setting that the environment allows and the data, or the
// computer, does not.
type Unusable struct{ Variable, Value, Expected string }

func (u Unusable) Error() string {
	return fmt.Sprintf("%s=%q cannot be used: %s", u.Variable, u.Value, u.Expected)
}

// cannotListen names the variable that decided where to listen.
func cannotListen(name string, env environment.Environment, public environment.BaseURL, err error) Unusable {
	u := Unusable{Variable: "LISTEN_ADDR", Value: string(env.ListenAddr), Expected: "expected a free port of this computer"}
	if env.ListenAddr == "" {
		u = Unusable{
			Variable: strings.ToUpper(name) + "_URL", Value: public.String(),
			Expected: "expected a free port of this computer, or LISTEN_ADDR to say where to listen",
		}
	}
	u.Expected += ": " + err.Error()
	return u
}

// writable tells why a folder, made where missing, does not take files.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

func fail(name string, status int, err error) int {
	line := strings.ReplaceAll(err.Error(), "\n", "; ")
	fmt.Fprintf(os.Stderr, "%s: %s\n", name, line)
	return status
}

func variables() map[string]string {
	all := map[string]string{}
	for _, v := range os.Environ() {
		name, value, _ := strings.Cut(v, "=")
		all[name] = value
	}
	return all
}

func healthcheck(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	client := http.Client{Timeout: 2 * time.Second}
	resp, err := client.Get("http://" + net.JoinHostPort(host, port) + "/readyz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", resp.Status)
	}
	return nil
}
