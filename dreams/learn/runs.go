package learn

import (
	"context"
	"slices"
	"sync"
	"time"

	"example.com/acme-dreams/internal/wiretap"
)

// RunState is where a run is.
type RunState string

// The states of a run.
const (
	Working RunState = "working" // Dreams is at it
	Paused  RunState = "paused"  // something waits until somebody lets it go on
	Away    RunState = "away"    // the browser was sent away, and is not back
	Done    RunState = "done"
	Ended   RunState = "ended" // before it was over
)

// How many runs are kept. They hold tokens that work, so they stay in memory and
// are gone with the program.
const (
	maxRuns        = wiretap.MaxRuns
	maxRunsOfOne   = 20 // of one browser
	longestRun     = 20 * time.Minute
	mostBrought    = 8 << 20         // bytes of all runs together that were brought from elsewhere
	longestSilence = 5 * time.Second // how long an answer to a press waits for what comes of it
)

// progress is what others may know of a run while it goes on: the run itself is
// its goroutine's alone.
type progress struct {
	mu      sync.Mutex
	state   RunState
	pending *Pending
	until   time.Time // Working: it has to wait until then; zero: it does not
	notice  string    // what became of the last press, where that has to be said
	unsent  *Pending  // what waited when the run was ended
	busy    bool      // its goroutine is at work, or somebody is about to start it
	look    look      // of who pressed last: how they are to see what comes of it
	shown   Result
	changed chan struct{} // closed at the next change
}

// change changes what is known of a run, and wakes who waits for it.
func (r *Run) change(how func(*progress)) {
	r.progress.mu.Lock()
	how(&r.progress)
	if r.progress.changed != nil {
		close(r.progress.changed)
		r.progress.changed = nil
	}
	r.progress.mu.Unlock()
	r.Recording.Touch()
}

// show publishes what the run has come to; the run's own goroutine calls it.
func (r *Run) show(state RunState, pending *Pending) {
	shown := r.result
	shown.Tokens, shown.Answers = slices.Clone(shown.Tokens), slices.Clone(shown.Answers)
	shown.Refusals, shown.Notes = slices.Clone(shown.Refusals), slices.Clone(shown.Notes)
	r.change(func(p *progress) {
		p.state, p.pending, p.shown, p.until = state, pending, shown, time.Time{}
	})
}

// State tells where the run is.
func (r *Run) State() RunState {
	r.progress.mu.Lock()
	defer r.progress.mu.Unlock()
	return r.progress.state
}

// Pending is what waits until somebody lets it go on.
func (r *Run) Pending() (Pending, bool) {
	r.progress.mu.Lock()
	defer r.progress.mu.Unlock()
	if r.progress.pending == nil {
		return Pending{}, false
	}
	return *r.progress.pending, true
}

// Shown is what the run has come to so far.
func (r *Run) Shown() Result {
	r.progress.mu.Lock()
	defer r.progress.mu.Unlock()
	return r.progress.shown
}

// Title is the lesson's.
func (r *Run) Title() string { return r.lesson.Title }

// Slug is the lesson's: /learn/{slug}.
func (r *Run) Slug() string { return r.lesson.Slug }

// Stepping tells whether it goes step by step.
func (r *Run) Stepping() bool { return r.stepper != nil }

// claim takes a run that is at rest, to go on with it; false: somebody else has, or
// it is over.
func (r *Run) claim() (claimed bool) {
	r.change(func(p *progress) {
		if claimed = !p.busy && (p.state == Away || p.state == Paused); claimed {
			p.busy, p.state, p.pending = true, Working, nil
		}
	})
	return claimed
}

// settled waits until the run is not at work any more, for a moment at most.
func (r *Run) settled(ctx context.Context) {
	enough := time.NewTimer(longestSilence)
	defer enough.Stop()
	for {
		r.progress.mu.Lock()
		if r.progress.state != Working || !r.progress.until.IsZero() {
			r.progress.mu.Unlock()
			return
		}
		if r.progress.changed == nil {
			r.progress.changed = make(chan struct{})
		}
		changed := r.progress.changed
		r.progress.mu.Unlock()
		select {
		case <-changed:
		case <-enough.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// runs are those that were begun, with what was recorded of them.
type runs struct {
	mu  sync.Mutex
	all []*Run // oldest first
}

// keep adds a run. Where there are too many, the oldest of the same browser goes,
// or the oldest of all.
func (r *runs) keep(run *Run) {
	r.mu.Lock()
	var gone []*Run
	mine := 0
	for _, one := range r.all {
		if one.Browser == run.Browser {
			mine++
		}
	}
	drop := func(i int) {
		gone = append(gone, r.all[i])
		r.all = slices.Delete(r.all, i, i+1)
	}
	if mine >= maxRunsOfOne {
		drop(slices.IndexFunc(r.all, func(one *Run) bool { return one.Browser == run.Browser }))
	}
	if len(r.all) >= maxRuns {
		drop(0)
	}
	for brought := run.broughtBytes(); ; { // those that were recorded here have their bound in the room
		at, largest := -1, 0
		total := brought
		for i, one := range r.all {
			bytes := one.broughtBytes()
			if total += bytes; bytes > largest {
				at, largest = i, bytes
			}
		}
		if total <= mostBrought || at < 0 {
			break
		}
		drop(at)
	}
	r.all = append(r.all, run)
	r.mu.Unlock()
	for _, one := range gone {
		one.end(errTooMany)
	}
}

// of are the runs of a browser, newest first.
func (r *runs) of(browser string) []*Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	var mine []*Run
	for _, run := range slices.Backward(r.all) {
		if browser != "" && run.Browser == browser {
			mine = append(mine, run)
		}
	}
	return mine
}

// forget drops a run.
func (r *runs) forget(run *Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = slices.DeleteFunc(r.all, func(one *Run) bool { return one == run })
}

// mine are the runs of the browser that asks, newest first.
func (c *Classroom) mine(ctx context.Context) []*Run {
	return c.runs.of(c.Sessions.Browser(ctx))
}

// found is a run of the browser that asks: another's is not there.
func (c *Classroom) found(ctx context.Context, id string) (*Run, bool) {
	for _, run := range c.mine(ctx) {
		if run.ID == id {
			return run, true
		}
	}
	return nil, false
}
