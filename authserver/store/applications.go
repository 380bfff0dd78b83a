package store

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

// MaxApplications is how many applications one person may have at the developer
// portal.
const MaxApplications = 20

// AddApplication stores a client that a person registered at the developer
// portal. ErrTaken where its id is known already: the form came twice. ErrFull
// where the person has too many.
func (s *Store) AddApplication(ctx context.Context, c oauth.Client) error {
	described, err := describe(c)
	if err != nil {
		return err
	}
	s.registering.Lock()
	defer s.registering.Unlock()
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		var known, count int
		err := tx.QueryRow(ctx, "SELECT count(*) FILTER (WHERE client_id = ?1), count(*) FILTER (WHERE owner = ?2 AND deleted_at IS NULL) FROM clients WHERE client_id = ?1 OR owner = ?2", c.ID, c.Owner).Scan(&known, &count)
		switch {
		case err != nil:
			return err
		case known > 0:
			return ErrTaken
		case count >= MaxApplications:
			return ErrFull
		}
		_, err = tx.Exec(ctx, "INSERT INTO clients (client_id, owner, metadata, created_at) VALUES (?, ?, ?, ?)", c.ID, c.Owner, described, ms(c.Since))
		return errors.Join(err, storeSecrets(ctx, tx, c))
	})
	if err == nil {
		s.clients.Store(s.clients.Load().with(c.ID, &c))
	}
	return err
}

// ChangeApplication puts what change makes of a client in its place: of what it
// is now, whoever changed it a moment ago. Of a client that came with the server
// it changes the secrets alone, and whether it is in use. ErrNotFound.
func (s *Store) ChangeApplication(ctx context.Context, id string, change func(*oauth.Client) error, now time.Time) error {
	s.registering.Lock()
	defer s.registering.Unlock()
	was := s.Client(id)
	if was == nil {
		return ErrNotFound
	}
	c := *was
	c.Secrets = slices.Clone(was.Secrets)
	if err := change(&c); err != nil {
		return err
	}
	for i := range c.Secrets { // what is written is what is known
		c.Secrets[i].UsedAt = s.SecretUsedAt(id, c.Secrets[i])
	}
	described, err := describe(c)
	if err != nil {
		return err
	}
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		disabled := any(nil)
		if c.Disabled {
			disabled = ms(now)
		}
		_, err := tx.Exec(ctx, "UPDATE clients SET disabled_at = iif(?2 IS NULL, NULL, coalesce(disabled_at, ?2)), metadata = iif(owner IS NULL, metadata, ?3) WHERE client_id = ?1 AND deleted_at IS NULL",
			id, disabled, described)
		if err == nil && leadsElsewhere(was, &c) {
			err = askAgain(ctx, tx, id)
		}
		return errors.Join(err, storeSecrets(ctx, tx, c))
	})
	if err == nil {
		s.clients.Store(s.clients.Load().with(id, &c))
	}
	return err
}

// Applications returns the clients of a person, the newest first; for an
// operator, all that there are.
func (s *Store) Applications(person oauth.User) []*oauth.Client {
	var all []*oauth.Client
	for _, c := range s.Clients() {
		if c.Owner == person.Sub || person.Operator {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *oauth.Client) int {
		return cmp.Or(b.Since.Compare(a.Since), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// Refusal is a request that was refused, as the security log has it.
type Refusal struct {
	At                          time.Time
	Endpoint, Code, Description string
}

// Refusals returns the last requests in a client's name that were refused, the
// newest first.
func (s *Store) Refusals(ctx context.Context, clientID string, limit int) ([]Refusal, error) {
	s.events.flush()
	rows, err := s.db.Query(ctx, "SELECT at, detail FROM security_events WHERE client_id = ? AND kind = 'request refused' ORDER BY id DESC LIMIT ?", clientID, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Refusal
	for rows.Next() {
		var when int64
		var detail string
		if err := rows.Scan(&when, &detail); err != nil {
			return nil, err
		}
		r := Refusal{At: time.UnixMilli(when).UTC()}
		r.Endpoint, detail, _ = strings.Cut(detail, ": ")
		r.Code, r.Description, _ = strings.Cut(detail, ": ")
		all = append(all, r)
	}
	return all, rows.Err()
}
