package wiretap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Where the room and the other programs speak with one another.
const (
	// Path takes the room's orders in a program, and what a program heard in the room.
	Path = "/wiretap"
	// ConfirmPath is in the room: a program asks there whether an order is the room's.
	ConfirmPath = "/wiretap/confirm"
)

// order is what the room wants a program to listen for.
type order struct {
	Key   string              `json:"key"`      // what the program is to show with what it heard
	Fresh bool                `json:"fresh"`    // the program is to forget what it was told before
	Ahead int64               `json:"ahead_ms"` // how far the room's clock is ahead
	Runs  map[string]watching `json:"runs"`
}

// watching is what a run is known by, as far as it is new.
type watching struct {
	Trace string   `json:"trace"`
	Links []string `json:"links,omitempty"`
	Over  bool     `json:"over,omitempty"` // nobody watches it any more
}

// delivery is what a program heard.
type delivery struct {
	Party Party   `json:"party"`
	Heard []heard `json:"heard,omitempty"`
	Lost  int     `json:"lost,omitempty"` // what it had no room for
}

type heard struct {
	Run      string   `json:"run"`
	Exchange Exchange `json:"exchange"`
	Links    []string `json:"links,omitempty"`
}

// Member is a program that people in the room listen to.
type Member struct {
	*Tap
	room   string // where what is heard goes: the one address that was configured
	back   *http.Client
	clock  *Clock
	log    *slog.Logger
	queue  chan heard
	bytes  atomic.Int64 // in the queue
	lost   atomic.Int64
	asking chan struct{} // whether an order is the room's
	mu     sync.Mutex
	key    string
}

// queued and queuedBytes are how much a program keeps that the room has not taken
// yet; askers is how many strangers' orders the room is asked about at once.
const (
	queued      = 512
	queuedBytes = 8 << 20
	askers      = 8
)

// NewMember makes the tap of a program; room is the public URL of Dreams.
func NewMember(party Party, clock *Clock, room string, to func(*url.URL) Party, back http.RoundTripper, log *slog.Logger) *Member {
	m := &Member{room: room, back: direct(back, 2*time.Second), clock: clock, log: log, queue: make(chan heard, queued), asking: make(chan struct{}, askers)}
	m.Tap = newTap(party, clock.Now, to, m.keep)
	m.world = clock.Base
	return m
}

// direct is a client that follows nothing and is not recorded.
func direct(back http.RoundTripper, timeout time.Duration) *http.Client {
	return &http.Client{Transport: back, Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// keep puts something for the room into the queue. Where that is full the
// request that is being heard does not wait for it.
func (m *Member) keep(f found) {
	size := int64(f.e.size())
	if m.bytes.Add(size) <= queuedBytes {
		select {
		case m.queue <- heard{f.run, f.e, f.newLinks}:
			return
		default:
		}
	}
	m.bytes.Add(-size)
	m.lost.Add(1)
}

// Order answers the room's orders. Anybody may send one: an order counts once
// Dreams, asked at the address that we know, has said that it is its own. What is
// heard goes there and nowhere else.
func (m *Member) Order(w http.ResponseWriter, r *http.Request) {
	var o order
	if err := json.NewDecoder(io.LimitReader(r.Body, 256<<10)).Decode(&o); err != nil || o.Key == "" {
		http.Error(w, `expected an order as JSON: {"key": "…", "runs": {…}}`, http.StatusBadRequest)
		return
	}
	fresh, err := m.trust(r.Context(), o)
	switch {
	case errors.Is(err, errStranger):
		http.Error(w, "this order is not the room's", http.StatusForbidden)
		return
	case err != nil:
		http.Error(w, "the room did not answer", http.StatusServiceUnavailable)
		return
	case fresh && !o.Fresh:
		http.Error(w, "say it all: this program does not know you yet", http.StatusConflict)
		return
	}
	if o.Fresh {
		m.matcher.reset()
	}
	m.clock.set(time.Duration(o.Ahead) * time.Millisecond)
	for run, what := range o.Runs {
		if what.Over {
			m.matcher.drop(run)
			continue
		}
		_, before := m.matcher.watch(run, what.Trace, what.Links, m.world())
		for _, f := range before {
			m.keep(f)
		}
	}
	m.on.Store(m.matcher.watching(m.world()))
	w.WriteHeader(http.StatusNoContent)
}

var errStranger = errors.New("wiretap: the order is not the room's")

var errBusy = errors.New("wiretap: too many orders of strangers at once")

// trust asks Dreams about a key that we do not know. Strangers may make us ask, and
// neither wait for one another nor let the room wait, whose key we know.
func (m *Member) trust(ctx context.Context, o order) (fresh bool, err error) {
	m.mu.Lock()
	known := m.key != "" && subtle.ConstantTimeCompare([]byte(m.key), []byte(o.Key)) == 1
	m.mu.Unlock()
	if known {
		return false, nil
	}
	select {
	case m.asking <- struct{}{}:
		defer func() { <-m.asking }()
	case <-time.After(readyWithin):
		return false, errBusy
	case <-ctx.Done():
		return false, ctx.Err()
	}
	sum := sha256.Sum256([]byte(o.Key))
	status, err := m.post(ctx, ConfirmPath, "", map[string]string{"party": string(m.party), "key_sha256": hex.EncodeToString(sum[:])})
	if err != nil {
		return false, err
	}
	if status != http.StatusNoContent {
		return false, errStranger
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.key = o.Key
	return true, nil
}

// Work sends what is heard, and stops listening when nobody watches any more.
func (m *Member) Work(ctx context.Context) {
	if m == nil {
		return
	}
	look := time.NewTicker(time.Minute)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			m.on.Store(m.matcher.watching(m.world()))
		case h := <-m.queue:
			m.deliver(ctx, h)
		}
	}
}

// most and mostBytes are how much goes in one delivery.
const (
	most      = 4
	mostBytes = MaxBody
)

// MaxDelivery is the largest delivery, in bytes: JSON writes some characters with six.
const MaxDelivery = 2 << 20

func (m *Member) deliver(ctx context.Context, first heard) {
	d := delivery{Party: m.party, Heard: []heard{first}, Lost: int(m.lost.Swap(0))}
	bytes := first.Exchange.size()
	m.bytes.Add(-int64(bytes))
	for len(d.Heard) < most && bytes < mostBytes && len(m.queue) > 0 {
		next := <-m.queue
		size := next.Exchange.size()
		d.Heard, bytes = append(d.Heard, next), bytes+size
		m.bytes.Add(-int64(size))
	}
	m.mu.Lock()
	key := m.key
	m.mu.Unlock()
	status, err := m.post(ctx, Path, key, d)
	if err == nil && status == http.StatusNoContent {
		return
	}
	m.lost.Add(int64(len(d.Heard) + d.Lost))
	m.log.Debug("the room did not take what was heard", "status", status, "error", err)
}

func (m *Member) post(ctx context.Context, path, key string, body any) (status int, err error) {
	return post(ctx, m.back, m.room+path, key, body)
}

func post(ctx context.Context, client *http.Client, address, key string, body any) (status int, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(Without(ctx), http.MethodPost, address, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)); err != nil {
		return 0, fmt.Errorf("reading the answer: %w", err)
	}
	return resp.StatusCode, nil
}

// bearer is the key of a delivery.
func bearer(r *http.Request) string {
	key, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return key
}
