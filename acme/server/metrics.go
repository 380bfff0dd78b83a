package server

import (
	"example.com/acme-dreams/internal/metrics"
)

// measure registers what is looked up when somebody asks for the metrics.
func (s *server) measure(r *metrics.Registry) {
	r.Read("acme_revocation_feed_last_success_timestamp_seconds", "When the authorization server last told which tokens are revoked.", func() (float64, bool) {
		heard := s.feed.Heard()
		return float64(heard.UnixMilli()) / 1000, !heard.IsZero()
	})
	r.Read("acme_revocation_feed_fresh", "1 while it is known which tokens are revoked; otherwise private data is refused.", func() (float64, bool) {
		if s.feed.Fresh() {
			return 1, true
		}
		return 0, true
	})
	r.Read("acme_revocations_known", "Grants and tokens that are refused although they have not expired.",
		func() (float64, bool) { return float64(s.feed.Known()), true })
	r.Read("database_busy_total", "Writes that the database could not take.",
		func() (float64, bool) { return float64(s.store.Busy()), true })
}
