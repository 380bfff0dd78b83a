package endpoint

import (
	"strings"

	"example.com/acme-dreams/internal/metrics"
)

// counters count what the endpoints do, for the operator.
type counters struct{ tokens, refusals, signIns metrics.Counter }

func newCounters(r *metrics.Registry) counters {
	return counters{
		tokens:   r.Counter("oauth_tokens_issued_total", "Access tokens that the token endpoint issued, by grant type.", "grant_type"),
		refusals: r.Counter("oauth_refusals_total", "Requests that were refused, by endpoint and error code.", "endpoint", "error"),
		signIns:  r.Counter("authserver_sign_ins_total", "Passwords that were tried: ok, failed, throttled, or locked (the account is).", "result"),
	}
}

// label is the endpoint of a path, in words of ours: a stranger's path would be
// a time series of its own.
func label(path string) string {
	for _, p := range protocol {
		if path == p || (strings.HasSuffix(p, "/") && strings.HasPrefix(path, p)) {
			return p
		}
	}
	switch path {
	case "/authorize", "/login", "/consent", "/device", "/logout":
		return path
	}
	return "other"
}
