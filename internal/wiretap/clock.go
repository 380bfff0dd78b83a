package wiretap

import (
	"sync/atomic"
	"time"
)

// Clock is the room's: as late as people have moved it forward.
type Clock struct {
	Base  func() time.Time
	ahead atomic.Int64
}

// Now is the time in the room.
func (c *Clock) Now() time.Time {
	now := c.Base()
	if ahead := c.ahead.Load(); ahead != 0 {
		return now.Add(time.Duration(ahead))
	}
	return now
}

// Ahead is how far the room is ahead of the world.
func (c *Clock) Ahead() time.Duration {
	if c == nil {
		return 0
	}
	return time.Duration(c.ahead.Load())
}

// Limit is how far a room may be ahead: nothing here lives longer, and a year is
// enough to see it end.
const Limit = 366 * 24 * time.Hour

func (c *Clock) set(ahead time.Duration) { c.ahead.Store(int64(min(max(0, ahead), Limit))) }
