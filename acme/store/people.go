package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/internal/sqlite"
)

// Profile returns who a person is, or travel.ErrNotFound for someone who has
// an account but never came to Acme Travel.
func (s *Store) Profile(ctx context.Context, sub string) (travel.Profile, error) {
	p := travel.Profile{Sub: sub}
	err := s.db.QueryRow(ctx, `SELECT name, email, picture FROM profiles WHERE sub = ?`, sub).Scan(&p.Name, &p.Email, &p.Picture)
	return p, notFound(err)
}

// PutProfile keeps what the authorization server says about a person who signs
// in. What it doesn't say this time stays as it was.
func (s *Store) PutProfile(ctx context.Context, p travel.Profile) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error { return putProfile(ctx, tx, p, s.now()) })
}

func putProfile(ctx context.Context, tx *sqlite.Tx, p travel.Profile, now time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO profiles (sub, name, email, picture, updated_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (sub) DO UPDATE SET
			name = COALESCE(NULLIF(excluded.name, ''), name),
			email = COALESCE(NULLIF(excluded.email, ''), email),
			picture = COALESCE(NULLIF(excluded.picture, ''), picture),
			updated_at = excluded.updated_at`,
		p.Sub, p.Name, p.Email, p.Picture, now.Unix())
	return err
}

// Preferences returns what a person told us; nothing told is empty preferences.
func (s *Store) Preferences(ctx context.Context, sub string) (travel.Preferences, error) {
	p := travel.Preferences{Interests: []string{}, Months: []travel.Month{}}
	err := s.db.QueryRow(ctx, `SELECT interests, budget_max, travels_with, months FROM preferences WHERE sub = ?`, sub).
		Scan(scanList(&p.Interests), &p.BudgetMax, &p.TravelsWith, scanList(&p.Months))
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return p, err
}

// PutPreferences replaces them and returns them as they are stored.
func (s *Store) PutPreferences(ctx context.Context, sub string, p travel.Preferences) (travel.Preferences, error) {
	p, err := p.Validate()
	if err != nil {
		return p, err
	}
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO preferences (sub, interests, budget_max, travels_with, months, updated_at) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (sub) DO UPDATE SET interests = excluded.interests, budget_max = excluded.budget_max,
				travels_with = excluded.travels_with, months = excluded.months, updated_at = excluded.updated_at`,
			sub, list(p.Interests), p.BudgetMax, p.TravelsWith, list(p.Months), s.now().Unix())
		return err
	})
	return p, err
}
