package flow

import (
	"context"
	"errors"

	"example.com/acme-dreams/internal/check"
)

// Refusal is an answer that we do not accept. Its words are for the person at
// the browser.
type Refusal struct {
	Heading, Words string
	Check, Source  string // which check refused, and whose rule it is; empty: a library's
	Code           string // of a security event token, RFC 8935 §2.4; empty: invalid_request
}

func (r *Refusal) Error() string { return r.Words }

// judge runs a list of checks and tells a refusal which of them it came from.
func judge[In any](ctx context.Context, r check.Runner, checks []check.Check[In], in In) error {
	var name, source string
	observe := r.Observe
	r.Observe = func(ctx context.Context, n, s string, err error) {
		name, source = n, s // the last one that ran is the one that refused
		if observe != nil {
			observe(ctx, n, s, err)
		}
	}
	err := check.Run(ctx, r, checks, in)
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
		refusal.Check, refusal.Source = name, source
	}
	return err
}
