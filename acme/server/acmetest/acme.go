// Package acmetest runs Acme Travel for tests: the whole program on a port of
// its own, with a stand-in for the authorization server and a clock to move.
package acmetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/acme-dreams/acme/bearer/bearertest"
	"example.com/acme-dreams/acme/server"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/program"
)

// Two of the seeded people.
const (
	Alice = "u_7Qm2kXf0Rb9sTzLw"
	Bob   = "u_Vn4dPy8HcE1gJq6A"
)

// Acme is the program, running.
type Acme struct {
	Authserver *bearertest.Authserver
	Server     program.Server
	Log        *Log

	t   testing.TB
	url string
}

// Log keeps what the program logs, at every level.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// New starts the program on an empty data directory.
func New(t testing.TB) *Acme {
	t.Helper()
	return Start(t, bearertest.New(t), t.TempDir())
}

// Start starts it on a data directory that may have been used before.
func Start(t testing.TB, authserver *bearertest.Authserver, dataDir string) *Acme {
	t.Helper()
	log := &Log{}
	s, err := compose(t, authserver, dataDir, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	worked := make(chan struct{})
	_, before := authserver.Counts()
	go func() { s.Work(ctx); close(worked) }()
	listening := httptest.NewServer(s)
	t.Cleanup(func() {
		listening.Close()
		cancel()
		<-worked
		_ = s.Close()
	})
	waitForNews(authserver, before)
	return &Acme{Authserver: authserver, Server: s, Log: log, t: t, url: listening.URL}
}

// waitForNews waits until Acme has heard which tokens are revoked: whoever asks
// a second time has taken in the first answer. An authorization server that is
// down has nothing to say.
func waitForNews(authserver *bearertest.Authserver, before int) {
	down := false
	authserver.Do(func() { down = authserver.Down })
	for deadline := time.Now().Add(5 * time.Second); !down && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if _, polls := authserver.Counts(); polls > before+1 {
			return
		}
	}
}

// Try returns why the program does not start on a data directory.
func Try(t testing.TB, dataDir string) error {
	t.Helper()
	s, err := compose(t, bearertest.New(t), dataDir, &Log{})
	if err == nil {
		_ = s.Close()
	}
	return err
}

func compose(t testing.TB, authserver *bearertest.Authserver, dataDir string, log *Log) (program.Server, error) {
	t.Helper()
	env, err := environment.Parse(map[string]string{
		"AUTHSERVER_URL": authserver.URL, "ACME_URL": bearertest.Resource, "DATA_DIR": dataDir,
	})
	if err != nil {
		t.Fatal(err)
	}
	return server.New(t.Context(), program.Config{
		Env: env, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now: authserver.Clock.Now, Random: rand.Reader, Back: http.DefaultTransport,
	})
}

// Token is a good access token of a person.
func (a *Acme) Token(sub, scope string) string {
	return a.Authserver.Token(a.Authserver.Claims(sub, scope))
}

// Request is one to the program. A Body that is no string is sent as JSON.
type Request struct {
	Method, Path string // GET where empty
	Token        string
	Body         any
	Header       map[string]string
	Host         string
}

// Answer is the whole of it, read.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Get asks for a path with a token; an empty token is none.
func (a *Acme) Get(path, token string) Answer {
	a.t.Helper()
	return a.Do(Request{Path: path, Token: token})
}

// Do sends a request.
func (a *Acme) Do(r Request) Answer {
	a.t.Helper()
	var body io.Reader
	text, isText := r.Body.(string)
	switch {
	case isText:
		body = strings.NewReader(text)
	case r.Body != nil:
		b, err := json.Marshal(r.Body)
		if err != nil {
			a.t.Fatal(err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequest(r.Method, a.url+r.Path, body)
	if err != nil {
		a.t.Fatal(err)
	}
	if r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	req.Host = r.Host
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return Answer{resp.StatusCode, resp.Header, b}
}

// JSON decodes an answer.
func JSON[T any](t testing.TB, a Answer) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(a.Body, &v); err != nil {
		t.Fatalf("%d %s: %v", a.Status, a.Body, err)
	}
	return v
}
