package server

import (
	"testing"

	"example.com/acme-dreams/internal/environment"
	"example.com/acme-dreams/internal/program"
)

// Letters that confirm an address lie open where everybody knows every password, and
// nowhere else: a stranger could confirm anybody's.
func TestWhereLettersLieOpen(t *testing.T) {
	for name, c := range map[string]struct {
		variables       map[string]string
		shown, delivers bool
	}{
		"at home":                         {nil, true, true},
		"in a classroom":                  {map[string]string{"AUTHSERVER_URL": "http://accounts.example.test", "ALLOW_DEMO_SECRETS": "on"}, true, true},
		"in public":                       {map[string]string{"AUTHSERVER_URL": "https://accounts.example.test"}, false, false},
		"in public, with a mail server":   {map[string]string{"AUTHSERVER_URL": "https://accounts.example.test", "SMTP_URL": "smtp://mail:25"}, false, true},
		"at home, with a mail server":     {map[string]string{"SMTP_URL": "smtp://mail:25"}, false, true},
		"in a classroom with mail server": {map[string]string{"ALLOW_DEMO_SECRETS": "on", "SMTP_URL": "smtp://mail:25"}, false, true},
	} {
		env, err := environment.Parse(c.variables)
		if err != nil {
			t.Fatal(err)
		}
		if o := letters(program.Config{Env: env}); o.Shown != c.shown || o.Delivers() != c.delivers {
			t.Errorf("%s: shown %t, delivers %t", name, o.Shown, o.Delivers())
		}
	}
}
