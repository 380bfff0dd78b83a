package main

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	acme "example.com/acme-dreams/acme/server"
	authserver "example.com/acme-dreams/authserver/server"
	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/program"
)

// TestEveryOperationIsAnsweredByBothSides keeps the benchmark from measuring
// how fast a server refuses.
func TestEveryOperationIsAnsweredByBothSides(t *testing.T) {
	s, err := newSite(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{}
	for _, v := range s.variables() {
		name, value, _ := strings.Cut(v, "=")
		variables[name] = value
	}
	env, err := environment.Parse(variables)
	if err != nil {
		t.Fatal(err)
	}
	quiet := env
	quiet.Wiretap, quiet.DataDir = false, filepath.Join(env.DataDir, unheard)
	quiet.AuthserverURL = environment.BaseURL("http://" + s.addresses[unheard])
	for _, p := range []struct {
		name    string
		env     environment.Environment
		compose func(context.Context, program.Config) (program.Server, error)
	}{{"authserver", env, authserver.New}, {"acme", env, acme.New}, {unheard, quiet, authserver.New}} {
		server, err := p.compose(t.Context(), program.Configure(p.env, slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		worked := make(chan struct{})
		go func() { server.Work(ctx); close(worked) }()
		t.Cleanup(func() {
			cancel()
			<-worked
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		})
		serve(t, s, p.name, server)
	}
	env.AuthserverURL = environment.BaseURL("http://" + s.addresses["ceiling"])
	top, err := newCeiling(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = top.db.Close() })
	serve(t, s, "ceiling", top)
	if err := signIn(s.dir); err != nil {
		t.Fatal(err)
	}
	for _, e := range endpoints(s) {
		for name, side := range map[string]side{"ours": e.ours, "ceiling": e.ceiling} {
			if l := side.run(2, 0, 10); l.errors != 0 || l.perSecond == 0 {
				t.Errorf("%s, %s: %d errors, the first: %v", e.name, name, l.errors, l.first)
			}
		}
	}
}

func serve(t *testing.T, s site, name string, handler http.Handler) {
	t.Helper()
	listener, err := net.Listen("tcp", s.addresses[name])
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	s.processes[name] = &process{pid: os.Getpid(), address: s.addresses[name]}
}

func TestAnAnswerIsReadWithLengthAndInChunks(t *testing.T) {
	in := bufio.NewReader(strings.NewReader("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" +
		"HTTP/1.1 303 See Other\r\nLocation: http://x/?code=1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"))
	for _, want := range []answer{{200, "", []byte("hello")}, {303, "http://x/?code=1", []byte("hello")}} {
		got, err := readAnswer(in)
		if err != nil || got.status != want.status || got.location != want.location || string(got.body) != string(want.body) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
}

func TestTheMedianIsTheMiddleOne(t *testing.T) {
	if got := median([]float64{9, 1, 5}); got != 5 {
		t.Errorf("got %v", got)
	}
}
