package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/session"
	"example.com/acme-dreams/internal/sqlite"
)

// Sessions is the store that the session library asks for. It calls with the
// SHA-256 of a token, never with the token.
type Sessions struct{ *Store }

func (s Sessions) FindCtx(ctx context.Context, tokenHash string) (data []byte, found bool, err error) {
	err = s.db.QueryRow(ctx, `SELECT data FROM sessions WHERE token_hash = ? AND expires_at > ?`,
		tokenHash, s.World().Unix()).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, err
}

func (s Sessions) CommitCtx(ctx context.Context, tokenHash string, data []byte, expiry time.Time) error {
	person, sid, err := session.Whose(data)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO sessions (token_hash, data, expires_at, person, sid) VALUES (?, ?, ?, nullif(?, 0), ?)
			ON CONFLICT (token_hash) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at, person = excluded.person, sid = excluded.sid`,
			tokenHash, data, expiry.Unix(), person, sid)
		return err
	})
}

// LogoutTokenSeen implements flow.SignedIn.
func (s *Store) LogoutTokenSeen(ctx context.Context, jti string) (seen bool, err error) {
	return seen, s.db.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM logout_tokens WHERE jti = ?)`, jti).Scan(&seen)
}

// EndSessions implements flow.SignedIn. Connections stay: what was granted for
// while the person is away outlives their session (OIDC Core §11).
func (s *Store) EndSessions(ctx context.Context, out flow.LoggedOut) (ended int64, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO logout_tokens (jti, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING`, out.TokenID, out.ExpiresAt.Unix()); err != nil {
			return err
		}
		signedIn, err := sessionsOf(ctx, tx, out)
		if err != nil {
			return err
		}
		for token, data := range signedIn {
			left, deadline, err := session.WithoutPerson(data, s.World())
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `UPDATE sessions SET data = ?, expires_at = ?, person = NULL, sid = '' WHERE token_hash = ?`, left, deadline.Unix(), token); err != nil {
				return err
			}
		}
		ended = int64(len(signedIn))
		return nil
	})
	return ended, err
}

// sessionsOf finds the sessions that a logout token is about. Where it has both sub
// and sid, both have to fit; where it has neither, it is about none.
func sessionsOf(ctx context.Context, tx *sqlite.Tx, out flow.LoggedOut) (map[string][]byte, error) {
	rows, err := tx.Query(ctx, `SELECT token_hash, data FROM sessions WHERE person IS NOT NULL AND (?3 != '' OR ?2 != '') AND (?3 = '' OR sid = ?3)
		AND (?2 = '' OR person = (SELECT id FROM people WHERE issuer = ?1 AND subject = ?2))`, out.Issuer, out.Subject, out.SessionID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string][]byte{}
	for rows.Next() {
		var token string
		var data []byte
		if err := rows.Scan(&token, &data); err != nil {
			return nil, err
		}
		all[token] = data
	}
	return all, rows.Err()
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
