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
	"example.com/acme-dreams/internal/sqlite"
)

// Connection is what a person granted us, without the tokens.
type Connection struct {
	ID          string
	Person      int64
	Name        string // the person's; empty: not granted, or not read yet
	Scope       []string
	ConnectedAt time.Time
	RefreshedAt time.Time // zero: not yet
	EndedAt     time.Time // zero: it lives
	EndedReason string    // flow.EndedRevoked, flow.EndedExpired or flow.EndedTold
	// Offline tells whether there is a refresh token.
	Offline bool
	// Unsubscribed tells whether the person stopped the letters.
	Unsubscribed bool
}

// Ended tells whether the connection is over.
func (c Connection) Ended() bool { return !c.EndedAt.IsZero() }

// What a sealed token is bound to.
const (
	purposeAccess     = "access token:"
	purposeRefresh    = "refresh token:"
	purposeRevocation = "revocation"
)

// Connect keeps what was granted under a new id and returns the person's
// number. A connection that the same person had before is replaced, and its
// tokens are put down to be revoked, in the same transaction: no moment has
// both, and none is forgotten.
func (s *Store) Connect(ctx context.Context, id string, who flow.Identity, t flow.Tokens) (person int64, err error) {
	now := s.now().Unix()
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO people (issuer, subject, name) VALUES (?, ?, ?)
			ON CONFLICT (issuer, subject) DO UPDATE SET name = CASE excluded.name WHEN '' THEN name ELSE excluded.name END
			RETURNING id`, who.Issuer, who.Subject, who.Name).Scan(&person)
		if err != nil {
			return err
		}
		var was string
		if err := tx.QueryRow(ctx, `SELECT scope FROM connections WHERE person = ?`, person).Scan(&was); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := s.removeConnection(ctx, tx, person); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO connections
			(id, person, scope, access_token, access_expires_at, refresh_token, connected_at, granted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			id, person, strings.Join(t.Scope, " "), s.key.seal(t.AccessToken, purposeAccess+id), t.ExpiresAt.Unix(),
			s.sealRefreshToken(t, id), now, max(who.GrantedAt.Unix(), 0))
		if err != nil {
			return err
		}
		// Whoever connects again and allows less took the rest back.
		d, err := prune(ctx, tx, person, t.Scope)
		if err != nil || d.Nothing() {
			return err
		}
		_, d.Scope = parted(strings.Fields(was), t.Scope)
		return s.report(ctx, tx, person, flow.EndedTold, d)
	})
	return person, err
}

func (s *Store) sealRefreshToken(t flow.Tokens, connection string) any {
	if t.RefreshToken == "" {
		return nil
	}
	return s.key.seal(t.RefreshToken, purposeRefresh+connection)
}

// removeConnection deletes a person's connection, offers included, and puts its
// tokens down to be revoked.
func (s *Store) removeConnection(ctx context.Context, tx *sqlite.Tx, person int64) error {
	var id string
	var access, refresh []byte
	err := tx.QueryRow(ctx, `SELECT id, access_token, refresh_token FROM connections WHERE person = ?`, person).Scan(&id, &access, &refresh)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if access != nil {
		t, err := s.openTokens(id, access, refresh)
		if err != nil {
			return err
		}
		if err := s.queueRevocation(ctx, tx, t); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `DELETE FROM connections WHERE id = ?`, id)
	return err
}

func (s *Store) openTokens(connection string, access, refresh []byte) (t flow.Tokens, err error) {
	if t.AccessToken, err = s.key.open(access, purposeAccess+connection); err != nil {
		return flow.Tokens{}, err
	}
	if refresh != nil {
		t.RefreshToken, err = s.key.open(refresh, purposeRefresh+connection)
	}
	return t, err
}

// ConnectionTokens implements flow.Connections.
func (s *Store) ConnectionTokens(ctx context.Context, connection string) (flow.Tokens, error) {
	var access, refresh []byte
	var expires int64
	var scope string
	err := s.db.QueryRow(ctx, `SELECT access_token, refresh_token, access_expires_at, scope FROM connections WHERE id = ?`, connection).
		Scan(&access, &refresh, &expires, &scope)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && access == nil) {
		return flow.Tokens{}, flow.ErrEnded
	}
	if err != nil {
		return flow.Tokens{}, err
	}
	t, err := s.openTokens(connection, access, refresh)
	t.ExpiresAt, t.Scope = moment(expires), strings.Fields(scope)
	return t, err
}

// RotateRefreshToken implements flow.Connections. A scope that was taken back while
// the answer was on its way stays taken back.
func (s *Store) RotateRefreshToken(ctx context.Context, connection string, t flow.Tokens) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		allowed, err := allowedTo(ctx, tx, connection)
		if err != nil {
			return err
		}
		if allowed == nil {
			return flow.ErrEnded
		}
		t.Scope = slices.DeleteFunc(slices.Clone(t.Scope), func(scope string) bool { return !slices.Contains(allowed, scope) })
		_, err = tx.Exec(ctx, `UPDATE connections SET access_token = ?, access_expires_at = ?, refresh_token = ?, scope = ?, refreshed_at = ? WHERE id = ?`,
			s.key.seal(t.AccessToken, purposeAccess+connection), t.ExpiresAt.Unix(), s.sealRefreshToken(t, connection),
			strings.Join(t.Scope, " "), s.now().Unix(), connection)
		return err
	})
}

// allowedTo is what a connection has; nil: it is over.
func allowedTo(ctx context.Context, tx *sqlite.Tx, connection string) ([]string, error) {
	var scope string
	err := tx.QueryRow(ctx, `SELECT scope FROM connections WHERE id = ? AND ended_at IS NULL`, connection).Scan(&scope)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return append([]string{}, strings.Fields(scope)...), err
}

// endSealed ends every connection whose tokens were sealed under a key that is
// gone, and forgets the attempts under way and the clients that we registered.
func (s *Store) endSealed(ctx context.Context) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		for _, statement := range []string{
			`UPDATE connections SET access_token = NULL, refresh_token = NULL, ended_at = coalesce(ended_at, unixepoch()),
				ended_reason = coalesce(ended_reason, 'expired')`,
			`DELETE FROM attempts`,
			`DELETE FROM revocations`,
			`DELETE FROM registrations`,
		} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

const connectionColumns = `c.id, c.person, p.name, c.scope, c.connected_at, c.refreshed_at, c.ended_at, c.ended_reason,
	c.refresh_token IS NOT NULL, p.unsubscribed_at FROM connections c JOIN people p ON p.id = c.person`

func scanConnection(scan func(...any) error) (c Connection, err error) {
	var scope string
	var connected int64
	var refreshed, ended, unsubscribed sql.NullInt64
	var reason sql.NullString
	if err := scan(&c.ID, &c.Person, &c.Name, &scope, &connected, &refreshed, &ended, &reason, &c.Offline, &unsubscribed); err != nil {
		return Connection{}, err
	}
	c.Scope, c.ConnectedAt, c.EndedReason, c.Unsubscribed = strings.Fields(scope), moment(connected), reason.String, unsubscribed.Valid
	if refreshed.Valid {
		c.RefreshedAt = moment(refreshed.Int64)
	}
	if ended.Valid {
		c.EndedAt = moment(ended.Int64)
	}
	return c, nil
}

// ConnectionOf finds a person's connection; found is false where there is none.
func (s *Store) ConnectionOf(ctx context.Context, person int64) (c Connection, found bool, err error) {
	c, err = scanConnection(s.db.QueryRow(ctx, `SELECT `+connectionColumns+` WHERE c.person = ?`, person).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Connection{}, false, nil
	}
	return c, err == nil, err
}

// SubjectOf is the name by which the authorization server knows a person.
func (s *Store) SubjectOf(ctx context.Context, person int64) (subject string, err error) {
	return subject, s.db.QueryRow(ctx, `SELECT subject FROM people WHERE id = ?`, person).Scan(&subject)
}

// Rename keeps a person's name as Acme told it just now.
func (s *Store) Rename(ctx context.Context, person int64, name string) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE people SET name = ?1 WHERE id = ?2 AND name != ?1 AND EXISTS (
			SELECT 1 FROM connections WHERE person = ?2 AND ended_at IS NULL AND instr(' ' || scope || ' ', ' profile ') > 0)`, name, person)
		return err
	})
}

func (s *Store) queueRevocation(ctx context.Context, tx *sqlite.Tx, t flow.Tokens) error {
	document, err := json.Marshal(t)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO revocations (sealed, decided_at) VALUES (?, ?)`,
		s.key.seal(string(document), purposeRevocation), s.now().Unix())
	return err
}

// PendingRevocation is tokens that are still to be given back.
type PendingRevocation struct {
	ID     int64
	Tokens flow.Tokens
}

// PendingRevocations lists them, oldest first.
func (s *Store) PendingRevocations(ctx context.Context) ([]PendingRevocation, error) {
	rows, err := s.db.Query(ctx, `SELECT id, sealed FROM revocations ORDER BY id LIMIT 100`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []PendingRevocation
	for rows.Next() {
		var p PendingRevocation
		var sealed []byte
		if err := rows.Scan(&p.ID, &sealed); err != nil {
			return nil, err
		}
		document, err := s.key.open(sealed, purposeRevocation)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(document), &p.Tokens); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// Revoked forgets tokens that are void now.
func (s *Store) Revoked(ctx context.Context, id int64) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM revocations WHERE id = ?`, id)
		return err
	})
}
