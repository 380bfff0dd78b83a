package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"sync"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/sqlite"
)

// Revocation is an entry of the feed: a grant or an access token that resource
// servers must no longer accept, or what is new about a person.
type Revocation struct {
	Cursor     int64
	GrantID    string // either this
	Permission string // and of its tokens those that carry this; empty: all
	JWTID      string // or this
	ExpiresAt  time.Time
	Person     *oauth.User // or this, which never expires
}

// key is unlike every other entry's: ids are unguessable, and permissions have no
// spaces in them.
func (r Revocation) key() string {
	if r.Permission != "" {
		return r.GrantID + " " + r.Permission
	}
	return r.GrantID + r.JWTID
}

// revoked is the same list in memory, for whoever reads tokens here, with a
// bell for readers of the feed who wait.
type revoked struct {
	mu     sync.RWMutex
	until  map[string]time.Time // by key
	cursor int64
	bell   chan struct{} // closed when something is added
}

func newRevoked() *revoked {
	return &revoked{until: map[string]time.Time{}, bell: make(chan struct{})}
}

func (r *revoked) add(entries []Revocation) {
	if len(entries) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range entries {
		if e.Person == nil {
			r.until[e.key()] = e.ExpiresAt
		}
		r.cursor = max(r.cursor, e.Cursor)
	}
	close(r.bell)
	r.bell = make(chan struct{})
}

func (r *revoked) purge(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, until := range r.until {
		if until.Before(now) {
			delete(r.until, id)
		}
	}
}

// Revoked tells whether an access token was revoked, by itself or with its grant.
func (s *Store) Revoked(jti, grantID string) bool {
	s.revoked.mu.RLock()
	defer s.revoked.mu.RUnlock()
	_, token := s.revoked.until[jti]
	_, grant := s.revoked.until[grantID]
	return token || (grantID != "" && grant)
}

// Ended tells whether an access token was revoked: by itself, with its grant, or
// with a permission that it carries.
func (s *Store) Ended(t token.AccessToken) bool {
	if s.Revoked(t.JWTID, t.GrantID) {
		return true
	}
	s.revoked.mu.RLock()
	defer s.revoked.mu.RUnlock()
	for _, permission := range carried(t) {
		if _, ended := s.revoked.until[Revocation{GrantID: t.GrantID, Permission: permission}.key()]; ended && t.GrantID != "" {
			return true
		}
	}
	return false
}

// carried lists the permissions in a token: what its scope names, and the types
// of its authorization details.
func carried(t token.AccessToken) []string {
	var details []struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(t.AuthorizationDetails, &details) // we signed it
	all := []string(oauth.ParseScope(t.Scope))
	for _, d := range details {
		all = append(all, d.Type)
	}
	return all
}

// FeedID names the feed since this start: a reader that knows another one starts anew.
func (s *Store) FeedID() string { return s.feedID }

// RevocationsAfter returns the entries behind a cursor, oldest first. Where
// there are none it waits for one until ctx ends.
func (s *Store) RevocationsAfter(ctx context.Context, cursor int64, limit int) ([]Revocation, error) {
	for {
		s.revoked.mu.RLock()
		newest, bell := s.revoked.cursor, s.revoked.bell
		s.revoked.mu.RUnlock()
		if newest > cursor {
			found, err := s.readRevocations(context.WithoutCancel(ctx), "WHERE cursor > ? ORDER BY cursor LIMIT ?", cursor, limit)
			if len(found) > 0 || err != nil {
				return found, err
			}
			cursor = newest // what was there has expired: not news, or readers would ask without end
		}
		select {
		case <-bell:
		case <-ctx.Done():
			return nil, nil
		}
	}
}

func (s *Store) readRevocations(ctx context.Context, where string, args ...any) ([]Revocation, error) {
	rows, err := s.db.Query(ctx, `SELECT r.cursor, coalesce(r.grant_id, ''), r.permission, coalesce(r.jti, ''), r.expires_at, coalesce(u.sub, ''), coalesce(u.name, ''), coalesce(u.email, ''), coalesce(u.picture, '')
		FROM revocations r LEFT JOIN users u ON u.sub = r.sub `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Revocation
	for rows.Next() {
		var r Revocation
		var expires int64
		var person oauth.User
		if err := rows.Scan(&r.Cursor, &r.GrantID, &r.Permission, &r.JWTID, &expires, &person.Sub, &person.Name, &person.Email, &person.Picture); err != nil {
			return nil, err
		}
		if r.ExpiresAt = time.UnixMilli(expires).UTC(); person.Sub != "" {
			r.Person = &person
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

func (s *Store) loadRevoked(ctx context.Context, now time.Time) error {
	all, err := s.readRevocations(ctx, "WHERE expires_at > ?", ms(now))
	s.revoked.add(all)
	return err
}

// revocations collects what one transaction revokes.
type revocations struct {
	entries   []Revocation
	takenBack []takenBack
	at        time.Time // when it was taken back
	ttl       time.Duration
}

// tell notes that a client is to be told that less was left to it.
func (r *revocations) tell(clientID, sub, reason string, now time.Time) {
	r.takenBack, r.at = append(r.takenBack, takenBack{clientID: clientID, sub: sub, reason: reason}), now
}

// lost adds authorization details to what the client that was noted last is told.
func (r *revocations) lost(details []oauth.AuthorizationDetail) {
	if last := len(r.takenBack) - 1; last >= 0 {
		r.takenBack[last].details = append(r.takenBack[last].details, details...)
	}
}

// revoking runs a write that may revoke. What it revoked is known to
// everybody here before the call returns.
func (s *Store) revoking(ctx context.Context, do func(context.Context, *sqlite.Tx, *revocations) error) error {
	r := &revocations{ttl: s.accessTokenTTL}
	err := s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if err := do(ctx, tx, r); err != nil {
			return err
		}
		return r.notifyOfConsents(ctx, tx)
	})
	if err == nil {
		s.revoked.add(r.entries)
		if len(r.takenBack) > 0 {
			s.wakeNotifier()
		}
	}
	return err
}

// revokeGrant ends a grant and all its tokens. A grant that is revoked already
// stays as it is.
func (r *revocations) revokeGrant(ctx context.Context, tx *sqlite.Tx, grantID, reason string, now time.Time) error {
	var tokensEnd sql.NullInt64
	var clientID, sub, details string
	err := tx.QueryRow(ctx, "UPDATE grants SET revoked_at = ?, revoke_reason = ? WHERE id = ? AND revoked_at IS NULL RETURNING tokens_end_at, client_id, sub, authorization_details",
		ms(now), reason, grantID).Scan(&tokensEnd, &clientID, &sub, &details)
	if err == sql.ErrNoRows {
		return nil
	}
	if err != nil {
		return err
	}
	if reason != byClient { // who knows already
		r.tell(clientID, sub, reason, now)
		r.lost(oauth.LiveDetails(details, now.Add(-time.Second))) // one that ends with the grant is among them
	}
	return r.insert(ctx, tx, Revocation{GrantID: grantID, ExpiresAt: r.remember(at(tokensEnd), now)}, now)
}

// remember is until when an entry about a grant has to be known. A token may be on
// its way at this moment: it is signed a moment later, and must not outlive it.
func (r *revocations) remember(tokensEnd, now time.Time) time.Time {
	expires := now.Add(r.ttl + time.Minute)
	if tokensEnd.After(expires) {
		return tokensEnd
	}
	return expires
}

// reused ends a grant whose code or refresh token came a second time, and puts
// that down for its person to see, in the same transaction.
func (r *revocations) reused(ctx context.Context, tx *sqlite.Tx, grant oauth.Grant, what string, now time.Time) error {
	if !grant.RevokedAt.IsZero() {
		return nil
	}
	if err := r.revokeGrant(ctx, tx, grant.ID, what+" used twice", now); err != nil {
		return err
	}
	return insertEvent(ctx, tx, Event{
		At: now, Kind: "token reuse", Sub: grant.Sub, ClientID: grant.ClientID, Detail: what + " used twice; all that came from it was revoked",
	})
}

// revokeGrants ends every grant that a query selects by one argument.
func (r *revocations) revokeGrants(ctx context.Context, tx *sqlite.Tx, query, arg, reason string, now time.Time) error {
	ids, err := column(tx.Query(ctx, query, arg))
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := r.revokeGrant(ctx, tx, id, reason, now); err != nil {
			return err
		}
	}
	return nil
}

func (r *revocations) insert(ctx context.Context, tx *sqlite.Tx, entry Revocation, now time.Time) error {
	var sub any
	if entry.Person != nil {
		sub, entry.ExpiresAt = entry.Person.Sub, never
	}
	result, err := tx.Exec(ctx, "INSERT OR REPLACE INTO revocations (grant_id, permission, jti, sub, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
		orNull(entry.GrantID), entry.Permission, orNull(entry.JWTID), sub, ms(now), ms(entry.ExpiresAt))
	if err != nil {
		return err
	}
	if entry.Cursor, err = result.LastInsertId(); err != nil {
		return err
	}
	r.entries = append(r.entries, entry)
	return nil
}

// never is when what the feed tells of a person expires.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// RevokeAccessToken ends one access token before it expires by itself, and
// those that it was exchanged for. A token that has ended already adds nothing
// to the feed, however often it is sent.
func (s *Store) RevokeAccessToken(ctx context.Context, jti string, expires, now time.Time) error {
	if s.Revoked(jti, "") || !now.Before(expires) {
		return nil
	}
	return s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		ids, err := family(ctx, tx, jti)
		if err != nil {
			return err
		}
		for _, id := range ids { // none of them outlives the first
			if err := r.insert(ctx, tx, Revocation{JWTID: id, ExpiresAt: expires}, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// byClient is the reason of a grant that its own client gave back.
const byClient = "revoked by the application"

// RevokeGrant ends a grant and all its tokens, because its client asks for it.
func (s *Store) RevokeGrant(ctx context.Context, grantID string, now time.Time) error {
	return s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		return r.revokeGrant(ctx, tx, grantID, byClient, now)
	})
}

// column reads a result of one text column.
func column(rows *sql.Rows, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
