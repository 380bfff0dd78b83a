package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

// RotateRefreshToken implements grant.RotateRefreshToken.
func (s *Store) RotateRefreshToken(ctx context.Context, token string, now time.Time, clientID string,
	decide func(*oauth.RefreshToken) (grant.NewRefreshToken, error)) error {
	var refusal error
	err := s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		found, err := refreshTokenByHash(ctx, tx, hash(token))
		if errors.Is(err, sql.ErrNoRows) {
			_, refusal = decide(nil)
			return nil
		}
		if err != nil {
			return err
		}
		next, err := decide(found)
		if err != nil {
			refusal = err
			// A stranger's client that presents a token which is not its own must
			// not be able to end somebody else's grant with it.
			if found.Spent && found.Grant.ClientID == clientID {
				return r.reused(ctx, tx, found.Grant, "refresh token", now)
			}
			return nil
		}
		if _, err := tx.Exec(ctx, "UPDATE refresh_tokens SET spent_at = ? WHERE hash = ? AND spent_at IS NULL", ms(now), hash(token)); err != nil {
			return err
		}
		return s.issued(ctx, tx, found.Grant.ID, next, now)
	})
	if err != nil {
		return err // nothing is on disk, whatever was decided
	}
	return refusal
}

func refreshTokenByHash(ctx context.Context, tx *sqlite.Tx, hash []byte) (*oauth.RefreshToken, error) {
	var row grantRow
	var t oauth.RefreshToken
	var expires, idle, spent sql.NullInt64
	err := tx.QueryRow(ctx, "SELECT r.expires_at, r.idle_expires_at, r.spent_at, r.dpop_jkt, "+grantColumns+`
		FROM refresh_tokens r JOIN grants g ON g.id = r.grant_id JOIN users u ON u.sub = g.sub WHERE r.hash = ?`, hash).
		Scan(append([]any{&expires, &idle, &spent, &t.JKT}, row.into()...)...)
	if err != nil {
		return nil, err
	}
	t.Grant, t.User = row.values()
	t.ExpiresAt, t.IdleExpiresAt, t.Spent = at(expires), at(idle), spent.Valid
	return &t, nil
}

// RefreshToken looks a token up without using it: for introspection and
// revocation, which ask for nothing about the person but the sub. ErrNotFound.
func (s *Store) RefreshToken(ctx context.Context, token string) (*oauth.RefreshToken, error) {
	var t oauth.RefreshToken
	var scope string
	var expires, idle, spent, ends, revoked sql.NullInt64
	err := s.db.QueryRow(ctx, `SELECT r.expires_at, r.idle_expires_at, r.spent_at, g.id, g.client_id, g.sub, g.scope, g.expires_at, g.revoked_at, g.authorization_details
		FROM refresh_tokens r JOIN grants g ON g.id = r.grant_id WHERE r.hash = ?`, hash(token)).
		Scan(&expires, &idle, &spent, &t.Grant.ID, &t.Grant.ClientID, &t.Grant.Sub, &scope, &ends, &revoked, &t.Grant.AuthorizationDetails)
	if err != nil {
		return nil, notFound(err)
	}
	t.ExpiresAt, t.IdleExpiresAt, t.Spent = at(expires), at(idle), spent.Valid
	t.Grant.Scope, t.Grant.ExpiresAt, t.Grant.RevokedAt = oauth.ParseScope(scope), at(ends), at(revoked)
	return &t, nil
}
