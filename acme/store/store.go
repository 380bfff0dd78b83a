// Package store keeps Acme Travel's data in SQLite.
package store

import (
	"context"
	"database/sql"
	"embed"
	"encoding/base32"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/internal/sqlite"
)

//go:embed migrations
var files embed.FS

// Store is the database of the program.
type Store struct {
	db     *sqlite.DB
	now    func() time.Time
	random io.Reader

	// catalogue is the packages with their ratings, in memory: forty rows that
	// every request reads and that change when somebody writes a review.
	catalogue atomic.Pointer[catalogue]
	reload    sync.Mutex // the last reload sees the last write
}

// Open opens the database, migrates it, and seeds it where it is empty.
func Open(ctx context.Context, path string, now func() time.Time, random io.Reader) (*Store, error) {
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, path, migrations)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, now: now, random: random}
	if err := s.seed(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := s.loadCatalogue(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// Ping tells whether the database still answers.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Busy is how many writes the database could not take, since the start.
func (s *Store) Busy() int64 { return s.db.Busy() }

// Close waits for what is being written.
func (s *Store) Close() error { return s.db.Close() }

// newID makes an identifier of 128 random bits: nobody finds a post by guessing.
func (s *Store) newID(prefix string) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(s.random, b[:]); err != nil {
		return "", err
	}
	return prefix + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])), nil
}

// notFound makes the missing row travel's own error.
func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return travel.ErrNotFound
	}
	return err
}

// list writes a list as JSON; an empty one is [] and not null.
func list[T any](all []T) string {
	if len(all) == 0 {
		return "[]"
	}
	b, err := json.Marshal(all)
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return string(b)
}

// jsonList reads what list wrote.
type jsonList[T any] struct{ into *[]T }

func (l jsonList[T]) Scan(from any) error {
	text, _ := from.(string)
	return json.Unmarshal([]byte(text), l.into)
}

func scanList[T any](into *[]T) jsonList[T] { return jsonList[T]{into} }

// collect reads all rows of a query.
func collect[T any](rows *sql.Rows, err error, scan func(func(...any) error) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []T{}
	for rows.Next() {
		one, err := scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
