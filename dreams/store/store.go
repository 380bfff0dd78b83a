// Package store keeps what Dreams remembers, in one SQLite file. It implements
// what flow, session and catalogue declare that they need; the statements stand
// beside the methods that run them.
package store

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

//go:embed migrations/*.sql
var embedded embed.FS

// Store is dreams.db, open.
type Store struct {
	db  *sqlite.DB
	key key
	now func() time.Time

	// World is the time by which sessions of browsers end. It is the room's unless
	// set: whoever moves the room's clock wants to find their runs again.
	World func() time.Time
}

// Open opens dreams.db and dreams.key in a folder, and creates what is missing.
func Open(ctx context.Context, folder string, now func() time.Time, random io.Reader) (*Store, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	k, created, err := openKey(filepath.Join(folder, "dreams.key"), random)
	if err != nil {
		return nil, err
	}
	migrations, err := fs.Sub(embedded, "migrations")
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, filepath.Join(folder, "dreams.db"), migrations)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, key: k, now: now, World: now}
	if created {
		// A database that came without its key holds tokens that nobody can open.
		if err := s.endSealed(ctx); err != nil {
			_ = db.Close()
			return nil, err
		}
	}
	return s, nil
}

// Close waits for the writes under way.
func (s *Store) Close() error { return s.db.Close() }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Sweep deletes what has run out.
func (s *Store) Sweep(ctx context.Context) error {
	now := s.now().Unix()
	return errors.Join(
		s.db.Purge(ctx, "sessions", "token_hash", "expires_at <= ?1", s.World().Unix()),
		s.db.Purge(ctx, "logout_tokens", "jti", "expires_at <= ?1", now),
		s.db.Purge(ctx, "security_events", "jti", "expires_at <= ?1", now),
		s.db.Purge(ctx, "attempts", "state_hash", "started_at < ?1", now-int64(time.Hour/time.Second)),
	)
}

// hash is how we store what only has to be recognized. The values have 256
// random bits, so nobody can guess one and a slow hash would add nothing.
func hash(value string) string {
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// moment reads a time; SQLite has only numbers.
func moment(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }
