package e2e

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	acme "example.com/acme-dreams/acme/server"
	authserver "example.com/acme-dreams/authserver/server"
	dreams "example.com/acme-dreams/dreams/server"
	"example.com/acme-dreams/internal/backchannel"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/httpserver"
	"example.com/acme-dreams/internal/metrics"
	"example.com/acme-dreams/internal/program"
	"example.com/acme-dreams/internal/tracing"
	"example.com/acme-dreams/internal/wiretap"
)

// Options change a World. The zero value is the three programs as they are.
type Options struct {
	Omit      string            // a check that is left out, for TestProve
	Env       map[string]string // variables, as the programs would get them
	Log       io.Writer         // where the programs log, at debug level; nil: nowhere
	DataDir   string            // a folder to use again; empty: a new one
	Authority http.Handler      // in place of authserver: a test's own
	Resource  http.Handler      // in place of acme, likewise
	Only      []string          // the programs to start; nil: all three
	// SQL is run on a program's database before the start, by program: clients
	// that nobody seeded, states that take long to reach.
	SQL map[string][]string
	// Ahead is how far a program's clock is ahead of the others', by program.
	Ahead map[string]time.Duration
	// Record writes down what the programs say to one another.
	Record *Recorder
	// Eavesdrop keeps what opens doors, of all that is said to the programs.
	Eavesdrop *eavesdropper
}

// World is the three programs, running.
type World struct {
	Auth, Acme, Dreams string // public base URLs
	Clock              *Clock
	DataDir            string
	Env                environment.Environment
	Client             *http.Client // follows no redirects, keeps no cookies

	stop  []func()
	backs []*http.Transport // the programs' connections to one another
	room  *wiretap.Room     // where Dreams keeps recordings; nil with WIRETAP=off
}

// Clock is what the programs take for the time.
type Clock struct{ ahead atomic.Int64 }

// Now is the real time, moved ahead.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// Advance moves the time ahead.
func (c *Clock) Advance(d time.Duration) { c.ahead.Add(int64(d)) }

// New starts a World and stops it with the test.
func New(t testing.TB, o Options) *World {
	t.Helper()
	w := &World{Clock: &Clock{}, DataDir: o.DataDir}
	if w.DataDir == "" {
		w.DataDir = t.TempDir()
		copySeeded(t, w.DataDir)
	}
	for name, statements := range o.SQL {
		runSQL(t, filepath.Join(w.DataDir, name+".db"), statements)
	}
	w.Client = &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 100},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var listeners [3]net.Listener
	variables := map[string]string{"DATA_DIR": w.DataDir}
	for i, name := range []string{"AUTHSERVER_URL", "ACME_URL", "DREAMS_URL"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners[i] = listener
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		variables[name] = "http://localhost:" + port
	}
	w.Auth, w.Acme, w.Dreams = variables["AUTHSERVER_URL"], variables["ACME_URL"], variables["DREAMS_URL"]
	for name, value := range o.Env {
		variables[name] = value
	}
	var err error
	if w.Env, err = environment.Parse(variables); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	for i, name := range []string{"authserver", "acme", "dreams"} {
		if o.Only != nil && !slices.Contains(o.Only, name) {
			_ = listeners[i].Close()
			continue
		}
		if name == "authserver" && o.Authority != nil {
			w.serve(t, listeners[i], o.Authority)
			continue
		}
		if name == "acme" && o.Resource != nil {
			w.serve(t, listeners[i], o.Resource)
			continue
		}
		w.start(t, listeners[i], name, o)
	}
	return w
}

var compose = map[string]func(context.Context, program.Config) (program.Server, error){
	"authserver": authserver.New, "acme": acme.New, "dreams": dreams.New,
}

// role is what a program is called in a transcript.
var role = map[string]string{"authserver": "Accounts", "acme": "Acme", "dreams": "Dreams"}

func (w *World) config(name string, o Options) program.Config {
	log := io.Discard
	if o.Log != nil {
		log = o.Log
	}
	back := backchannel.Transport(w.Env)
	w.backs = append(w.backs, back)
	var through http.RoundTripper = back
	if o.Record != nil {
		through = o.Record.Transport(role[name], back)
	}
	loud := w.Env
	loud.LogLevel = "debug"
	return program.Config{
		Env: w.Env, Now: func() time.Time { return w.Clock.Now().Add(o.Ahead[name]) }, Random: rand.Reader, Back: through,
		Log: program.Log(name, loud, log), Metrics: metrics.New(),
		Checks: check.Runner{Omit: o.Omit},
	}
}

func (w *World) start(t testing.TB, listener net.Listener, name string, o Options) {
	t.Helper()
	c := w.config(name, o)
	ctx, cancel := context.WithCancel(context.Background())
	tracer, err := tracing.Start(ctx, name, string(c.Env.TraceEndpoint), c.Log)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	c.Back = tracer.Transport(c.Back)
	server, err := compose[name](ctx, c)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	if d, is := server.(*dreams.Server); is {
		w.room = d.Room()
	}
	handler := tracer.Handler(server)
	if o.Eavesdrop != nil {
		handler = o.Eavesdrop.at(handler)
	}
	var running sync.WaitGroup
	running.Go(func() { server.Work(ctx) })
	running.Go(func() { _ = httpserver.Run(ctx, listener, handler, c.Log) })
	w.stop = append(w.stop, func() {
		cancel()
		running.Wait()
		if err := server.Close(); err != nil {
			t.Errorf("closing a server: %v", err)
		}
		tracer.Stop()
	})
}

func (w *World) serve(t testing.TB, listener net.Listener, handler http.Handler) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = httpserver.Run(ctx, listener, handler, slog.New(slog.DiscardHandler)) })
	w.stop = append(w.stop, func() { cancel(); running.Wait() })
}

// Stop stops the programs as SIGTERM would. The data stays.
func (w *World) Stop() {
	var all sync.WaitGroup
	for _, stop := range w.stop {
		all.Go(stop)
	}
	// A server gives a connection that has brought nothing yet five seconds to
	// do so, and clients keep some in reserve.
	stopped := make(chan struct{})
	var closing sync.WaitGroup
	closing.Go(func() {
		for {
			w.Client.CloseIdleConnections()
			http.DefaultClient.CloseIdleConnections() // the browsers'
			for _, back := range w.backs {
				back.CloseIdleConnections()
			}
			select {
			case <-stopped:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	all.Wait()
	close(stopped)
	closing.Wait() // a World that is started again changes what it reads
	w.stop = nil
}

// seeded is a folder with the three databases as a first start leaves them:
// hashing passwords and making keys once is enough.
var seeded = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "acme-dreams-seeded-")
	if err != nil {
		return "", err
	}
	env, err := environment.Parse(map[string]string{"DATA_DIR": dir})
	if err != nil {
		return "", err
	}
	c := program.Config{
		Env: env, Now: time.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler), Back: backchannel.Transport(env),
	}
	for _, compose := range []func(context.Context, program.Config) (program.Server, error){authserver.New, acme.New, dreams.New} {
		server, err := compose(context.Background(), c)
		if err != nil {
			return "", err
		}
		if err := server.Close(); err != nil {
			return "", err
		}
	}
	return dir, nil
})

func copySeeded(t testing.TB, into string) {
	t.Helper()
	from, err := seeded()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(into, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func runSQL(t testing.TB, path string, statements []string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// RemoveSeeded removes what New keeps between tests. TestMain calls it.
func RemoveSeeded() {
	if dir, err := seeded(); err == nil {
		_ = os.RemoveAll(filepath.Clean(dir))
	}
}

// Response is an answer, read whole.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// JSON is the body, where it is a JSON object.
func (r Response) JSON() map[string]any {
	var object map[string]any
	_ = json.Unmarshal([]byte(r.Body), &object)
	return object
}

// String returns a member of the JSON body.
func (r Response) String(name string) string {
	s, _ := r.JSON()[name].(string)
	return s
}

// Refusal is the status and the error code, "400 invalid_grant": how attacks
// are told apart.
func (r Response) Refusal() string {
	code := r.String("error")
	if code == "" {
		code = r.String("err") // RFC 8935 §2.3
	}
	if code == "" {
		code = ErrorOnPage(r.Body)
	}
	if code == "" {
		code = parameter(r.Header.Get("WWW-Authenticate"), "error")
	}
	return strings.TrimSpace(strconv.Itoa(r.Status) + " " + code)
}

// Do sends a request.
func (w *World) Do(t testing.TB, method, address string, header http.Header, body string) Response {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := w.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Response{resp.StatusCode, resp.Header, string(content)}
}

// Credentials is how a client authenticates in a test.
type Credentials struct{ ID, Secret string }

// Basic is client_secret_basic of a seeded client, whose secret is a convention.
func Basic(clientID string) http.Header {
	return Credentials{clientID, clientID + "-secret"}.Header()
}

// Header is the Authorization header of RFC 6749 §2.3.1.
func (c Credentials) Header() http.Header {
	pair := url.QueryEscape(c.ID) + ":" + url.QueryEscape(c.Secret)
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(pair))}}
}

// Bearer is the Authorization header of RFC 6750 §2.1.
func Bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// Post sends a form.
func (w *World) Post(t testing.TB, address string, header http.Header, form url.Values) Response {
	t.Helper()
	all := header.Clone()
	if all == nil {
		all = http.Header{}
	}
	all.Set("Content-Type", "application/x-www-form-urlencoded")
	return w.Do(t, http.MethodPost, address, all, form.Encode())
}

// Token asks the token endpoint.
func (w *World) Token(t testing.TB, header http.Header, form url.Values) Response {
	t.Helper()
	return w.Post(t, w.Auth+"/token", header, form)
}

// API calls Acme's API with a token.
func (w *World) API(t testing.TB, method, path, token, body string) Response {
	t.Helper()
	header := http.Header{}
	if token != "" {
		header = Bearer(token)
	}
	if body != "" {
		header.Set("Content-Type", "application/json")
	}
	return w.Do(t, method, w.Acme+"/api/v1"+path, header, body)
}
