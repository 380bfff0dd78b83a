// Package catalogue keeps Acme's public catalogue at hand. Dreams reads it for
// itself, with the client credentials grant: no person's token is needed, and
// none is used, for what anybody may look at.
package catalogue

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"example.com/acme-dreams/dreams/offers"
)

const (
	every      = time.Hour
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// Catalogue is what Acme offers, as of one time.
type Catalogue struct {
	FetchedAt time.Time                  `json:"fetched_at"`
	Packages  []offers.Package           `json:"packages"`
	Reviews   map[string][]offers.Review `json:"reviews"` // by package id
}

// Acme is where the catalogue comes from.
type Acme interface {
	Packages(ctx context.Context) ([]offers.Package, error)
	Reviews(ctx context.Context, packageID string) ([]offers.Review, error)
}

// Store keeps the catalogue over a restart.
type Store interface {
	KeepCatalogue(ctx context.Context, c Catalogue) error
	LastCatalogue(ctx context.Context) (c Catalogue, found bool, err error)
}

// Keeper holds the last catalogue.
type Keeper struct {
	acme     Acme
	store    Store
	now      func() time.Time
	log      *slog.Logger
	fetching singleflight.Group

	mu   sync.Mutex
	last Catalogue
}

// New returns a keeper that begins with what the store has.
func New(ctx context.Context, acme Acme, store Store, now func() time.Time, log *slog.Logger) (*Keeper, error) {
	last, _, err := store.LastCatalogue(ctx)
	return &Keeper{acme: acme, store: store, now: now, log: log, last: last}, err
}

// Last returns the catalogue, however old it is: FetchedAt says. Where there is
// none yet, it asks Acme.
func (k *Keeper) Last(ctx context.Context) (Catalogue, error) {
	k.mu.Lock()
	last := k.last
	k.mu.Unlock()
	if !last.FetchedAt.IsZero() {
		return last, nil
	}
	return k.Fetch(ctx)
}

// Fetch reads the whole catalogue anew. What cannot be read whole is not kept.
func (k *Keeper) Fetch(ctx context.Context) (Catalogue, error) {
	shared := context.WithoutCancel(ctx)
	fetched, err, _ := k.fetching.Do("", func() (any, error) {
		ctx, cancel := context.WithTimeout(shared, time.Minute)
		defer cancel()
		return k.fetch(ctx)
	})
	if err != nil {
		return Catalogue{}, err
	}
	return fetched.(Catalogue), nil
}

func (k *Keeper) fetch(ctx context.Context) (Catalogue, error) {
	c := Catalogue{FetchedAt: k.now(), Reviews: map[string][]offers.Review{}}
	var err error
	if c.Packages, err = k.acme.Packages(ctx); err != nil {
		return Catalogue{}, err
	}
	for _, p := range c.Packages {
		if c.Reviews[p.ID], err = k.acme.Reviews(ctx, p.ID); err != nil {
			return Catalogue{}, err
		}
	}
	if err := k.store.KeepCatalogue(ctx, c); err != nil {
		return Catalogue{}, err
	}
	k.mu.Lock()
	k.last = c
	k.mu.Unlock()
	return c, nil
}

// Work fetches the catalogue now and every hour, and again soon where Acme
// could not be reached, until ctx ends.
func (k *Keeper) Work(ctx context.Context) {
	retry := firstRetry
	for ctx.Err() == nil {
		wait := every
		if _, err := k.Fetch(ctx); err != nil {
			k.log.Warn("the catalogue could not be fetched", "error", err, "again_in", retry)
			wait, retry = retry, min(2*retry, lastRetry)
		} else {
			retry = firstRetry
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}
