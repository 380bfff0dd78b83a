package store

import (
	"context"
	"time"

	"example.com/acme-dreams/acme/travel"
	"example.com/acme-dreams/internal/sqlite"
)

const selectReview = `
	SELECT r.id, r.package_id, COALESCE(r.sub, ''), COALESCE(NULLIF(p.name, ''), r.author), r.rating, r.text, r.created_at
	FROM reviews r LEFT JOIN profiles p ON p.sub = r.sub `

func scanReview(scan func(...any) error) (r travel.Review, err error) {
	var created int64
	err = scan(&r.ID, &r.Package, &r.Sub, &r.Author, &r.Rating, &r.Text, &created)
	r.CreatedAt = time.Unix(created, 0).UTC()
	return r, err
}

// Reviews returns what was written about a package, newest first.
func (s *Store) Reviews(ctx context.Context, packageID string) ([]travel.Review, error) {
	if _, err := s.Package(ctx, packageID); err != nil {
		return nil, err
	}
	rows, err := s.db.Query(ctx, selectReview+`WHERE r.package_id = ? ORDER BY r.created_at DESC, r.rowid DESC`, packageID)
	return collect(rows, err, scanReview)
}

// Review returns one review of a package.
func (s *Store) Review(ctx context.Context, packageID, id string) (travel.Review, error) {
	r, err := scanReview(s.db.QueryRow(ctx, selectReview+`WHERE r.package_id = ? AND r.id = ?`, packageID, id).Scan)
	return r, notFound(err)
}

// WriteReview publishes what a person thinks of a package. It takes the place
// of what she thought before: the rating counts travellers, and nobody should
// be able to count twice.
func (s *Store) WriteReview(ctx context.Context, sub, packageID string, o travel.Opinion) (travel.Review, error) {
	o, err := o.Validate()
	if err != nil {
		return travel.Review{}, err
	}
	if _, err := s.Package(ctx, packageID); err != nil {
		return travel.Review{}, err
	}
	id, err := s.newID("rv-")
	if err != nil {
		return travel.Review{}, err
	}
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM reviews WHERE package_id = ? AND sub = ?`, packageID, sub); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO reviews (id, package_id, sub, author, rating, text, created_at) VALUES (?, ?, ?, 'A traveller', ?, ?, ?)`,
			id, packageID, sub, o.Rating, o.Text, s.now().Unix())
		return err
	})
	if err != nil {
		return travel.Review{}, err
	}
	if err := s.loadCatalogue(context.WithoutCancel(ctx)); err != nil {
		return travel.Review{}, err
	}
	return s.Review(ctx, packageID, id)
}

// DeleteReview takes a person's own review back.
func (s *Store) DeleteReview(ctx context.Context, sub, id string) error {
	err := s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		var deleted string
		return notFound(tx.QueryRow(ctx, `DELETE FROM reviews WHERE id = ? AND sub = ? RETURNING id`, id, sub).Scan(&deleted))
	})
	if err != nil {
		return err
	}
	return s.loadCatalogue(context.WithoutCancel(ctx))
}
