package store

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

const secretColumns = `secret_hash, secret_tail, secret_made_at, secret_used_at,
	next_secret_hash, next_secret_tail, next_secret_made_at, next_secret_used_at`

// secretRow is the secrets of a client as its row has them.
type secretRow [oauth.MaxSecrets]struct {
	hash       []byte
	tail       string
	made, used sql.NullInt64
}

func (r *secretRow) columns() []any {
	var all []any
	for i := range r {
		all = append(all, &r[i].hash, &r[i].tail, &r[i].made, &r[i].used)
	}
	return all
}

func (r *secretRow) read() []oauth.Secret {
	var all []oauth.Secret
	for _, one := range r {
		if one.hash != nil {
			all = append(all, oauth.Secret{Hash: one.hash, Tail: one.tail, MadeAt: at(one.made), UsedAt: at(one.used)})
		}
	}
	return all
}

// storeSecrets writes the secrets of a client: what is kept of them.
func storeSecrets(ctx context.Context, tx *sqlite.Tx, c oauth.Client) error {
	var values []any
	for i := range oauth.MaxSecrets {
		var one oauth.Secret
		if i < len(c.Secrets) {
			one = c.Secrets[i]
		}
		values = append(values, one.Hash, one.Tail, msOrNull(one.MadeAt), msOrNull(one.UsedAt))
	}
	_, err := tx.Exec(ctx, `UPDATE clients SET (`+secretColumns+`) = (?, ?, ?, ?, ?, ?, ?, ?) WHERE client_id = ?`, append(values, c.ID)...)
	return err
}

// secretUse is when secrets were used, as far as it is not in the registry: a
// token request waits for no write because of it.
type secretUse struct {
	mu sync.Mutex
	at map[secretKey]use
}

type secretKey struct{ client, hash string }

type use struct {
	at      time.Time
	written bool
}

// SecretUsed notes that a client used one of its secrets.
func (s *Store) SecretUsed(clientID string, secret oauth.Secret, now time.Time) {
	s.secrets.mu.Lock()
	defer s.secrets.mu.Unlock()
	if s.secrets.at == nil {
		s.secrets.at = map[secretKey]use{}
	}
	s.secrets.at[secretKey{clientID, string(secret.Hash)}] = use{at: now}
}

// SecretUsedAt tells when a client last used a secret; zero: never.
func (s *Store) SecretUsedAt(clientID string, secret oauth.Secret) time.Time {
	s.secrets.mu.Lock()
	defer s.secrets.mu.Unlock()
	if last, noted := s.secrets.at[secretKey{clientID, string(secret.Hash)}]; noted {
		return last.at
	}
	return secret.UsedAt
}

// noteSecrets writes down when secrets were used: Purge calls it every few
// minutes, and Close. They stay in memory, for the registry has older times.
func (s *Store) noteSecrets(ctx context.Context) error {
	unwritten := s.secrets.unwritten(func(key secretKey) bool { return s.Client(key.client) != nil })
	if len(unwritten) == 0 {
		return nil
	}
	err := s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		for key, last := range unwritten {
			if _, err := tx.Exec(ctx, `UPDATE clients SET secret_used_at = iif(secret_hash = ?2, ?3, secret_used_at),
				next_secret_used_at = iif(next_secret_hash = ?2, ?3, next_secret_used_at) WHERE client_id = ?1`,
				key.client, []byte(key.hash), ms(last.at)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.secrets.written(unwritten)
	}
	return err
}

// unwritten returns what is to be written, and forgets clients that are gone.
func (u *secretUse) unwritten(here func(secretKey) bool) map[secretKey]use {
	u.mu.Lock()
	defer u.mu.Unlock()
	found := map[secretKey]use{}
	for key, last := range u.at {
		switch {
		case !here(key):
			delete(u.at, key)
		case !last.written:
			found[key] = last
		}
	}
	return found
}

func (u *secretUse) written(all map[secretKey]use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for key, last := range all {
		if u.at[key] == last { // otherwise it was used again meanwhile
			u.at[key] = use{last.at, true}
		}
	}
}
