package store

import "context"

// Counts is what an operator wants to see.
type Counts struct {
	Connections int64 // that live
	Outbox      int64 // letters that wait for the mail server
	GiveBack    int64 // tokens that are still to be revoked
}

// Counts counts, for metrics.
func (s *Store) Counts(ctx context.Context) (c Counts, err error) {
	return c, s.db.QueryRow(ctx, `SELECT (SELECT count(*) FROM connections WHERE ended_at IS NULL),
		(SELECT count(*) FROM letters WHERE deliver = 1), (SELECT count(*) FROM revocations)`).Scan(&c.Connections, &c.Outbox, &c.GiveBack)
}

// Busy is how many writes the database could not take, since the start.
func (s *Store) Busy() int64 { return s.db.Busy() }
