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
	SeenAt    time.Time // to the minute; zero: not since the sign-in
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
	var locked, authTime, expires, seen sql.NullInt64
	err := s.db.QueryRow(ctx, `SELECT `+userColumns+`, s.sid, s.auth_time, s.expires_at, s.seen_at FROM sessions s JOIN users u ON u.sub = s.sub
		WHERE s.hash = ? AND s.expires_at > ? AND u.locked_at IS NULL`, hash(cookie), ms(now)).
		Scan(append(scanUser(&session.User, &locked), &session.ID, &authTime, &expires, &seen)...)
	session.AuthTime, session.ExpiresAt, session.SeenAt = at(authTime), at(expires), at(seen)
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

// Sessions lists where a person is signed in, the newest sign-in first.
func (s *Store) Sessions(ctx context.Context, sub string, now time.Time) ([]Session, error) {
	rows, err := s.db.Query(ctx, "SELECT sid, auth_time, expires_at, seen_at, address, user_agent FROM sessions WHERE sub = ? AND expires_at > ? ORDER BY auth_time DESC, sid", sub, ms(now))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Session
	for rows.Next() {
		var session Session
		var authTime, expires, seen sql.NullInt64
		if err := rows.Scan(&session.ID, &authTime, &expires, &seen, &session.Address, &session.UserAgent); err != nil {
			return nil, err
		}
		session.AuthTime, session.ExpiresAt, session.SeenAt = at(authTime), at(expires), at(seen)
		all = append(all, session)
	}
	return all, rows.Err()
}

// seenEvery is how exactly a session's last use is known.
const seenEvery = time.Minute

// Saw notes that a session was used.
func (s *Store) Saw(ctx context.Context, session Session, now time.Time) error {
	if now.Sub(session.SeenAt) < seenEvery || now.Sub(session.AuthTime) < seenEvery {
		return nil
	}
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE sessions SET seen_at = ? WHERE sid = ?", ms(now), session.ID)
		return err
	})
}

// EndOneSession ends one of a person's sessions by its sid; clients are told.
// ErrNotFound, also for what is another person's.
func (s *Store) EndOneSession(ctx context.Context, sub, sid string, now time.Time) error {
	return s.notifying(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		result, err := tx.Exec(ctx, "DELETE FROM sessions WHERE sub = ? AND sid = ? AND expires_at > ?", sub, sid, ms(now))
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNotFound)
		}
		return ended{sid, sub}.notify(ctx, tx, now)
	})
}

// EndOtherSessions ends a person's sessions but for one, and tells how many; clients
// are told.
func (s *Store) EndOtherSessions(ctx context.Context, sub, keep string, now time.Time) (n int, err error) {
	err = s.notifying(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		n, err = endOthers(ctx, tx, sub, keep, now)
		return err
	})
	return n, err
}

func endOthers(ctx context.Context, tx *sqlite.Tx, sub, keep string, now time.Time) (int, error) {
	ids, err := column(tx.Query(ctx, "DELETE FROM sessions WHERE sub = ? AND sid <> ? AND expires_at > ? RETURNING sid", sub, keep, ms(now)))
	if err != nil {
		return 0, err
	}
	for _, sid := range ids {
		if err := (ended{sid, sub}).notify(ctx, tx, now); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}
