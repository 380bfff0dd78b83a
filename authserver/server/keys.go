package server

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/authserver/token"
)

// keyRing keeps the keys in use in step with the database: what somebody
// rotated, what the schedule makes due, what nobody needs any more.
type keyRing struct {
	keys  *token.Keys
	store *store.Store
	log   *slog.Logger
	now   func() time.Time
	every time.Duration // KEY_ROTATION; 0: by order alone

	version int64     // of the keys in use
	wake    time.Time // when they change by themselves; zero: not at all
}

// keyLook is how often the ring looks whether keys have changed: one row by its
// key, so that a rotation is known within a second.
const keyLook = 250 * time.Millisecond

// open prepares the keys for use: the first ones are made, and all are written
// as they are to be. tokensLast is how long the longest-lived token lives.
func (r *keyRing) open(ctx context.Context, tokensLast time.Duration) error {
	_, err := r.store.ChangeKeys(ctx, store.Event{}, func(keys []token.Key) (changed []token.Key, err error) {
		for _, k := range keys {
			if k.RetiredAt.IsZero() && k.TokensLast < tokensLast {
				k.TokensLast = tokensLast
				changed = append(changed, k)
			}
		}
		return changed, nil
	})
	if err != nil {
		return err
	}
	for _, algorithm := range token.Algorithms {
		if err := r.rotateWhereDue(ctx, algorithm, tokensLast); err != nil {
			return err
		}
	}
	stored, err := r.read(ctx)
	if err != nil {
		return err
	}
	r.keys, err = token.NewKeys(stored, r.now())
	return err
}

// work looks after the keys until ctx ends.
func (r *keyRing) work(ctx context.Context) {
	ticker := time.NewTicker(keyLook)
	defer ticker.Stop()
	failing := false
	for {
		err := r.look(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			r.log.Error("the signing keys could not be looked after; those in use stay", "error", err)
		}
		failing = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// look does what has become due, and takes in what has changed.
func (r *keyRing) look(ctx context.Context) error {
	version, err := r.store.KeysVersion(ctx)
	if err != nil {
		return err
	}
	due := !r.wake.IsZero() && !r.now().Before(r.wake)
	if version == r.version && !due {
		return nil
	}
	if due {
		for _, algorithm := range token.Algorithms {
			if err := r.rotateWhereDue(ctx, algorithm, 0); err != nil {
				return err
			}
		}
		if err := r.erase(ctx); err != nil {
			return err
		}
	}
	stored, err := r.read(ctx)
	if err != nil {
		return err
	}
	return r.keys.Use(stored, r.now())
}

// read reads the keys and notes what was read.
func (r *keyRing) read(ctx context.Context) ([]token.Key, error) {
	version, err := r.store.KeysVersion(ctx) // first: what changes meanwhile is read again
	if err != nil {
		return nil, err
	}
	stored, err := r.store.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	r.version, r.wake = version, token.Wake(stored, r.every, r.now())
	return stored, nil
}

// rotateWhereDue makes the next key of an algorithm where the schedule wants one.
func (r *keyRing) rotateWhereDue(ctx context.Context, algorithm string, tokensLast time.Duration) error {
	stored, err := r.store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	signsFrom, due := token.Due(stored, algorithm, r.every, r.now())
	if !due {
		return nil
	}
	next, err := token.Generate(algorithm, r.now())
	if err != nil {
		return err
	}
	next.SignsFrom, next.TokensLast = signsFrom, tokensLast
	newest, found := token.Newest(stored, algorithm)
	how := "by schedule"
	if !found {
		how = "for there was none"
	}
	changed, err := rotate(ctx, r.store, how, token.Rotation{Next: next, Follows: newest.ID})
	if found && len(changed) > 0 {
		r.log.Info("signing key made", "algorithm", algorithm, "kid", next.ID, "signs_from", next.SignsFrom)
	}
	return err
}

// rotate puts rotations into the database, all or none; nothing changes where
// somebody else was quicker.
func rotate(ctx context.Context, db *store.Store, how string, rotations ...token.Rotation) ([]token.Key, error) {
	event := store.Event{Kind: "signing key rotated"}
	var what []string
	for _, r := range rotations {
		event.At = r.Next.CreatedAt
		if r.RevokeOld {
			event.Kind = "signing keys revoked"
		}
		what = append(what, r.Next.Algorithm+" "+r.Next.ID)
	}
	event.Detail = how + ": " + strings.Join(what, ", ")
	return db.ChangeKeys(ctx, event, func(keys []token.Key) (changed []token.Key, err error) {
		for _, r := range rotations {
			changed = append(changed, r.Apply(keys)...)
		}
		return changed, nil
	})
}

// erase takes the private half from keys that are gone. The public half stays:
// an ID token that it signed may come back as id_token_hint, expired or not.
func (r *keyRing) erase(ctx context.Context) error {
	_, err := r.store.ChangeKeys(ctx, store.Event{}, func(keys []token.Key) (changed []token.Key, err error) {
		for _, k := range keys {
			if k.Private != nil && k.Gone(r.now()) {
				k.Private = nil
				changed = append(changed, k)
			}
		}
		return changed, nil
	})
	return err
}
