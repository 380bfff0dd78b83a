package store

import (
	"context"
	"errors"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

// What of a new account somebody else has already.
var (
	ErrUsernameTaken = errors.New("store: the user name is taken")
	ErrEmailTaken    = errors.New("store: the e-mail address is taken")
)

// free makes sure that a user name and an e-mail address are nobody else's, in
// either place: somebody signs in with one or the other.
func free(ctx context.Context, tx *sqlite.Tx, u oauth.User) error {
	var name, email bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM users WHERE sub <> ?1 AND (username = ?2 OR email = ?2)),
		EXISTS (SELECT 1 FROM users WHERE sub <> ?1 AND (email = ?3 OR username = ?3))`, u.Sub, u.Username, u.Email).Scan(&name, &email)
	switch {
	case err != nil:
		return err
	case name:
		return ErrUsernameTaken
	case email:
		return ErrEmailTaken
	}
	return nil
}

// AddUser stores a new person, and puts them on the feed: resource servers know
// name and address before the first request. ErrUsernameTaken, ErrEmailTaken.
func (s *Store) AddUser(ctx context.Context, u NewUser, now time.Time) error {
	return s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		if err := free(ctx, tx, u.User); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO users (sub, username, password_hash, name, email, email_verified, picture, operator, created_at)
			VALUES (?, ?, ?, ?, ?, 0, ?, 0, ?)`, u.Sub, u.Username, u.PasswordHash, u.Name, u.Email, u.Picture, ms(now)); err != nil {
			return err
		}
		return r.insert(ctx, tx, Revocation{Person: &u.User}, now)
	})
}

// ChangeProfile changes a person's name and address, and puts them on the feed.
// ErrEmailTaken.
func (s *Store) ChangeProfile(ctx context.Context, u oauth.User, now time.Time) error {
	return s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		if err := free(ctx, tx, u); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE users SET name = ?1, email_verified = (email_verified AND email = ?2), email = ?2 WHERE sub = ?3", u.Name, u.Email, u.Sub); err != nil {
			return err
		}
		return r.insert(ctx, tx, Revocation{Person: &u}, now)
	})
}

// PasswordChange is a new password, and what it ends.
type PasswordChange struct {
	Sub, Was, Hash string   // Was is the hash that it replaces
	Session        string   // sid of the one that goes on
	Keep           []string // clients that stay connected
}

// ChangePassword puts a new hash in place of the old one, ends the person's other
// sessions and the connected applications that they do not keep, in one
// transaction. ErrNotFound where the password has been changed meanwhile.
func (s *Store) ChangePassword(ctx context.Context, c PasswordChange, now time.Time) (sessions int, ended []string, err error) {
	defer s.wakeNotifier()
	err = s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		result, err := tx.Exec(ctx, "UPDATE users SET password_hash = ? WHERE sub = ? AND password_hash = ?", c.Hash, c.Sub, c.Was)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNotFound)
		}
		if sessions, err = endOthers(ctx, tx, c.Sub, c.Session, now); err != nil {
			return err
		}
		if ended, err = r.endAllConsents(ctx, tx, c.Sub, c.Keep, "removed by you, with the password", now); err != nil {
			return err
		}
		// What nobody was asked for: our own apps, wherever the old password was typed.
		return r.revokeGrants(ctx, tx, `SELECT g.id FROM grants g JOIN users u ON u.sub = g.sub WHERE g.sub = ?1 AND g.consent_id IS NULL AND g.revoked_at IS NULL
			AND g.session_id NOT IN (SELECT sid FROM sessions WHERE sub = ?1)`, c.Sub, "password changed", now)
	})
	return sessions, ended, err
}
