package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/internal/sqlite"
)

// LoadRevocations returns what was read of the feed, and how far.
func (s *Store) LoadRevocations(ctx context.Context) (bearer.Position, []bearer.Revocation, error) {
	var at bearer.Position
	err := s.db.QueryRow(ctx, `SELECT feed, cursor FROM revocation_feed`).Scan(&at.Feed, &at.Cursor)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return at, nil, err
	}
	rows, err := s.db.Query(ctx, `SELECT grant_id, permission, jti, expires_at FROM revocations`)
	kept, err := collect(rows, err, func(scan func(...any) error) (r bearer.Revocation, err error) {
		return r, scan(&r.GrantID, &r.Permission, &r.ID, &r.ExpiresAt)
	})
	return at, kept, err
}

// KeepRevocations writes news and the position behind them, all or nothing.
func (s *Store) KeepRevocations(ctx context.Context, at bearer.Position, news []bearer.Revocation, now time.Time) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		for _, r := range news {
			if r.Person != nil {
				if err := putProfile(ctx, tx, travel.Profile{Sub: r.Person.Subject, Name: r.Person.Name, Email: r.Person.Email, Picture: r.Person.Picture}, now); err != nil {
					return err
				}
				continue
			}
			_, err := tx.Exec(ctx, `
				INSERT INTO revocations (grant_id, permission, jti, expires_at) VALUES (?, ?, ?, ?)
				ON CONFLICT (grant_id, permission, jti) DO UPDATE SET expires_at = MAX(expires_at, excluded.expires_at)`,
				r.GrantID, r.Permission, r.ID, r.ExpiresAt)
			if err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO revocation_feed (only_row, feed, cursor) VALUES (1, ?, ?)
			ON CONFLICT (only_row) DO UPDATE SET feed = excluded.feed, cursor = excluded.cursor`, at.Feed, at.Cursor)
		return err
	})
}
