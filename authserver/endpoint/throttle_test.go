package endpoint

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// try makes an attempt that must be let through.
func try(t *testing.T, th *throttle, user, address string, now time.Time, wrong bool) {
	t.Helper()
	end, shut, err := th.attempt(t.Context(), user, address, now)
	if err != nil || shut > 0 {
		t.Fatalf("%s from %s: shut for %s, %v", user, address, shut, err)
	}
	end(wrong)
}

func refused(t *testing.T, th *throttle, user, address string, now time.Time) time.Duration {
	t.Helper()
	end, shut, err := th.attempt(t.Context(), user, address, now)
	if err != nil || shut <= 0 {
		t.Errorf("%s from %s is let through", user, address)
		end(false)
	}
	return shut
}

func TestTenWrongPasswordsOfOneUserShutTheDoor(t *testing.T) {
	th := newThrottle()
	for i := range failuresPerUser {
		try(t, th, "alice", "192.0.2.200", noon, false) // right ones don't count
		try(t, th, "alice", fmt.Sprint("192.0.2.", i), noon, true)
	}
	if shut := refused(t, th, "alice", "198.51.100.1", noon.Add(time.Minute)); shut != failureWindow-time.Minute {
		t.Errorf("shut for %s", shut)
	}
	try(t, th, "bob", "192.0.2.1", noon, false)
	try(t, th, "alice", "192.0.2.1", noon.Add(failureWindow), false)
}

func TestFiftyWrongPasswordsFromOneAddressShutTheDoor(t *testing.T) {
	th := newThrottle()
	for i := range failuresPerAddress {
		try(t, th, fmt.Sprint("user", i), "192.0.2.1", noon, true)
	}
	refused(t, th, "alice", "192.0.2.1", noon)
	try(t, th, "alice", "192.0.2.2", noon, false)
}

// Somebody with IPv6 has 2^64 addresses to try from.
func TestAnIPv6NetworkCountsAsOneAddress(t *testing.T) {
	th := newThrottle()
	for i := range failuresPerAddress {
		try(t, th, fmt.Sprint("user", i), fmt.Sprintf("2001:db8:1:2::%x", i), noon, true)
	}
	refused(t, th, "alice", "2001:db8:1:2:ffff::1", noon)
	try(t, th, "alice", "2001:db8:1:3::1", noon, false)
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "::ffff:192.0.2.1", "2001:db8::1": "2001:db8::/64", "fe80::1%eth0": "fe80::/64", "@": "@",
	} {
		if got := network(address); got != want {
			t.Errorf("network(%s) = %s, want %s", address, got, want)
		}
	}
}

func TestAHundredGuessesAtOnceAreAHundredGuesses(t *testing.T) {
	th := newThrottle()
	var tried atomic.Int32
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			end, shut, err := th.attempt(t.Context(), "alice", "192.0.2.1", noon)
			if err != nil {
				t.Error(err)
			}
			if shut == 0 {
				tried.Add(1)
				time.Sleep(time.Millisecond)
				end(true)
			}
		})
	}
	all.Wait()
	if tried.Load() != failuresPerUser {
		t.Errorf("%d passwords were tried", tried.Load())
	}
}

func TestAHundredRightPasswordsAtOnceAreAllTaken(t *testing.T) {
	th := newThrottle()
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			end, shut, err := th.attempt(t.Context(), "alice", "192.0.2.1", noon)
			if err != nil || shut > 0 {
				t.Errorf("shut for %s, %v", shut, err)
				return
			}
			time.Sleep(time.Millisecond)
			end(false)
		})
	}
	all.Wait()
	if len(th.doors) != 0 {
		t.Errorf("%d entries stay behind", len(th.doors))
	}
}

func TestWhoeverWaitsCanLeave(t *testing.T) {
	th := newThrottle()
	for range failuresPerUser {
		if _, _, err := th.attempt(t.Context(), "alice", "192.0.2.1", noon); err != nil {
			t.Fatal(err)
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := th.attempt(ctx, "alice", "192.0.2.1", noon); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestWhatNoLongerCountsIsForgotten(t *testing.T) {
	th := newThrottle()
	try(t, th, "nobody", "192.0.2.1", noon, true)
	th.purge(noon.Add(failureWindow - time.Second))
	if len(th.doors) != 2 {
		t.Errorf("%d entries, want 2", len(th.doors))
	}
	th.purge(noon.Add(failureWindow))
	if len(th.doors) != 0 {
		t.Errorf("%d entries stay behind", len(th.doors))
	}
}
