package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

// Sessions is the store that the session library asks for. It calls with the
// SHA-256 of a token, never with the token.
type Sessions struct{ *Store }

func (s Sessions) FindCtx(ctx context.Context, tokenHash string) (data []byte, found bool, err error) {
	err = s.db.QueryRow(ctx, `SELECT data FROM sessions WHERE token_hash = ? AND expires_at > ?`,
		tokenHash, s.now().Unix()).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, err
}

func (s Sessions) CommitCtx(ctx context.Context, tokenHash string, data []byte, expiry time.Time) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO sessions (token_hash, data, expires_at) VALUES (?, ?, ?)
			ON CONFLICT (token_hash) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at`,
			tokenHash, data, expiry.Unix())
		return err
	})
}

func (s Sessions) DeleteCtx(ctx context.Context, tokenHash string) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE token_hash = ?`, tokenHash)
		return err
	})
}

// The library's interface has these as well; it calls the ones above.

func (s Sessions) Find(tokenHash string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), tokenHash)
}

func (s Sessions) Commit(tokenHash string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), tokenHash, data, expiry)
}

func (s Sessions) Delete(tokenHash string) error {
	return s.DeleteCtx(context.Background(), tokenHash)
}
