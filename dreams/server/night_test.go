package server_test

import (
	"net/url"
	"testing"
	"time"
)

// only is the one refresh token that is good and not among those known.
func (as *fakeAS) only(t *testing.T, known ...string) string {
	t.Helper()
	for _, token := range as.unspent() {
		fresh := true
		for _, k := range known {
			fresh = fresh && token != k
		}
		if fresh {
			return token
		}
	}
	t.Fatal("no new refresh token")
	return ""
}

func (w *world) connectAs(sub string) *browser {
	w.as.set(func() { w.as.sub = sub })
	b := w.browser()
	b.connect()
	return b
}

func TestTheNightGoesOnAfterARefusalAndKeepsItsReason(t *testing.T) {
	w := newWorld(t)
	revoked := w.connectAs("u_alice")
	one := w.as.only(t)
	failing := w.connectAs("u_bob")
	two := w.as.only(t, one)
	fine := w.connectAs("u_carol")
	w.as.set(func() { delete(w.as.refresh, one); w.as.failing = two })
	w.as.expireAll()

	if a := fine.post("/night", url.Values{"night": {"1"}}); a.status != 303 || a.location != w.http.URL+"/night" {
		t.Fatalf("%d %s", a.status, a.location)
	}
	busy := fine.get("/night")
	busy.has(t, 200, "A night is under way")
	if busy.header.Get("Refresh") != "1" {
		t.Error("the page does not open itself again")
	}
	w.work(func() bool { return w.count(`SELECT count(*) FROM nights WHERE finished_at IS NOT NULL`) == 1 })

	a := fine.get("/night")
	a.has(t, 200, "3 of 3 people done, 2 refused", "You", "✓ made", "refreshed",
		"the permission has ended: it was taken back at Acme, or it ran out (invalid_grant)", "Acme accounts does not answer")
	a.lacks(t, "u_alice", "u_bob", "A night is under way")
	if a.header.Get("Refresh") != "" {
		t.Error("the page goes on opening itself")
	}
	revoked.get("/offers").has(t, 200, "Connect again")
	if n := w.count(`SELECT count(*) FROM connections WHERE ended_at IS NULL`); n != 2 {
		t.Errorf("%d connections live: who fails for a while is not ended", n)
	}
	w.as.set(func() { w.as.failing = "" })
	failing.get("/offers").has(t, 200, "offers for you")
}

func TestTheNightIsOnceADay(t *testing.T) {
	w := newWorld(t)
	w.connectAs("u_alice")
	w.workFor(300 * time.Millisecond)
	if n := w.count(`SELECT count(*) FROM nights`); n != 0 {
		t.Fatalf("%d nights on the first day", n)
	}
	for day := range 2 {
		w.clock.forward(25 * time.Hour)
		w.work(func() bool {
			return w.count(`SELECT count(*) FROM nights WHERE finished_at IS NOT NULL`) == day+1
		})
		w.workFor(300 * time.Millisecond)
		if n := w.count(`SELECT count(*) FROM nights`); n != day+1 {
			t.Fatalf("%d nights on day %d", n, day+1)
		}
	}
}

func TestHoweverManyAskOneNightIsDone(t *testing.T) {
	w := newWorld(t)
	b := w.connectAs("u_alice")
	for range 5 {
		b.post("/night", url.Values{"night": {"1"}})
	}
	w.workFor(500 * time.Millisecond)
	if n := w.count(`SELECT count(*) FROM nights`); n != 1 {
		t.Errorf("%d nights", n)
	}
}

func TestWhoDisconnectsLeavesTheBookOfNights(t *testing.T) {
	w := newWorld(t)
	b := w.connectAs("u_alice")
	b.post("/night", nil)
	w.work(func() bool { return w.count(`SELECT count(*) FROM nights WHERE finished_at IS NOT NULL`) == 1 })
	b.post("/disconnect", nil)
	if n := w.count(`SELECT count(*) FROM night_outcomes`); n != 0 {
		t.Errorf("%d outcomes", n)
	}
}

// workFor lets the server work for a while, to see what it does not do.
func (w *world) workFor(d time.Duration) {
	end := time.Now().Add(d)
	w.work(func() bool { return time.Now().After(end) })
}
