package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

const userColumns = "u.sub, u.username, u.name, u.email, u.picture, u.operator, u.email_verified, u.locked_at"

func scanUser(u *oauth.User, locked *sql.NullInt64) []any {
	return []any{&u.Sub, &u.Username, &u.Name, &u.Email, &u.Picture, &u.Operator, &u.EmailVerified, locked}
}

// UserBySub returns a person. ErrNotFound.
func (s *Store) UserBySub(ctx context.Context, sub string) (oauth.User, error) {
	var u oauth.User
	var locked sql.NullInt64
	err := s.db.QueryRow(ctx, "SELECT "+userColumns+" FROM users u WHERE u.sub = ?", sub).Scan(scanUser(&u, &locked)...)
	u.LockedAt = at(locked)
	return u, notFound(err)
}

// UserByLogin finds a person by user name or e-mail address, with the stored
// password hash. ErrNotFound.
func (s *Store) UserByLogin(ctx context.Context, login string) (oauth.User, string, error) {
	var u oauth.User
	var locked sql.NullInt64
	var passwordHash string
	err := s.db.QueryRow(ctx, "SELECT "+userColumns+", u.password_hash FROM users u WHERE u.username = ?1 OR u.email = ?1 LIMIT 1", login).
		Scan(append(scanUser(&u, &locked), &passwordHash)...)
	u.LockedAt = at(locked)
	return u, passwordHash, notFound(err)
}

// Users returns everybody, by user name, for the operator.
func (s *Store) Users(ctx context.Context) ([]oauth.User, error) {
	rows, err := s.db.Query(ctx, "SELECT "+userColumns+" FROM users u ORDER BY u.username")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []oauth.User
	for rows.Next() {
		var u oauth.User
		var locked sql.NullInt64
		if err := rows.Scan(scanUser(&u, &locked)...); err != nil {
			return nil, err
		}
		u.LockedAt = at(locked)
		all = append(all, u)
	}
	return all, rows.Err()
}

// LockUser locks an account: its sessions end, and clients are told, and all its
// grants are revoked, in one transaction.
func (s *Store) LockUser(ctx context.Context, sub string, now time.Time) error {
	defer s.wakeNotifier()
	return s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		result, err := tx.Exec(ctx, "UPDATE users SET locked_at = ? WHERE sub = ? AND locked_at IS NULL", ms(now), sub)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNotFound)
		}
		if _, err := tx.Exec(ctx, "DELETE FROM address_changes WHERE sub = ?", sub); err != nil {
			return err
		}
		if err := notifyOfAll(ctx, tx, sub, now); err != nil {
			return err
		}
		// They stay to tell the person why, see LockedOut; unlocking revives none.
		if _, err := tx.Exec(ctx, "UPDATE sessions SET expires_at = min(expires_at, ?) WHERE sub = ?", ms(now), sub); err != nil {
			return err
		}
		return r.revokeGrants(ctx, tx, "SELECT id FROM grants WHERE sub = ? AND revoked_at IS NULL", sub, "account locked", now)
	})
}

// UnlockUser lets a person sign in again. What was revoked stays revoked.
func (s *Store) UnlockUser(ctx context.Context, sub string) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE users SET locked_at = NULL WHERE sub = ?", sub)
		return err
	})
}
