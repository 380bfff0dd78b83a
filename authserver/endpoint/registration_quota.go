package endpoint

import (
	"sync"
	"time"
)

// How many registrations are taken in ten minutes: enough for a classroom behind
// one address, or for a conformance suite that registers in every module. How
// many are kept, the store decides.
const (
	registrationsPerAddress = 600
	registrationsInAll      = 3000
	registrationWindow      = 10 * time.Minute
)

// How many accounts may be opened in the same time.
const (
	accountsPerAddress = 30
	accountsInAll      = 300
)

// quota counts registrations in the current window.
type quota struct {
	perAddress, inAll int

	mu     sync.Mutex
	window time.Time
	counts map[string]int // by network
	all    int
}

// take counts one more, or tells how long to wait where there have been too many.
func (q *quota) take(address string, now time.Time) (wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if window := now.Truncate(registrationWindow); q.counts == nil || !window.Equal(q.window) {
		q.window, q.counts, q.all = window, map[string]int{}, 0
	}
	key := network(address)
	if q.counts[key] >= q.perAddress || q.all >= q.inAll {
		return q.window.Add(registrationWindow).Sub(now)
	}
	q.counts[key]++
	q.all++
	return 0
}
