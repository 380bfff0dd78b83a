package store

import (
	"context"
	"time"
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
	{"address_changes", "sub", "expires_at < ?1", 0},
	{"grants", "id", `max(created_at, coalesce(used_at, 0), coalesce(tokens_end_at, 0), coalesce(revoked_at, 0)) < ?1
		AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.grant_id = grants.id) AND NOT EXISTS (SELECT 1 FROM authorization_codes c WHERE c.grant_id = grants.id)
		AND NOT EXISTS (SELECT 1 FROM device_authorizations d WHERE d.grant_id = grants.id)`, grantsRest},
}

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
		if err := s.db.Purge(ctx, p.table, p.key, p.where, ms(now.Add(-p.rest))); err != nil {
			return err
		}
	}
	return nil
}
