package e2e

import (
	"slices"
	"testing"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/site"
	authserver "example.com/acme-dreams/authserver/server"
	dreams "example.com/acme-dreams/dreams/server"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/dpop"
)

// Attack tries to break one rule.
type Attack struct {
	Rule    string // the name of the check that stands in the way
	Name    string // what is tried, where a rule is attacked in several ways
	Refused string // what the attacker gets: "400 invalid_grant"
	Options Options
	// Try makes the attempt. through means that the attacker has what the rule
	// was to keep: tokens, a code, data. Otherwise refusal is what came instead.
	Try func(t testing.TB, w *World) (through bool, refusal string)
}

// Rules lists every check of the three programs.
func Rules() []check.Rule {
	return slices.Concat(authserver.Rules(), bearer.Rules(), dpop.Rules(), site.Rules(), dreams.Rules())
}

func (a Attack) title() string {
	if a.Name == "" {
		return a.Rule
	}
	return a.Rule + ": " + a.Name
}
