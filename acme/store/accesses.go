package store

import (
	"context"
	"time"

	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/internal/sqlite"
)

// WriteAccesses adds accesses, all of them or none.
func (s *Store) WriteAccesses(ctx context.Context, all []travel.Access) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		for _, a := range all {
			_, err := tx.Exec(ctx, `INSERT INTO accesses (at, until, times, sub, client_id, what, object, scope, topics, token, bound, status, reason)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
				a.At.UnixMilli(), a.Until.UnixMilli(), a.Times, a.Sub, a.ClientID, a.What, a.Object, a.Scope, a.Topics, a.Token, a.Bound, a.Status, a.Reason)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// resultIs is travel.Access.Result in SQL.
const resultIs = `CASE WHEN a.status < 400 THEN 'allowed' WHEN a.status IN (401, 403) THEN 'refused' ELSE 'nothing' END`

// Accesses returns a person's accesses, newest first, and the gaps among them
// where no application and no result is asked for. A title is only that of what
// everybody may read or is the person's own.
func (s *Store) Accesses(ctx context.Context, sub string, wanted travel.AccessSearch) ([]travel.Access, error) {
	if wanted.Before == 0 {
		wanted.Before = 1<<63 - 1
	}
	rows, err := s.db.Query(ctx, `
		SELECT a.id, a.at, a.until, a.times, a.sub, a.client_id, a.what, a.object, COALESCE(p.title, k.title, ''), a.scope, a.topics, a.token, a.bound, a.status, a.reason
		FROM accesses a LEFT JOIN posts p ON p.id = a.object AND p.sub = a.sub LEFT JOIN packages k ON k.id = a.object
		WHERE a.sub IN (?1, '') AND a.id < ?2 AND (?3 = '' OR a.client_id = ?3) AND (?4 = '' OR (a.client_id != '' AND `+resultIs+` = ?4))
		ORDER BY a.id DESC LIMIT ?5`, sub, wanted.Before, wanted.ClientID, string(wanted.Result), wanted.Limit)
	return collect(rows, err, func(scan func(...any) error) (a travel.Access, err error) {
		var at, until int64
		err = scan(&a.ID, &at, &until, &a.Times, &a.Sub, &a.ClientID, &a.What, &a.Object, &a.Title, &a.Scope, &a.Topics, &a.Token, &a.Bound, &a.Status, &a.Reason)
		a.At, a.Until = time.UnixMilli(at).UTC(), time.UnixMilli(until).UTC()
		return a, err
	})
}

// AccessClients lists which applications stand in a person's accesses.
func (s *Store) AccessClients(ctx context.Context, sub string) ([]string, error) {
	rows, err := s.db.Query(ctx, `SELECT DISTINCT client_id FROM accesses WHERE sub = ? AND client_id != '' ORDER BY client_id`, sub)
	return collect(rows, err, func(scan func(...any) error) (id string, err error) {
		return id, scan(&id)
	})
}

// NewestAccesses is the newest access of each application that was allowed.
func (s *Store) NewestAccesses(ctx context.Context, sub string) ([]travel.Access, error) {
	rows, err := s.db.Query(ctx, `
		SELECT a.client_id, a.until, a.what, a.scope FROM (SELECT DISTINCT client_id FROM accesses WHERE sub = ?1 AND client_id != '') c
		JOIN accesses a ON a.id = (SELECT id FROM accesses l WHERE l.sub = ?1 AND l.client_id = c.client_id AND l.status < 400 ORDER BY id DESC LIMIT 1)
		ORDER BY a.client_id`, sub)
	return collect(rows, err, func(scan func(...any) error) (a travel.Access, err error) {
		var until int64
		err = scan(&a.ClientID, &until, &a.What, &a.Scope)
		a.Until = time.UnixMilli(until).UTC()
		return a, err
	})
}

// AccessDays counts a person's accesses by day and application, from a day on.
func (s *Store) AccessDays(ctx context.Context, sub string, from time.Time) ([]travel.AccessDay, error) {
	rows, err := s.db.Query(ctx, `
		SELECT a.at / 86400000, a.client_id, SUM(a.times), SUM(CASE WHEN `+resultIs+` = 'refused' THEN a.times ELSE 0 END)
		FROM accesses a WHERE a.sub = ? AND a.client_id != '' AND a.at >= ? GROUP BY 1, 2 ORDER BY 1, 2`, sub, from.UnixMilli())
	return collect(rows, err, func(scan func(...any) error) (d travel.AccessDay, err error) {
		var day int64
		err = scan(&day, &d.ClientID, &d.Times, &d.Refused)
		d.Day = time.Unix(day*86400, 0).UTC()
		return d, err
	})
}

// CountAccesses is how many calls a person's accesses count.
func (s *Store) CountAccesses(ctx context.Context, sub string) (n int, err error) {
	err = s.db.QueryRow(ctx, `SELECT COALESCE(SUM(times), 0) FROM accesses WHERE sub = ? AND client_id != ''`, sub).Scan(&n)
	return n, err
}

// forgetAtOnce is how many old accesses one write takes out, so that no other
// write waits long.
const forgetAtOnce = 1000

// ForgetAccesses deletes what ended before a time. Rows stand in the order of
// time, so the oldest are looked at until one is young enough.
func (s *Store) ForgetAccesses(ctx context.Context, before time.Time) error {
	for {
		var gone int64
		err := s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
			result, err := tx.Exec(ctx, `DELETE FROM accesses WHERE until < ?1 AND id IN (SELECT id FROM accesses ORDER BY id LIMIT ?2)`,
				before.UnixMilli(), forgetAtOnce)
			if err == nil {
				gone, err = result.RowsAffected()
			}
			return err
		})
		if err != nil || gone < forgetAtOnce {
			return err
		}
	}
}
