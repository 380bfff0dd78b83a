package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

// Strangers register clients, and each takes room on the disk. Those that a
// person let in stay. Of the others there are so many at the most, and each for
// so long: what has been idle longest makes room for what is new.
const (
	maxStrangers  = 10_000
	strangersRest = 30 * 24 * time.Hour // idle for longer: forgotten
	strangersStay = 24 * time.Hour      // idle for less: never
)

// ErrFull is what a registration gets while there is no room for it.
var ErrFull = errors.New("store: too many clients that nobody has let in")

// strangers are clients that registered themselves and that no person ever let in.
const strangers = `registration_hash IS NOT NULL AND deleted_at IS NULL
	AND NOT EXISTS (SELECT 1 FROM consents WHERE consents.client_id = clients.client_id)`

// registry is the clients in use and what is looked up in all of them.
type registry struct {
	clients map[string]*oauth.Client
	origins map[string]bool // of redirect URIs: whose scripts may call us
}

func newRegistry(clients map[string]*oauth.Client) *registry {
	r := &registry{clients, map[string]bool{}}
	for _, c := range clients {
		for _, uri := range c.RedirectURIs {
			r.origins[oauth.Origin(uri)] = true
		}
	}
	delete(r.origins, "")
	return r
}

// with is the registry after a client came, changed, or (nil) left.
func (r *registry) with(id string, c *oauth.Client) *registry {
	clients := maps.Clone(r.clients)
	was := clients[id]
	if c == nil {
		delete(clients, id)
		return newRegistry(clients)
	}
	clients[id] = c
	if was != nil && slices.Equal(was.RedirectURIs, c.RedirectURIs) {
		return &registry{clients, r.origins}
	}
	return newRegistry(clients)
}

// OriginRegistered tells whether some client has a redirect URI at an origin.
func (s *Store) OriginRegistered(origin string) bool { return s.clients.Load().origins[origin] }

// RegisterClient stores a client that registered itself. It is on disk before
// the call returns. ErrFull where there is no room.
func (s *Store) RegisterClient(ctx context.Context, c oauth.Client, now time.Time) error {
	described, err := describe(c)
	if err != nil {
		return err
	}
	s.registering.Lock()
	defer s.registering.Unlock()
	var leaves string
	err = s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		var count int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM (SELECT 1 FROM clients WHERE "+strangers+" LIMIT ?)", maxStrangers).Scan(&count); err != nil {
			return err
		}
		if count >= maxStrangers {
			err := tx.QueryRow(ctx, "SELECT client_id FROM clients WHERE "+strangers+" AND coalesce(used_at, created_at) < ? ORDER BY coalesce(used_at, created_at) LIMIT 1",
				ms(now.Add(-strangersStay))).Scan(&leaves)
			if errors.Is(err, sql.ErrNoRows) {
				return ErrFull
			}
			if err != nil {
				return err
			}
			if err := r.deleteClient(ctx, tx, leaves, "idle", now); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "INSERT INTO clients (client_id, registration_hash, metadata, created_at) VALUES (?, ?, ?, ?)",
			c.ID, c.RegistrationHash, described, ms(c.Since))
		return errors.Join(err, storeSecrets(ctx, tx, c))
	})
	if err != nil {
		return err
	}
	next := s.clients.Load().with(c.ID, &c)
	if leaves != "" {
		next = next.with(leaves, nil)
	}
	s.clients.Store(next)
	return nil
}

// UpdateClient puts what a client now says of itself in place of what it said
// before. RFC 7592 §2.2. ErrNotFound where it has just been deleted.
func (s *Store) UpdateClient(ctx context.Context, c oauth.Client) error {
	described, err := describe(c)
	if err != nil {
		return err
	}
	s.registering.Lock()
	defer s.registering.Unlock()
	moved := false
	if was := s.clients.Load().clients[c.ID]; was != nil {
		c.UsedAt, c.Disabled, moved = was.UsedAt, was.Disabled, leadsElsewhere(was, &c)
	}
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		result, err := tx.Exec(ctx, "UPDATE clients SET metadata = ? WHERE client_id = ? AND registration_hash IS NOT NULL AND deleted_at IS NULL", described, c.ID)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); n == 0 || err != nil {
			return errors.Join(err, ErrNotFound)
		}
		if moved {
			if err := askAgain(ctx, tx, c.ID); err != nil {
				return err
			}
		}
		return storeSecrets(ctx, tx, c)
	})
	if err == nil {
		s.clients.Store(s.clients.Load().with(c.ID, &c))
	}
	return err
}

// leadsElsewhere tells whether people can be sent to a host that was not there
// when they last agreed: the consent page names it.
func leadsElsewhere(was, now *oauth.Client) bool {
	known := map[string]bool{}
	for _, uri := range was.RedirectURIs {
		known[oauth.HostOf(uri)] = true
	}
	return slices.ContainsFunc(now.RedirectURIs, func(uri string) bool { return !known[oauth.HostOf(uri)] })
}

// askAgain makes of every consent to a client one that lets no further request
// through in silence. What was granted goes on. RFC 6749 §10.2 wants such a request
// only where it "comes from the original client and not an impersonator", and
// whoever found a registration access token would otherwise have everybody's code
// sent to a place of their own.
func askAgain(ctx context.Context, tx *sqlite.Tx, clientID string) error {
	_, err := tx.Exec(ctx, "UPDATE consents SET duration = ? WHERE client_id = ? AND ended_at IS NULL", string(oauth.Once), clientID)
	return err
}

// DeleteClient ends a client and everything that it was given. RFC 7592 §2.3.
func (s *Store) DeleteClient(ctx context.Context, id, reason string, now time.Time) error {
	if err := s.endClient(ctx, id, reason, now); err != nil {
		return err
	}
	return s.forgetDeletedClients(ctx)
}

func (s *Store) endClient(ctx context.Context, id, reason string, now time.Time) error {
	s.registering.Lock()
	defer s.registering.Unlock()
	err := s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		return r.deleteClient(ctx, tx, id, reason, now)
	})
	if err == nil {
		s.clients.Store(s.clients.Load().with(id, nil))
	}
	return err
}

// deleteClient leaves the row, without what opens anything: grants and consents
// that people may look at name it.
func (r *revocations) deleteClient(ctx context.Context, tx *sqlite.Tx, id, reason string, now time.Time) error {
	if _, err := tx.Exec(ctx, `UPDATE clients SET deleted_at = ?, secret_hash = NULL, next_secret_hash = NULL, registration_hash = NULL,
		metadata = json_object('client_name', metadata ->> 'client_name') WHERE client_id = ?`, ms(now), id); err != nil {
		return err
	}
	if err := removeLogo(ctx, tx, id); err != nil {
		return err
	}
	if err := r.revokeGrants(ctx, tx, "SELECT id FROM grants WHERE client_id = ? AND revoked_at IS NULL", id, reason, now); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO consent_changes (consent_id, at, kind, scope, reason) SELECT id, ?, 'ended', scope, ? FROM consents WHERE client_id = ? AND ended_at IS NULL", ms(now), reason, id); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE consents SET ended_at = ?, end_reason = ? WHERE client_id = ? AND ended_at IS NULL", ms(now), reason, id); err != nil {
		return err
	}
	// What the client got for itself has no grant of a person's.
	return r.insert(ctx, tx, Revocation{GrantID: oauth.OwnGrant(id), ExpiresAt: now.Add(r.ttl + time.Minute)}, now)
}

// ClientUsed notes that a client which registered itself got a token: once a day.
func (s *Store) ClientUsed(ctx context.Context, c *oauth.Client, now time.Time) error {
	if !c.SelfRegistered() || now.Sub(c.UsedAt) < 24*time.Hour {
		return nil
	}
	s.registering.Lock()
	defer s.registering.Unlock()
	current := s.clients.Load().clients[c.ID]
	if current == nil || now.Sub(current.UsedAt) < 24*time.Hour {
		return nil
	}
	err := s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE clients SET used_at = ? WHERE client_id = ?", ms(now), c.ID)
		return err
	})
	if err == nil {
		used := *current
		used.UsedAt = now
		s.clients.Store(s.clients.Load().with(c.ID, &used))
	}
	return err
}

// forgetIdleClients deletes strangers that nobody has used for long.
func (s *Store) forgetIdleClients(ctx context.Context, now time.Time) error {
	rows, err := s.db.Query(ctx, "SELECT client_id FROM clients WHERE "+strangers+" AND coalesce(used_at, created_at) < ? LIMIT 1000", ms(now.Add(-strangersRest)))
	ids, err := column(rows, err)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.endClient(ctx, id, "idle", now); err != nil {
			return err
		}
	}
	return s.forgetDeletedClients(ctx)
}

// forgetDeletedClients removes the rows that nothing names any more.
func (s *Store) forgetDeletedClients(ctx context.Context) error {
	rows, err := s.db.Query(ctx, `SELECT client_id FROM clients WHERE deleted_at IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM grants WHERE grants.client_id = clients.client_id)
		AND NOT EXISTS (SELECT 1 FROM consents WHERE consents.client_id = clients.client_id)
		AND NOT EXISTS (SELECT 1 FROM pushed_requests WHERE pushed_requests.client_id = clients.client_id)
		AND NOT EXISTS (SELECT 1 FROM device_authorizations WHERE device_authorizations.client_id = clients.client_id) LIMIT 1000`)
	ids, err := column(rows, err)
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
			_, err := tx.Exec(ctx, "DELETE FROM clients WHERE client_id = ? AND deleted_at IS NOT NULL", id)
			return err
		})
		if err != nil && !sqlite.Referenced(err) { // something names it after all: later, then
			return err
		}
	}
	return nil
}

func describe(c oauth.Client) (string, error) {
	m, err := metadataOf(c)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(m)
	return string(text), err
}
