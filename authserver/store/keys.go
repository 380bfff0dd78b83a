package store

import (
	"context"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

// SigningKey is a private key as it is stored.
type SigningKey struct {
	ID, Algorithm string
	PKCS8         []byte
	CreatedAt     time.Time
}

// SigningKeys returns the keys, oldest first.
func (s *Store) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	rows, err := s.db.Query(ctx, "SELECT kid, algorithm, private_key, created_at FROM signing_keys ORDER BY created_at, algorithm, kid")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []SigningKey
	for rows.Next() {
		var k SigningKey
		var created int64
		if err := rows.Scan(&k.ID, &k.Algorithm, &k.PKCS8, &created); err != nil {
			return nil, err
		}
		k.CreatedAt = time.UnixMilli(created).UTC()
		keys = append(keys, k)
	}
	return keys, rows.Err()
}

func insertKeys(ctx context.Context, tx *sqlite.Tx, keys []SigningKey) error {
	for _, k := range keys {
		if _, err := tx.Exec(ctx, "INSERT INTO signing_keys (kid, algorithm, private_key, created_at) VALUES (?, ?, ?, ?)",
			k.ID, k.Algorithm, k.PKCS8, ms(k.CreatedAt)); err != nil {
			return err
		}
	}
	return nil
}
