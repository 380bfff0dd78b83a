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
	ID        string // sid, by which clients know it: Back-Channel Logout §2.1
	User      oauth.User
	AuthTime  time.Time
	ExpiresAt time.Time
	Address   string
	UserAgent string
}

// StartSession stores a session under the hash of its cookie; old, the cookie
// that the browser had before, ends (session fixation). Somebody who signs in
// again goes on under the sid that clients know; where another person was signed
// in, the clients of their session are told that it has ended.
func (s *Store) StartSession(ctx context.Context, cookie, old string, session Session) error {
	return s.notifying(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		was, err := endSession(ctx, tx, old, session.AuthTime)
		switch {
		case err != nil:
			return err
		case was.sub == session.User.Sub:
			session.ID = was.sid
		case was.sid != "":
			if err := was.notify(ctx, tx, session.AuthTime); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, "INSERT INTO sessions (hash, sid, sub, auth_time, expires_at, address, user_agent) VALUES (?, ?, ?, ?, ?, ?, ?)",
			hash(cookie), session.ID, session.User.Sub, ms(session.AuthTime), ms(session.ExpiresAt), session.Address, session.UserAgent)
		return err
	})
}

// SessionByCookie returns the live session of a cookie. ErrNotFound.
func (s *Store) SessionByCookie(ctx context.Context, cookie string, now time.Time) (Session, error) {
	var session Session
	var locked, authTime, expires sql.NullInt64
	err := s.db.QueryRow(ctx, `SELECT `+userColumns+`, s.sid, s.auth_time, s.expires_at FROM sessions s JOIN users u ON u.sub = s.sub
		WHERE s.hash = ? AND s.expires_at > ? AND u.locked_at IS NULL`, hash(cookie), ms(now)).
		Scan(append(scanUser(&session.User, &locked), &session.ID, &authTime, &expires)...)
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

// EndSession forgets a session, and puts down which clients are to be told.
func (s *Store) EndSession(ctx context.Context, cookie string, now time.Time) error {
	return s.notifying(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		was, err := endSession(ctx, tx, cookie, now)
		if err != nil || was.sid == "" {
			return err
		}
		return was.notify(ctx, tx, now)
	})
}

// ended is a session that was live until now; empty: there was none.
type ended struct{ sid, sub string }

func endSession(ctx context.Context, tx *sqlite.Tx, cookie string, now time.Time) (ended, error) {
	var was ended
	var expires int64
	err := tx.QueryRow(ctx, "DELETE FROM sessions WHERE hash = ? RETURNING sid, sub, expires_at", hash(cookie)).Scan(&was.sid, &was.sub, &expires)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && expires <= ms(now)) {
		return ended{}, nil
	}
	return was, err
}
