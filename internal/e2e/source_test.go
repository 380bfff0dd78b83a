package e2e

import (
	"strings"
	"testing"

	"example.com/acme-dreams/acme/bearer"
	"example.com/acme-dreams/acme/site"
	authserver "example.com/acme-dreams/authserver/server"
	dreams "example.com/acme-dreams/dreams/server"
	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/dpop"
	"example.com/acme-dreams/internal/source"
)

// Behind every check that the wire view names stands the function that judged.
func TestEveryCheckShowsItsSource(t *testing.T) {
	for program, lists := range map[string][][]check.Rule{
		"authserver": {authserver.Rules(), dpop.Rules()},
		"acme":       {bearer.Rules(), site.Rules(), dpop.Rules()},
		"dreams":     {dreams.Rules()},
	} {
		for _, rules := range lists {
			for _, rule := range rules {
				e, ok := source.Check(program, rule.Name)
				text, _ := source.Text(e.File)
				switch {
				case !ok:
					t.Errorf("%s: no source of the check %q", program, rule.Name)
				case !strings.Contains(e.Text, "error {") || !strings.Contains(e.Text, "return"):
					t.Errorf("%s: the source of %q judges nothing: %s", program, rule.Name, e.Text)
				case !strings.Contains(strings.Split(text, "\n")[e.Line-1], "func"):
					t.Errorf("%s: %q is not declared at %s:%d", program, rule.Name, e.File, e.Line)
				}
			}
		}
	}
	if _, ok := source.Check("dreams", "code is used once"); ok {
		t.Error("a check of Accounts is taken for one of Dreams")
	}
}
