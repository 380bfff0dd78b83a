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

// ChangeName changes what a person is called, and puts it on the feed.
func (s *Store) ChangeName(ctx context.Context, sub, name string, now time.Time) error {
	return s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		if _, err := tx.Exec(ctx, "UPDATE users SET name = ? WHERE sub = ?", name, sub); err != nil {
			return err
		}
		return r.insert(ctx, tx, Revocation{Person: &oauth.User{Sub: sub}}, now)
	})
}

// AddressChange is an address that a person says is theirs, until a letter to it has
// been answered.
type AddressChange struct {
	Sub, Email string
	Token      string // what stands in the letter; its hash is kept
	ExpiresAt  time.Time
}

// AskAddress keeps an address that has to be confirmed; one before it is forgotten.
// taken tells that it is somebody else's: then nobody may be given the token.
func (s *Store) AskAddress(ctx context.Context, a AddressChange) (taken bool, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "INSERT OR REPLACE INTO address_changes (sub, email, hash, expires_at) VALUES (?, ?, ?, ?)", a.Sub, a.Email, hash(a.Token), ms(a.ExpiresAt))
		if err != nil {
			return err
		}
		taken, err = addressTaken(ctx, tx, a.Sub, a.Email)
		return err
	})
	return taken, err
}

func addressTaken(ctx context.Context, tx *sqlite.Tx, sub, email string) (taken bool, err error) {
	return taken, tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM users WHERE sub <> ?1 AND (email = ?2 OR username = ?2))", sub, email).Scan(&taken)
}

// AskedAddress is the address that a person is to confirm, and until when.
// ErrNotFound: none.
func (s *Store) AskedAddress(ctx context.Context, sub string, now time.Time) (a AddressChange, err error) {
	var expires int64
	err = s.db.QueryRow(ctx, "SELECT sub, email, expires_at FROM address_changes WHERE sub = ? AND expires_at > ?", sub, ms(now)).Scan(&a.Sub, &a.Email, &expires)
	a.ExpiresAt = time.UnixMilli(expires).UTC()
	return a, notFound(err)
}

// AskedAddressBy is AskedAddress for whoever has the letter.
func (s *Store) AskedAddressBy(ctx context.Context, sub, token string, now time.Time) (email string, err error) {
	err = s.db.QueryRow(ctx, "SELECT email FROM address_changes WHERE sub = ? AND hash = ? AND expires_at > ?", sub, hash(token), ms(now)).Scan(&email)
	return email, notFound(err)
}

// ForgetAddress forgets the address that a person was to confirm.
func (s *Store) ForgetAddress(ctx context.Context, sub string) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM address_changes WHERE sub = ?", sub)
		return err
	})
}

// ConfirmAddress makes the address count whose letter a person has, once, and puts
// it on the feed. It returns the one before. ErrNotFound: there is no such letter, or
// the address has become somebody else's.
func (s *Store) ConfirmAddress(ctx context.Context, sub, token string, now time.Time) (was, is string, err error) {
	err = s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		err := tx.QueryRow(ctx, "DELETE FROM address_changes WHERE sub = ? AND hash = ? AND expires_at > ? RETURNING email", sub, hash(token), ms(now)).Scan(&is)
		if err != nil {
			return notFound(err)
		}
		if taken, err := addressTaken(ctx, tx, sub, is); err != nil || taken {
			return errors.Join(err, ErrNotFound)
		}
		if err := tx.QueryRow(ctx, "SELECT email FROM users WHERE sub = ?", sub).Scan(&was); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE users SET email = ?, email_verified = 1 WHERE sub = ?", is, sub); err != nil {
			return err
		}
		return r.insert(ctx, tx, Revocation{Person: &oauth.User{Sub: sub}}, now)
	})
	return was, is, err
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
		// Whoever knew the old one may have asked for another address.
		if _, err := tx.Exec(ctx, "DELETE FROM address_changes WHERE sub = ?", c.Sub); err != nil {
			return err
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
