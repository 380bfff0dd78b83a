package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

// Seed is what an empty database starts with.
type Seed struct {
	Users   []NewUser
	Clients []NewClient
}

// NewUser is a person to store, the password hashed already.
type NewUser struct {
	oauth.User
	PasswordHash string
}

// NewClient is a client to store. Its URIs may hold {ACME_URL} and the like:
// they are expanded whenever the clients are loaded.
type NewClient struct{ oauth.Client }

// Seeded tells whether the database has been filled.
func (s *Store) Seeded(ctx context.Context) (bool, error) {
	var when string
	err := s.db.QueryRow(ctx, "SELECT value FROM settings WHERE name = 'seeded'").Scan(&when)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Fill stores the seed, all of it or nothing, once.
func (s *Store) Fill(ctx context.Context, seed Seed, now time.Time) error {
	err := s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO settings (name, value) VALUES ('seeded', ?)", now.UTC().Format(time.RFC3339)); err != nil {
			return err
		}
		for _, u := range seed.Users {
			if _, err := tx.Exec(ctx, `INSERT INTO users (sub, username, password_hash, name, email, picture, operator, created_at)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, u.Sub, u.Username, u.PasswordHash, u.Name, u.Email, u.Picture, u.Operator, ms(now)); err != nil {
				return fmt.Errorf("user %s: %w", u.Username, err)
			}
		}
		for _, c := range seed.Clients {
			described, err := describe(c.Client)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "INSERT INTO clients (client_id, metadata, created_at) VALUES (?, ?, ?)", c.ID, described, ms(c.Since)); err != nil {
				return fmt.Errorf("client %s: %w", c.ID, err)
			}
			if err := storeSecrets(ctx, tx, c.Client); err != nil {
				return fmt.Errorf("client %s: %w", c.ID, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.loadClients(ctx)
}

// DemoSecrets tells whether people or applications of the seed are in the
// database: their passwords and secrets are known to everybody.
func (s *Store) DemoSecrets(ctx context.Context, subs, clients []string, secretHashes [][]byte) (bool, error) {
	for _, sub := range subs {
		var one int
		err := s.db.QueryRow(ctx, "SELECT 1 FROM users WHERE sub = ? AND locked_at IS NULL", sub).Scan(&one)
		if !errors.Is(err, sql.ErrNoRows) {
			return err == nil, err
		}
	}
	for i, id := range clients {
		var one int
		err := s.db.QueryRow(ctx, "SELECT 1 FROM clients WHERE client_id = ? AND secret_hash = ? AND disabled_at IS NULL", id, secretHashes[i]).Scan(&one)
		if !errors.Is(err, sql.ErrNoRows) {
			return err == nil, err
		}
	}
	return false, nil
}
