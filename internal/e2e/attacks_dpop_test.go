package e2e

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/dpop"
	"example.com/acme-dreams/internal/dpop/dpoptest"
)

// proofAttack is one on a rule about DPoP proofs, which hold wherever a proof is
// shown.
type proofAttack struct {
	Rule, Name string
	Code       string                        // empty: invalid_dpop_proof
	Key        func(testing.TB) dpoptest.Key // of the client; nil: a good one
	Change     func(testing.TB, *World, *shownProof)
}

// shownProof is a proof in parts, right until it is changed.
type shownProof struct {
	Key            dpoptest.Key // that signs
	Header, Claims map[string]any
	And            []string // more DPoP headers
}

func (s *shownProof) headers() []string {
	return append([]string{s.Key.Proof(s.Header, s.Claims)}, s.And...)
}

// proofAttacks are on the list of RFC 9449 §4.3.
var proofAttacks = []proofAttack{
	{
		Rule: "proof comes in one DPoP header", Name: "a second one behind it",
		Change: func(_ testing.TB, _ *World, s *shownProof) { s.And = []string{"another"} },
	},
	{
		Rule: "proof has typ dpop+jwt", Name: "another JWT that the key signed",
		Change: func(_ testing.TB, _ *World, s *shownProof) { s.Header["typ"] = "JWT" },
	},
	{
		Rule: "proof has no critical header that we do not know", Name: "an extension that changes what the proof means",
		Change: func(_ testing.TB, _ *World, s *shownProof) { s.Header["crit"] = []string{"only-on-sundays"} },
	},
	{
		Rule: "proof is signed with an algorithm that we accept", Name: "RS256",
		Key: func(t testing.TB) dpoptest.Key { return dpoptest.NewRSA(t, "RS256", 2048) },
	},
	{
		Rule: "proof's jwk holds nothing private", Name: "the private key for everybody to read",
		Change: func(_ testing.TB, _ *World, s *shownProof) { s.Header["jwk"] = s.Key.JWK(true) },
	},
	{
		Rule: "proof's key fits its algorithm and is long enough", Name: "a key of 1024 bits",
		Key: func(t testing.TB) dpoptest.Key { return dpoptest.NewRSA(t, "PS256", 1024) },
	},
	{
		Rule: "proof is signed with the key in its jwk", Name: "the thief's signature under the owner's public key",
		Change: func(t testing.TB, _ *World, s *shownProof) {
			s.Header["jwk"] = s.Key.JWK(false)
			s.Key = dpoptest.NewES256(t)
		},
	},
	{
		Rule: "proof has jti, htm, htu and iat", Name: "no iat, so that it never ages",
		Change: func(_ testing.TB, _ *World, s *shownProof) { s.Claims["iat"] = nil },
	},
	{
		Rule: "proof has jti, htm, htu and iat", Name: "no jti",
		Change: func(_ testing.TB, _ *World, s *shownProof) { s.Claims["jti"] = nil },
	},
	{
		Rule: "proof's htm is the method of the request", Name: "a proof for another method",
		Change: func(_ testing.TB, _ *World, s *shownProof) { s.Claims["htm"] = http.MethodPut },
	},
	{
		Rule: "proof's htu is the address of the request", Name: "a proof that was made for another server",
		Change: func(_ testing.TB, _ *World, s *shownProof) { s.Claims["htu"] = "https://api.evil.test/api/v1/me" },
	},
	{
		Rule: "proof's htu is the address of the request", Name: "a proof for another address of this server",
		Change: func(_ testing.TB, _ *World, s *shownProof) { s.Claims["htu"] = s.Claims["htu"].(string) + "/posts" },
	},
	{
		Rule: "proof was made just now", Name: "ten minutes ago",
		Change: func(_ testing.TB, w *World, s *shownProof) {
			s.Claims["iat"] = w.Clock.Now().Add(-10 * time.Minute).Unix()
		},
	},
	{
		Rule: "proof was made just now", Name: "in ten minutes",
		Change: func(_ testing.TB, w *World, s *shownProof) {
			s.Claims["iat"] = w.Clock.Now().Add(10 * time.Minute).Unix()
		},
	},
	{
		Rule: "proof is within its own nbf and exp", Name: "exp",
		Change: func(_ testing.TB, w *World, s *shownProof) { s.Claims["exp"] = w.Clock.Now().Add(-time.Second).Unix() },
	},
	{
		Rule: "proof is within its own nbf and exp", Name: "nbf",
		Change: func(_ testing.TB, w *World, s *shownProof) { s.Claims["nbf"] = w.Clock.Now().Add(time.Minute).Unix() },
	},
	{
		Rule: "proof has a nonce of this server", Name: "none: it may have been made any time",
		Code:   dpop.UseNonce,
		Change: func(_ testing.TB, _ *World, s *shownProof) { s.Claims["nonce"] = nil },
	},
	{
		Rule: "proof has a nonce of this server", Name: "the same form, of another server",
		Code: dpop.UseNonce,
		Change: func(_ testing.TB, w *World, s *shownProof) {
			elsewhere := dpop.NewVerifier(w.Clock.Now, zeros{}, check.Runner{})
			s.Claims["nonce"] = elsewhere.Nonce()
		},
	},
}

// zeros is no source of randomness.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// dpopAttacks are the same ones wherever proofs are taken, and those that only
// one place knows.
var dpopAttacks = slices.Concat(everywhere(proofAttacks), []Attack{
	{
		Rule: "proof's ath is the hash of the access token", Name: "none",
		Refused: "401 invalid_dpop_proof",
		Options: withoutDreams,
		Try:     proofAttack{Key: dpoptest.NewES256, Change: func(_ testing.TB, _ *World, s *shownProof) { s.Claims["ath"] = nil }}.atAcme,
	},
	{
		Rule: "proof's ath is the hash of the access token", Name: "a proof that was made for another token of the same key",
		Refused: "401 invalid_dpop_proof",
		Options: withoutDreams,
		Try:     proofAttack{Key: dpoptest.NewES256, Change: func(_ testing.TB, _ *World, s *shownProof) { s.Claims["ath"] = dpop.Hash("another") }}.atAcme,
	},
	{
		Rule: "proof's key is the one that the token is bound to", Name: "a stolen token with the thief's own key",
		Refused: "401 invalid_token", Options: withoutDreams,
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.boundToken(t, dpoptest.NewES256(t))
			return w.preferencesByProof(t, token, w.proofForAcme(t, dpoptest.NewES256(t), token).headers())
		},
	},
	{
		Rule: "proof is used once", Name: "a proof that somebody overheard",
		Refused: "401 invalid_dpop_proof", Options: withoutDreams,
		Try: func(t testing.TB, w *World) (bool, string) {
			key := dpoptest.NewES256(t)
			token := w.boundToken(t, key)
			proof := w.proofForAcme(t, key, token).headers()
			if through, refusal := w.preferencesByProof(t, token, proof); !through {
				t.Fatalf("its owner is refused: %s", refusal)
			}
			return w.preferencesByProof(t, token, proof)
		},
	},
	{
		Rule: "token that is bound to a key is not sent as Bearer", Name: "a thief who leaves the proof out",
		Refused: "401 invalid_token", Options: withoutDreams,
		Try: func(t testing.TB, w *World) (bool, string) {
			return w.preferences(t, w.boundToken(t, dpoptest.NewES256(t)))
		},
	},
})

var dpopDoubled = map[string]string{
	"token that is sent as DPoP is bound to a key": "such a token is bound to no key, so the proof's is never the one: a rule behind refuses it; the client reads here that it has a bearer token",
}

// everywhere tries attacks at each place that takes proofs.
func everywhere(attacks []proofAttack) []Attack {
	var all []Attack
	for _, a := range attacks {
		if a.Code == "" {
			a.Code = dpop.InvalidProof
		}
		if a.Key == nil {
			a.Key = dpoptest.NewES256
		}
		if a.Change == nil {
			a.Change = func(testing.TB, *World, *shownProof) {}
		}
		all = append(all, Attack{
			Rule: a.Rule, Name: a.Name + ", at Acme", Refused: "401 " + a.Code, Options: withoutDreams, Try: a.atAcme,
		})
	}
	return all
}

var withoutDreams = Options{Only: []string{"authserver", "acme"}}

// atAcme tries to read alice's preferences by a proof that is wrong in one thing.
func (a proofAttack) atAcme(t testing.TB, w *World) (bool, string) {
	key := a.Key(t)
	token := w.boundToken(t, key)
	s := w.proofForAcme(t, key, token)
	a.Change(t, w, s)
	return w.preferencesByProof(t, token, s.headers())
}

// boundToken is alice's, bound to a key.
func (w *World) boundToken(t testing.TB, key dpoptest.Key) string {
	t.Helper()
	w.waitForAcme(t)
	return w.forge(t, func(f forged) { f.Claims["cnf"] = map[string]string{"jkt": key.Thumbprint()} })
}

// proofForAcme is a good one, to read preferences.
func (w *World) proofForAcme(t testing.TB, key dpoptest.Key, token string) *shownProof {
	t.Helper()
	return &shownProof{
		Key: key, Header: map[string]any{},
		Claims: dpoptest.Claims(w.Clock.Now(), http.MethodGet, w.Acme+"/api/v1/me/preferences", w.acmeNonce(t), token),
	}
}

// acmeNonce is what Acme's next proof must hold: whoever comes without a token is
// told.
func (w *World) acmeNonce(t testing.TB) string {
	t.Helper()
	return w.API(t, http.MethodGet, "/me", "", "").Header.Get("DPoP-Nonce")
}

func (w *World) preferencesByProof(t testing.TB, token string, proofs []string) (bool, string) {
	t.Helper()
	answer := w.Do(t, http.MethodGet, w.Acme+"/api/v1/me/preferences", http.Header{"Authorization": {"DPoP " + token}, "Dpop": proofs}, "")
	return answer.Status == http.StatusOK && answer.JSON()["interests"] != nil, answer.Refusal()
}
