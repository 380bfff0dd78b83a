package dpop

import (
	"crypto/sha256"
	"sync"
	"time"
)

// memory remembers which proofs were used, for as long as they could be used
// again. It has two halves: what is young and what was young before. When the
// young half is as old as a proof can get, the old half is forgotten at once.
type memory struct {
	mu         sync.Mutex
	since      time.Time // the beginning of the young half
	young, old map[proofID]struct{}
}

// proofID stands for key, method, address and jti: RFC 9449 §11.1 remembers the
// jti "in the context of the target URI", and nobody's jti may stand in another's
// way. It is a hash: "store only a hash thereof", for a jti may be long.
type proofID = [sha256.Size]byte

const (
	// memoryFor is how long a proof can be used: from as far ahead as iat may be
	// until it is too old.
	memoryFor = maxAge + clockSkew
	// maxUsed bounds each half: about fifty megabytes, seven thousand proofs a second.
	maxUsed = 1 << 19
)

// use writes a proof down, and tells whether it was there before. Of many at the
// same time one is the first.
func (m *memory) use(id proofID, now time.Time) (before bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn(now)
	_, young := m.young[id]
	_, old := m.old[id]
	if young || old {
		return true, nil
	}
	if len(m.young) >= maxUsed {
		return false, ErrBusy
	}
	m.young[id] = struct{}{}
	return false, nil
}

func (m *memory) turn(now time.Time) {
	age := now.Sub(m.since)
	if m.young != nil && age < memoryFor {
		return
	}
	m.old, m.young, m.since = m.young, map[proofID]struct{}{}, now
	if age >= 2*memoryFor {
		m.old = nil
	}
}
