package wiretap

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// tokenRequest is an exchange that carries two values.
func tokenRequest(code, token string) Exchange {
	return Exchange{
		ID: newID(8), Trace: newID(16), URL: "http://as/token",
		Request:  Half{Header: http.Header{"Content-Type": {formType}}, Body: "code=" + code},
		Response: Half{Header: http.Header{"Content-Type": {"application/json"}}, Body: `{"access_token":"` + token + `"}`},
	}
}

// A whole class runs lessons at the same time: the newest are heard, and the one
// that was silent for longest makes way.
func TestTheNewestRunsAreHeard(t *testing.T) {
	m, now := &matcher{}, time.Now()
	for i := range maxWatched + 1 {
		now = now.Add(time.Second)
		m.watch(fmt.Sprint(i), newID(16), []string{Link(fmt.Sprint("code-", i))}, now)
	}
	for run, want := range map[int]bool{0: false, 1: true, maxWatched: true} {
		if heard := len(m.offer(tokenRequest(fmt.Sprint("code-", run), "t"+newID(4)), now)) == 1; heard != want {
			t.Errorf("run %d is heard: %t", run, heard)
		}
	}
}

// What was heard before a run was known by it is found by way of what leads there:
// the run knows the code, the code's exchange gave the token, the token was used.
func TestWhatWasHeardBeforeIsFoundStepByStep(t *testing.T) {
	m, now := &matcher{}, time.Now()
	used := Exchange{ID: "used", Trace: newID(16), URL: "http://acme/api", Request: Half{Header: http.Header{"Authorization": {"Bearer T"}}}, Start: now.Add(2)}
	redeemed := tokenRequest("C", "T")
	redeemed.ID, redeemed.Start = "redeemed", now.Add(1)
	other := tokenRequest("another", "token")
	for _, e := range []Exchange{used, other, redeemed} {
		if got := m.offer(e, now); len(got) != 0 {
			t.Fatalf("%s belongs to a run that is none", e.ID)
		}
	}
	_, before := m.watch("run", newID(16), []string{Link("C")}, now)
	var ids []string
	for _, f := range before {
		ids = append(ids, f.e.ID)
	}
	if !slices.Equal(ids, []string{"redeemed", "used"}) {
		t.Errorf("found %v", ids)
	}
}

// What names one run is no other's, though both carry the same token.
func TestATraceDecidesWhoseItIs(t *testing.T) {
	m, now := &matcher{}, time.Now()
	m.watch("one", "trace-1", []string{Link("T")}, now)
	m.watch("two", "trace-2", []string{Link("T")}, now)
	e := tokenRequest("C", "T")
	e.Trace = "trace-2"
	if got := m.offer(e, now); len(got) != 1 || got[0].run != "two" {
		t.Errorf("it was given to %v", got)
	}
}

// A program with a class's runs to listen for still answers strangers at once.
func BenchmarkARequestOfNoRun(b *testing.B) {
	m, now := &matcher{}, time.Now()
	for i := range maxWatched {
		var known []string
		for j := range 40 {
			known = append(known, Link(fmt.Sprint(i, "-", j)))
		}
		m.watch(fmt.Sprint(i), newID(16), known, now)
	}
	for b.Loop() {
		m.offer(tokenRequest(newID(8), newID(8)), now)
	}
}
