package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/internal/sqlite"
)

// attemptSecrets is what a thief of the database could finish an attempt with.
type attemptSecrets struct {
	Nonce        string        `json:"nonce"`
	CodeVerifier string        `json:"code_verifier"`
	MaxAge       time.Duration `json:"max_age,omitempty"` // no secret, and of use with the others alone
}

const purposeAttempt = "attempt:"

// BeginAttempt implements flow.Attempts.
func (s *Store) BeginAttempt(ctx context.Context, a flow.Attempt) error {
	secrets, err := json.Marshal(attemptSecrets{a.Nonce, a.CodeVerifier, a.MaxAge})
	if err != nil {
		return err
	}
	state := hash(a.State)
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO attempts (state_hash, browser, sealed, next, kind, started_at) VALUES (?, ?, ?, ?, ?, ?)`,
			state, a.Browser, s.key.seal(string(secrets), purposeAttempt+state), a.Next, a.Kind, a.StartedAt.Unix()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM attempts WHERE browser = ? AND spent_at IS NULL AND state_hash != ? AND state_hash NOT IN (
			SELECT state_hash FROM attempts WHERE browser = ? AND spent_at IS NULL AND state_hash != ?
			ORDER BY started_at DESC LIMIT ?)`,
			a.Browser, state, a.Browser, state, flow.MaxPending-1)
		return err
	})
}

// SpendAttempt implements flow.Attempts.
func (s *Store) SpendAttempt(ctx context.Context, state string, now time.Time) (a flow.Attempt, known, spent bool, err error) {
	a.State, state = state, hash(state)
	var sealed []byte
	var started int64
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		const columns = `browser, sealed, next, kind, started_at`
		row := tx.QueryRow(ctx, `UPDATE attempts SET spent_at = ? WHERE state_hash = ? AND spent_at IS NULL RETURNING `+columns,
			now.Unix(), state)
		err := row.Scan(&a.Browser, &sealed, &a.Next, &a.Kind, &started)
		if errors.Is(err, sql.ErrNoRows) {
			spent = true
			row = tx.QueryRow(ctx, `SELECT `+columns+` FROM attempts WHERE state_hash = ?`, state)
			err = row.Scan(&a.Browser, &sealed, &a.Next, &a.Kind, &started)
		}
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return flow.Attempt{}, false, false, nil
	}
	if err != nil {
		return flow.Attempt{}, false, false, err
	}
	secrets, err := s.key.open(sealed, purposeAttempt+state)
	if err != nil {
		return flow.Attempt{}, false, false, err
	}
	var opened attemptSecrets
	if err := json.Unmarshal([]byte(secrets), &opened); err != nil {
		return flow.Attempt{}, false, false, err
	}
	a.Nonce, a.CodeVerifier, a.MaxAge, a.StartedAt = opened.Nonce, opened.CodeVerifier, opened.MaxAge, moment(started)
	return a, true, spent, nil
}
