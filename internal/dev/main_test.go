package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/seed"
)

func TestATakenPortIsToldWithItsProgramAndTheWayOut(t *testing.T) {
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, taken, _ := net.SplitHostPort(listener.Addr().String())
	all := programs(environment.Environment{
		AuthserverURL: "http://localhost:" + environment.BaseURL(freePort()),
		AcmeURL:       "http://localhost:" + environment.BaseURL(taken),
		DreamsURL:     "http://localhost:" + environment.BaseURL(freePort()),
	})
	err = portsFree(all)
	if err == nil || !strings.Contains(err.Error(), "acme cannot listen at http://localhost:"+taken) || !strings.Contains(err.Error(), "ACME_URL=http://localhost:") {
		t.Errorf("got %v", err)
	}
	if err != nil && (strings.Contains(err.Error(), "authserver") || strings.Contains(err.Error(), "dreams")) {
		t.Errorf("a program whose port is free is blamed: %v", err)
	}
}

func TestOneListenAddressForThreeProgramsIsRefused(t *testing.T) {
	t.Setenv("LISTEN_ADDR", ":9000")
	if err := run(t.Context(), new(strings.Builder)); err == nil || !strings.Contains(err.Error(), "LISTEN_ADDR") {
		t.Errorf("got %v", err)
	}
}

func TestTheWelcomeSaysWhatToOpenAndWhoToBe(t *testing.T) {
	env, err := environment.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := welcome(programs(env), env.DataDir)
	for _, want := range []string{"open http://localhost:9002", "http://localhost:9001", "http://localhost:9000", "./data", "Ctrl-C"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q", want)
		}
	}
	for _, u := range seed.Users() {
		if !strings.Contains(text, u.Username) || !strings.Contains(text, u.Name) {
			t.Errorf("it does not name %s", u.Username)
		}
	}
}

func TestEachLineBearsItsProgramsName(t *testing.T) {
	var out strings.Builder
	p := &prefixed{prefix: "acme | ", lines: &lines{out: &out}}
	for _, part := range []string{"one\ntw", "o\n", "\nunfinished"} {
		if n, err := p.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	if want := "acme | one\nacme | two\nacme | \n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// scripts stand in for the programs.
func scripts(t *testing.T, acme string) []program {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.Mkdir("bin", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"acme":       acme,
		"dreams":     "trap 'echo stopped; exit 0' TERM; echo up; while :; do sleep 0.05; done",
		"authserver": "trap 'echo stopped; exit 0' TERM; echo up; while :; do sleep 0.05; done",
	} {
		if err := os.WriteFile(filepath.Join("bin", name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return programs(environment.Environment{AuthserverURL: "http://localhost:1", AcmeURL: "http://localhost:1", DreamsURL: "http://localhost:1"})
}

func TestWhenOneEndsTheOthersAreStopped(t *testing.T) {
	var out strings.Builder
	err := start(t.Context(), scripts(t, "sleep 0.5; echo help >&2; exit 3"), "./data", &out)
	if err == nil || !strings.Contains(err.Error(), "acme ended (exit status 3)") {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{"acme       | help\n", "dreams     | stopped\n", "authserver | stopped\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in %q", want, out.String())
		}
	}
}

func TestAStopReachesAllThree(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	var out strings.Builder
	if err := start(ctx, scripts(t, "trap 'echo stopped; exit 0' TERM; echo up; while :; do sleep 0.05; done"), "./data", &out); err != nil {
		t.Errorf("a stop that was asked for is told as a failure: %v", err)
	}
	if n := strings.Count(out.String(), "| stopped\n"); n != 3 {
		t.Errorf("%d of 3 were stopped: %q", n, out.String())
	}
}
