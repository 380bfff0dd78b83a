package bearer

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Key is a public key of the authorization server, for one algorithm.
type Key struct {
	Algorithm string // ES256 or RS256
	Public    crypto.PublicKey
}

// Keys are the authorization server's, found through its discovery document
// and kept in memory. They stay when it cannot be reached.
type Keys struct {
	issuer string
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	current   atomic.Pointer[keySet]
	announced atomic.Pointer[string] // the ETag that the feed told last; nil: it told none
	news      chan struct{}          // holds a value after the feed told another one

	refreshing sync.Mutex // one answer at a time: an older one never replaces a newer one

	mu     sync.Mutex
	next   chan struct{} // closes when a question that is still to be asked is answered; nil: none is
	asked  time.Time     // when an unknown kid last made us ask; this computer's time
	failed time.Time     // when that came to nothing; zero: it did not
}

// keySet is never changed. A set that comes again as it was stays the same
// value, with the same *Key in it.
type keySet struct {
	source []byte
	etag   string // of the document; empty: it had none
	byID   map[string]*Key
}

// NewKeys fetches nothing yet.
func NewKeys(issuer string, client *http.Client, now func() time.Time, log *slog.Logger) *Keys {
	return &Keys{issuer: issuer, client: client, now: now, log: log, news: make(chan struct{}, 1)}
}

const (
	// askEvery is how often unknown kids may make us ask: anybody can invent one,
	// and the authorization server must not suffer for it. Who comes sooner waits
	// for the next question, and is not refused for what a stranger asked before.
	askEvery = 250 * time.Millisecond
	// retryAfter is the pause after a question that nobody answered. Meanwhile
	// nobody waits.
	retryAfter = time.Second
	// refetchAfter is the same while we have keys, and nobody asks for another.
	refetchAfter = 10 * time.Second
	// refreshEvery is how long a key that was withdrawn may live on here.
	refreshEvery = 5 * time.Minute
	fetchTimeout = 5 * time.Second
	maxDocument  = 1 << 20
)

// Key returns the key of that name, or nil where the authorization server has
// none. An unknown name makes us ask, for a key may be new; whoever has a known
// one never waits. Its error is *Unavailable while we know no keys.
func (k *Keys) Key(ctx context.Context, id string) (*Key, error) {
	set := k.current.Load()
	if set != nil && set.byID[id] != nil {
		return set.byID[id], nil
	}
	if answered := k.ask(); answered != nil {
		select {
		case <-answered:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	set = k.current.Load()
	if set == nil {
		return nil, &Unavailable{
			Reason:     "The authorization server cannot be reached, so no token can be verified.",
			RetryAfter: 2 * time.Second,
		}
	}
	return set.byID[id], nil
}

// Announce takes in which keys the authorization server has by now. Where those
// are not ours Work fetches them.
func (k *Keys) Announce(etag string) {
	if etag == "" {
		return
	}
	k.announced.Store(&etag)
	if k.behind() {
		select {
		case k.news <- struct{}{}:
		default:
		}
	}
}

// behind tells whether the feed told of other keys than we have.
func (k *Keys) behind() bool {
	announced, set := k.announced.Load(), k.current.Load()
	return announced != nil && set != nil && set.etag != "" && set.etag != *announced
}

// ask asks for the keys, and returns what closes when the answer is there. A
// question that is on its way may have been answered before the key was there,
// so that it is always the next one: everybody who misses a key waits for the
// same. It is nil shortly after a question that nobody answered.
func (k *Keys) ask() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.next != nil {
		return k.next
	}
	if !k.failed.IsZero() && k.now().Sub(k.failed) < retryAfter {
		return nil
	}
	answered := make(chan struct{})
	k.next = answered
	wait := time.Until(k.asked.Add(askEvery))
	go func() { // no caller's own: when one hangs up, the others still wait
		defer close(answered)
		time.Sleep(wait)
		k.mu.Lock()
		k.next, k.asked = nil, time.Now()
		k.mu.Unlock()
		err := k.Refresh(context.Background())
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.failed = (time.Time{}); err != nil {
			k.failed = k.now()
			k.log.Debug("keys for an unknown kid", "error", err)
		}
	}()
	return answered
}

// Work fetches the keys before the first token comes, when the feed tells of
// others, and every few minutes, so that a key that was withdrawn is forgotten.
func (k *Keys) Work(ctx context.Context) {
	failing := false
	for {
		err := k.Refresh(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := refreshEvery
		if err != nil {
			if pause = retryAfter; k.current.Load() != nil {
				pause = refetchAfter
			}
			if !failing {
				k.log.Warn("the authorization server's keys cannot be fetched; will try again", "error", err)
			}
		} else if failing {
			k.log.Info("the authorization server's keys are here")
		}
		failing = err != nil
		if k.behind() {
			pause = retryAfter
		}
		select {
		case <-ctx.Done():
			return
		case <-k.news:
		case <-time.After(pause):
		}
	}
}

// Refresh fetches the keys. What we have stays when that fails.
func (k *Keys) Refresh(ctx context.Context) error {
	k.refreshing.Lock()
	defer k.refreshing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	document, _, err := k.get(ctx, k.issuer+"/.well-known/openid-configuration")
	if err != nil {
		return err
	}
	var metadata struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(document, &metadata); err != nil {
		return fmt.Errorf("discovery document: %w", err)
	}
	// RFC 8414 §3.3: the issuer "MUST be identical to the authorization
	// server's issuer identifier value" that the address was made from.
	if metadata.Issuer != k.issuer {
		return fmt.Errorf("discovery document: issuer is %q, expected %q", metadata.Issuer, k.issuer)
	}
	source, etag, err := k.get(ctx, metadata.JWKSURI)
	if err != nil {
		return err
	}
	if set := k.current.Load(); set != nil && set.etag == etag && bytes.Equal(set.source, source) {
		return nil
	}
	keys, err := parseKeys(source)
	if err != nil {
		return fmt.Errorf("jwks: %w", err)
	}
	k.current.Store(&keySet{source: source, etag: etag, byID: keys})
	return nil
}

// get fetches a document and its ETag, of the origin and not of a cache.
func (k *Keys) get(ctx context.Context, url string) (body []byte, etag string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Cache-Control", "no-cache")
	resp, err := k.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("%s answered %s", url, resp.Status)
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxDocument))
	// A proxy that compresses makes the ETag a weak one: RFC 9110 §8.8.1.
	return body, strings.TrimPrefix(resp.Header.Get("ETag"), "W/"), err
}

// parseKeys reads a JWK set (RFC 7517 §5) and leaves out what is no signing key
// of ours: keys for encryption, other types and curves, weak ones.
func parseKeys(source []byte) (map[string]*Key, error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(source, &set); err != nil {
		return nil, err
	}
	keys := map[string]*Key{}
	for _, jwk := range set.Keys {
		algorithm := algorithmOf(jwk)
		if algorithm == "" || jwk.KeyID == "" || keys[jwk.KeyID] != nil || (jwk.Use != "" && jwk.Use != "sig") {
			continue
		}
		keys[jwk.KeyID] = &Key{Algorithm: algorithm, Public: jwk.Key}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no key for ES256 or RS256 among %d", len(set.Keys))
	}
	return keys, nil
}

// algorithmOf is the one algorithm that a key is for: what its alg says, if
// that fits its type; empty where it is none of ours.
func algorithmOf(jwk jose.JSONWebKey) string {
	var fits string
	switch public := jwk.Key.(type) {
	case *ecdsa.PublicKey:
		if public.Curve == elliptic.P256() {
			fits = "ES256"
		}
	case *rsa.PublicKey:
		if public.N.BitLen() >= 2048 { // RFC 7518 §3.3
			fits = "RS256"
		}
	}
	if !jwk.Valid() || (jwk.Algorithm != "" && jwk.Algorithm != fits) {
		return ""
	}
	return fits
}
