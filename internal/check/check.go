// Package check runs ordered lists of named rules. A rule of the protocol is a
// small function with a name and a source; an endpoint or a grant is a list of
// them. From that one list come the code a reader follows, what the wire view
// shows, the index of rules, and the proof that each rule is tested.
package check

import "context"

// Check is one rule. Verify only judges: whatever it needs to know is in its
// input before the first check of a list runs.
type Check[In any] struct {
	Name, Source string // "code belongs to this client", "RFC 6749 §4.1.3"
	Verify       func(In) error
}

// New writes a check as one line of a list: its name, whose rule it is, and the
// function that judges.
func New[In any](name, source string, verify func(In) error) Check[In] {
	return Check[In]{Name: name, Source: source, Verify: verify}
}

// Runner walks lists of checks.
type Runner struct {
	// Observe is told of every check that ran, passed or not; nil in a bare server.
	Observe func(ctx context.Context, name, source string, err error)

	// Omit names one check that is left out. Experiments and the proof that
	// tests notice a missing check set it; no setting reaches it.
	Omit string
}

// Run walks the list and returns the first refusal.
func Run[In any](ctx context.Context, r Runner, checks []Check[In], in In) error {
	for _, c := range checks {
		if r.Omit != "" && r.Omit == c.Name {
			continue
		}
		err := c.Verify(in)
		if r.Observe != nil {
			r.Observe(ctx, c.Name, c.Source, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Rule is a check as an index lists it.
type Rule struct{ List, Name, Source string }

// Rules lists a list's checks for an index.
func Rules[In any](list string, checks []Check[In]) []Rule {
	rules := make([]Rule, len(checks))
	for i, c := range checks {
		rules[i] = Rule{List: list, Name: c.Name, Source: c.Source}
	}
	return rules
}
