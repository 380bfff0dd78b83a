package learn

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A server's timeouts are for answers that end: a stream outlives both, and whoever
// does not read is left.
func TestAStreamOutlivesTheServersTimeouts(t *testing.T) {
	ended := make(chan error, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &stream{out: w, control: http.NewResponseController(w)}
		err := s.begin()
		for range 8 {
			time.Sleep(50 * time.Millisecond)
			if err == nil {
				err = s.write(": still here\n\n")
			}
		}
		if err == nil {
			err = r.Context().Err()
		}
		ended <- err
	}))
	server.Config.ReadTimeout, server.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	server.Start()
	defer server.Close()
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if n := strings.Count(string(body), "still here"); err != nil || n != 8 {
		t.Errorf("%d of 8 heartbeats came: %v", n, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("the stream ended with %v", err)
	}
}
