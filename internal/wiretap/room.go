package wiretap

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Room is where recordings are: Dreams's. It tells the other programs what to
// listen for. A nil one records nothing.
type Room struct {
	*Tap
	clock   *Clock
	log     *slog.Logger
	members []*listened

	mu    sync.Mutex
	runs  map[string]*Recording
	order []string // of runs, oldest first

	moving sync.Mutex
}

// MaxRuns is how many recordings a room holds. They hold tokens that work, so
// they stay in memory and are gone with the program.
const MaxRuns = 200

// maxRoom is how much memory all recordings take together, about. Where it is more,
// the largest are emptied: an ordinary run has a twentieth of what one may have.
const maxRoom = 24 << 20

// listened is another program, as the room knows it.
type listened struct {
	party Party
	url   string
	key   string
	back  *http.Client

	mu      sync.Mutex
	pending map[string]watching
	kick    chan struct{}
	sending turn

	told time.Duration // what it knows of the clock; -1: nobody can say
}

// NewRoom makes the room of Dreams; others are the public URLs of the programs
// that it listens to.
func NewRoom(clock *Clock, others map[Party]string, to func(*url.URL) Party, back http.RoundTripper, log *slog.Logger) *Room {
	r := &Room{clock: clock, log: log, runs: map[string]*Recording{}}
	r.Tap = newTap(Client, clock.Now, to, r.take)
	r.world = clock.Base
	r.on.Store(true)
	for _, party := range []Party{AuthorizationServer, ResourceServer} {
		r.members = append(r.members, &listened{
			party: party, url: others[party], key: newID(32), back: direct(back, 2*time.Second),
			pending: map[string]watching{}, kick: make(chan struct{}, 1), sending: make(turn, 1), told: -1,
		})
	}
	return r
}

// readyWithin is how long a run waits for the other programs to listen. One that
// does not answer is missing in the recording, which says so.
const readyWithin = 500 * time.Millisecond

// Open begins a recording. Once it returns, the other programs listen.
func (r *Room) Open(ctx context.Context, gate Gate) *Recording {
	if r == nil {
		return nil
	}
	recording := &Recording{ID: newID(8), Trace: newID(16), Gate: gate, grown: r.trim}
	var gone *Recording
	r.mu.Lock()
	if len(r.order) >= MaxRuns {
		gone = r.runs[r.order[0]]
		delete(r.runs, r.order[0])
		r.order = r.order[1:]
	}
	r.runs[recording.ID] = recording
	r.order = append(r.order, recording.ID)
	r.mu.Unlock()
	if gone != nil {
		gone.empty(r.now()) // others may still hold it
		r.unwatch(gone.ID)
	}
	r.matcher.watch(recording.ID, recording.Trace, nil, r.world())
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyWithin)
	defer cancel()
	var told sync.WaitGroup
	for _, m := range r.members {
		m.tell(recording.ID, watching{Trace: recording.Trace})
		told.Go(func() {
			if err := r.send(ctx, m); err != nil {
				r.log.Info("a program is not heard", "party", m.party, "error", err)
				recording.Miss(Gap{At: r.now(), Party: m.party, Why: "it did not answer when we asked it to listen: what it receives and checks is missing here"})
			}
		})
	}
	told.Wait()
	return recording
}

// Forget drops a recording, and what was recorded with it.
func (r *Room) Forget(id string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	delete(r.runs, id)
	r.order = slices.DeleteFunc(r.order, func(one string) bool { return one == id })
	r.mu.Unlock()
	r.unwatch(id)
}

func (r *Room) unwatch(id string) {
	r.matcher.drop(id)
	for _, m := range r.members {
		m.tell(id, watching{Over: true})
	}
}

// trim empties the largest recordings while all together are too large.
func (r *Room) trim() {
	r.mu.Lock()
	defer r.mu.Unlock()
	sizes, all := map[string]int{}, 0
	for id, one := range r.runs {
		sizes[id] = one.Size()
		all += sizes[id]
	}
	for all > maxRoom {
		largest := ""
		for id, size := range sizes {
			if largest == "" || size > sizes[largest] {
				largest = id
			}
		}
		r.runs[largest].empty(r.now())
		all -= sizes[largest]
		sizes[largest] = 0
	}
}

// Recording returns a recording by its ID; nil: there is none.
func (r *Room) Recording(id string) *Recording {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.runs[id]
}

// IDs names the recordings, oldest first.
func (r *Room) IDs() []string {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.order)
}

// take gives what Dreams heard to its run, and tells the others by what else the
// run is known.
func (r *Room) take(f found) {
	recording := r.Recording(f.run)
	if f.e.ID != "" {
		recording.Receive(f.e)
	}
	if recording == nil || len(f.newLinks) == 0 {
		return
	}
	for _, m := range r.members {
		m.tell(f.run, watching{Trace: recording.Trace, Links: f.newLinks})
	}
}

// takeFrom is take for what another program heard.
func (r *Room) takeFrom(h heard) {
	recording := r.Recording(h.Run)
	if recording == nil {
		return
	}
	recording.Receive(h.Exchange)
	fresh, before := r.matcher.watch(h.Run, recording.Trace, h.Links, r.world())
	for _, f := range append(before, found{run: h.Run, newLinks: fresh}) {
		r.take(f)
	}
}

func (m *listened) tell(run string, w watching) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.pending[run]
	if w.Trace != "" {
		now.Trace = w.Trace
	}
	now.Links, now.Over = append(now.Links, w.Links...), w.Over
	m.pending[run] = now
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

var errDeaf = errors.New("wiretap: the program does not listen")

// turn lets one send at a time. Who has no time to wait for theirs does not.
type turn chan struct{}

func (t turn) Lock()   { t <- struct{}{} }
func (t turn) Unlock() { <-t }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mostTold is how many links one order has.
const mostTold = 2000

// parts are orders that are small enough each; the first has what the others do not.
func (o order) parts() []order {
	first := o
	first.Runs = map[string]watching{}
	all, links := []order{first}, 0
	for run, w := range o.Runs {
		if links > 0 && links+len(w.Links) > mostTold {
			all, links = append(all, order{Key: o.Key, Ahead: o.Ahead, Runs: map[string]watching{}}), 0
		}
		all[len(all)-1].Runs[run] = w
		links += len(w.Links)
	}
	return all
}

// post sends an order, in parts.
func (m *listened) post(ctx context.Context, o order) (status int, err error) {
	for _, part := range o.parts() {
		if status, err = post(ctx, m.back, m.url+Path, "", part); err != nil || status != http.StatusNoContent {
			break
		}
	}
	return status, err
}

// send gives a program its orders.
func (r *Room) send(ctx context.Context, m *listened) error {
	if err := m.sending.take(ctx); err != nil {
		return err
	}
	defer m.sending.Unlock()
	m.mu.Lock()
	ahead := r.clock.Ahead()
	o := order{Key: m.key, Ahead: ahead.Milliseconds(), Runs: m.pending}
	m.pending = map[string]watching{}
	m.mu.Unlock()
	status, err := m.post(ctx, o)
	if err == nil && status == http.StatusConflict { // it has not heard of us, or was started again
		o.Fresh, o.Runs = true, r.matcher.all()
		status, err = m.post(ctx, o)
	}
	if err == nil && status == http.StatusNoContent {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.told = ahead
		return nil
	}
	if status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
		m.mu.Lock()
		m.told = ahead // WIRETAP=off there: it has no clock of ours
		m.mu.Unlock()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for run, w := range o.Runs { // another time
		if !w.Over && r.Recording(run) == nil || len(m.pending) >= 2*MaxRuns {
			continue
		}
		later := m.pending[run]
		if later.Trace == "" {
			later.Trace = w.Trace
		}
		later.Links, later.Over = append(w.Links, later.Links...), w.Over || later.Over
		if len(later.Links) < maxLinks {
			m.pending[run] = later
		}
	}
	if err == nil {
		err = errDeaf
	}
	return err
}

// Work gives the other programs their orders.
func (r *Room) Work(ctx context.Context) {
	if r == nil {
		return
	}
	var all sync.WaitGroup
	for _, m := range r.members {
		all.Go(func() { r.keepTelling(ctx, m) })
	}
	all.Wait()
}

// again is how soon a program that was started again learns what the room wants.
const again = 5 * time.Second

func (r *Room) keepTelling(ctx context.Context, m *listened) {
	ticker := time.NewTicker(again)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.kick:
		case <-ticker.C:
			if r.clock.Ahead() == 0 && m.knows(0) && !r.matcher.watching(r.world()) {
				continue
			}
		}
		if err := r.send(ctx, m); err != nil && ctx.Err() == nil {
			r.log.Debug("a program is not heard", "party", m.party, "error", err)
		}
	}
}

// Ahead is how far the room's clock is ahead.
func (r *Room) Ahead() time.Duration {
	if r == nil {
		return 0
	}
	return r.clock.Ahead()
}

// knows tells whether the program has the room's time. One that was started before
// Dreams was may still have that of an earlier room.
func (m *listened) knows(ahead time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.told == ahead
}

// Advance moves the room's clock forward, and returns once the other programs have
// moved theirs. An error names who did not: they are told again until they have.
func (r *Room) Advance(ctx context.Context, by time.Duration) error {
	r.moving.Lock()
	defer r.moving.Unlock()
	return r.move(ctx, r.clock.Ahead()+max(0, by))
}

// PutRight sets the room's clock to the world's time.
func (r *Room) PutRight(ctx context.Context) error {
	r.moving.Lock()
	defer r.moving.Unlock()
	return r.move(ctx, 0)
}

func (r *Room) move(ctx context.Context, ahead time.Duration) error {
	r.clock.set(ahead)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var errs error
	for _, m := range r.members {
		if err := r.send(ctx, m); err != nil {
			errs = errors.Join(errs, &NotMoved{m.party, err})
		}
	}
	return errs
}

// NotMoved: a program did not hear that the clock was moved.
type NotMoved struct {
	Party Party
	Err   error
}

func (n *NotMoved) Error() string {
	return "the clock of " + string(n.Party) + " was not moved: " + n.Err.Error()
}
func (n *NotMoved) Unwrap() error { return n.Err }

// Confirm tells a program whether an order was ours.
func (r *Room) Confirm(w http.ResponseWriter, req *http.Request) {
	var asked struct {
		Party Party  `json:"party"`
		Sum   string `json:"key_sha256"`
	}
	_ = json.NewDecoder(io.LimitReader(req.Body, 4<<10)).Decode(&asked)
	for _, m := range r.members {
		sum := sha256.Sum256([]byte(m.key))
		if m.party == asked.Party && subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(asked.Sum)) == 1 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	http.Error(w, "this is not our order", http.StatusNotFound)
}

// Deliver takes what a program heard.
func (r *Room) Deliver(w http.ResponseWriter, req *http.Request) {
	var d delivery
	from := (*listened)(nil)
	for _, m := range r.members {
		if subtle.ConstantTimeCompare([]byte(m.key), []byte(bearer(req))) == 1 {
			from = m
		}
	}
	if from == nil {
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "expected the key of one of our orders", http.StatusUnauthorized)
		return
	}
	if err := json.NewDecoder(req.Body).Decode(&d); err != nil {
		http.Error(w, "expected what was heard, as JSON", http.StatusBadRequest)
		return
	}
	runs := map[string]bool{}
	for _, h := range d.Heard {
		runs[h.Run] = true
		r.takeFrom(h)
	}
	if d.Lost > 0 {
		for id := range runs {
			r.Recording(id).Miss(Gap{At: r.now(), Party: from.party, Lost: d.Lost, Why: "more happened at once than it could tell"})
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
