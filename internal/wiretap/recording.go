package wiretap

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// MaxExchanges and MaxBytes are how much one Recording holds; what comes later is
// counted and dropped.
const (
	MaxExchanges = 300
	MaxBytes     = 2 << 20
	maxGaps      = 100
)

// Recording is the exchanges of one run. A nil one records nothing, and its
// methods may be called all the same.
type Recording struct {
	ID    string // names the run
	Trace string // what its requests name as their trace

	// Gate, where there is one, stops each message until somebody lets it pass. It
	// is set before the first message and never after.
	Gate Gate

	mu        sync.Mutex
	caption   string
	going     map[string]string // captions by address, for what the browser will ask for
	exchanges []Exchange
	checks    []Check
	gaps      []Gap
	dropped   int
	bytes     int
	grown     func() // tells the room; nil: none
	changes   int
	changed   chan struct{} // closed at the next change
}

// Gate stops the messages of a run.
type Gate interface {
	// Leaving is asked before a request leaves; what it returns leaves in its place.
	Leaving(ctx context.Context, m Message) (Message, error)
	// Arriving is asked before an answer reaches whom it is for.
	Arriving(ctx context.Context, e Exchange) error
}

// Message is a request before it leaves.
type Message struct {
	To          Party
	Method, URL string
	Header      http.Header
	Body        string
	Caption     string
}

// Record is a Recording as it stands.
type Record struct {
	Exchanges []Exchange `json:"exchanges"`        // in the order of their requests
	Checks    []Check    `json:"checks,omitempty"` // of Dreams, that belong to no single exchange
	Gaps      []Gap      `json:"gaps,omitempty"`
	Dropped   int        `json:"dropped,omitempty"`
}

// Say captions the next exchange.
func (r *Recording) Say(caption string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.caption = caption
}

// said takes the caption of the next exchange.
func (r *Recording) said() string {
	if r == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	caption := r.caption
	r.caption = ""
	return caption
}

// Going captions what the browser will ask for at an address that it is about to
// be sent to.
func (r *Recording) Going(address string) {
	if r == nil {
		return
	}
	caption := r.said()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.going == nil {
		r.going = map[string]string{}
	}
	if caption != "" && len(r.going) < MaxExchanges {
		r.going[address] = caption
	}
}

// Browser adds an exchange that the browser is sent to have, and that no program
// tells us of: what stands behind the # of an address, for one.
func (r *Recording) Browser(to Party, method, address string, status int, location string, at time.Time) {
	e := Exchange{From: Browser, To: to, Front: true, Method: method, URL: address, Status: status, Start: at, Caption: r.said()}
	if location != "" {
		e.Response.Header = http.Header{"Location": {location}}
	}
	r.Receive(e)
}

// Receive adds an exchange, or what its other end tells of one that is there.
func (r *Recording) Receive(e Exchange) {
	if r == nil {
		return
	}
	r.receive(e)
	if r.grown != nil {
		r.grown()
	}
}

func (r *Recording) receive(e Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.change()
	if e.Caption == "" && e.Front {
		e.Caption = r.going[e.URL]
	}
	if e.ID != "" {
		for i := range r.exchanges {
			one := &r.exchanges[i]
			switch {
			case one.ID != e.ID:
				continue
			case one.Route != "" && e.Route != "" && e.ToldBy == e.To: // who received it has told of it already
				e.ID, e.From = newID(8), Somebody // somebody sent it once more
			default:
				r.bytes -= one.size()
				*one = both(*one, e)
				r.bytes += one.size()
				return
			}
		}
	}
	size := e.size()
	if len(r.exchanges) >= MaxExchanges || r.bytes+size > MaxBytes {
		r.dropped++
		return
	}
	r.bytes += size
	r.exchanges = append(r.exchanges, e)
	slices.SortStableFunc(r.exchanges, func(a, b Exchange) int { return a.Start.Compare(b.Start) })
}

// Load fills a recording with what was recorded elsewhere.
func (r *Recording) Load(record Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.change()
	r.exchanges, r.checks, r.gaps, r.dropped = record.Exchanges, record.Checks, record.Gaps, record.Dropped
	r.bytes = record.Size()
}

// Size is how much memory a record takes, about.
func (r Record) Size() (bytes int) {
	for i := range r.Exchanges {
		bytes += r.Exchanges[i].size()
	}
	for _, c := range r.Checks {
		bytes += c.size()
	}
	for _, g := range r.Gaps {
		bytes += 100 + len(g.Why)
	}
	return bytes
}

// Size is how much memory the recording takes, about.
func (r *Recording) Size() int {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes
}

// empty drops what was recorded, and says so.
func (r *Recording) empty(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.change()
	if len(r.exchanges) > 0 {
		r.gaps = []Gap{{At: at, Party: Client, Lost: len(r.exchanges), Why: "newer runs needed the room"}}
	}
	r.dropped += len(r.exchanges)
	r.exchanges, r.checks, r.bytes = nil, nil, 0
}

// Checked adds a check.
func (r *Recording) Checked(c Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.change()
	if len(r.checks) < 4*MaxExchanges && r.bytes+c.size() <= MaxBytes {
		r.checks, r.bytes = append(r.checks, c), r.bytes+c.size()
	}
}

// Miss adds a gap.
func (r *Recording) Miss(g Gap) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.change()
	if last := len(r.gaps) - 1; last+1 >= maxGaps {
		r.gaps[last].Lost += g.Lost
		return
	}
	r.gaps = append(r.gaps, g)
}

// change wakes who waits for a change; the caller holds the lock.
func (r *Recording) change() {
	r.changes++
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// Touch wakes who waits for a change: something beside the messages is new.
func (r *Recording) Touch() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change()
}

// Changes is how often the recording has changed, and a channel that is closed
// at the next change.
func (r *Recording) Changes() (count int, next <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return r.changes, r.changed
}

// Record is what was recorded so far.
func (r *Recording) Record() Record {
	if r == nil {
		return Record{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return Record{slices.Clone(r.exchanges), slices.Clone(r.checks), slices.Clone(r.gaps), r.dropped}
}

// Exchanges are what was recorded so far, and how many were dropped.
func (r *Recording) Exchanges() (all []Exchange, dropped int) {
	record := r.Record()
	return record.Exchanges, record.Dropped
}

type recordingKey struct{}

// With returns a context whose exchanges r records; a nil r records nothing.
func With(ctx context.Context, r *Recording) context.Context {
	if r == nil {
		return ctx
	}
	return context.WithValue(ctx, recordingKey{}, r)
}

// Without returns a context whose exchanges nobody records: for what happens
// beside the run.
func Without(ctx context.Context) context.Context {
	return context.WithValue(ctx, recordingKey{}, (*Recording)(nil))
}

// of is the context's recording; unheard: nobody may record what it does.
func of(ctx context.Context) (r *Recording, unheard bool) {
	r, set := ctx.Value(recordingKey{}).(*Recording)
	return r, set && r == nil
}
