package dpop

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"
	"time"
)

// RFC 9449 §11.1 warns of memory exhaustion. What is full takes nothing more, and
// forgets nothing before its time.
func TestAFullMemoryForgetsNothing(t *testing.T) {
	var m memory
	now := time.Unix(1_800_000_000, 0)
	id := func(n int) proofID { return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	for n := range maxUsed {
		if before, err := m.use(id(n), now); before || err != nil {
			t.Fatalf("proof %d: %v %v", n, before, err)
		}
	}
	if _, err := m.use(id(-1), now); !errors.Is(err, ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	for _, later := range []time.Duration{memoryFor - 1, memoryFor, 2*memoryFor - 1} {
		if before, err := m.use(id(0), now.Add(later)); !before || err != nil {
			t.Errorf("the first one after %s: %v %v", later, before, err)
		}
	}
	if before, err := m.use(id(-1), now.Add(memoryFor)); before || err != nil {
		t.Errorf("room again: %v %v", before, err)
	}
	m.use(id(-2), now.Add(4*memoryFor))
	if kept := len(m.young) + len(m.old); kept != 1 {
		t.Errorf("%d are kept when all but one are too old", kept)
	}
}
