package e2e

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// span is a request as a collector hears of it.
type span struct{ program, name, trace, id, parent string }

// spanCollector takes traces as OTLP over HTTP has them.
type spanCollector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []span
	said  strings.Builder // every word of every span
}

func newCollector(t testing.TB) *spanCollector {
	c := &spanCollector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unzipped
		}
		content, err := io.ReadAll(body)
		var all collector.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(content, &all) != nil {
			t.Errorf("%s: %v", r.URL, err)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, of := range all.ResourceSpans {
			program := ""
			for _, a := range of.Resource.Attributes {
				if a.Key == "service.name" {
					program = a.Value.GetStringValue()
				}
			}
			for _, scope := range of.ScopeSpans {
				for _, s := range scope.Spans {
					fmt.Fprintln(&c.said, s.Name, s.Attributes, s.Events, s.Status)
					c.spans = append(c.spans, span{program, s.Name, hex.EncodeToString(s.TraceId), hex.EncodeToString(s.SpanId), hex.EncodeToString(s.ParentSpanId)})
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// W3C Trace Context: what follows from one request is one trace, through all
// three programs. No secret goes into it, and no query.
func TestOneConnectIsOneTrace(t *testing.T) {
	t.Parallel()
	collected, said := newCollector(t), &eavesdropper{}
	log := &lockedBuffer{}
	w := New(t, Options{Env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collected.URL}, Eavesdrop: said, Log: log})
	w.waitForAcme(t)
	b := NewBrowser(t)
	w.SignIn(b, "alice")
	consent := b.Get(w.Dreams + "/connect")
	done := b.Form(consent, "decision").With(url.Values{"scope": {"email", "offline_access", "preferences:read"}, "decision": {"allow"}}).Submit()
	if done.Status != http.StatusOK || !strings.HasPrefix(done.URL.String(), w.Dreams) {
		t.Fatalf("Dreams did not connect: %d %s", done.Status, done.URL)
	}
	// An hour later the access token has ended: one page asks both others.
	w.Clock.Advance(2 * time.Hour)
	offers := b.Get(done.URL.String())
	if offers.Status != http.StatusOK {
		t.Fatalf("offers: %d", offers.Status)
	}
	w.Stop() // sends what waits

	byID := map[string]span{}
	for _, s := range collected.spans {
		byID[s.id] = s
	}
	// below tells whether a request follows from one of Dreams's, however far down.
	below := func(s span, route string) bool {
		trace := s.trace
		for s.trace == trace && (s.program != "dreams" || s.name != route) {
			s = byID[s.parent]
		}
		return s.name == route
	}
	asked := func(program, name, route string) (trace string) {
		for _, s := range collected.spans {
			if s.program == program && s.name == name && below(s, route) {
				trace = s.trace
			}
		}
		if trace == "" {
			t.Errorf("%s %s does not belong to %s: %+v", program, name, route, collected.spans)
		}
		return trace
	}
	callback := asked("authserver", "POST /token", "GET /callback")
	page := "GET " + done.URL.Path
	if one, other := asked("authserver", "POST /token", page), asked("acme", "GET /api/v1/me/preferences", page); one != other {
		t.Errorf("one page, two traces: %s and %s", one, other)
	}
	said.heard.wantNone(t, "spans", collected.said.String())
	for _, private := range []string{"?", "127.0.0.1", "alice"} {
		if strings.Contains(collected.said.String(), private) {
			t.Errorf("%q is in a span:\n%s", private, collected.said.String())
		}
	}
	if !strings.Contains(string(log.Bytes()), "trace_id="+callback) {
		t.Error("no line of the log names the trace")
	}
}

// Without a collector nothing is sent, and nothing sent along.
func TestWithoutACollectorNothingIsTraced(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked, traced := 0, 0
	authority := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		if r.Header.Get("Traceparent") != "" {
			traced++
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	w := New(t, Options{Authority: authority, Only: []string{"authserver", "acme"}})
	waitFor(t, within, "Acme asks", func() bool { mu.Lock(); defer mu.Unlock(); return asked > 0 })
	w.Stop()
	if traced != 0 {
		t.Errorf("%d of %d requests had a traceparent", traced, asked)
	}
}
