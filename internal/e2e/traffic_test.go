package e2e

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// stopwatch notes how every request ends that goes through it, and after how long.
type stopwatch struct {
	http.RoundTripper

	mu     sync.Mutex
	took   []time.Duration // of those that were answered
	idle   []time.Duration // of those for /healthz, where a program does nothing
	ends   map[string]int  // by status; "refused": nobody listened; "closed": before an answer began
	faults []string        // what should not have been answered
}

func (s *stopwatch) RoundTrip(r *http.Request) (*http.Response, error) {
	begin := time.Now()
	resp, err := s.RoundTripper.RoundTrip(r)
	took := time.Since(begin)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		s.ends["refused"]++
	case err != nil:
		s.ends["closed"]++
		if took > 15*time.Second {
			s.faults = append(s.faults, fmt.Sprintf("%s: %v", r.URL.Path, err))
		}
	default:
		s.ends[strconv.Itoa(resp.StatusCode)]++
		if r.URL.Path == "/healthz" {
			s.idle = append(s.idle, took)
		} else {
			s.took = append(s.took, took)
		}
		switch resp.StatusCode {
		case http.StatusOK, http.StatusSeeOther, http.StatusServiceUnavailable:
		default:
			s.faults = append(s.faults, r.URL.Path+": "+resp.Status)
		}
		resp.Body = wholeBody{resp.Body, s, r.URL.Path}
	}
	return resp, err
}

// CloseIdleConnections is what http.Client asks for.
func (s *stopwatch) CloseIdleConnections() {
	s.RoundTripper.(*http.Transport).CloseIdleConnections()
}

// wholeBody notes an answer that was broken off.
type wholeBody struct {
	io.ReadCloser
	s    *stopwatch
	path string
}

func (b wholeBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		b.s.mu.Lock()
		defer b.s.mu.Unlock()
		b.s.faults = append(b.s.faults, b.path+": broken off: "+err.Error())
	}
	return n, err
}

// lap is what happened since the last one.
type lap struct {
	took, idle []time.Duration
	ends       map[string]int
	faults     []string
}

func (s *stopwatch) lap() lap {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := lap{s.took, s.idle, s.ends, s.faults}
	slices.Sort(l.took)
	slices.Sort(l.idle)
	s.took, s.idle, s.ends, s.faults = nil, nil, map[string]int{}, nil
	return l
}

func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(float64(len(sorted)-1)*p/100)].Round(100 * time.Microsecond)
}

func (l lap) String() string {
	var ends []string
	for _, end := range slices.Sorted(maps.Keys(l.ends)) {
		ends = append(ends, fmt.Sprintf("%s: %d", end, l.ends[end]))
	}
	return fmt.Sprintf("answers %s; p50 %s, p99 %s, longest %s; /healthz meanwhile p50 %s, p99 %s", strings.Join(ends, ", "),
		percentile(l.took, 50), percentile(l.took, 99), percentile(l.took, 100), percentile(l.idle, 50), percentile(l.idle, 99))
}

// within wants the slowest of a hundred requests to take no longer than stated. A
// computer on which a program takes a quarter of that to do nothing is busy with
// something else, and says nothing about the programs.
func (l lap) within(t *testing.T, stated time.Duration) {
	t.Helper()
	if p99 := percentile(l.took, 99); p99 > stated && p99 > 4*percentile(l.idle, 99) {
		t.Errorf("of a hundred requests one took longer than %s; stated are %s", p99, stated)
	}
	for i, fault := range l.faults {
		if i == 10 {
			t.Errorf("and %d more", len(l.faults)-i)
			break
		}
		t.Error(fault)
	}
}

// traffic is people and applications who use all three programs.
type traffic struct {
	*processes
	*stopwatch
	cookie    http.Header // of alice's session
	exchanges atomic.Int32
	visits    atomic.Int32
}

// newTraffic begins to note what becomes of p's requests.
func newTraffic(t *testing.T, p *processes) *traffic {
	t.Helper()
	b := p.SignedIn(t, "alice")
	p.Allow(b, p.Request("openid profile offline_access"), "offline_access")
	f := &traffic{
		processes: p, stopwatch: &stopwatch{RoundTripper: p.Client.Transport, ends: map[string]int{}},
		cookie: http.Header{"Cookie": {cookieHeader(t, b, p.Auth)}},
	}
	p.Client.Transport = f.stopwatch
	return f
}

// each is how many requests a visit has.
const each = 11

// visit looks at pages, goes through a whole authorization and uses the token. Every
// twentieth gives back what was granted: that is remembered while tokens live.
func (f *traffic) visit() {
	f.visits.Add(1)
	for _, address := range []string{f.Auth + "/healthz", f.Acme + "/packages", f.Dreams + "/", f.Auth + "/login"} {
		_, _ = f.attempt("GET", address, nil, nil)
	}
	_, _ = f.attempt("POST", f.Auth+"/token", Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}})
	v := &witness{w: f.World, cookie: f.cookie, exchanges: &f.exchanges}
	if f.visits.Load()%20 == 0 {
		v.redeemed = []string{"so the next is given back"}
	}
	if v.exchange() != nil { // the stopwatch knows why
		return
	}
	f.exchanges.Add(1)
	if token := v.current.String("access_token"); token != "" {
		_, _ = f.attempt("GET", f.Acme+"/api/v1/me", Bearer(token), nil)
		_, _ = f.attempt("POST", f.Auth+"/introspect", Basic("acme-api"), url.Values{"token": {token}})
	}
}

// at begins so many visits a second, whatever became of those before, as long as
// no more than fifty are under way: on a computer that is busy with something else
// they pile up.
func (f *traffic) at(rate int, span time.Duration) lap {
	_ = f.lap()
	var open sync.WaitGroup
	places := make(chan struct{}, 50)
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	for until := time.Now().Add(span); time.Now().Before(until); <-ticker.C {
		places <- struct{}{}
		open.Go(func() {
			f.visit()
			<-places
		})
	}
	open.Wait()
	return f.lap()
}

// flatOut is as many visits as so many visitors can make, one after the other.
func (f *traffic) flatOut(visitors int, span time.Duration) lap {
	_ = f.lap()
	var open sync.WaitGroup
	until := time.Now().Add(span)
	for range visitors {
		open.Go(func() {
			for time.Now().Before(until) {
				f.visit()
			}
		})
	}
	open.Wait()
	return f.lap()
}
