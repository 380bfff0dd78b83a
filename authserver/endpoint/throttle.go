package endpoint

import (
	"context"
	"net/netip"
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
	mu      sync.Mutex
	doors   map[string]*door
	changed chan struct{} // closed when an attempt ends
}

// door is what a user name or an address comes through.
type door struct {
	failures []time.Time // ascending
	open     int         // attempts that have not ended
}

func newThrottle() *throttle {
	return &throttle{doors: map[string]*door{}, changed: make(chan struct{})}
}

// attempt lets one password be tried; end must be told whether it was wrong.
// Where too many were wrong it returns for how long the door stays shut.
//
// Only so many are tried at the same time as may be wrong: a hundred guesses at
// once are a hundred guesses. The others wait, and are not refused: thirty
// people in a classroom may sign in as alice at the same moment, all rightly.
func (t *throttle) attempt(ctx context.Context, user, address string, now time.Time) (end func(wrong bool), shut time.Duration, err error) {
	allowed := map[string]int{"user " + user: failuresPerUser, "address " + network(address): failuresPerAddress}
	for {
		t.mu.Lock()
		shut, room := t.judge(allowed, now)
		if shut == 0 && room {
			for key := range allowed {
				t.door(key).open++
			}
		}
		changed := t.changed
		t.mu.Unlock()
		if shut > 0 {
			return nil, shut, nil
		}
		if room {
			return func(wrong bool) { t.end(allowed, wrong, now) }, 0, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

// judge tells for how long doors are shut, and otherwise whether there is room
// for one more attempt.
func (t *throttle) judge(allowed map[string]int, now time.Time) (shut time.Duration, room bool) {
	room = true
	for key, n := range allowed {
		d := t.door(key)
		d.failures = since(d.failures, now.Add(-failureWindow))
		if len(d.failures) >= n {
			shut = max(shut, d.failures[len(d.failures)-n].Add(failureWindow).Sub(now))
		}
		room = room && len(d.failures)+d.open < n
	}
	return shut, room
}

func (t *throttle) end(doors map[string]int, wrong bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key := range doors {
		d := t.door(key)
		d.open--
		if wrong {
			d.failures = append(d.failures, now)
		}
		if d.open == 0 && len(d.failures) == 0 {
			delete(t.doors, key)
		}
	}
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *throttle) door(key string) *door {
	if t.doors[key] == nil {
		t.doors[key] = &door{}
	}
	return t.doors[key]
}

// purge forgets what no longer counts.
func (t *throttle) purge(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, d := range t.doors {
		d.failures = since(d.failures, now.Add(-failureWindow))
		if d.open == 0 && len(d.failures) == 0 {
			delete(t.doors, key)
		}
	}
}

// since drops what was not after start.
func since(times []time.Time, start time.Time) []time.Time {
	for len(times) > 0 && !times[0].After(start) {
		times = times[1:]
	}
	return times
}

// network is what one customer has to come from: an IPv4 address, or a /64 of
// IPv6, in which everybody gives themselves addresses (RFC 4291 §2.5.4, RFC 8981).
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
