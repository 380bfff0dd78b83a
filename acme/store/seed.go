package store

import (
	"context"
	"database/sql"
	"errors"
	"mime"
	"path"
	"time"

	"example.com/acme-dreams/internal/sqlite"
	"example.com/acme-dreams/seed"
)

// seed fills a new database in one transaction: it is there whole or not at
// all. A row in meta says so, since a person may empty a table on purpose.
func (s *Store) seed(ctx context.Context) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		var when string
		err := tx.QueryRow(ctx, `SELECT value FROM meta WHERE name = 'seeded'`).Scan(&when)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		for _, fill := range []func(context.Context, *sqlite.Tx, time.Time) error{
			seedProfiles, seedPackages, seedReviews, seedPosts, seedPreferences,
		} {
			if err := fill(ctx, tx, s.now()); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `INSERT INTO meta (name, value) VALUES ('seeded', ?)`, s.now().UTC().Format(time.RFC3339))
		return err
	})
}

func seedProfiles(ctx context.Context, tx *sqlite.Tx, now time.Time) error {
	for _, u := range seed.Users() {
		_, err := tx.Exec(ctx, `INSERT INTO profiles (sub, name, email, picture, updated_at) VALUES (?, ?, ?, ?, ?)`,
			u.Sub, u.Name, u.Email, u.Picture, now.Unix())
		if err != nil {
			return err
		}
	}
	return nil
}

func seedPackages(ctx context.Context, tx *sqlite.Tx, _ time.Time) error {
	for i, p := range seed.Packages() {
		_, err := tx.Exec(ctx, `INSERT INTO packages (position, id, title, destination, summary, description, days, tags,
				price, nights, months, company, leaves, from_place, effort, picture)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			i+1, p.ID, p.Title, p.Destination, p.Summary, p.Description, list(p.Days), list(p.Tags),
			p.Price, p.Nights, list(p.Months), list(p.Company), p.Leaves, p.From, p.Effort, p.Picture)
		if err != nil {
			return err
		}
	}
	return nil
}

func seedReviews(ctx context.Context, tx *sqlite.Tx, _ time.Time) error {
	for _, r := range seed.Reviews() {
		_, err := tx.Exec(ctx, `INSERT INTO reviews (id, package_id, sub, author, rating, text, created_at) VALUES (?, ?, NULLIF(?, ''), ?, ?, ?, ?)`,
			r.ID, r.Package, r.Sub, r.Author, r.Rating, r.Text, r.CreatedAt.Unix())
		if err != nil {
			return err
		}
	}
	return nil
}

func seedPosts(ctx context.Context, tx *sqlite.Tx, _ time.Time) error {
	for _, p := range seed.Posts() {
		_, err := tx.Exec(ctx, `INSERT INTO posts (id, sub, title, body, published, created_at) VALUES (?, ?, ?, ?, ?, ?)`,
			p.ID, p.Sub, p.Title, p.Body, p.Published, p.CreatedAt.Unix())
		if err != nil {
			return err
		}
		for i, name := range p.Pictures {
			_, err := tx.Exec(ctx, `INSERT INTO post_pictures (post_id, name, position, content_type, data) VALUES (?, ?, ?, ?, NULL)`,
				p.ID, name, i+1, mime.TypeByExtension(path.Ext(name)))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func seedPreferences(ctx context.Context, tx *sqlite.Tx, now time.Time) error {
	for _, p := range seed.AllPreferences() {
		_, err := tx.Exec(ctx, `INSERT INTO preferences (sub, interests, budget_max, travels_with, months, updated_at) VALUES (?, ?, ?, ?, ?, ?)`,
			p.Sub, list(p.Interests), p.BudgetMax, p.TravelsWith, list(p.Months), now.Unix())
		if err != nil {
			return err
		}
	}
	return nil
}
