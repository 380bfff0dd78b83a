package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

// TakeBack takes one permission out of a consent and of every grant that rests on
// it: a name in scope, or a type of authorization details. With a permission go
// the details that open a part of the same thing. Access tokens that carry it end,
// the next refresh has the smaller scope. Where nothing is left the consent ends.
// ErrNotFound where the permission is not there.
func (s *Store) TakeBack(ctx context.Context, sub, clientID, permission string, now time.Time) error {
	return s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		consent, err := currentConsent(ctx, tx, sub, clientID)
		if err != nil {
			return err
		}
		if !consent.Live(now) {
			return ErrNotFound
		}
		held, err := grantsOf(ctx, tx, consent.ID)
		if err != nil {
			return err
		}
		names := append([]string{permission}, oauth.DetailTypesOf(permission)...)
		had := consent.Scope.Has(permission)
		left := consent.Scope.Without(oauth.Scope{permission})
		details := false // that are left
		for _, g := range held {
			n := g.without(names)
			had = had || n != g
			details = details || len(oauth.LiveDetails(n.details, now)) > 0
		}
		if !had {
			return ErrNotFound
		}
		if len(left) == 0 && !details {
			return r.endConsent(ctx, tx, consent.ID, "removed by you", now)
		}
		if _, err := tx.Exec(ctx, "UPDATE consents SET scope = ?, changed_at = ? WHERE id = ?", left.String(), ms(now), consent.ID); err != nil {
			return err
		}
		if err := noteChange(ctx, tx, consent.ID, "narrowed", left, permission, now); err != nil {
			return err
		}
		r.tell(clientID, sub, permission+" was taken back", now)
		return r.narrowAll(ctx, tx, held, names, now)
	})
}

// heldGrant is what a grant that has not been revoked lets its tokens do.
type heldGrant struct {
	id, scope, details, claims string
	tokensEnd                  int64
}

func grantsOf(ctx context.Context, from querier, consentID string) ([]heldGrant, error) {
	rows, err := from.Query(ctx, "SELECT id, scope, authorization_details, claims, coalesce(tokens_end_at, 0) FROM grants WHERE consent_id = ? AND revoked_at IS NULL", consentID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []heldGrant
	for rows.Next() {
		var g heldGrant
		if err := rows.Scan(&g.id, &g.scope, &g.details, &g.claims, &g.tokensEnd); err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, rows.Err()
}

// without is the grant without some permissions.
func (g heldGrant) without(names []string) heldGrant {
	g.scope = oauth.ParseScope(g.scope).Without(names).String()
	g.details = oauth.WithoutDetails(g.details, names)
	// A claim that was asked for by itself rests on the permission that it is part
	// of (OIDC Core §5.5): what the claims need and the person took back, they lose.
	if claims, err := oauth.ParseClaimsRequest(g.claims); err == nil && g.claims != "" {
		g.claims = claims.Within(claims.Scope().Without(names)).String()
	}
	return g
}

func (r *revocations) narrowAll(ctx context.Context, tx *sqlite.Tx, all []heldGrant, names []string, now time.Time) error {
	for _, g := range all {
		if err := r.narrow(ctx, tx, g, names, now); err != nil {
			return err
		}
	}
	return nil
}

// narrow takes permissions out of a grant. Where they were all that it had, it ends.
func (r *revocations) narrow(ctx context.Context, tx *sqlite.Tx, was heldGrant, names []string, now time.Time) error {
	g := was.without(names)
	switch {
	case g == was:
		return nil
	case g.scope == "" && g.details == "":
		return r.revokeGrant(ctx, tx, g.id, names[0]+" was taken back", now)
	}
	if _, err := tx.Exec(ctx, "UPDATE grants SET scope = ?, authorization_details = ?, claims = ? WHERE id = ?", g.scope, g.details, g.claims, g.id); err != nil {
		return err
	}
	r.lost(oauth.OnlyDetails(was.details, names))
	end := r.remember(at(sql.NullInt64{Int64: was.tokensEnd, Valid: true}), now)
	for _, name := range names {
		if err := r.insert(ctx, tx, Revocation{GrantID: g.id, Permission: name, ExpiresAt: end}, now); err != nil {
			return err
		}
	}
	return nil
}

// EndAllConsents ends everything that a person let anybody do, but for the clients
// that they keep. It returns the clients that lost it.
func (s *Store) EndAllConsents(ctx context.Context, sub string, keep []string, reason string, now time.Time) (ended []string, err error) {
	err = s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		ended, err = r.endAllConsents(ctx, tx, sub, keep, reason, now)
		return err
	})
	return ended, err
}

func (r *revocations) endAllConsents(ctx context.Context, tx *sqlite.Tx, sub string, keep []string, reason string, now time.Time) ([]string, error) {
	clients, err := column(tx.Query(ctx, "SELECT client_id FROM consents WHERE sub = ? AND ended_at IS NULL", sub))
	if err != nil {
		return nil, err
	}
	clients = slices.DeleteFunc(clients, func(id string) bool { return slices.Contains(keep, id) })
	for _, id := range clients {
		consent, err := currentConsent(ctx, tx, sub, id)
		if err != nil {
			return nil, err
		}
		if err := r.endConsent(ctx, tx, consent.ID, reason, now); err != nil {
			return nil, err
		}
	}
	return clients, nil
}

// EndUnused ends the consents that nobody used for so long: since it was given,
// changed, or a token was issued for it.
func (s *Store) EndUnused(ctx context.Context, now time.Time) error {
	const idle = `SELECT c.id FROM consents c WHERE c.ended_at IS NULL AND max(c.changed_at,
		coalesce((SELECT max(g.used_at) FROM grants g WHERE g.consent_id = c.id), 0)) <= ?`
	// Looked for without holding up who writes; mostly there is nothing.
	ids, err := column(s.db.Query(ctx, idle, ms(now.Add(-oauth.UnusedFor))))
	if err != nil || len(ids) == 0 {
		return err
	}
	return s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		ids, err := column(tx.Query(ctx, idle, ms(now.Add(-oauth.UnusedFor))))
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := r.endUnused(ctx, tx, id, now); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *revocations) endUnused(ctx context.Context, tx *sqlite.Tx, id string, now time.Time) error {
	var sub, clientID string
	if err := tx.QueryRow(ctx, "SELECT sub, client_id FROM consents WHERE id = ?", id).Scan(&sub, &clientID); err != nil {
		return err
	}
	if err := insertEvent(ctx, tx, Event{At: now, Kind: "connected app expired", Sub: sub, ClientID: clientID, Detail: unused}); err != nil {
		return err
	}
	return r.endConsent(ctx, tx, id, unused, now)
}

// EndExpired ends what has run out by its date: consents, and authorizations that
// end sooner than theirs. Their clients are told, once, as of anything that ends;
// what was due while the server was down is done at its start.
func (s *Store) EndExpired(ctx context.Context, now time.Time) error {
	for _, kind := range []struct {
		due string // ids with their end
		end func(context.Context, *sqlite.Tx, *revocations, string, time.Time) error
	}{
		{"SELECT id, expires_at FROM consents WHERE expires_at <= ?1 AND ended_at IS NULL", endExpiredConsent},
		{"SELECT id, expires_at FROM grants WHERE expires_at <= ?1 AND revoked_at IS NULL LIMIT 1000", endExpiredGrant},
	} {
		due, err := moments(s.db.Query(ctx, kind.due, ms(now)))
		if err != nil {
			return err
		}
		for id, end := range due { // each by itself: nobody who writes waits long
			err := s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error { return kind.end(ctx, tx, r, id, end) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// expired is why something ended by its date.
const expired = "expired"

// endExpiredConsent ends a consent as of its date, where that has not been moved.
func endExpiredConsent(ctx context.Context, tx *sqlite.Tx, r *revocations, id string, end time.Time) error {
	var sub, clientID string
	err := tx.QueryRow(ctx, "SELECT sub, client_id FROM consents WHERE id = ? AND expires_at = ? AND ended_at IS NULL", id, ms(end)).Scan(&sub, &clientID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := insertEvent(ctx, tx, Event{At: end, Kind: "connected app expired", Sub: sub, ClientID: clientID, Detail: "its time was over"}); err != nil {
		return err
	}
	return r.endConsent(ctx, tx, id, expired, end)
}

func endExpiredGrant(ctx context.Context, tx *sqlite.Tx, r *revocations, id string, end time.Time) error {
	return r.revokeGrant(ctx, tx, id, expired, end)
}

// moments reads a result of keys with times.
func moments(rows *sql.Rows, err error) (map[string]time.Time, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]time.Time{}
	for rows.Next() {
		var key string
		var when int64
		if err := rows.Scan(&key, &when); err != nil {
			return nil, err
		}
		all[key] = time.UnixMilli(when).UTC()
	}
	return all, rows.Err()
}

// unused is why a consent ended that nobody stopped.
const unused = "not used for 90 days"

// ConsentChange is a line of a consent's timeline.
type ConsentChange struct {
	At     time.Time
	Kind   string      // given, changed, narrowed, ended
	Scope  oauth.Scope // what it was from then on
	Reason string
}

func noteChange(ctx context.Context, tx *sqlite.Tx, consentID, kind string, scope oauth.Scope, reason string, now time.Time) error {
	_, err := tx.Exec(ctx, "INSERT INTO consent_changes (consent_id, at, kind, scope, reason) VALUES (?, ?, ?, ?, ?)", consentID, ms(now), kind, scope.String(), reason)
	return err
}

// ConsentChanges returns a consent's timeline, oldest first.
func (s *Store) ConsentChanges(ctx context.Context, consentID string) ([]ConsentChange, error) {
	rows, err := s.db.Query(ctx, "SELECT at, kind, scope, reason FROM consent_changes WHERE consent_id = ? ORDER BY id", consentID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []ConsentChange
	for rows.Next() {
		var c ConsentChange
		var when int64
		var scope string
		if err := rows.Scan(&when, &c.Kind, &scope, &c.Reason); err != nil {
			return nil, err
		}
		c.At, c.Scope = time.UnixMilli(when).UTC(), oauth.ParseScope(scope)
		all = append(all, c)
	}
	return all, rows.Err()
}

// TokenFacts is what is known of the tokens of a consent, without any of them.
type TokenFacts struct {
	RefreshTokens int       // that can be used now
	Rotations     int       // that led to them
	Since         time.Time // when the first of the family was issued; zero: there is none
	AccessUntil   time.Time // when the last access token expires; past or zero: there is none
}

// Tokens tells about the tokens of a consent.
func (s *Store) Tokens(ctx context.Context, consentID string, now time.Time) (TokenFacts, error) {
	var f TokenFacts
	var since, until sql.NullInt64
	err := s.db.QueryRow(ctx, `SELECT count(*) FILTER (WHERE t.spent_at IS NULL AND t.expires_at > ?2 AND t.idle_expires_at > ?2), count(*) FILTER (WHERE t.spent_at IS NOT NULL), min(t.issued_at)
		FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id
		WHERE g.consent_id = ?1 AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > ?2) AND instr(' ' || g.scope || ' ', ' offline_access ') > 0`,
		consentID, ms(now)).Scan(&f.RefreshTokens, &f.Rotations, &since)
	if err != nil {
		return f, err
	}
	err = s.db.QueryRow(ctx, "SELECT max(tokens_end_at) FROM grants WHERE consent_id = ? AND revoked_at IS NULL", consentID).Scan(&until)
	f.Since, f.AccessUntil = at(since), at(until)
	return f, err
}

// ConnectionByID returns a person's consent, ended or not. ErrNotFound, also for
// what is another person's.
func (s *Store) ConnectionByID(ctx context.Context, sub, id string, now time.Time) (Connection, error) {
	all, err := s.Connections(ctx, sub, now)
	if err != nil {
		return Connection{}, err
	}
	for _, c := range all {
		if c.ID == id {
			return c, nil
		}
	}
	return Connection{}, ErrNotFound
}

// Uses is when tokens were issued for a consent.
type Uses struct {
	Days      [7]int      // tokens in each of the last seven days, today last
	Last      time.Time   // zero: never
	Scope     oauth.Scope // of the grant that the last one was for, as it is now
	Refreshed bool        // the last one was got with a refresh token, nobody being there
}

// Total is how many there were in the seven days.
func (u Uses) Total() int {
	n := 0
	for _, day := range u.Days {
		n += day
	}
	return n
}

// Uses tells when tokens were issued for a consent: each refresh token came with
// one, and of a grant without any the last is known.
func (s *Store) Uses(ctx context.Context, consentID string, now time.Time) (Uses, error) {
	var u Uses
	const issued = `WITH issued (at) AS (
		SELECT t.issued_at FROM refresh_tokens t JOIN grants g ON g.id = t.grant_id WHERE g.consent_id = ?1
		UNION ALL SELECT used_at FROM grants g WHERE consent_id = ?1 AND used_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = g.id))`
	rows, err := s.db.Query(ctx, issued+" SELECT (?2 - at) / 86400000, count(*) FROM issued WHERE at <= ?2 AND ?2 - at < 7 * 86400000 GROUP BY 1", consentID, ms(now))
	if err != nil {
		return u, err
	}
	defer rows.Close()
	for rows.Next() {
		var ago, n int
		if err := rows.Scan(&ago, &n); err != nil {
			return u, err
		}
		u.Days[len(u.Days)-1-ago] = n
	}
	if err := rows.Err(); err != nil {
		return u, err
	}
	var last sql.NullInt64
	var scope string
	err = s.db.QueryRow(ctx, `SELECT g.used_at, g.scope, (SELECT count(*) > 1 FROM refresh_tokens t WHERE t.grant_id = g.id)
		FROM grants g WHERE g.consent_id = ? AND g.used_at IS NOT NULL ORDER BY g.used_at DESC LIMIT 1`, consentID).Scan(&last, &scope, &u.Refreshed)
	if errors.Is(err, sql.ErrNoRows) {
		return u, nil
	}
	u.Last, u.Scope = at(last), oauth.ParseScope(scope)
	return u, err
}
