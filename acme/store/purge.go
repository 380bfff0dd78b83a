package store

import (
	"context"
	"errors"
)

// Purge forgets sessions that are over, logout tokens that would be refused by
// now, and revocations of tokens that have expired by themselves.
func (s *Store) Purge(ctx context.Context) error {
	now := s.now().Unix()
	return errors.Join(
		s.db.Purge(ctx, "sessions", "id", "expires_at <= ?1", now),
		s.db.Purge(ctx, "logout_tokens", "jti", "expires_at <= ?1", now),
		s.db.Purge(ctx, "revocations", "grant_id", "grant_id != '' AND expires_at <= ?1", now),
		s.db.Purge(ctx, "revocations", "jti", "grant_id = '' AND permission = '' AND expires_at <= ?1", now),
	)
}
