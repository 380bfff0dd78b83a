package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"example.com/acme-dreams/dreams/catalogue"
	"example.com/acme-dreams/internal/sqlite"
)

// KeepCatalogue implements catalogue.Store.
func (s *Store) KeepCatalogue(ctx context.Context, c catalogue.Catalogue) error {
	document, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO catalogue (only, fetched_at, document) VALUES (1, ?, ?)
			ON CONFLICT (only) DO UPDATE SET fetched_at = excluded.fetched_at, document = excluded.document`,
			c.FetchedAt.Unix(), string(document))
		return err
	})
}

// LastCatalogue implements catalogue.Store.
func (s *Store) LastCatalogue(ctx context.Context) (c catalogue.Catalogue, found bool, err error) {
	var document string
	err = s.db.QueryRow(ctx, `SELECT document FROM catalogue`).Scan(&document)
	if errors.Is(err, sql.ErrNoRows) {
		return catalogue.Catalogue{}, false, nil
	}
	if err != nil {
		return catalogue.Catalogue{}, false, err
	}
	return c, true, json.Unmarshal([]byte(document), &c)
}
