package store

import (
	"context"
	"database/sql"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

// Night is one round of the nightly job.
type Night struct {
	ID         int64
	StartedAt  time.Time
	FinishedAt time.Time // zero: under way, or broken off
	Total      int
	Outcomes   []Outcome
}

// Outcome is what came of it for one person.
type Outcome struct {
	Person    int64
	At        time.Time
	Refused   string // why not; empty: it went well
	Refreshed bool   // the access token had ended and was refreshed
}

// keptNights is how many are remembered.
const keptNights = 7

// Away lists the connections that may be used without the person (OIDC Core
// §11), longest unattended first.
func (s *Store) Away(ctx context.Context) ([]Connection, error) {
	rows, err := s.db.Query(ctx, `SELECT `+connectionColumns+` LEFT JOIN offers o ON o.connection = c.id
		WHERE c.refresh_token IS NOT NULL ORDER BY coalesce(o.made_at, 0), c.person`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Connection
	for rows.Next() {
		c, err := scanConnection(rows.Scan)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// BeginNight puts a round down that is to look after so many people.
func (s *Store) BeginNight(ctx context.Context, total int) (night int64, err error) {
	now := s.now().Unix()
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if err := tx.QueryRow(ctx, `INSERT INTO nights (started_at, total) VALUES (?, ?) RETURNING id`, now, total).Scan(&night); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM nights WHERE id <= ?`, night-keptNights)
		return err
	})
	return night, err
}

// NoteOutcome puts down what came of it for one person. Who has disconnected in
// the meantime is nobody, and nothing is noted.
func (s *Store) NoteOutcome(ctx context.Context, night int64, o Outcome) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO night_outcomes (night, person, at, refused, refreshed)
			SELECT ?, id, ?, ?, ? FROM people WHERE id = ?`, night, o.At.Unix(), o.Refused, o.Refreshed, o.Person)
		return err
	})
}

// EndNight puts the end of a round down.
func (s *Store) EndNight(ctx context.Context, night int64) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE nights SET finished_at = ? WHERE id = ?`, s.now().Unix(), night)
		return err
	})
}

// LastNights are the last rounds, newest first, with what came of each.
func (s *Store) LastNights(ctx context.Context) ([]Night, error) {
	rows, err := s.db.Query(ctx, `SELECT n.id, n.started_at, n.finished_at, n.total, o.person, o.at, o.refused, o.refreshed
		FROM nights n LEFT JOIN night_outcomes o ON o.night = n.id ORDER BY n.id DESC, o.at, o.person`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Night
	for rows.Next() {
		var n Night
		var started int64
		var finished, person, at sql.NullInt64
		var refused sql.NullString
		var refreshed sql.NullBool
		if err := rows.Scan(&n.ID, &started, &finished, &n.Total, &person, &at, &refused, &refreshed); err != nil {
			return nil, err
		}
		if len(all) == 0 || all[len(all)-1].ID != n.ID {
			n.StartedAt = moment(started)
			if finished.Valid {
				n.FinishedAt = moment(finished.Int64)
			}
			all = append(all, n)
		}
		if person.Valid {
			last := &all[len(all)-1]
			last.Outcomes = append(last.Outcomes, Outcome{person.Int64, moment(at.Int64), refused.String, refreshed.Bool})
		}
	}
	return all, rows.Err()
}
