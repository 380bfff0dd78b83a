package store

import "context"

// Counts is what an operator wants to see of a database.
type Counts struct {
	Revocations int64 // that were ever made
	Notices     int64 // that clients are still to be sent
}

// Counts counts, for metrics.
func (s *Store) Counts(ctx context.Context) (c Counts, err error) {
	s.revoked.mu.RLock()
	c.Revocations = s.revoked.cursor
	s.revoked.mu.RUnlock()
	return c, s.db.QueryRow(ctx, "SELECT count(*) FROM notices").Scan(&c.Notices)
}

// Busy is how many writes the database could not take, since the start.
func (s *Store) Busy() int64 { return s.db.Busy() }
