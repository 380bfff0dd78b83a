// Package accesslog writes down who used the API in a person's name. No request
// waits for it: accesses go into a queue, and a goroutine puts what has gathered
// there into the database, many in one commit. Where more come than can be
// written, what is lost is counted and written as a gap.
package accesslog

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"example.com/acme-dreams/acme/travel"
)

// Store is where accesses end up.
type Store interface {
	WriteAccesses(ctx context.Context, all []travel.Access) error
	ForgetAccesses(ctx context.Context, before time.Time) error
}

const (
	maxQueue   = 4096                   // accesses that wait: a megabyte and a half
	gather     = 100 * time.Millisecond // how long the first of a batch waits for others
	again      = time.Second            // after a write that failed
	maxGaps    = 1000                   // people whose lost accesses are counted apart
	maxAlike   = 10                     // calls that are alike, in one batch, and stand by themselves
	farewell   = 3 * time.Second        // for the last write
	sweepEvery = time.Hour
)

// Log is the queue and who empties it.
type Log struct {
	store   Store
	now     func() time.Time
	log     *slog.Logger
	queue   chan travel.Access
	closing chan struct{}
	done    chan struct{}

	closeOnce sync.Once

	mu   sync.Mutex
	gaps map[string]*travel.Access // by sub; empty: of those that are too many to tell apart

	unwritten []travel.Access // what the database did not take yet
}

// New begins to write. Close ends it.
func New(store Store, now func() time.Time, log *slog.Logger) *Log {
	l := &Log{
		store: store, now: now, log: log,
		queue: make(chan travel.Access, maxQueue), closing: make(chan struct{}), done: make(chan struct{}),
		gaps: map[string]*travel.Access{},
	}
	go l.write()
	return l
}

// Record notes an access that has just been answered. It never waits.
func (l *Log) Record(a travel.Access) {
	a.At, a.Times = l.now(), 1
	a.Until = a.At
	select {
	case l.queue <- a:
	default:
		l.miss(a)
	}
}

// miss counts an access for which there is no room.
func (l *Log) miss(a travel.Access) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sub := a.Sub
	if _, known := l.gaps[sub]; !known && len(l.gaps) >= maxGaps {
		sub = ""
	}
	gap := l.gaps[sub]
	if gap == nil {
		gap = &travel.Access{Sub: sub, At: a.At}
		l.gaps[sub] = gap
	}
	gap.Until = a.At
	gap.Times += a.Times
}

// Close writes what is still waiting. Nothing may be recorded any more.
func (l *Log) Close() {
	l.closeOnce.Do(func() { close(l.closing) })
	<-l.done
}

// Work forgets what is too old, now and every hour until ctx ends.
func (l *Log) Work(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		// A day more: the database looks at a clock of its own, and lets nothing go too early.
		if err := l.store.ForgetAccesses(ctx, l.now().AddDate(0, -travel.AccessesKept, -1)); err != nil && ctx.Err() == nil {
			l.log.Warn("old accesses could not be deleted", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (l *Log) write() {
	defer close(l.done)
	for {
		select {
		case first := <-l.queue:
			l.unwritten = append(l.unwritten, first)
			l.pause(gather)
		case <-l.closing:
			l.last()
			return
		}
		for !l.flush(context.Background()) && l.pause(again) {
		}
	}
}

// pause waits, and returns false where the log is being closed.
func (l *Log) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.closing:
		return false
	}
}

func (l *Log) last() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if !l.flush(ctx) {
		l.log.Error("accesses are lost: the database did not take them", "accesses", len(l.unwritten))
	}
}

// flush writes what has gathered. What the database does not take stays, and the
// queue fills up behind it.
func (l *Log) flush(ctx context.Context) bool {
	if len(l.unwritten) < maxQueue {
		l.unwritten = append(condense(l.drain(l.unwritten)), l.takeGaps()...)
	}
	if len(l.unwritten) == 0 {
		return true
	}
	if err := l.store.WriteAccesses(ctx, l.unwritten); err != nil {
		l.log.Warn("accesses could not be written", "accesses", len(l.unwritten), "error", err)
		return false
	}
	l.unwritten = l.unwritten[:0]
	return true
}

func (l *Log) drain(into []travel.Access) []travel.Access {
	for len(into) < maxQueue {
		select {
		case a := <-l.queue:
			into = append(into, a)
		default:
			return into
		}
	}
	return into
}

func (l *Log) takeGaps() []travel.Access {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []travel.Access
	for _, gap := range l.gaps {
		all = append(all, *gap)
	}
	clear(l.gaps)
	return all
}

// condense keeps each call a row of its own, until one token does the same thing
// more than ten times within a second and a batch: then the tenth row counts the
// rest. A client in a loop, or a thief with a token that has expired, must not bury
// what else happened, nor fill the disk.
func condense(all []travel.Access) []travel.Access {
	alike := map[travel.Access][]int{} // where in kept
	kept := all[:0]
	for _, a := range all {
		kind := a
		kind.At, kind.Until, kind.Times = a.At.Truncate(time.Second).UTC(), time.Time{}, 0
		if a.Gap() || len(alike[kind]) < maxAlike {
			alike[kind] = append(alike[kind], len(kept))
			kept = append(kept, a)
			continue
		}
		last := &kept[alike[kind][maxAlike-1]]
		last.Times += a.Times
		last.Until = a.Until
	}
	return kept
}
