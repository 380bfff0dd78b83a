package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

const consentColumns = "c.id, c.sub, c.client_id, c.scope, c.duration, c.given_at, c.changed_at, c.expires_at, c.ended_at, c.end_reason, " +
	"(SELECT g.used_at FROM grants g WHERE g.consent_id = c.id ORDER BY g.used_at DESC LIMIT 1)"

func scanConsent(scan func(...any) error) (oauth.Consent, error) {
	var c oauth.Consent
	var scope string
	var given, changed, expires, ended, used sql.NullInt64
	err := scan(&c.ID, &c.Sub, &c.ClientID, &scope, &c.Duration, &given, &changed, &expires, &ended, &c.EndReason, &used)
	c.Scope, c.GivenAt, c.ChangedAt, c.ExpiresAt, c.EndedAt, c.UsedAt = oauth.ParseScope(scope), at(given), at(changed), at(expires), at(ended), at(used)
	return c, err
}

// Consent returns what a person lets a client do, or nil where there is
// nothing that has not been ended. It may have expired.
func (s *Store) Consent(ctx context.Context, sub, clientID string) (*oauth.Consent, error) {
	return currentConsent(ctx, s.db, sub, clientID)
}

// reader is a transaction or the reader pool.
type reader interface {
	QueryRow(ctx context.Context, query string, args ...any) sqlite.Row
}

func currentConsent(ctx context.Context, from reader, sub, clientID string) (*oauth.Consent, error) {
	row := from.QueryRow(ctx, "SELECT "+consentColumns+" FROM consents c WHERE c.sub = ? AND c.client_id = ? AND c.ended_at IS NULL", sub, clientID)
	c, err := scanConsent(row.Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &c, err
}

// Approval is a person's yes.
type Approval struct {
	Interaction string               // the question that is answered
	Asked       oauth.Scope          // what was asked
	Allowed     oauth.Scope          // what was allowed of it
	Duration    oauth.Duration       // for how long
	ConsentID   string               // of a consent that is new
	Code        NewAuthorizationCode // its grant gets the consent and its end
	// RefusedDetails were asked for and not allowed: earlier grants lose such.
	// RFC 9396 §2.
	RefusedDetails []oauth.AuthorizationDetail

	Device []byte // the device that is answered in place of a code; nil: none
	Token  bool   // an access token is issued at once, in place of a code (RFC 6749 §4.2)
}

// Approve answers a question with yes, in one transaction: the answer counts
// once (ErrAnswered), the consent becomes what the person said last, grants lose
// what was taken back and keep the rest, and the code is stored. ErrConsentEnded where the account has been locked.
func (s *Store) Approve(ctx context.Context, a Approval, now time.Time) error {
	return s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		if err := answer(ctx, tx, a.Interaction, now); err != nil {
			return err
		}
		given := &a.Code.Grant
		// The account may have been locked while its person was deciding.
		var locked bool
		if err := tx.QueryRow(ctx, "SELECT locked_at IS NOT NULL FROM users WHERE sub = ?", given.Sub).Scan(&locked); err != nil {
			return err
		}
		if locked {
			return ErrConsentEnded
		}
		given.ExpiresAt = a.Duration.End(now)
		consent, err := currentConsent(ctx, tx, given.Sub, given.ClientID)
		if err != nil {
			return err
		}
		if consent != nil && !consent.Live(now) {
			reason := expired
			if consent.Unused(now) {
				reason = unused
			}
			if err := r.endConsent(ctx, tx, consent.ID, reason, now); err != nil {
				return err
			}
			consent = nil
		}
		if consent == nil {
			given.ConsentID = a.ConsentID
			if _, err := tx.Exec(ctx, "INSERT INTO consents (id, sub, client_id, scope, duration, given_at, changed_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)",
				a.ConsentID, given.Sub, given.ClientID, a.Allowed.String(), string(a.Duration), ms(now), msOrNull(given.ExpiresAt)); err != nil {
				return err
			}
			if err := noteChange(ctx, tx, a.ConsentID, "given", a.Allowed, "", now); err != nil {
				return err
			}
		} else {
			given.ConsentID = consent.ID
			if err := r.changeConsent(ctx, tx, *consent, a, now); err != nil {
				return err
			}
			if err := r.takeBackDetails(ctx, tx, *consent, a.RefusedDetails, now); err != nil {
				return err
			}
		}
		return s.answered(ctx, tx, a, now)
	})
}

// answered stores what the answer gives: a code, a device's grant, or the grant
// of a token that leaves at once.
func (s *Store) answered(ctx context.Context, tx *sqlite.Tx, a Approval, now time.Time) error {
	switch {
	case a.Device != nil:
		if err := insertGrant(ctx, tx, a.Code.Grant); err != nil {
			return err
		}
		return answerDevice(ctx, tx, a.Device, a.Code.Grant.ID, now)
	case a.Token:
		if err := insertGrant(ctx, tx, a.Code.Grant); err != nil {
			return err
		}
		return s.issued(ctx, tx, a.Code.Grant.ID, grant.NewRefreshToken{}, now)
	}
	return insertCode(ctx, tx, a.Code)
}

// changeConsent puts the last word in place of what was said before. What was
// not asked this time stays.
func (r *revocations) changeConsent(ctx context.Context, tx *sqlite.Tx, was oauth.Consent, a Approval, now time.Time) error {
	scope := was.Scope.Without(a.Asked).Union(a.Allowed)
	end := a.Duration.End(now)
	if _, err := tx.Exec(ctx, "UPDATE consents SET scope = ?, duration = ?, changed_at = ?, expires_at = ? WHERE id = ?",
		scope.String(), string(a.Duration), ms(now), msOrNull(end), was.ID); err != nil {
		return err
	}
	if err := noteChange(ctx, tx, was.ID, "changed", scope, "", now); err != nil {
		return err
	}
	if !end.IsZero() { // nothing given earlier outlives what was said now
		if _, err := tx.Exec(ctx, "UPDATE grants SET expires_at = ?1 WHERE consent_id = ?2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?1)", ms(end), was.ID); err != nil {
			return err
		}
	}
	withdrawn := was.Scope.Without(scope)
	if len(withdrawn) == 0 {
		return nil
	}
	r.tell(was.ClientID, was.Sub, strings.Join(withdrawn, ", ")+" was taken back", now)
	names := slices.Clone([]string(withdrawn))
	if !a.asksDetails() { // where they were asked for, they have an answer of their own
		for _, permission := range withdrawn {
			names = append(names, oauth.DetailTypesOf(permission)...)
		}
	}
	held, err := grantsOf(ctx, tx, was.ID)
	if err != nil {
		return err
	}
	return r.narrowAll(ctx, tx, held, names, now)
}

// asksDetails tells whether authorization details were among what was asked.
func (a Approval) asksDetails() bool {
	return len(a.RefusedDetails) > 0 || a.Code.Grant.AuthorizationDetails != ""
}

// takeBackDetails narrows earlier grants with authorization details of which a part
// was asked for again and refused. The type goes as a whole: a resource server tells
// a grant's tokens apart by the type, not by what is in it.
func (r *revocations) takeBackDetails(ctx context.Context, tx *sqlite.Tx, consent oauth.Consent, refused []oauth.AuthorizationDetail, now time.Time) error {
	if len(refused) == 0 {
		return nil
	}
	held, err := grantsOf(ctx, tx, consent.ID)
	if err != nil {
		return err
	}
	var gone []string
	for _, g := range held {
		var types []string
		for _, d := range oauth.LiveDetails(g.details, now) {
			if slices.ContainsFunc(refused, d.Overlaps) && !slices.Contains(types, d.Type) {
				types = append(types, d.Type)
			}
		}
		if len(types) == 0 {
			continue
		}
		gone = types
		r.tell(consent.ClientID, consent.Sub, types[0]+" was taken back", now)
		if err := r.narrow(ctx, tx, g, types, now); err != nil {
			return err
		}
	}
	if gone == nil {
		return nil
	}
	left, err := currentConsent(ctx, tx, consent.Sub, consent.ClientID)
	if err != nil {
		return err
	}
	return noteChange(ctx, tx, consent.ID, "narrowed", left.Scope, strings.Join(gone, ", "), now)
}

// querier is a transaction or the reader pool.
type querier interface {
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// detailsOfConsent lists the authorization details of a consent's grants that
// have not ended, by grant.
func detailsOfConsent(ctx context.Context, from querier, consentID string, now time.Time) (map[string][]oauth.AuthorizationDetail, error) {
	rows, err := from.Query(ctx, `SELECT id, authorization_details FROM grants
		WHERE consent_id = ? AND authorization_details <> '' AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)`, consentID, ms(now))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string][]oauth.AuthorizationDetail{}
	for rows.Next() {
		var id, details string
		if err := rows.Scan(&id, &details); err != nil {
			return nil, err
		}
		if live := oauth.LiveDetails(details, now); len(live) > 0 {
			all[id] = live
		}
	}
	return all, rows.Err()
}

// EndConsent ends what a person lets a client do, and all that came from it.
// ErrNotFound where there is nothing to end.
func (s *Store) EndConsent(ctx context.Context, sub, clientID, reason string, now time.Time) error {
	return s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		consent, err := currentConsent(ctx, tx, sub, clientID)
		if err != nil {
			return err
		}
		if consent == nil {
			return ErrNotFound
		}
		return r.endConsent(ctx, tx, consent.ID, reason, now)
	})
}

func (r *revocations) endConsent(ctx context.Context, tx *sqlite.Tx, id, reason string, now time.Time) error {
	var clientID, sub, scope string
	err := tx.QueryRow(ctx, "UPDATE consents SET ended_at = ?, end_reason = ? WHERE id = ? AND ended_at IS NULL RETURNING client_id, sub, scope", ms(now), reason, id).Scan(&clientID, &sub, &scope)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err == nil { // also where every grant has ended: the client may hold what came of one
		r.tell(clientID, sub, reason, now)
		if err := noteChange(ctx, tx, id, "ended", oauth.ParseScope(scope), reason, now); err != nil {
			return err
		}
	}
	return r.revokeGrants(ctx, tx, "SELECT id FROM grants WHERE consent_id = ? AND revoked_at IS NULL", id, reason, now)
}

// Connection is a consent with what else its grants have.
type Connection struct {
	oauth.Consent
	Details []oauth.AuthorizationDetail // that its grants have and that have not ended
}

// Connections returns a person's consents, ended ones too, newest first.
func (s *Store) Connections(ctx context.Context, sub string, now time.Time) ([]Connection, error) {
	all, err := s.connections(ctx, sub)
	if err != nil {
		return nil, err
	}
	for i, c := range all {
		held, err := detailsOfConsent(ctx, s.db, c.ID, now)
		if err != nil {
			return nil, err
		}
		for _, id := range slices.Sorted(maps.Keys(held)) {
			all[i].Details = append(all[i].Details, held[id]...)
		}
	}
	return all, nil
}

func (s *Store) connections(ctx context.Context, sub string) ([]Connection, error) {
	rows, err := s.db.Query(ctx, "SELECT "+consentColumns+" FROM consents c WHERE c.sub = ? ORDER BY c.changed_at DESC, c.id", sub)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Connection
	for rows.Next() {
		c, err := scanConsent(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, Connection{Consent: c})
	}
	return all, rows.Err()
}
