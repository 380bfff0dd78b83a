package accesslog

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"example.com/acme-dreams/acme/travel"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// shelf is a store that can be shut.
type shelf struct {
	mu   sync.Mutex
	shut error
	all  []travel.Access
}

func (s *shelf) WriteAccesses(_ context.Context, all []travel.Access) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut == nil {
		s.all = append(s.all, all...)
	}
	return s.shut
}

func (s *shelf) ForgetAccesses(context.Context, time.Time) error { return nil }

func (s *shelf) set(shut error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = shut
}

func begin(s *shelf) *Log {
	return New(s, func() time.Time { return noon }, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

func TestCloseWritesWhatWaits(t *testing.T) {
	s := &shelf{}
	l := begin(s)
	for i := range 300 {
		l.Record(travel.Access{Sub: "alice", ClientID: "dreams-web", Object: strconv.Itoa(i)})
	}
	l.Close()
	if len(s.all) != 300 || s.all[299].Object != "299" || s.all[0].Times != 1 || !s.all[0].At.Equal(noon) {
		t.Errorf("%d accesses", len(s.all))
	}
}

// No call waits for the log, whatever becomes of the database.
func TestWhatIsTooMuchIsAGap(t *testing.T) {
	s := &shelf{shut: errors.New("disk full")}
	l := begin(s)
	const calls = 3 * maxQueue
	begun := time.Now()
	for i := range calls {
		sub := "alice"
		if i >= calls-maxGaps-5 { // more people than are counted apart
			sub = strconv.Itoa(i)
		}
		l.Record(travel.Access{Sub: sub, ClientID: "dreams-web", Object: strconv.Itoa(i)})
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("recording took %v", took)
	}
	s.set(nil)
	l.Close()
	counted, gaps := 0, map[string]int{}
	for _, a := range s.all {
		counted += a.Times
		if a.Gap() {
			gaps[a.Sub] += a.Times
		}
	}
	if counted != calls || gaps["alice"] == 0 || gaps[""] == 0 || gaps[strconv.Itoa(calls-maxGaps)] != 1 {
		t.Errorf("%d of %d calls are counted, alice's gap has %d, nobody's %d", counted, calls, gaps["alice"], gaps[""])
	}
}

func TestAfterADatabaseThatFailedNothingIsMissing(t *testing.T) {
	s := &shelf{shut: errors.New("locked")}
	l := begin(s)
	l.Record(travel.Access{Sub: "alice", ClientID: "dreams-web"})
	time.Sleep(2 * gather)
	l.Record(travel.Access{Sub: "alice", ClientID: "dreams-web"})
	s.set(nil)
	l.Close()
	if len(s.all) != 2 {
		t.Errorf("%d accesses", len(s.all))
	}
}

func TestALoopDoesNotBuryTheRest(t *testing.T) {
	s := &shelf{}
	l := begin(s)
	for range 500 {
		l.Record(travel.Access{Sub: "alice", ClientID: "dreams-web", What: "tried to read your posts", Status: 401})
	}
	l.Record(travel.Access{Sub: "alice", ClientID: "dreams-web", What: "read your posts", Status: 200})
	l.Close()
	counted := 0
	for _, a := range s.all {
		counted += a.Times
	}
	if counted != 501 || len(s.all) > 10*maxAlike || s.all[len(s.all)-1].What != "read your posts" {
		t.Errorf("%d rows count %d calls", len(s.all), counted)
	}
}
