package letter

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"example.com/acme-dreams/internal/mail"
)

// Outbox is where letters wait until the mail server has taken them, or, in a
// classroom without one, lie to be read.
type Outbox struct {
	Server *mail.Server // nil: there is none
	Shown  bool         // without a server: letters are kept, for their person to read on a page
	Log    *slog.Logger
	Now    func() time.Time
	ID     func() string // of a letter: unguessable

	mu      sync.Mutex
	letters []*waiting // oldest first
	bell    chan struct{}
}

// waiting is a letter with what became of it.
type waiting struct {
	Letter
	attempts int
	due      time.Time
}

// most is how many letters there may be; then the oldest goes.
const most = 500

// waits is how long to wait after each failure. After the last the letter is given
// up: what it asks is too old by then.
var waits = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute}

// Open makes it ready.
func (o *Outbox) Open() *Outbox {
	o.bell = make(chan struct{}, 1)
	return o
}

// Delivers tells whether anybody gets to read what is put in.
func (o *Outbox) Delivers() bool { return o.Server != nil || o.Shown }

// Put takes a letter. Nobody waits until it has left.
func (o *Outbox) Put(l Letter) {
	l.ID, l.Date = o.ID(), o.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.letters = append(o.letters, &waiting{Letter: l, due: l.Date}); len(o.letters) > most {
		o.letters = o.letters[1:]
	}
	select {
	case o.bell <- struct{}{}:
	default: // it rings already
	}
}

// Letters are those that lie here about an account, newest first.
func (o *Outbox) Letters(sub string) []Letter {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []Letter
	for _, l := range slices.Backward(o.letters) {
		if l.Sub == sub {
			all = append(all, l.Letter)
		}
	}
	return all
}

// Work hands letters to the mail server until ctx ends.
func (o *Outbox) Work(ctx context.Context) {
	if o.Server == nil {
		return
	}
	for ctx.Err() == nil {
		if l := o.next(); l != nil {
			o.deliver(ctx, l)
			continue
		}
		var later <-chan time.Time
		if o.Waiting() > 0 {
			later = time.After(time.Second)
		}
		select {
		case <-o.bell:
		case <-later:
		case <-ctx.Done():
		}
	}
}

// Waiting is how many letters have not left.
func (o *Outbox) Waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.letters)
}

func (o *Outbox) next() *waiting {
	now := o.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range o.letters {
		if !now.Before(l.due) {
			return l
		}
	}
	return nil
}

func (o *Outbox) deliver(ctx context.Context, l *waiting) {
	source, err := l.Source()
	if err == nil {
		err = o.Server.Send(ctx, senderAddress, l.To, source)
	}
	if ctx.Err() != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil:
	case l.attempts < len(waits):
		o.Log.Warn("a letter could not be handed to the mail server", "subject", l.Subject, "attempts", l.attempts+1, "error", err)
		l.due = o.Now().Add(waits[l.attempts])
		l.attempts++
		return
	default:
		o.Log.Error("a letter is given up", "subject", l.Subject, "error", err)
	}
	o.letters = slices.DeleteFunc(o.letters, func(other *waiting) bool { return other == l })
}
