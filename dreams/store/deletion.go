package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/dreams/offers"
	"example.com/acme-dreams/internal/sqlite"
)

// Deleted counts what was deleted of a person's, or what is there to be.
type Deleted struct {
	Name    bool `json:"name,omitempty"`
	Facts   int  `json:"facts,omitempty"` // about the person, in the offers and letters
	Offers  int  `json:"offers,omitempty"`
	Letters int  `json:"letters,omitempty"`
	Drafts  int  `json:"drafts,omitempty"` // of the letters: those that no mail server had got
	Nights  int  `json:"nights,omitempty"` // notes of the nightly job
	Access  bool `json:"access,omitempty"` // an access token
	Refresh bool `json:"refresh,omitempty"`

	Ended   bool     `json:"ended,omitempty"`   // the whole connection is over
	Scope   []string `json:"scope,omitempty"`   // what was taken back of it
	Details []string `json:"details,omitempty"` // authorization details that were, in words
	Told    int64    `json:"told,omitempty"`    // when Details were taken back, by the authorization server's clock
}

// Nothing tells whether there was nothing.
func (d Deleted) Nothing() bool {
	return !d.Name && !d.Access && !d.Refresh && d.Offers+d.Letters+d.Nights == 0
}

// Deletion is a line of the report: what was deleted, when and why.
type Deletion struct {
	Deleted
	At  time.Time
	Why string // flow.EndedRevoked, flow.EndedExpired, or the authorization server's word
}

// keptDeletions is how many lines a person's report has.
const keptDeletions = 10

// held is what a person's data in the database rests on.
type held struct {
	person     int64
	connection string
	granted    int64 // by the authorization server's clock
	scope      []string
	ended      bool
}

// TakeBack implements flow.TakesBack. What it says of an older connection than the
// one that is there says nothing of that one.
func (s *Store) TakeBack(ctx context.Context, t flow.TakenBack) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO security_events (jti, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING`, t.TokenID, t.ExpiresAt.Unix()); err != nil {
			return err
		}
		h, err := heldOf(tx.QueryRow(ctx, heldQuery+` WHERE p.issuer = ? AND p.subject = ?`, t.Issuer, t.Subject))
		if errors.Is(err, sql.ErrNoRows) {
			return nil // nobody whom we know
		}
		if err != nil || h.ended || t.At.Unix() < h.granted {
			return err
		}
		left, gone := parted(h.scope, t.Remaining)
		switch {
		case len(left) == 0:
			return s.endConnection(ctx, tx, h, flow.EndedTold, t.Reason, t)
		case len(gone) > 0:
			return s.narrow(ctx, tx, h, left, gone, t)
		}
		return s.noteDetails(ctx, tx, h, t)
	})
}

// SecurityEventSeen implements flow.TakesBack.
func (s *Store) SecurityEventSeen(ctx context.Context, jti string) (seen bool, err error) {
	return seen, s.db.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM security_events WHERE jti = ?)`, jti).Scan(&seen)
}

// EndConnection implements flow.Connections.
func (s *Store) EndConnection(ctx context.Context, connection, reason string) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		h, err := heldOf(tx.QueryRow(ctx, heldQuery+` WHERE c.id = ? AND c.ended_at IS NULL`, connection))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.endConnection(ctx, tx, h, reason, reason, flow.TakenBack{})
	})
}

const heldQuery = `SELECT p.id, c.id, c.granted_at, c.scope, c.ended_at IS NOT NULL FROM people p JOIN connections c ON c.person = p.id`

func heldOf(row sqlite.Row) (h held, err error) {
	var scope string
	err = row.Scan(&h.person, &h.connection, &h.granted, &scope, &h.ended)
	h.scope = strings.Fields(scope)
	return h, err
}

// parted parts what a connection has into what is left to it and what is not.
func parted(has, remaining []string) (left, gone []string) {
	for _, scope := range has {
		if slices.Contains(remaining, scope) {
			left = append(left, scope)
		} else {
			gone = append(gone, scope)
		}
	}
	return left, gone
}

// endConnection deletes everything that came of a connection. What stays is that
// there was one, and the report.
func (s *Store) endConnection(ctx context.Context, tx *sqlite.Tx, h held, reason, why string, t flow.TakenBack) error {
	d, err := countOf(ctx, tx, h.person)
	if err != nil {
		return err
	}
	for _, statement := range []string{
		`DELETE FROM offers WHERE connection = (SELECT id FROM connections WHERE person = ?)`,
		`DELETE FROM letters WHERE person = ?`,
		`DELETE FROM night_outcomes WHERE person = ?`,
		`UPDATE people SET name = '' WHERE id = ?`,
	} {
		if _, err := tx.Exec(ctx, statement, h.person); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE connections SET access_token = NULL, refresh_token = NULL, ended_at = ?, ended_reason = ? WHERE id = ?`,
		s.now().Unix(), reason, h.connection); err != nil {
		return err
	}
	d.Ended = true
	d.name(t)
	return s.report(ctx, tx, h.person, why, d)
}

// name puts the authorization details that are over into words.
func (d *Deleted) name(t flow.TakenBack) {
	for _, detail := range t.Removed {
		d.Details = append(d.Details, detail.Words())
	}
	if len(d.Details) > 0 {
		d.Told = t.At.Unix()
	}
}

// noteDetails puts into the report that authorization details are over, of which
// nothing here was made: Dreams asks for some in lessons alone. What is told again,
// because our answer was lost, is noted once.
func (s *Store) noteDetails(ctx context.Context, tx *sqlite.Tx, h held, t flow.TakenBack) error {
	var d Deleted
	if d.name(t); d.Details == nil {
		return nil
	}
	var known bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM deletions WHERE person = ? AND document ->> '$.told' = ?)`, h.person, d.Told).Scan(&known)
	if err != nil || known {
		return err
	}
	return s.report(ctx, tx, h.person, t.Reason, d)
}

// narrow deletes what rests on permissions that are gone.
func (s *Store) narrow(ctx context.Context, tx *sqlite.Tx, h held, left, gone []string, t flow.TakenBack) error {
	d, err := prune(ctx, tx, h.person, left)
	if err != nil {
		return err
	}
	d.Scope = gone
	d.name(t)
	if slices.Contains(gone, scopeOffline) {
		result, err := tx.Exec(ctx, `UPDATE connections SET refresh_token = NULL WHERE id = ? AND refresh_token IS NOT NULL`, h.connection)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		d.Refresh = n > 0
	}
	if _, err := tx.Exec(ctx, `UPDATE connections SET scope = ? WHERE id = ?`, strings.Join(left, " "), h.connection); err != nil {
		return err
	}
	return s.report(ctx, tx, h.person, t.Reason, d)
}

// prune deletes what was made of more than is allowed.
func prune(ctx context.Context, tx *sqlite.Tx, person int64, allowed []string) (d Deleted, err error) {
	if !slices.Contains(allowed, offers.ScopeProfile) {
		result, err := tx.Exec(ctx, `UPDATE people SET name = '' WHERE id = ? AND name != ''`, person)
		if err != nil {
			return d, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return d, err
		}
		d.Name = n > 0
	}
	made, err := derived(ctx, tx, person)
	if err != nil {
		return d, err
	}
	for _, m := range made {
		if m.restsOn(allowed) {
			continue
		}
		if _, err := tx.Exec(ctx, m.remove, m.id); err != nil {
			return d, err
		}
		d.add(m)
	}
	return d, nil
}

const scopeOffline = "offline_access"

// thing is something that was made of what a person shared.
type thing struct {
	id      any
	remove  string         // the statement that deletes it
	offers  offers.Offers  // it, or what is in it
	letter  *offers.Letter // nil: it is a set of offers
	drafted bool
}

func (m thing) restsOn(allowed []string) bool {
	if m.letter != nil {
		return letterRestsOn(*m.letter, allowed)
	}
	return restsOn(m.offers, allowed)
}

// derived is everything that was made of what a person shared.
func derived(ctx context.Context, from querier, person int64) ([]thing, error) {
	rows, err := from.Query(ctx, `SELECT 'DELETE FROM offers WHERE connection = ?', o.connection, o.document, 0 FROM offers o JOIN connections c ON c.id = o.connection WHERE c.person = ?1
		UNION ALL SELECT 'DELETE FROM letters WHERE id = ?', id, document, delivered_at IS NULL FROM letters WHERE person = ?1`, person)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []thing
	for rows.Next() {
		var m thing
		var document string
		if err := rows.Scan(&m.remove, &m.id, &document, &m.drafted); err != nil {
			return nil, err
		}
		if strings.Contains(m.remove, "letters") {
			m.letter = new(offers.Letter)
			err = json.Unmarshal([]byte(document), m.letter)
			m.offers = m.letter.Offers
		} else {
			err = json.Unmarshal([]byte(document), &m.offers)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

// restsOn tells whether offers use nothing but what is allowed; nil: nothing is.
func restsOn(o offers.Offers, allowed []string) bool {
	if allowed == nil || (o.Name != "" && !slices.Contains(allowed, offers.ScopeProfile)) {
		return false
	}
	return !slices.ContainsFunc(o.Used, func(used offers.Source) bool { return !slices.Contains(allowed, used.Scope) })
}

func letterRestsOn(l offers.Letter, allowed []string) bool {
	return restsOn(l.Offers, allowed) && slices.Contains(allowed, offers.ScopeEmail) && (l.Name == "" || slices.Contains(allowed, offers.ScopeProfile))
}

// add counts one more.
func (d *Deleted) add(m thing) {
	if m.letter != nil {
		d.Letters++
		if m.drafted {
			d.Drafts++
		}
	} else {
		d.Offers += len(m.offers.Best)
	}
	for _, offer := range m.offers.Best {
		for _, reason := range offer.Reasons {
			if !reason.Public() {
				d.Facts++
			}
		}
	}
}

// querier is a transaction or the database.
type querier interface {
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) sqlite.Row
}

// countOf counts what we hold about a person.
func countOf(ctx context.Context, from querier, person int64) (d Deleted, err error) {
	made, err := derived(ctx, from, person)
	if err != nil {
		return d, err
	}
	for _, m := range made {
		d.add(m)
	}
	return d, from.QueryRow(ctx, `SELECT p.name != '', coalesce(c.access_token IS NOT NULL, 0), coalesce(c.refresh_token IS NOT NULL, 0),
		(SELECT count(*) FROM night_outcomes WHERE person = p.id) FROM people p LEFT JOIN connections c ON c.person = p.id WHERE p.id = ?`, person).
		Scan(&d.Name, &d.Access, &d.Refresh, &d.Nights)
}

// CountOf counts what we hold about a person.
func (s *Store) CountOf(ctx context.Context, person int64) (Deleted, error) {
	return countOf(ctx, s.db, person)
}

// Disconnect deletes everything that we hold about a person, and puts the
// tokens down to be revoked.
func (s *Store) Disconnect(ctx context.Context, person int64) (d Deleted, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		var err error
		if d, err = countOf(ctx, tx, person); err != nil {
			return err
		}
		if err := s.removeConnection(ctx, tx, person); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM people WHERE id = ?`, person) // and their letters with them
		return err
	})
	return d, err
}

// report puts a line into a person's report.
func (s *Store) report(ctx context.Context, tx *sqlite.Tx, person int64, why string, d Deleted) error {
	document, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `INSERT INTO deletions (person, at, why, document) VALUES (?, ?, ?, ?)`, person, s.now().Unix(), why, string(document)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM deletions WHERE person = ?1 AND id NOT IN (SELECT id FROM deletions WHERE person = ?1 ORDER BY id DESC LIMIT ?2)`, person, keptDeletions)
	return err
}

// Deletions is a person's report, newest first.
func (s *Store) Deletions(ctx context.Context, person int64) ([]Deletion, error) {
	rows, err := s.db.Query(ctx, `SELECT at, why, document FROM deletions WHERE person = ? ORDER BY id DESC`, person)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Deletion
	for rows.Next() {
		var d Deletion
		var at int64
		var document string
		if err := rows.Scan(&at, &d.Why, &document); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(document), &d.Deleted); err != nil {
			return nil, err
		}
		d.At = moment(at)
		all = append(all, d)
	}
	return all, rows.Err()
}
