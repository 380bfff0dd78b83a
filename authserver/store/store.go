// Package store keeps what the authorization server remembers, in one SQLite
// file. It applies policy and does not make it: what a code or a token allows
// is decided by the grants, inside the transaction that acts on the decision.
package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/sqlite"
)

//go:embed migrations
var migrations embed.FS

// ErrNotFound is what looking for something that is not there gives.
var ErrNotFound = errors.New("store: not found")

// Store is the open database and the parts of it that every request asks for.
type Store struct {
	db      *sqlite.DB
	feedID  string
	seal    token.Seal
	revoked *revoked
	events  *events
	noticed chan struct{} // a session has ended, and clients are to be told

	// AccessTokenTTL is how long an access token that is issued now may live: so
	// long a revocation has to be remembered.
	accessTokenTTL time.Duration

	// clients is the whole registry: requests read it without asking the
	// database. It is replaced, never changed; who replaces it holds registering
	// from before the write, so that memory and disk agree about the order.
	clients     atomic.Pointer[registry]
	registering sync.Mutex
	secrets     secretUse
	expand      func(string) string
}

// Settings is what a store needs to know.
type Settings struct {
	Path           string
	Log            *slog.Logger
	Now            func() time.Time
	AccessTokenTTL time.Duration
	// Seal encrypts the signing keys' private halves; one without keys leaves them.
	Seal token.Seal
	// Expand puts the programs' URLs into registered ones: {ACME_URL}/callback.
	Expand func(string) string
	// FeedID names the revocation feed from this start to the next: nobody can
	// tell from a file whether it is the newest or a backup of last week, so
	// readers begin again after every start.
	FeedID string
}

// Open opens the database and brings it up to date.
func Open(ctx context.Context, s Settings) (*Store, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, s.Path, files)
	if err != nil {
		return nil, err
	}
	store := &Store{db: db, seal: s.Seal, revoked: newRevoked(), noticed: make(chan struct{}, 1), accessTokenTTL: s.AccessTokenTTL, expand: s.Expand, feedID: s.FeedID}
	store.events = newEvents(db, s.Log)
	err = errors.Join(store.loadClients(ctx), store.loadRevoked(ctx, s.Now()))
	if err != nil {
		_ = store.Close()
		return nil, err
	}
	return store, nil
}

// Close writes what is waiting and closes the database.
func (s *Store) Close() error {
	s.events.close()
	return errors.Join(s.noteSecrets(context.Background()), s.db.Close())
}

// Ready tells whether the database answers.
func (s *Store) Ready(ctx context.Context) error { return s.db.Ping(ctx) }

func hash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func ms(t time.Time) int64 { return t.UnixMilli() }

// msOrNull stores the zero time as NULL.
func msOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

func at(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return time.UnixMilli(ms.Int64).UTC()
}

func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
