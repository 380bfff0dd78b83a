package store

import (
	"context"
	"database/sql"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

const (
	day = 24 * time.Hour
	// grantsRest is how long a grant is kept that nothing can come of any more: for
	// its person to see, and for whoever asks what happened.
	grantsRest = 90 * day
)

// purged are the tables from which what has expired is removed, by their keys.
// Each condition has a moment as ?1. What has no line stays: people, consents,
// the public halves of keys, and security events, which are only ever added to.
var purged = []struct {
	table, key, where string
	rest              time.Duration // how long it stays after it has expired
}{
	{"interactions", "hash", "expires_at < ?1", 0},
	// A question that came of a pushed request waits for minutes, and its answer
	// spends both.
	{"pushed_requests", "hash", "expires_at < ?1", time.Hour},
	{"sessions", "hash", "expires_at < ?1 AND sub NOT IN (SELECT sub FROM users WHERE locked_at IS NOT NULL)", 0},
	{"revocations", "cursor", "expires_at < ?1", 0},
	// A replay is still known for what it is.
	{"authorization_codes", "hash", "expires_at < ?1", day},
	{"refresh_tokens", "hash", "expires_at < ?1", day},
	{"refresh_tokens", "hash", "grant_id IN (SELECT id FROM grants WHERE revoked_at < ?1)", 30 * day},
	// A television still hears expired_token. Anybody may ask for codes, as often
	// as they like.
	{"device_authorizations", "hash", "expires_at < ?1", time.Hour},
	// Those that are being looked at as they expire.
	{"spent_assertions", "id", "expires_at < ?1", time.Minute},
	{"exchanged_tokens", "jti", "expires_at < ?1", 0},
	{"grants", "id", `max(created_at, coalesce(used_at, 0), coalesce(tokens_end_at, 0), coalesce(revoked_at, 0)) < ?1
		AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = grants.id) AND NOT EXISTS (SELECT 1 FROM authorization_codes c WHERE c.grant_id = grants.id)
		AND NOT EXISTS (SELECT 1 FROM device_authorizations d WHERE d.grant_id = grants.id)`, grantsRest},
}

// A purge must not hold up whoever waits for the database: it looks for keys
// among the readers, and removes a few rows at a time.
const (
	purgeLook  = 5000
	purgeBatch = 50
)

// Purge forgets what has expired and means nothing any more.
func (s *Store) Purge(ctx context.Context, now time.Time) error {
	s.revoked.purge(now)
	if err := s.noteSecrets(ctx); err != nil {
		return err
	}
	if err := s.forgetIdleClients(ctx, now); err != nil {
		return err
	}
	for _, p := range purged {
		before := ms(now.Add(-p.rest))
		for found := purgeLook; found == purgeLook; {
			keys, err := keys(s.db.Query(ctx, "SELECT "+p.key+" FROM "+p.table+" WHERE "+p.where+" LIMIT ?2", before, purgeLook))
			if err != nil {
				return err
			}
			for rest := keys; len(rest) > 0; rest = rest[min(purgeBatch, len(rest)):] {
				err := s.remove(ctx, "DELETE FROM "+p.table+" WHERE "+p.key+" = ?2 AND "+p.where, before, rest[:min(purgeBatch, len(rest))])
				if err != nil {
					return err
				}
			}
			found = len(keys)
		}
	}
	return nil
}

func (s *Store) remove(ctx context.Context, statement string, before int64, keys []any) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		for _, key := range keys {
			if _, err := tx.Exec(ctx, statement, before, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// keys reads a result of one column, whatever it holds.
func keys(rows *sql.Rows, err error) ([]any, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []any
	for rows.Next() {
		var key any
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		all = append(all, key)
	}
	return all, rows.Err()
}
