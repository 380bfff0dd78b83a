package wiretap

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestTheClockMovesForwardOnlyAndNotForEver(t *testing.T) {
	world := time.Date(2026, 9, 14, 15, 0, 0, 0, time.UTC)
	c := &Clock{Base: func() time.Time { return world }}
	if c.set(-time.Hour); !c.Now().Equal(world) {
		t.Errorf("it went back to %s", c.Now())
	}
	if c.set(10 * Limit); c.Ahead() != Limit || !c.Now().Equal(world.Add(Limit)) {
		t.Errorf("it is %s ahead", c.Ahead())
	}
	if none := (*Clock)(nil); none.Ahead() != 0 {
		t.Error("no clock is ahead")
	}
}

func TestMovesAddUp(t *testing.T) {
	n := newNeighbours(t)
	for range 3 {
		if err := n.room.Advance(t.Context(), 5*time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if n.room.Ahead() != 15*time.Minute || n.member.clock.Ahead() != 15*time.Minute {
		t.Errorf("%s, and %s there", n.room.Ahead(), n.member.clock.Ahead())
	}
	if err := n.room.PutRight(t.Context()); err != nil || n.room.Ahead() != 0 || n.member.clock.Ahead() != 0 {
		t.Errorf("%v, %s, and %s there", err, n.room.Ahead(), n.member.clock.Ahead())
	}
}

// unreachable answers nothing.
type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("away") }

// Who was away when the clock was put right hears of it, though nobody watches a run.
func TestAProgramThatMissedAMoveIsToldAgain(t *testing.T) {
	t.Parallel()
	n := newNeighbours(t)
	if err := n.room.Advance(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	m := n.room.members[0]
	connect := func(base http.RoundTripper) {
		m.sending.Lock()
		defer m.sending.Unlock()
		m.back = direct(base, time.Second)
	}
	connect(unreachable{})
	missed := (*NotMoved)(nil)
	if err := n.room.PutRight(t.Context()); !errors.As(err, &missed) || missed.Party != AuthorizationServer {
		t.Fatalf("the error names nobody: %v", err)
	}
	if n.member.clock.Ahead() != time.Hour {
		t.Fatal("it was told all the same")
	}
	connect(http.DefaultTransport)
	for begin := time.Now(); n.member.clock.Ahead() != 0; time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > 3*again {
			t.Fatalf("it is still %s ahead", n.member.clock.Ahead())
		}
	}
}

// A run goes on being watched when the clock is moved past what it is watched for.
func TestAMovedClockForgetsNoRun(t *testing.T) {
	n := newNeighbours(t)
	run := n.room.Open(t.Context(), nil)
	if err := n.room.Advance(t.Context(), 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	n.room.Open(t.Context(), nil) // what is forgotten is forgotten when another begins
	n.call(t, run, "/token", "code=c1")
	until(t, "the run is heard", func() bool { e, _ := run.Exchanges(); return len(e) == 1 && e[0].Route != "" })
	if e, _ := run.Exchanges(); e[0].Duration > time.Minute || time.Until(e[0].Start) < 23*time.Hour {
		t.Errorf("it began %s and took %s", e[0].Start, e[0].Duration)
	}
}

// Runs that are over at once take the place of none that goes on.
func TestAForgottenRunIsHeardNoMore(t *testing.T) {
	n := newNeighbours(t)
	for range maxWatched + 20 {
		run := n.room.Open(t.Context(), nil)
		n.room.Forget(run.ID)
		if n.room.Recording(run.ID) != nil {
			t.Fatal("it is still there")
		}
	}
	run := n.room.Open(t.Context(), nil)
	n.call(t, run, "/token", "code=c1")
	until(t, "the run is heard", func() bool { e, _ := run.Exchanges(); return len(e) == 1 && e[0].Route != "" })
	until(t, "the others are not watched", func() bool { return len(n.member.matcher.all()) == 1 })
	if ids := n.room.IDs(); len(ids) != 1 || ids[0] != run.ID {
		t.Errorf("%v", ids)
	}
	(*Room)(nil).Forget("nothing")
}
