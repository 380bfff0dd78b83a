package endpoint

import (
	"sync"
	"time"
)

// Wrong passwords that are let through before the door stays shut for a while.
const (
	failuresPerUser    = 10
	failuresPerAddress = 50
	failureWindow      = 5 * time.Minute
)

// throttle counts wrong passwords by user and by address. Nobody is locked out
// for good, and nobody else is held up. RFC 6819 §5.1.4.2.3.
type throttle struct {
	mu       sync.Mutex
	failures map[string][]time.Time // ascending
}

func newThrottle() *throttle { return &throttle{failures: map[string][]time.Time{}} }

// attempt lets one password be tried. It counts as wrong until succeeded is
// called: a hundred attempts at the same time are a hundred attempts. Where
// the door is shut it returns how long.
func (t *throttle) attempt(user, address string, now time.Time) (succeeded func(), wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys := map[string]int{"user " + user: failuresPerUser, "address " + address: failuresPerAddress}
	for key, allowed := range keys {
		recent := since(t.failures[key], now.Add(-failureWindow))
		t.failures[key] = recent
		if len(recent) >= allowed {
			wait = max(wait, recent[len(recent)-allowed].Add(failureWindow).Sub(now))
		}
	}
	if wait > 0 {
		return nil, wait
	}
	for key := range keys {
		t.failures[key] = append(t.failures[key], now)
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for key := range keys {
			t.failures[key] = without(t.failures[key], now)
		}
	}, 0
}

// purge forgets what no longer counts.
func (t *throttle) purge(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, times := range t.failures {
		if recent := since(times, now.Add(-failureWindow)); len(recent) == 0 {
			delete(t.failures, key)
		}
	}
}

func since(times []time.Time, start time.Time) []time.Time {
	for len(times) > 0 && !times[0].After(start) {
		times = times[1:]
	}
	return times
}

// without drops one entry of a moment.
func without(times []time.Time, moment time.Time) []time.Time {
	for i, t := range times {
		if t.Equal(moment) {
			return append(append([]time.Time(nil), times[:i]...), times[i+1:]...)
		}
	}
	return times
}
