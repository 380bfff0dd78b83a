package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

// Notice is a client that is still to be told of something: of the end of a
// session, or of what a person took back.
type Notice struct {
	ID int64
	Addressee
	Sub        string
	SessionID  string                      // of a logout
	Reason     string                      // of a consent's end
	Removed    []oauth.AuthorizationDetail // with it
	HappenedAt time.Time                   // of a consent's end
	Attempts   int                         // that failed
}

// Addressee is a client where it wants to hear of one kind of thing: one of its
// addresses may answer while the other does not.
type Addressee struct {
	ClientID string
	Kind     string // OfLogout or OfConsent
}

// What a notice is of.
const (
	OfLogout  = "logout"
	OfConsent = "consent"
)

// notify puts down the clients that are to be told: who got an ID token in the
// session, and registered where to hear of its end. It is on disk with the end
// itself, so that neither is there without the other.
//
// Back-Channel Logout §2.3: "OPs supporting back-channel logout need to keep
// track of the set of logged-in RPs"
func (was ended) notify(ctx context.Context, tx *sqlite.Tx, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO notices (client_id, sub, sid, attempts, due_at)
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

// takenBack is a person and a client to whom less was left.
type takenBack struct {
	clientID, sub, reason string
	details               []oauth.AuthorizationDetail // that are gone
}

// notifyOfConsents puts down the clients that are to be told of what a transaction
// took from them, and that registered where to hear of it. A notice that waits
// already gives way: what the client is told is what remains. What details it lost
// is told of both.
func (r *revocations) notifyOfConsents(ctx context.Context, tx *sqlite.Tx) error {
	for _, t := range r.takenBack {
		var waiting string
		err := tx.QueryRow(ctx, "SELECT removed_details FROM notices WHERE client_id = ? AND sub = ? AND kind = 'consent'", t.clientID, t.sub).Scan(&waiting)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT OR REPLACE INTO notices (client_id, sub, sid, kind, reason, happened_at, removed_details, attempts, due_at)
			SELECT client_id, ?2, '', 'consent', ?3, ?4, ?5, 0, ?4 FROM clients
			WHERE client_id = ?1 AND disabled_at IS NULL AND coalesce(metadata ->> '$.security_events_uri', '') != ''`,
			t.clientID, t.sub, t.reason, ms(r.at), oauth.FormatAuthorizationDetails(merged(details(waiting), t.details))); err != nil {
			return err
		}
	}
	return nil
}

// merged is two lists, without what is in both.
func merged(all, more []oauth.AuthorizationDetail) []oauth.AuthorizationDetail {
	for _, d := range more {
		if !slices.ContainsFunc(all, func(known oauth.AuthorizationDetail) bool { return reflect.DeepEqual(known, d) }) {
			all = append(all, d)
		}
	}
	return all
}

// details reads what we wrote.
func details(written string) (all []oauth.AuthorizationDetail) {
	if written != "" {
		_ = json.Unmarshal([]byte(written), &all)
	}
	return all
}

// Remaining is what a client may still do for a person: of every grant that has
// not ended, and that has a code or a token left which works or can be renewed.
func (s *Store) Remaining(ctx context.Context, sub, clientID string, now time.Time) (scope oauth.Scope, left []oauth.AuthorizationDetail, err error) {
	rows, err := s.db.Query(ctx, `SELECT g.scope, g.authorization_details FROM grants g WHERE g.client_id = ?1 AND g.sub = ?2 AND g.revoked_at IS NULL
		AND (g.expires_at IS NULL OR g.expires_at > ?3) AND (g.tokens_end_at > ?3 OR EXISTS (SELECT 1 FROM refresh_tokens t
			WHERE t.grant_id = g.id AND t.spent_at IS NULL AND t.expires_at > ?3 AND t.idle_expires_at > ?3)
			OR EXISTS (SELECT 1 FROM authorization_codes a WHERE a.grant_id = g.id AND a.spent_at IS NULL AND a.expires_at > ?3))`, clientID, sub, ms(now))
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var has, granted string
		if err := rows.Scan(&has, &granted); err != nil {
			return nil, nil, err
		}
		scope, left = scope.Union(oauth.ParseScope(has)), merged(left, oauth.LiveDetails(granted, now))
	}
	return scope, left, rows.Err()
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

// ToNotify lists who has a notice due, those that wait longest first, and tells
// whether any notice is left at all.
func (s *Store) ToNotify(ctx context.Context, now time.Time) (due []Addressee, left bool, err error) {
	rows, err := s.db.Query(ctx, "SELECT client_id, kind FROM notices WHERE due_at <= ? GROUP BY client_id, kind ORDER BY min(due_at)", ms(now))
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	for rows.Next() {
		var to Addressee
		if err := rows.Scan(&to.ClientID, &to.Kind); err != nil {
			return nil, false, err
		}
		due = append(due, to)
	}
	if err := rows.Err(); err != nil {
		return nil, false, err
	}
	return due, left, s.db.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM notices)").Scan(&left)
}

// NextNotice returns the notice that somebody has been waiting for longest.
// ErrNotFound: none is due.
func (s *Store) NextNotice(ctx context.Context, to Addressee, now time.Time) (Notice, error) {
	n := Notice{Addressee: to}
	var happened int64
	var removed string
	err := s.db.QueryRow(ctx, "SELECT id, sub, sid, reason, happened_at, removed_details, attempts FROM notices WHERE client_id = ? AND kind = ? AND due_at <= ? ORDER BY due_at, id LIMIT 1",
		to.ClientID, to.Kind, ms(now)).Scan(&n.ID, &n.Sub, &n.SessionID, &n.Reason, &happened, &removed, &n.Attempts)
	n.HappenedAt, n.Removed = time.UnixMilli(happened).UTC(), details(removed)
	return n, notFound(err)
}

// ForgetNotice is for a client that knows, or that is told no more.
func (s *Store) ForgetNotice(ctx context.Context, id int64) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM notices WHERE id = ?", id)
		return err
	})
}

// PostponeNotices notes that a client did not take a notice: all that are due
// have failed with it, because nobody is there. waits is how long each waits after
// its first failure, its second, and so on. Those that have waited for all of it are
// given up; their people are returned.
func (s *Store) PostponeNotices(ctx context.Context, to Addressee, now time.Time, waits []time.Duration) (givenUp []string, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		for attempts, wait := range waits {
			if _, err := tx.Exec(ctx, "UPDATE notices SET attempts = attempts + 1, due_at = ? WHERE client_id = ? AND kind = ? AND due_at <= ? AND attempts = ?",
				ms(now.Add(wait)), to.ClientID, to.Kind, ms(now), attempts); err != nil {
				return err
			}
		}
		var err error
		givenUp, err = column(tx.Query(ctx, "DELETE FROM notices WHERE client_id = ? AND kind = ? AND due_at <= ? RETURNING sub", to.ClientID, to.Kind, ms(now)))
		return err
	})
	return givenUp, err
}
