package server

import (
	"context"

	"example.com/acme-dreams/dreams/store"
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
	r.Read("dreams_connections", "People whose connection lives.", counted(func(c store.Counts) int64 { return c.Connections }))
	r.Read("dreams_outbox_waiting", "Letters that wait for the mail server.", counted(func(c store.Counts) int64 { return c.Outbox }))
	r.Read("dreams_tokens_to_revoke", "Tokens that are still to be given back.", counted(func(c store.Counts) int64 { return c.GiveBack }))
	r.Read("database_busy_total", "Writes that the database could not take.",
		func() (float64, bool) { return float64(s.store.Busy()), true })
}
