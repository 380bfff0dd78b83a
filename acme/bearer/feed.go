package bearer

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Revocation voids tokens before they expire: all of a grant, those of a grant
// that carry a permission, or one by its jti. Or it tells of a person.
type Revocation struct {
	GrantID    string  `json:"grant_id"`
	Permission string  `json:"permission"` // a name in scope or a type of authorization details; empty: all of the grant
	ID         string  `json:"jti"`
	ExpiresAt  int64   `json:"expires_at"` // Unix seconds; by then the tokens have expired anyway
	Person     *Person `json:"person"`     // nothing is void; somebody's name or address is new
}

// Person is what the authorization server tells of somebody with an account.
type Person struct {
	Subject string `json:"sub"`
	Name    string `json:"name"`
	Email   string `json:"email"`
	Picture string `json:"picture"`
}

// part is a permission of a grant.
type part struct{ grant, permission string }

// Position is how far a feed was read. A feed has an id: another one means that
// the authorization server was started again, perhaps on a backup, and that its
// feed is read from the start.
type Position struct {
	Feed   string
	Cursor int64
}

// Revocations is where what was read is kept, so that a restart forgets none.
type Revocations interface {
	// LoadRevocations returns what was kept.
	LoadRevocations(context.Context) (Position, []Revocation, error)

	// KeepRevocations stores news and the position behind them in one
	// transaction: a position without its news would lose them for good.
	KeepRevocations(ctx context.Context, p Position, news []Revocation, now time.Time) error
}

// Feed follows the authorization server's list of revocations: a request that
// stays open until there is news (long polling). A revocation arrives within
// milliseconds, without a question per API call as with RFC 7662.
type Feed struct {
	// Keys are told when the authorization server's keys are others; nil: nobody
	// is. Set before Work.
	Keys *Keys

	issuer       string
	id, password string // who we are to the authorization server
	client       *http.Client
	store        Revocations
	now          func() time.Time
	log          *slog.Logger

	heard atomic.Int64 // when the last answer came, Unix nanoseconds; 0: never

	mu       sync.RWMutex
	position Position
	grants   map[string]int64 // grant_id to expires_at
	parts    map[part]int64
	tokens   map[string]int64 // jti to expires_at
	swept    time.Time        // when those that have expired were dropped
	jwks     string           // ETag of the keys that the last answer told of
	current  *attempt
	failing  bool // the last attempt came to nothing
}

// attempt is one question to the authorization server.
type attempt struct {
	patient bool // it may stay open
	stop    context.CancelFunc
	end     sync.Once
	ended   chan struct{}
}

// NewFeed starts from what is kept. The client must allow for answers that take
// PollWait.
func NewFeed(ctx context.Context, issuer, id, password string, client *http.Client, store Revocations, now func() time.Time, log *slog.Logger) (*Feed, error) {
	f := &Feed{
		issuer: issuer, id: id, password: password, client: client, store: store, now: now, log: log,
		grants: map[string]int64{}, parts: map[part]int64{}, tokens: map[string]int64{},
	}
	position, kept, err := store.LoadRevocations(ctx)
	if err != nil {
		return nil, err
	}
	f.position = position
	f.take(kept)
	return f, nil
}

const (
	// PollWait is how long the authorization server may keep us waiting.
	PollWait = 10 * time.Second
	// freshFor is for how long an answer counts: our policy.
	freshFor = 30 * time.Second
	// pollAgain is the pause after a failure: short, for a revocation must
	// arrive within two seconds of the authorization server's return.
	pollAgain = 500 * time.Millisecond
	// catchUp is how long a request waits for news before it is refused.
	catchUp = time.Second
)

// Fresh tells whether we heard from the authorization server lately. From the
// start until the first answer we did not: much may have been revoked meanwhile.
func (f *Feed) Fresh() bool {
	heard := f.heard.Load()
	return heard != 0 && f.now().UnixNano()-heard <= int64(freshFor)
}

// Heard is when the authorization server last answered; zero: not since the start.
func (f *Feed) Heard() time.Time {
	if heard := f.heard.Load(); heard != 0 {
		return time.Unix(0, heard)
	}
	return time.Time{}
}

// Known is how many grants and tokens are known to be revoked.
func (f *Feed) Known() int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return len(f.grants) + len(f.parts) + len(f.tokens)
}

// Revoked tells whether a token, or the grant that it came from, was revoked.
func (f *Feed) Revoked(grantID, id string) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	_, grant := f.grants[grantID]
	_, token := f.tokens[id]
	return grant || token
}

// TakenBack tells whether a permission that a token carries was taken back.
func (f *Feed) TakenBack(c *Claims) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if len(f.parts) == 0 || c.GrantID == "" {
		return false
	}
	for scope := range strings.SplitSeq(c.Scope, " ") {
		if _, gone := f.parts[part{c.GrantID, scope}]; gone {
			return true
		}
	}
	if len(c.AuthorizationDetails) == 0 {
		return false
	}
	for of := range f.parts {
		if of.grant == c.GrantID && c.DetailsOf(of.permission) != nil {
			return true
		}
	}
	return false
}

// Work follows the feed until ctx ends.
func (f *Feed) Work(ctx context.Context) {
	told := false
	for ctx.Err() == nil {
		a, asking := f.begin(ctx)
		err := f.poll(asking, a.patient)
		interrupted := asking.Err() != nil // by CatchUp, which wants an answer at once
		a.stop()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			told = false
			continue
		case interrupted:
			continue
		}
		f.fail(a)
		if !f.Fresh() && !told {
			told = true
			f.log.Warn("which tokens are revoked is not known: private data is refused until the authorization server answers", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollAgain):
		}
	}
}

// begin is the next attempt; whoever waited for the one before is told.
// It doesn't wait for news while we are not up to date.
func (f *Feed) begin(ctx context.Context) (*attempt, context.Context) {
	asking, stop := context.WithCancel(ctx)
	a := &attempt{patient: f.Fresh(), stop: stop, ended: make(chan struct{})}
	f.mu.Lock()
	before := f.current
	f.current = a
	f.mu.Unlock()
	if before != nil {
		before.end.Do(func() { close(before.ended) })
	}
	return a, asking
}

func (f *Feed) fail(a *attempt) {
	f.mu.Lock()
	f.failing = true
	f.mu.Unlock()
	a.end.Do(func() { close(a.ended) })
}

// CatchUp waits a moment for news where there should be some: at the start, and
// after the computer slept, when the answer we wait for will never come. Where
// the authorization server is known not to answer it doesn't wait.
func (f *Feed) CatchUp(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	for !f.Fresh() {
		f.mu.RLock()
		a, failing := f.current, f.failing
		f.mu.RUnlock()
		if a == nil || failing {
			return false
		}
		if a.patient {
			a.stop()
		}
		select {
		case <-a.ended:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// poll asks once and takes in the answer.
func (f *Feed) poll(ctx context.Context, patient bool) error {
	position := f.at()
	answer, err := f.ask(ctx, position, patient)
	if err != nil {
		return err
	}
	f.tellKeys(answer.JWKS)
	// What is revoked is refused from now on, written down or not.
	anew := answer.Feed != position.Feed
	complete := len(answer.Revocations) == 0 || (f.Fresh() && !anew)
	f.take(answer.Revocations)
	if complete { // a long list comes in parts, and a part is not yet news of everything
		f.hear()
	}
	read := Position{answer.Feed, answer.Cursor}
	if read == position {
		return nil
	}
	// The position moves on only when the news are written down. Until then
	// they are asked for again.
	if err := f.store.KeepRevocations(context.WithoutCancel(ctx), read, answer.Revocations, f.now()); err != nil {
		return fmt.Errorf("revocations cannot be stored: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.position = read
	return nil
}

// tellKeys hands on which keys the authorization server has. The next question
// names them, and is answered when there are others.
func (f *Feed) tellKeys(etag string) {
	f.mu.Lock()
	f.jwks = etag
	f.mu.Unlock()
	if f.Keys != nil {
		f.Keys.Announce(etag)
	}
}

// hear notes that we are up to date.
func (f *Feed) hear() {
	if !f.Fresh() {
		f.log.Info("which tokens are revoked is known: private data is served")
	}
	f.heard.Store(f.now().UnixNano())
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failing = false
}

type answer struct {
	Feed        string       `json:"feed"`
	Cursor      int64        `json:"cursor"`
	Revocations []Revocation `json:"revocations"`
	JWKS        string       `json:"jwks_etag"`
}

func (f *Feed) ask(ctx context.Context, from Position, patient bool) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, PollWait+3*time.Second)
	defer cancel()
	wait := "0"
	if patient {
		wait = strconv.Itoa(int(PollWait / time.Second))
	}
	f.mu.RLock()
	jwks := f.jwks
	f.mu.RUnlock()
	query := url.Values{"feed": {from.Feed}, "after": {strconv.FormatInt(from.Cursor, 10)}, "wait": {wait}, "jwks_etag": {jwks}}
	var a answer
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.issuer+"/revocations?"+query.Encode(), nil)
	if err != nil {
		return a, err
	}
	// RFC 6749 §2.3.1: id and secret are form-encoded before Basic.
	req.SetBasicAuth(url.QueryEscape(f.id), url.QueryEscape(f.password))
	req.Header.Set("Accept", "application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return a, fmt.Errorf("%s/revocations answered %s", f.issuer, resp.Status)
	}
	// A list that was cut off would lack revocations: it does not parse.
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(&a); err != nil {
		return a, fmt.Errorf("%s/revocations: %w", f.issuer, err)
	}
	if a.Feed == "" {
		return a, fmt.Errorf("%s/revocations: the answer names no feed", f.issuer)
	}
	return a, nil
}

func (f *Feed) at() Position {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.position
}

// take knows news from now on, besides what was known: an authorization server
// that was restored from a backup has forgotten what it revoked since, and we
// have not.
func (f *Feed) take(news []Revocation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range news {
		switch {
		case r.GrantID != "" && r.Permission != "":
			f.parts[part{r.GrantID, r.Permission}] = r.ExpiresAt
		case r.GrantID != "":
			f.grants[r.GrantID] = r.ExpiresAt
		}
		if r.ID != "" {
			f.tokens[r.ID] = r.ExpiresAt
		}
	}
	f.sweep()
}

// sweepEvery is how often those are dropped whose tokens have expired. To look
// through all of them for each that comes would take longer the more there are.
const sweepEvery = time.Minute

func (f *Feed) sweep() {
	now := f.now()
	if passed := now.Sub(f.swept); passed >= 0 && passed < sweepEvery {
		return
	}
	f.swept = now
	expired := now.Unix()
	maps.DeleteFunc(f.grants, func(_ string, expires int64) bool { return expires <= expired })
	maps.DeleteFunc(f.parts, func(_ part, expires int64) bool { return expires <= expired })
	maps.DeleteFunc(f.tokens, func(_ string, expires int64) bool { return expires <= expired })
}
