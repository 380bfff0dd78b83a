package store

import (
	"context"
	"database/sql"
	"errors"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

// Logo is the picture of an application.
type Logo struct {
	Name, ContentType string
	Data              []byte
}

// SetLogo puts a picture in the place of an application's, or with an empty one
// takes it away. ErrNotFound.
func (s *Store) SetLogo(ctx context.Context, clientID string, logo Logo) error {
	s.registering.Lock()
	defer s.registering.Unlock()
	was := s.Client(clientID)
	if was == nil || was.Owner == "" {
		return ErrNotFound
	}
	c := *was
	c.Logo = logo.Name
	described, err := describe(c)
	if err != nil {
		return err
	}
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE clients SET metadata = ? WHERE client_id = ?", described, clientID); err != nil {
			return err
		}
		if logo.Name == "" {
			return removeLogo(ctx, tx, clientID)
		}
		_, err := tx.Exec(ctx, "INSERT OR REPLACE INTO client_logos (client_id, name, content_type, data) VALUES (?, ?, ?, ?)", clientID, logo.Name, logo.ContentType, logo.Data)
		return err
	})
	if err == nil {
		s.clients.Store(s.clients.Load().with(clientID, &c))
	}
	return err
}

func removeLogo(ctx context.Context, tx *sqlite.Tx, clientID string) error {
	_, err := tx.Exec(ctx, "DELETE FROM client_logos WHERE client_id = ?", clientID)
	return err
}

// Logo returns an application's picture. ErrNotFound where it has another by now.
func (s *Store) Logo(ctx context.Context, client *oauth.Client, name string) (Logo, error) {
	logo := Logo{Name: name}
	if client == nil || client.Logo != name || name == "" {
		return logo, ErrNotFound
	}
	err := s.db.QueryRow(ctx, "SELECT content_type, data FROM client_logos WHERE client_id = ? AND name = ?", client.ID, name).Scan(&logo.ContentType, &logo.Data)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return logo, err
}
