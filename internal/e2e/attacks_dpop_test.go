package e2e

import (
	"net/http"
	"net/url"
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
		Rule: "proof is used once", Name: "a proof that somebody overheard, at the token endpoint",
		Refused: "400 invalid_dpop_proof", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			proof := w.proofForToken(t, dpoptest.NewES256(t)).headers()
			if through, refusal := w.catalogueToken(t, proof); !through {
				t.Fatalf("its owner is refused: %s", refusal)
			}
			return w.catalogueToken(t, proof)
		},
	},
	{
		Rule: "proof's key is the one that the token is bound to", Name: "a stolen token with the thief's own key, at userinfo",
		Refused: "401 invalid_token", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			token := w.boundUserinfo(t, w.Holder(t))
			return got(w.Holder(t).Do(t, http.MethodGet, w.Auth+"/userinfo", token, nil, ""))
		},
	},
	{
		Rule: "access token at userinfo that is bound to a key is not sent as Bearer", Name: "a thief who leaves the proof out",
		Refused: "401 invalid_token", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			return got(w.Do(t, http.MethodGet, w.Auth+"/userinfo", Bearer(w.boundUserinfo(t, w.Holder(t))), ""))
		},
	},
	{
		Rule: "access token at userinfo that is bound to a key is not sent as Bearer", Name: "in a form, where no scheme is",
		Refused: "401 invalid_token", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			return got(w.Post(t, w.Auth+"/userinfo", nil, url.Values{"access_token": {w.boundUserinfo(t, w.Holder(t))}}))
		},
	},
	{
		Rule: "client that is registered for bound tokens sends a proof", Name: "a bearer token after all",
		Refused: "400 invalid_dpop_proof", Options: bound("dreams-catalogue"),
		Try: func(t testing.TB, w *World) (bool, string) { return w.catalogueToken(t, nil) },
	},
	{
		Rule: "a client whose tokens are bound gets none through the browser", Name: "response_type=token",
		Refused: "303 unauthorized_client", Options: bound("dreams-widget"),
		Try: func(t testing.TB, w *World) (bool, string) {
			page := w.Allow(w.SignedIn(t, "alice"), With(w.Request("profile"), url.Values{
				"client_id": {"dreams-widget"}, "redirect_uri": {w.Dreams + "/widget/callback"}, "response_type": {"token"},
				"code_challenge": nil, "code_challenge_method": nil,
			}))
			return page.Answer().Get("access_token") != "", page.Refusal()
		},
	},
	{
		Rule: "dpop_jkt is a SHA-256 in base64url", Name: "the key itself", Refused: "303 invalid_request", Options: authserverAlone,
		Try: codeFor(url.Values{"dpop_jkt": {`{"kty":"EC","crv":"P-256"}`}}),
	},
	{
		Rule: "dpop_jkt is the key of the proof beside it", Name: "a request that is bound to the attacker's key, in the client's name",
		Refused: "400 invalid_dpop_proof", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			request := With(w.Request("openid profile"), url.Values{"dpop_jkt": {w.Holder(t).Key.Thumbprint()}})
			answer := w.Holder(t).Post(t, w.Auth+"/par", Basic("dreams-web"), request)
			return answer.String("request_uri") != "", answer.Refusal()
		},
	},
	{
		Rule: "code is redeemed with the key that dpop_jkt named", Name: "a stolen code with the thief's own key",
		Refused: "400 invalid_grant", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			code := w.alicesCode(t, url.Values{"dpop_jkt": {w.Holder(t).Key.Thumbprint()}})
			return issued(w.Holder(t).Token(t, Basic("dreams-web"), w.Redemption(code)))
		},
	},
	{
		Rule: "code is redeemed with the key that dpop_jkt named", Name: "a stolen code without a proof",
		Refused: "400 invalid_grant", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			code := w.alicesCode(t, url.Values{"dpop_jkt": {w.Holder(t).Key.Thumbprint()}})
			return issued(w.Token(t, Basic("dreams-web"), w.Redemption(code)))
		},
	},
	{
		Rule: "refresh token is used with the key that it is bound to", Name: "a stolen one with the thief's own key",
		Refused: "400 invalid_grant", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			first := w.Holder(t).Token(t, nil, password("acme-mobile", "profile offline_access"))
			return issued(w.Holder(t).Token(t, nil, refreshOf("acme-mobile", first)))
		},
	},
	{
		Rule: "refresh token is used with the key that it is bound to", Name: "a stolen one without a proof",
		Refused: "400 invalid_grant", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			first := w.Holder(t).Token(t, nil, password("acme-mobile", "profile offline_access"))
			return issued(w.Token(t, nil, refreshOf("acme-mobile", first)))
		},
	},
	{
		Rule: "subject token is exchanged with the key that it is bound to", Name: "into a bearer token",
		Refused: "400 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			return issued(w.Token(t, Basic("dreams-web"), With(exchanged(w.boundUserinfo(t, w.Holder(t))), url.Values{"scope": {"profile"}})))
		},
	},
	{
		Rule: "subject token is exchanged with the key that it is bound to", Name: "into one for another key",
		Refused: "400 invalid_request", Options: authserverAlone,
		Try: func(t testing.TB, w *World) (bool, string) {
			return issued(w.Holder(t).Token(t, Basic("dreams-web"), With(exchanged(w.boundUserinfo(t, w.Holder(t))), url.Values{"scope": {"profile"}})))
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
	"access token at userinfo that is sent as DPoP is bound to a key": "such a token is bound to no key, so the proof's is never the one: a rule behind refuses it; the client reads here that it has a bearer token",
	"token that is sent as DPoP is bound to a key":                    "such a token is bound to no key, so the proof's is never the one: a rule behind refuses it; the client reads here that it has a bearer token",
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
		all = append(all,
			Attack{Rule: a.Rule, Name: a.Name + ", at Acme", Refused: "401 " + a.Code, Options: withoutDreams, Try: a.atAcme},
			Attack{Rule: a.Rule, Name: a.Name + ", at the token endpoint", Refused: "400 " + a.Code, Options: authserverAlone, Try: a.atAuthserver},
		)
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

// atAuthserver tries to get a token that is bound to a key, by a proof that is
// wrong in one thing.
func (a proofAttack) atAuthserver(t testing.TB, w *World) (bool, string) {
	s := w.proofForToken(t, a.Key(t))
	a.Change(t, w, s)
	return w.catalogueToken(t, s.headers())
}

// proofForToken is a good one, to ask for a token.
func (w *World) proofForToken(t testing.TB, key dpoptest.Key) *shownProof {
	t.Helper()
	nonce := w.Post(t, w.Auth+"/userinfo", nil, nil).Header.Get("DPoP-Nonce")
	return &shownProof{
		Key: key, Header: map[string]any{},
		Claims: dpoptest.Claims(w.Clock.Now(), http.MethodPost, w.Auth+"/token", nonce, ""),
	}
}

// catalogueToken asks for a token of Dreams's own.
func (w *World) catalogueToken(t testing.TB, proofs []string) (bool, string) {
	t.Helper()
	header := Basic("dreams-catalogue")
	header["Dpop"] = proofs
	return issued(w.Token(t, header, url.Values{"grant_type": {"client_credentials"}}))
}

// bound registers a client for dpop_bound_access_tokens.
func bound(clientID string) Options {
	o := authserverSQL("UPDATE clients SET metadata = json_set(metadata, '$.dpop_bound_access_tokens', json('true')) WHERE client_id = '" + clientID + "'")
	o.Only = authserverAlone.Only
	return o
}

// boundUserinfo is alice's token for userinfo, bound to the holder's key.
func (w *World) boundUserinfo(t testing.TB, h *Holder) string {
	t.Helper()
	return h.Token(t, Basic("dreams-web"), w.Redemption(w.alicesCode(t, nil))).String("access_token")
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

// refreshOf uses the refresh token of an answer, as a public client.
func refreshOf(clientID string, answer Response) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "client_id": {clientID}, "refresh_token": {answer.String("refresh_token")}}
}
