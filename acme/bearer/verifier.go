package bearer

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"sync"
	"time"

	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/dpop"
)

// Verifier accepts access tokens of one authorization server for one resource.
type Verifier struct {
	Issuer   string // compared byte for byte
	Resource string // our identifier, in aud
	Keys     *Keys
	Feed     *Feed
	Proofs   *dpop.Verifier
	Checks   check.Runner
	Now      func() time.Time

	verified signatures
}

// Need is what a request wants of its token.
type Need struct {
	Scope  string        // RFC 6749 §3.3
	Detail string        // type of authorization details that opens a part of it instead, RFC 9396; empty: none
	MaxAge time.Duration // how old the person's login may be, RFC 9470 §3; 0: any age
}

// Attempt is why a request is refused whose token is the authorization server's:
// who tried, and in whose name, is known.
type Attempt struct {
	Token *Token
	Err   error
}

func (a *Attempt) Error() string { return a.Err.Error() }
func (a *Attempt) Unwrap() error { return a.Err }

// Verify judges the access token of a request. Its error is a *Refusal, an
// *Unavailable, or that of the request's context; an *Attempt is around it where
// the token is the authorization server's.
func (v *Verifier) Verify(r *http.Request, need Need) (*Token, error) {
	scheme, compact, err := fromHeader(r.Header)
	if err != nil {
		return nil, err
	}
	token, err := v.judge(r, scheme, compact, need)
	if err == nil {
		return token, nil
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		refusal.scheme = scheme
	}
	return nil, err
}

// judge reads the token, and asks who wrote it.
func (v *Verifier) judge(r *http.Request, scheme, compact string, need Need) (*Token, error) {
	ctx := r.Context()
	sum := sha256.Sum256([]byte(compact))
	token, key, remembered := v.verified.get(sum)
	if !remembered {
		var err error
		if token, err = Parse(compact); err != nil {
			return nil, invalidToken("This is not an access token of ours")
		}
	}
	current, err := v.Keys.Key(ctx, token.Header.KeyID)
	if err != nil {
		return nil, err
	}
	fresh := v.Feed.Fresh() || (Private(need.Scope) && v.Feed.CatchUp(ctx))
	now := v.Now()
	p := &presentation{
		token: token, key: current, remembered: remembered && key == current, scheme: scheme,
		issuer: v.Issuer, resource: v.Resource, need: need, now: now,
		revoked: v.Feed.Revoked(token.Claims.GrantID, token.Claims.ID), takenBack: v.Feed.TakenBack(&token.Claims), feedFresh: fresh,
	}
	if err := check.Run(ctx, v.Checks, originChecks, p); err != nil {
		return nil, err
	}
	opened, err := v.weigh(r, compact, p, sum)
	if err != nil {
		return nil, &Attempt{token, err}
	}
	return opened, nil
}

// weigh has three steps: is the token good, does whoever sent it hold the key that
// it is bound to, and may it do what it wants?
func (v *Verifier) weigh(r *http.Request, compact string, p *presentation, sum [sha256.Size]byte) (*Token, error) {
	ctx, token := r.Context(), p.token
	if err := check.Run(ctx, v.Checks, tokenChecks, p); err != nil {
		return nil, err
	}
	if !p.remembered {
		v.verified.put(sum, token, p.key, p.now)
	}
	if p.scheme == DPoP {
		if err := v.prove(r, compact, token); err != nil {
			return nil, err
		}
	}
	if err := check.Run(ctx, v.Checks, accessChecks, p); err != nil {
		return nil, err
	}
	if token.Claims.HasScope(p.need.Scope) {
		return token, nil
	}
	return v.open(ctx, token, p.need, p.now)
}

// open lets a request through for the authorization details that pass their
// checks: one is enough. The token is remembered, and answers other requests, so
// it is a copy that says which.
func (v *Verifier) open(ctx context.Context, token *Token, need Need, now time.Time) (*Token, error) {
	opened := *token
	var refused error
	for _, d := range token.Claims.DetailsOf(need.Detail) {
		if err := check.Run(ctx, v.Checks, detailChecks, opening{d, need, token.Claims.Scope, v.Resource, now}); err != nil {
			refused = err
			continue
		}
		opened.Details = append(opened.Details, d)
	}
	if opened.Details == nil && refused != nil {
		return nil, refused
	}
	return &opened, nil
}

// prove judges the proof that came with a token. RFC 9449 §7.1.
func (v *Verifier) prove(r *http.Request, compact string, token *Token) error {
	_, err := v.Proofs.Verify(r.Context(), dpop.Request{
		Header: r.Header, Method: r.Method, URL: v.Resource + r.URL.EscapedPath(),
		AccessToken: compact, JKT: token.Claims.BoundTo(),
	})
	var refused *dpop.Error
	switch {
	case errors.As(err, &refused):
		return &Refusal{Code: refused.Code, Description: refused.Description}
	case errors.Is(err, dpop.ErrBusy):
		return &Unavailable{Reason: "More proofs come in than can be remembered.", RetryAfter: 5 * time.Second}
	}
	return err
}

// signatures remembers which tokens were verified: an ES256 signature costs
// fifty times what the rest of the list does, and a client sends a token many
// times. Only the signature is remembered; everything that may change (expiry,
// revocation, keys, the scope that is asked for) is judged each time. The key
// is the token's SHA-256, so a hit is that very token.
type signatures struct {
	mu      sync.RWMutex
	entries map[[sha256.Size]byte]signature
}

type signature struct {
	token *Token
	key   *Key
}

// maxSignatures bounds the memory: about a kilobyte each.
const maxSignatures = 4096

func (s *signatures) get(sum [sha256.Size]byte) (*Token, *Key, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.entries[sum]
	return e.token, e.key, ok
}

func (s *signatures) put(sum [sha256.Size]byte, token *Token, key *Key, now time.Time) {
	if token.Claims.ExpiresAt == nil {
		return // a token that never ends would be kept as long
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries == nil {
		s.entries = make(map[[sha256.Size]byte]signature)
	}
	if len(s.entries) >= maxSignatures {
		s.evict(now)
	}
	s.entries[sum] = signature{token, key}
}

// evict makes room: what has expired goes, and where that is too little, an
// eighth of the rest. Whose that is matters little: they are verified again.
func (s *signatures) evict(now time.Time) {
	for sum, e := range s.entries {
		if !now.Before(e.token.Claims.ExpiresAt.Time) {
			delete(s.entries, sum)
		}
	}
	for sum := range s.entries {
		if len(s.entries) <= maxSignatures*7/8 {
			return
		}
		delete(s.entries, sum)
	}
}
