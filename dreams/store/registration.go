package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"example.com/acme-dreams/dreams/flow"
	"example.com/acme-dreams/internal/sqlite"
)

// Registration is a client that Dreams registered, and the key that it signs
// with.
type Registration struct {
	Issuer string // where it is registered
	Client flow.RegisteredClient
	Key    flow.SigningKey
}

// sealedRegistration is what lies in the database.
type sealedRegistration struct {
	Issuer string                `json:"issuer"`
	Client flow.RegisteredClient `json:"client"`
	Key    json.RawMessage       `json:"key"` // a private JWK
}

const purposeRegistration = "registration:"

// KeepRegistration keeps the client for a purpose, in place of the one before.
func (s *Store) KeepRegistration(ctx context.Context, purpose string, r Registration) error {
	private, err := r.Key.Private()
	if err != nil {
		return err
	}
	document, err := json.Marshal(sealedRegistration{r.Issuer, r.Client, private})
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO registrations (purpose, sealed) VALUES (?, ?)
			ON CONFLICT (purpose) DO UPDATE SET sealed = excluded.sealed`,
			purpose, s.key.seal(string(document), purposeRegistration+purpose))
		return err
	})
}

// RegistrationFor returns the client that was registered for a purpose.
func (s *Store) RegistrationFor(ctx context.Context, purpose string) (r Registration, found bool, err error) {
	var sealed []byte
	err = s.db.QueryRow(ctx, `SELECT sealed FROM registrations WHERE purpose = ?`, purpose).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return Registration{}, false, nil
	}
	if err != nil {
		return Registration{}, false, err
	}
	document, err := s.key.open(sealed, purposeRegistration+purpose)
	if err != nil {
		return Registration{}, false, err
	}
	var opened sealedRegistration
	if err := json.Unmarshal([]byte(document), &opened); err != nil {
		return Registration{}, false, err
	}
	r.Issuer, r.Client = opened.Issuer, opened.Client
	r.Key, err = flow.ParseSigningKey(opened.Key)
	return r, err == nil, err
}
