package learn

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"example.com/acme-dreams/internal/wiretap"
)

// Pending is what waits until somebody lets it go on.
type Pending struct {
	Kind PendingKind
	// Seq names it: who presses names what they have seen, so that of two tabs that
	// press at once one moves the run.
	Seq  int
	At   time.Time // since when it waits
	Sent bool      // Carrying: the browser was sent once, and has brought no answer

	Message  wiretap.Message  // Leaving, Carrying: the request
	Exchange wiretap.Exchange // Arriving: the answer, with its request
	Due      time.Time        // Resting: not to go on before

	Draft *Draft // what somebody typed that could not be sent

	release chan wiretap.Message
	pass    bool // Carrying: nobody wants to look at it
}

// PendingKind is what it is that waits.
type PendingKind string

// The kinds of what waits.
const (
	Leaving  PendingKind = "leaving"  // a request, before it leaves Dreams
	Arriving PendingKind = "arriving" // an answer, before it reaches Dreams
	Carrying PendingKind = "carrying" // an address that the browser is to be sent to
	Resting  PendingKind = "resting"  // the lesson has to wait before it asks again
)

// Why a run is over before its end.
var (
	errTooLong  = errors.New("it has waited for twenty minutes, and nothing is held for longer")
	errTooMany  = errors.New("newer runs have taken its place")
	errAbandon  = errors.New("it was started again")
	errStopping = errors.New("the program was stopped")
)

// stepper is the gate of a run that goes step by step: it holds each message until
// somebody lets it go.
type stepper struct {
	run *Run
	// ctx is the run's own: a request that somebody pressed is over long before, and
	// a client has no patience for people.
	ctx  context.Context
	stop context.CancelCauseFunc

	turn sync.Mutex // one message waits at a time

	mu      sync.Mutex
	seq     int
	through bool // to the end, without a pause
	skip    int  // how many pauses to leave out
	passed  int  // how many there were
	changed *wiretap.Message
	edited  map[string]wiretap.Message // what Dreams wanted to send, by exchange or by the browser's address
}

// newStepper makes the gate of a run; base ends with the program.
func newStepper(base context.Context, run *Run, skip int) *stepper {
	s := &stepper{run: run, skip: skip, edited: map[string]wiretap.Message{}}
	limited, cancel := context.WithTimeoutCause(base, longestRun, errTooLong)
	ctx, stop := context.WithCancelCause(limited)
	s.ctx, s.stop = ctx, func(cause error) { stop(cause); cancel() }
	return s
}

// Leaving implements wiretap.Gate.
func (s *stepper) Leaving(ctx context.Context, m wiretap.Message) (wiretap.Message, error) {
	if unheld(ctx) || s.shared(m.URL) {
		return m, nil
	}
	changed, err := s.hold(&Pending{Kind: Leaving, Message: m})
	if err != nil {
		return m, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = nil
	if !same(m, changed) {
		s.changed = &m
	}
	return changed, nil
}

// Arriving implements wiretap.Gate. An answer that has come is never withheld: it
// may hold a refresh token, and the one before it is spent.
func (s *stepper) Arriving(ctx context.Context, e wiretap.Exchange) error {
	if unheld(ctx) || s.shared(e.URL) {
		return nil
	}
	s.mu.Lock()
	if s.changed != nil {
		s.edited[e.ID], s.changed = *s.changed, nil
	}
	s.mu.Unlock()
	_, _ = s.hold(&Pending{Kind: Arriving, Exchange: e})
	return nil
}

// shared tells whether an address is the server's metadata: all who ask at once
// share one request for it, and would have to wait as well.
func (s *stepper) shared(address string) bool {
	return address == strings.TrimSuffix(s.run.room.Server.Issuer, "/")+"/.well-known/openid-configuration"
}

type unheldKey struct{}

// withoutPause returns a context whose messages are recorded and not held: for
// what others wait for as well.
func withoutPause(ctx context.Context) context.Context {
	return context.WithValue(ctx, unheldKey{}, true)
}

func unheld(ctx context.Context) bool { return ctx.Value(unheldKey{}) != nil }

// hold waits until somebody lets it go on, and returns what goes in its place.
func (s *stepper) hold(p *Pending) (wiretap.Message, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.ctx.Err() != nil {
		return p.Message, context.Cause(s.ctx)
	}
	if s.passes(p) {
		return p.Message, nil
	}
	p.release = make(chan wiretap.Message, 1)
	s.run.show(Paused, p)
	select {
	case m := <-p.release:
		return m, nil
	case <-s.ctx.Done():
		s.run.show(Working, nil)
		s.run.change(func(now *progress) { now.unsent = p })
		return p.Message, context.Cause(s.ctx)
	}
}

// passes numbers a pause, and tells whether it is left out.
func (s *stepper) passes(p *Pending) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	s.passed++
	p.Seq, p.At = s.seq, s.run.room.Now()
	if s.skip > 0 {
		s.skip--
		return true
	}
	return s.through
}

// rest waits as long as the lesson has to before it asks again.
func (s *stepper) rest(wait time.Duration) error {
	now := s.run.room.Now
	due := now().Add(wait)
	if _, err := s.hold(&Pending{Kind: Resting, Due: due}); err != nil {
		return err
	}
	if now().Before(due) {
		s.run.show(Working, nil)
		s.run.change(func(p *progress) { p.until = due })
	}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for now().Before(due) { // the room's clock may be moved meanwhile
		select {
		case <-ticker.C:
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
	s.run.show(Working, nil)
	return nil
}

// carry asks for the browser. It is sent by whoever presses, so nobody waits here.
func (s *stepper) carry(address, caption string) {
	p := &Pending{Kind: Carrying, Message: wiretap.Message{To: s.run.room.partyAt(address), Method: "GET", URL: address, Caption: caption}}
	p.pass = s.passes(p)
	s.run.change(func(p *progress) { p.busy = false })
	s.run.show(Paused, p)
}

// expire ends the run when its time is up, also where nobody is at work on it.
func (s *stepper) expire() {
	context.AfterFunc(s.ctx, func() {
		if s.run.claim() {
			s.run.room.finish(s.run, context.Cause(s.ctx))
		}
	})
}

// press lets what waits go on, as m where that is not nil. It tells whether it was
// this press that did: what waits now may be something else.
func (s *stepper) press(seq int, m *wiretap.Message) (p Pending, moved bool) {
	s.run.change(func(now *progress) {
		now.notice = ""
		if now.pending == nil || now.pending.Seq != seq {
			return
		}
		p, moved = *now.pending, true
		if m != nil {
			p.Message = *m
		}
		if p.Kind != Carrying {
			now.state, now.pending = Working, nil
			p.release <- p.Message
			return
		}
		s.mu.Lock()
		if !same(now.pending.Message, p.Message) {
			s.edited[p.Message.URL] = now.pending.Message
		}
		s.seq++
		again := *now.pending // as Dreams meant it, whatever was made of it
		again.Seq, again.Sent, again.pass, again.Draft = s.seq, true, false, nil
		s.mu.Unlock()
		now.state, now.pending = Away, &again
	})
	return p, moved
}

// toTheEnd leaves out every pause from now on.
func (s *stepper) toTheEnd() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.through = true
}

// pauses is how many there were so far, for a run that branches off here.
func (s *stepper) pauses() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.passed
}

// Edited is what Dreams wanted to send, where somebody sent something else.
func (r *Run) Edited(exchange string) (wiretap.Message, bool) {
	if r.stepper == nil {
		return wiretap.Message{}, false
	}
	r.stepper.mu.Lock()
	defer r.stepper.mu.Unlock()
	m, edited := r.stepper.edited[exchange]
	return m, edited
}

// changed tells whether somebody changed a request before it went.
func (r *Run) changed(e wiretap.Exchange) bool {
	name := e.ID
	if e.Front {
		name = e.URL
	}
	_, edited := r.Edited(name)
	return edited
}

// end ends a run, wherever it is.
func (r *Run) end(why error) {
	if r.stepper != nil {
		r.stepper.stop(why)
	}
}

func same(a, b wiretap.Message) bool {
	if a.Method != b.Method || a.URL != b.URL || a.Body != b.Body || len(a.Header) != len(b.Header) {
		return false
	}
	for name, values := range a.Header {
		if strings.Join(values, "\x00") != strings.Join(b.Header[name], "\x00") {
			return false
		}
	}
	return true
}

// partyAt is whose an address is.
func (c *Classroom) partyAt(address string) wiretap.Party {
	u, err := url.Parse(address)
	if err != nil {
		return wiretap.Somebody
	}
	switch u.Scheme + "://" + u.Host {
	case c.Env.DreamsURL.String():
		return wiretap.Client
	case c.Env.AuthserverURL.String():
		return wiretap.AuthorizationServer
	case c.Env.AcmeURL.String():
		return wiretap.ResourceServer
	}
	return wiretap.Somebody
}

// workers are the runs that are at work.
type workers struct {
	mu     sync.Mutex
	base   context.Context
	stop   context.CancelCauseFunc
	closed bool
	all    sync.WaitGroup
}

func newWorkers() *workers {
	base, stop := context.WithCancelCause(context.Background())
	return &workers{base: base, stop: stop}
}

// start does something for a run, unless the program is about to stop.
func (w *workers) start(do func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.all.Go(do)
	return true
}

// Work returns once ctx has ended and no run is at work any more.
func (c *Classroom) Work(ctx context.Context) {
	<-ctx.Done()
	c.workers.mu.Lock()
	c.workers.closed = true
	c.workers.mu.Unlock()
	c.workers.stop(errStopping)
	c.workers.all.Wait()
}

// launch goes on with a run that goes step by step, and that the caller has claimed.
func (c *Classroom) launch(run *Run, do func(context.Context) error) bool {
	return c.workers.start(func() {
		err := errors.New("the lesson panicked")
		defer func() {
			if broken := recover(); broken != nil {
				c.Log.Error("a lesson panicked", "lesson", run.lesson.Slug, "panic", fmt.Sprint(broken))
				c.finish(run, err)
			}
		}()
		err = c.proceed(run, do)
	})
}

func (c *Classroom) proceed(run *Run, do func(context.Context) error) error {
	ctx := wiretap.With(run.stepper.ctx, run.Recording)
	err := do(ctx)
	for err == nil && run.redirect == "" && run.Unfinished > 0 {
		wait := run.Unfinished
		run.Unfinished = 0
		if err = run.stepper.rest(wait); err == nil {
			err = run.lesson.Continue(ctx, run)
		}
	}
	if to := run.redirect; to != "" && err == nil && run.stepper.ctx.Err() == nil {
		run.redirect = ""
		run.stepper.carry(to, run.leaving)
		return nil
	}
	c.finish(run, err)
	return err
}
