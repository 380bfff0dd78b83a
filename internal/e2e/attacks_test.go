package e2e

import (
	"maps"
	"os"
	"slices"
	"testing"

	"example.com/acme-dreams/internal/check"
)

func TestMain(m *testing.M) {
	status := m.Run()
	RemoveSeeded()
	os.Exit(status)
}

// attacks is every attack on a named rule, from the files beside this one.
func attacks() []Attack {
	return slices.Concat(
		authorizationAttacks,
		openIDConnectAttacks,
		reviewAttacks,
		tokenAttacks,
		grantAttacks,
		registrationAttacks,
		portalAttacks,
		acmeAttacks,
		dpopAttacks,
		siteAttacks,
		dreamsAttacks,
		stepUpAttacks,
		pushedAttacks,
		logoutAttacks,
		logoutTokenAttacks,
		securityEventAttacks,
		targetAttacks,
		detailAttacks,
		personAttacks,
	)
}

// doubled are the rules that no attack can show to be missing, because another
// rule would stop it: each with the reason why it stands all the same.
var doubled = func() map[string]string {
	all := map[string]string{}
	for _, some := range []map[string]string{
		tokenDoubled,
		acmeDoubled,
		dpopDoubled,
		siteDoubled,
		dreamsDoubled,
		pushedDoubled,
		logoutTokenDoubled,
		targetDoubled,
	} {
		maps.Copy(all, some)
	}
	return all
}()

// Every attack is refused, in the words that its rule has for it, and nothing
// that was said meanwhile and opens a door stands in the log (RFC 9700 §4.3, RFC
// 6819 §5.1.4), at its most talkative and in either format, nor in the security log.
func TestAttacks(t *testing.T) {
	for i, a := range attacks() {
		t.Run(a.title(), func(t *testing.T) {
			t.Parallel()
			log, said := &lockedBuffer{}, &eavesdropper{}
			options := a.Options
			options.Log, options.Eavesdrop = log, said
			options.Env = map[string]string{"LOG_FORMAT": []string{"text", "json"}[i%2]}
			maps.Copy(options.Env, a.Options.Env)
			w := New(t, options)
			through, refusal := a.Try(t, w)
			w.Stop()
			said.heard.wantNone(t, "log", string(log.Bytes()))
			if a.Options.Authority == nil && (a.Options.Only == nil || slices.Contains(a.Options.Only, "authserver")) {
				said.heard.wantNone(t, "security log", w.value(t, "authserver", "SELECT group_concat(kind || ' ' || sub || ' ' || client_id || ' ' || detail, char(10)) FROM security_events"))
			}
			if through {
				t.Fatal("the attack got through")
			}
			if refusal != a.Refused {
				t.Errorf("refused with %q, want %q", refusal, a.Refused)
			}
		})
	}
}

// Every rule is missed when it is left out: the attack on it gets through then.
func TestProve(t *testing.T) {
	byRule := map[string][]Attack{}
	for _, a := range attacks() {
		byRule[a.Rule] = append(byRule[a.Rule], a)
	}
	for _, rule := range Rules() {
		t.Run(rule.Name, func(t *testing.T) {
			t.Parallel()
			if reason, ok := doubled[rule.Name]; ok {
				t.Logf("%s: %s", rule.Source, reason)
				if len(byRule[rule.Name]) > 0 {
					t.Error("listed as doubled, but there is an attack on it")
				}
				return
			}
			if len(byRule[rule.Name]) == 0 {
				t.Fatalf("no attack tries to break this rule (%s, %s)", rule.List, rule.Source)
			}
			for _, a := range byRule[rule.Name] {
				options := a.Options
				options.Omit = rule.Name
				if through, refusal := a.Try(t, New(t, options)); !through {
					t.Errorf("%s: refused with %q although the rule was left out", a.Name, refusal)
				}
			}
		})
	}
	for name := range byRule {
		if !slices.ContainsFunc(Rules(), func(r check.Rule) bool { return r.Name == name }) {
			t.Errorf("an attack names the rule %q, which no program has", name)
		}
	}
}
