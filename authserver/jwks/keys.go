package jwks

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/outbound"
)

// Keys finds the keys of clients. Those behind a jwks_uri are kept for a while,
// and stay when their server cannot be reached.
type Keys struct {
	client *http.Client
	now    func() time.Time
	log    *slog.Logger
	places chan struct{} // one for each fetch that is under way

	mu   sync.Mutex
	sets map[string]*set // by jwks_uri
}

// set is what is known of a jwks_uri.
type set struct {
	keys     []oauth.PublicKey
	fetched  time.Time     // when keys came; zero: never
	asked    [3]time.Time  // when we last asked, oldest first
	failures int           // since keys came
	fetching chan struct{} // closes when the answer is there; nil: none is on its way
}

// tooSoon tells whether to wait before asking again: three times may be at once,
// for a client that rotates its key and uses the new one in the same second; and
// after failures twice as long each time, so that a server which never answers
// takes little of our time.
func (s *set) tooSoon(now time.Time) bool {
	oldest, last := s.asked[0], s.asked[len(s.asked)-1]
	if s.failures > 0 {
		return now.Sub(last) < refetchAfter<<min(s.failures, 6)
	}
	return now.Sub(oldest) < time.Duration(len(s.asked))*refetchAfter
}

// NewKeys fetches nothing yet. client is for addresses that strangers name.
func NewKeys(client *http.Client, now func() time.Time, log *slog.Logger) *Keys {
	return &Keys{client: client, now: now, log: log, places: make(chan struct{}, maxFetches), sets: map[string]*set{}}
}

const (
	// refetchAfter is how often an unknown kid may make us ask: anybody can
	// invent one, and a client's server must not suffer for it.
	refetchAfter = time.Second
	refreshAfter = 5 * time.Minute // how long a key that was withdrawn may live on here
	keepFor      = time.Hour       // how long keys are good while their server cannot be reached
	maxWait      = 6 * time.Second // how long a request waits for keys
	maxSets      = 1000
	maxFetches   = 64
	maxDocument  = 256 << 10
)

// ErrUnavailable is what a client gets whose jwks_uri gives no keys.
var ErrUnavailable = errors.New("jwks: no keys behind the jwks_uri")

// ClientKeys returns the keys of a client. kid is the one that is looked for;
// one that is not known makes us ask again, for it may be new.
func (k *Keys) ClientKeys(ctx context.Context, client *oauth.Client, kid string) ([]oauth.PublicKey, error) {
	if client.JWKSURI == "" {
		return client.Keys, nil
	}
	if fetching := k.fetch(client.JWKSURI, kid); fetching != nil {
		select {
		case <-fetching:
		case <-time.After(maxWait): // others are in front: what we have must do
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.sets[client.JWKSURI]
	if s == nil || s.fetched.IsZero() || k.now().Sub(s.fetched) > keepFor {
		return nil, ErrUnavailable
	}
	return s.keys, nil
}

// fetch starts asking, where that is due and not too soon. It returns what closes
// when the answer is there: everybody who needs it waits for the same one.
func (k *Keys) fetch(uri, kid string) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, now := k.set(uri), k.now()
	known := kid == "" || slices.ContainsFunc(s.keys, func(key oauth.PublicKey) bool { return key.ID == "" || key.ID == kid })
	if !s.fetched.IsZero() && now.Sub(s.fetched) < refreshAfter && known {
		return nil
	}
	if s.fetching != nil || s.tooSoon(now) {
		return s.fetching
	}
	done := make(chan struct{})
	s.asked, s.fetching = [3]time.Time{s.asked[1], s.asked[2], now}, done
	go func() { // no caller's own: when one hangs up, the others still wait
		keys, err := k.get(uri)
		k.mu.Lock()
		defer k.mu.Unlock()
		if err == nil {
			s.keys, s.fetched, s.failures = keys, k.now(), 0
		} else {
			s.failures++
			k.log.Warn("a client's keys cannot be fetched", "jwks_uri", uri, "error", err)
		}
		s.fetching = nil
		close(done)
	}()
	return done
}

// set finds or makes what is known of a jwks_uri. Where there are too many, the
// one that nobody has needed for longest is forgotten.
func (k *Keys) set(uri string) *set {
	if s := k.sets[uri]; s != nil {
		return s
	}
	if len(k.sets) >= maxSets {
		var oldest string
		for uri, s := range k.sets {
			if oldest == "" || s.asked[2].Before(k.sets[oldest].asked[2]) {
				oldest = uri
			}
		}
		delete(k.sets, oldest)
	}
	k.sets[uri] = &set{}
	return k.sets[uri]
}

func (k *Keys) get(uri string) ([]oauth.PublicKey, error) {
	select {
	case k.places <- struct{}{}:
		defer func() { <-k.places }()
	case <-time.After(maxWait):
		return nil, errors.New("too many servers are slow")
	}
	document, err := outbound.Get(context.Background(), k.client, uri, maxDocument)
	if err != nil {
		return nil, err
	}
	return Parse(document)
}
