package server

import (
	"context"
	"time"

	"example.com/acme-dreams/authserver/store"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/metrics"
)

// measure registers what is looked up when somebody asks for the metrics.
func (s *Server) measure(r *metrics.Registry) {
	counted := func(of func(store.Counts) int64) func() (float64, bool) {
		return func() (float64, bool) {
			counts, err := s.store.Counts(context.Background())
			return float64(of(counts)), err == nil
		}
	}
	r.Read("oauth_revocations_total", "Grants and tokens that were revoked, since the database was made.",
		counted(func(c store.Counts) int64 { return c.Revocations }))
	r.Read("authserver_notices_waiting", "Messages that clients are still to be sent.",
		counted(func(c store.Counts) int64 { return c.Notices }))
	r.Read("database_busy_total", "Writes that the database could not take.",
		func() (float64, bool) { return float64(s.store.Busy()), true })
	r.Read("authserver_signing_key_age_seconds", "Age of the key that signs access tokens.", func() (float64, bool) {
		keys, err := s.store.SigningKeys(context.Background())
		signs, found := token.Newest(keys, token.Algorithms[0])
		return s.now().Sub(signs.CreatedAt).Round(time.Second).Seconds(), err == nil && found
	})
}
