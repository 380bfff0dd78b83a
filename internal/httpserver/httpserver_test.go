package httpserver

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

func TestAGracefulStopAnswersOpenRequestsAndRefusesNewOnes(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	arrived, finish := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-finish
		if r.Context().Err() != nil {
			t.Error("the open request's context ended with the stop")
		}
		_, _ = io.WriteString(w, "finished")
	})
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- Run(ctx, listener, handler, slog.New(slog.DiscardHandler)) }()

	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get(url)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	<-arrived
	stop()

	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			break // refused, as it should be
		}
		_ = conn.Close()
		if time.Since(start) > 5*time.Second {
			t.Fatal("new connections are still taken")
		}
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped before the open request was answered: %v", err)
	default:
	}
	close(finish)
	if got := <-answer; got != "finished" {
		t.Errorf("the open request got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("a graceful stop returned %v", err)
	}
}

func TestAListenerThatFailsEndsRun(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	if err := Run(t.Context(), listener, http.NotFoundHandler(), slog.New(slog.DiscardHandler)); err == nil {
		t.Error("Run returned nil")
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- Run(ctx, listener, site(t, io.Discard), slog.New(slog.DiscardHandler)) }()
	for path, status := range map[string]int{"/": 200, "/nowhere": 404, "/form": 405} {
		resp, err := http.Head("http://" + listener.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != status || len(body) != 0 || resp.ContentLength <= 0 {
			t.Errorf("HEAD %s: %d, want %d; %d bytes of %d, %v", path, resp.StatusCode, status, len(body), resp.ContentLength, err)
		}
	}
	stop()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
