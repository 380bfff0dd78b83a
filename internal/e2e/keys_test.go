package e2e

import (
	"bytes"
	"strings"
	"testing"

	authserver "example.com/acme-dreams/authserver/server"
)

// rotateKeys runs authserver's command beside the server, on the same database,
// and returns what it printed.
func (w *World) rotateKeys(t testing.TB, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if err := authserver.RotateKeys(t.Context(), w.config("authserver", Options{}), args, &out); err != nil {
		t.Fatalf("rotate-keys %s: %v", strings.Join(args, " "), err)
	}
	return out.String()
}

// kids are the names of the keys in the JWKS.
func (w *World) kids(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, key := range w.jwks(t) {
		all = append(all, key["kid"].(string))
	}
	return all
}

// OIDC Core §10.1.1: "The JWK Set document at the jwks_uri SHOULD retain
// recently decommissioned signing keys for a reasonable period of time". The
// server notices the command, Acme the server, and nothing that was good is
// refused.
func TestARotationByCommand(t *testing.T) {
	t.Parallel()
	w, old := bothForAlice(t, Options{})
	before, _ := parts(t, old)
	said := w.rotateKeys(t)
	var fresh string
	waitFor(t, within, "a token is signed with the new key", func() bool {
		fresh = w.Tokens(t, "alice", "openid preferences:read").String("access_token")
		header, _ := parts(t, fresh)
		return header["kid"] != before["kid"]
	})
	after, _ := parts(t, fresh)
	if !strings.Contains(said, "ES256  "+after["kid"].(string)+"  new, signs from ") || !strings.Contains(said, "ES256  "+before["kid"].(string)+"  retired, ") || strings.Count(said, "RS256  ") != 2 {
		t.Errorf("the command said\n%s", said)
	}
	if len(w.kids(t)) != 4 {
		t.Errorf("the JWKS has %v", w.kids(t))
	}
	for name, token := range map[string]string{"old": old, "new": fresh} {
		if through, refusal := w.preferences(t, token); !through {
			t.Errorf("Acme, the %s token: %s", name, refusal)
		}
		if through, refusal := w.userinfo(t, token); !through {
			t.Errorf("userinfo, the %s token: %s", name, refusal)
		}
		if !w.active(t, "acme-api", token) {
			t.Errorf("introspection of the %s token", name)
		}
	}
}
