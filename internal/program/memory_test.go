package program

import (
	"runtime/debug"
	"testing"
)

func TestTheOperatorsGarbageCollectionStays(t *testing.T) {
	percent, limit := debug.SetGCPercent(123), debug.SetMemoryLimit(1<<30)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
	t.Setenv("GOGC", "123")
	t.Setenv("GOMEMLIMIT", "1GiB")
	limitMemory()
	if percent, limit := debug.SetGCPercent(123), debug.SetMemoryLimit(-1); percent != 123 || limit != 1<<30 {
		t.Errorf("GOGC=123 GOMEMLIMIT=1GiB became %d and %d", percent, limit)
	}
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	limitMemory()
	if limit := debug.SetMemoryLimit(-1); limit != 64<<20 {
		t.Errorf("without GOMEMLIMIT the limit is %d", limit)
	}
}
