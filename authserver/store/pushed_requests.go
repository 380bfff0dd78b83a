package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

// PushedRequest is an authorization request that a client left here before it
// sent its person. RFC 9126 §2.
type PushedRequest struct {
	Key       []byte // what an answer spends it by
	ClientID  string
	Request   string // the parameters that count, as a query
	CreatedAt time.Time
	ExpiresAt time.Time
	Spent     bool // an answer has been given
}

// PushRequest stores a request under the hash of its request_uri.
func (s *Store) PushRequest(ctx context.Context, requestURI string, p PushedRequest) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO pushed_requests (hash, client_id, request, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
			hash(requestURI), p.ClientID, p.Request, ms(p.CreatedAt), ms(p.ExpiresAt))
		return err
	})
}

// PushedRequest returns what was pushed, spent or expired or not. ErrNotFound.
func (s *Store) PushedRequest(ctx context.Context, requestURI string) (PushedRequest, error) {
	p := PushedRequest{Key: hash(requestURI)}
	var created, expires, spent sql.NullInt64
	err := s.db.QueryRow(ctx, "SELECT client_id, request, created_at, expires_at, spent_at FROM pushed_requests WHERE hash = ?", p.Key).
		Scan(&p.ClientID, &p.Request, &created, &expires, &spent)
	p.CreatedAt, p.ExpiresAt, p.Spent = at(created), at(expires), spent.Valid
	return p, notFound(err)
}

// spendPushed marks a pushed request as answered; the second answer gets
// ErrAnswered. A nil key is no pushed request.
func spendPushed(ctx context.Context, tx *sqlite.Tx, key []byte, now time.Time) error {
	if key == nil {
		return nil
	}
	result, err := tx.Exec(ctx, "UPDATE pushed_requests SET spent_at = ? WHERE hash = ? AND spent_at IS NULL", ms(now), key)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrAnswered)
	}
	return nil
}
