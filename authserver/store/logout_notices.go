package store

import (
	"context"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

// LogoutNotice is a client that is still to be told of the end of a session.
type LogoutNotice struct {
	ID                       int64
	ClientID, Sub, SessionID string
	Attempts                 int // that failed
}

// notify puts down the clients that are to be told: who got an ID token in the
// session, and registered where to hear of its end. It is on disk with the end
// itself, so that neither is there without the other.
//
// Back-Channel Logout §2.3: "OPs supporting back-channel logout need to keep
// track of the set of logged-in RPs"
func (was ended) notify(ctx context.Context, tx *sqlite.Tx, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO logout_notices (client_id, sub, sid, attempts, due_at)
		SELECT DISTINCT g.client_id, ?1, ?2, 0, ?3 FROM grants g JOIN clients c ON c.client_id = g.client_id
		WHERE g.session_id = ?2 AND g.session_id != '' AND instr(' ' || g.scope || ' ', ' openid ') > 0
			AND c.disabled_at IS NULL AND coalesce(c.metadata ->> '$.backchannel_logout_uri', '') != ''`,
		was.sub, was.sid, ms(now))
	return err
}

// notifyOfAll is notify for every live session of a person.
func notifyOfAll(ctx context.Context, tx *sqlite.Tx, sub string, now time.Time) error {
	ids, err := column(tx.Query(ctx, "SELECT sid FROM sessions WHERE sub = ? AND expires_at > ?", sub, ms(now)))
	if err != nil {
		return err
	}
	for _, sid := range ids {
		if err := (ended{sid, sub}).notify(ctx, tx, now); err != nil {
			return err
		}
	}
	return nil
}

// notifying runs a write that may end sessions, and wakes whoever sends notices.
func (s *Store) notifying(ctx context.Context, do func(context.Context, *sqlite.Tx) error) error {
	err := s.db.Write(ctx, do)
	if err == nil {
		s.wakeNotifier()
	}
	return err
}

func (s *Store) wakeNotifier() {
	select {
	case s.noticed <- struct{}{}:
	default: // it is awake already
	}
}

// Noticed gets a value when there may be new notices.
func (s *Store) Noticed() <-chan struct{} { return s.noticed }

// ClientsToNotify lists the clients that have a notice due, those that wait
// longest first, and tells whether any notice is left at all.
func (s *Store) ClientsToNotify(ctx context.Context, now time.Time) (due []string, left bool, err error) {
	if due, err = column(s.db.Query(ctx, "SELECT client_id FROM logout_notices WHERE due_at <= ? GROUP BY client_id ORDER BY min(due_at)", ms(now))); err != nil {
		return nil, false, err
	}
	return due, left, s.db.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM logout_notices)").Scan(&left)
}

// NextLogoutNotice returns the notice that a client has been waiting for
// longest. ErrNotFound: none is due.
func (s *Store) NextLogoutNotice(ctx context.Context, clientID string, now time.Time) (LogoutNotice, error) {
	n := LogoutNotice{ClientID: clientID}
	err := s.db.QueryRow(ctx, "SELECT id, sub, sid, attempts FROM logout_notices WHERE client_id = ? AND due_at <= ? ORDER BY due_at, id LIMIT 1",
		clientID, ms(now)).Scan(&n.ID, &n.Sub, &n.SessionID, &n.Attempts)
	return n, notFound(err)
}

// ForgetLogoutNotice is for a client that knows, or that is told no more.
func (s *Store) ForgetLogoutNotice(ctx context.Context, id int64) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM logout_notices WHERE id = ?", id)
		return err
	})
}

// PostponeLogoutNotices notes that a client did not take a notice: all that are due
// have failed with it, because nobody is there. waits is how long each waits after
// its first failure, its second, and so on. Those that have waited for all of it are
// given up; their people are returned.
func (s *Store) PostponeLogoutNotices(ctx context.Context, clientID string, now time.Time, waits []time.Duration) (givenUp []string, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		for attempts, wait := range waits {
			if _, err := tx.Exec(ctx, "UPDATE logout_notices SET attempts = attempts + 1, due_at = ? WHERE client_id = ? AND due_at <= ? AND attempts = ?",
				ms(now.Add(wait)), clientID, ms(now), attempts); err != nil {
				return err
			}
		}
		var err error
		givenUp, err = column(tx.Query(ctx, "DELETE FROM logout_notices WHERE client_id = ? AND due_at <= ? RETURNING sub", clientID, ms(now)))
		return err
	})
	return givenUp, err
}
