package learn

import (
	"slices"
	"sync"
	"time"

	"example.com/acme-dreams/internal/wiretap"
)

// Result is what came of a run.
type Result struct {
	At        time.Time
	Run       string             // its ID; empty: nothing was recorded
	recording *wiretap.Recording // has its messages, as long as there is room for them
	Tokens    []Token
	Answers   []Shown
	Refusals  []Refusal
	Notes     []string
	Invite    Invitation
	Trouble   string // why the run ended early; empty: it did not
}

// exchanges are the messages until the result was there.
func (r Result) exchanges() (all []wiretap.Exchange, dropped int) {
	all, dropped = r.recording.Exchanges()
	return slices.DeleteFunc(all, func(e wiretap.Exchange) bool { return e.Start.After(r.At) }), dropped
}

// Invitation is something that the person has to do elsewhere, in another tab.
type Invitation struct{ Words, Label, Href string }

// Token is a token to be taken apart.
type Token struct{ Label, Raw string }

// Shown is an answer of Acme's and the request that got it.
type Shown struct {
	Request string
	Answer
}

// Refusal is something that was tried and not let through.
type Refusal struct {
	Tried  string // what, in a sentence
	By     string // who said no: "Acme Accounts"
	Status int    // 0: no HTTP answer, Dreams itself refused
	Code   string // "invalid_grant"
	Words  string // the description that came with it
	Rule   string // "RFC 7636 §4.6"
	Means  string // what follows from it, in a sentence
	Got    bool   // it was NOT refused: something is broken, and the page says so
	// Ignored: it was served, and what was tried made no difference.
	Ignored bool
}

// How many are kept. They hold tokens that work, so they stay in memory and are
// gone with the program; whoever comes after so many others has run nothing yet.
const (
	maxDesks   = 200
	maxWaiting = 400
)

// desks keeps what browsers have run: of each lesson the last result, and the
// runs that wait for a browser to come back.
type desks struct {
	mu      sync.Mutex
	desks   map[string]*desk
	waiting map[string]*Run // by state
	order   []string        // of waiting, oldest first
}

type desk struct {
	used    time.Time
	results map[string]Result
	open    map[string]*Run // unfinished ones, by lesson
}

func newDesks() *desks {
	return &desks{desks: map[string]*desk{}, waiting: map[string]*Run{}}
}

// of is the browser's desk; the caller holds the lock.
func (d *desks) of(browser string, now time.Time) *desk {
	mine := d.desks[browser]
	if mine == nil {
		if len(d.desks) >= maxDesks {
			d.clearOldest()
		}
		mine = &desk{results: map[string]Result{}, open: map[string]*Run{}}
		d.desks[browser] = mine
	}
	mine.used = now
	return mine
}

func (d *desks) clearOldest() {
	oldest := ""
	for browser, one := range d.desks {
		if oldest == "" || one.used.Before(d.desks[oldest].used) {
			oldest = browser
		}
	}
	delete(d.desks, oldest)
}

// keep puts a run's result on the browser's desk.
func (d *desks) keep(r *Run, now time.Time) {
	r.result.At, r.result.Run = now, r.ID
	r.result.recording = r.Recording
	d.mu.Lock()
	defer d.mu.Unlock()
	mine := d.of(r.Browser, now)
	mine.results[r.lesson.Slug] = r.result
	delete(mine.open, r.lesson.Slug)
	if r.Unfinished > 0 && r.result.Trouble == "" {
		mine.open[r.lesson.Slug] = r
	}
}

// take returns an unfinished run, so that one request goes on with it.
func (d *desks) take(browser, slug string) *Run {
	d.mu.Lock()
	defer d.mu.Unlock()
	mine := d.desks[browser]
	if browser == "" || mine == nil {
		return nil
	}
	run := mine.open[slug]
	delete(mine.open, slug)
	return run
}

// results are what the browser has run, by lesson.
func (d *desks) results(browser string) map[string]Result {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string]Result{}
	if mine := d.desks[browser]; browser != "" && mine != nil {
		for slug, result := range mine.results {
			all[slug] = result
		}
	}
	return all
}

// wait keeps a run until its browser comes back with state.
func (d *desks) wait(state string, r *Run) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.order) >= maxWaiting {
		delete(d.waiting, d.order[0])
		d.order = d.order[1:]
	}
	d.waiting[state] = r
	d.order = append(d.order, state)
}

// back returns the run that waits for state, once.
func (d *desks) back(state string) *Run {
	d.mu.Lock()
	defer d.mu.Unlock()
	run := d.waiting[state]
	delete(d.waiting, state)
	return run
}
