package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

// Session is a person signed in at a browser.
type Session struct {
	ID        string // sid, which clients may know: OIDC Session Management's name for it
	User      oauth.User
	AuthTime  time.Time
	ExpiresAt time.Time
	Address   string
	UserAgent string
}

// StartSession stores a session under the hash of its cookie; old, the cookie
// that the browser had before, ends (session fixation).
func (s *Store) StartSession(ctx context.Context, cookie, old string, session Session) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM sessions WHERE hash = ?", hash(old)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO sessions (hash, sub, auth_time, expires_at, address, user_agent) VALUES (?, ?, ?, ?, ?, ?)",
			hash(cookie), session.User.Sub, ms(session.AuthTime), ms(session.ExpiresAt), session.Address, session.UserAgent)
		return err
	})
}

// SessionByCookie returns the live session of a cookie. ErrNotFound.
func (s *Store) SessionByCookie(ctx context.Context, cookie string, now time.Time) (Session, error) {
	var session Session
	var locked, authTime, expires sql.NullInt64
	err := s.db.QueryRow(ctx, `SELECT `+userColumns+`, s.auth_time, s.expires_at FROM sessions s JOIN users u ON u.sub = s.sub
		WHERE s.hash = ? AND s.expires_at > ? AND u.locked_at IS NULL`, hash(cookie), ms(now)).
		Scan(append(scanUser(&session.User, &locked), &authTime, &expires)...)
	session.AuthTime, session.ExpiresAt = at(authTime), at(expires)
	return session, notFound(err)
}

// LockedOut tells whether a cookie was the session of somebody whose account
// has been locked since.
func (s *Store) LockedOut(ctx context.Context, cookie string) (bool, error) {
	var locked bool
	err := s.db.QueryRow(ctx, "SELECT u.locked_at IS NOT NULL FROM sessions s JOIN users u ON u.sub = s.sub WHERE s.hash = ?", hash(cookie)).Scan(&locked)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return locked, err
}

// EndSession forgets a session.
func (s *Store) EndSession(ctx context.Context, cookie string) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM sessions WHERE hash = ?", hash(cookie))
		return err
	})
}
