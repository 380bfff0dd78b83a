package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/internal/dpop/dpoptest"
)

// wantBound checks what RFC 9449 §5 to §7 say of a token that a holder got.
func (h *Holder) wantBound(t *testing.T, answer Response) {
	t.Helper()
	token := answer.String("access_token")
	if answer.Status != 200 || answer.String("token_type") != "DPoP" {
		t.Fatalf("got %d %s", answer.Status, answer.Body)
	}
	about := h.w.introspect(t, "acme-api", token)
	confirmation, _ := about.JSON()["cnf"].(map[string]any)
	if about.String("token_type") != "DPoP" || confirmation["jkt"] != h.Key.Thumbprint() {
		t.Errorf("introspection says %s", about.Body)
	}
	if answer := h.API(t, http.MethodGet, "/packages?limit=1", token); answer.Status != 200 {
		t.Errorf("Acme answers %d %s", answer.Status, answer.Body)
	}
	downgraded := h.w.API(t, http.MethodGet, "/packages?limit=1", token, "")
	if challenge := downgraded.Header.Get("WWW-Authenticate"); downgraded.Refusal() != "401 invalid_token" ||
		!strings.HasPrefix(challenge, "DPoP ") || !strings.Contains(challenge, `algs="ES256 PS256 Ed25519 EdDSA"`) {
		t.Errorf("as Bearer: %d %s", downgraded.Status, challenge)
	}
}

// RFC 9449 §5: "This is applicable for all access token requests regardless of
// grant type".
func TestEveryGrantBindsItsTokens(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	w.waitForAcme(t)
	h := w.Holder(t)
	const scope = "openid profile packages:read preferences:read offline_access"
	code := w.Allow(w.SignedIn(t, "alice"), w.Request(scope), "preferences:read", "packages:read", "offline_access")
	tokens := h.Token(t, Basic("dreams-web"), w.Redemption(code))
	device := w.ApprovedDevice(t, "alice", "profile packages:read", "packages:read")
	for name, ask := range map[string]func() Response{
		"authorization code": func() Response { return tokens },
		"refresh token": func() Response {
			return h.Token(t, Basic("dreams-web"), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.String("refresh_token")}})
		},
		"client credentials": func() Response {
			return h.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}})
		},
		"password":    func() Response { return h.Token(t, nil, password("acme-mobile", "profile packages:read")) },
		"device code": func() Response { return h.Token(t, nil, poll(device)) },
		"token exchange": func() Response {
			return h.Token(t, Basic("dreams-web"), With(exchanged(tokens.String("access_token")), url.Values{"scope": {"packages:read"}}))
		},
		"JWT bearer": func() Response { return h.Token(t, nil, asserts(signed(w.bearerClaims()), "packages:read")) },
	} {
		t.Run(name, func(t *testing.T) { h.wantBound(t, ask()) })
	}
}

// RFC 9449 §8: a client that knows no nonce learns one from the refusal, and what
// it brought is as good as before.
func TestWithoutANonceNothingIsSpent(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	h := w.Holder(t)
	form := w.Redemption(w.alicesCode(t, nil))
	header := Basic("dreams-web")
	header.Set("DPoP", h.Proof(http.MethodPost, w.Auth+"/token", ""))
	refused := w.Token(t, header, form)
	if refused.Refusal() != "400 use_dpop_nonce" || len(refused.Header.Values("DPoP-Nonce")) != 1 || refused.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d %v %s", refused.Status, refused.Header, refused.Body)
	}
	h.learn(w.Auth, refused)
	header.Set("DPoP", h.Proof(http.MethodPost, w.Auth+"/token", ""))
	if tokens := w.Token(t, header, form); tokens.Status != 200 || tokens.Header.Get("DPoP-Nonce") == "" {
		t.Errorf("then: %d %s", tokens.Status, tokens.Body)
	}
	// A nonce is the server's that gave it. A proof with one that is too old is
	// not a wrong one: it gets a new nonce.
	w.Clock.Advance(10 * time.Minute)
	header.Set("DPoP", h.Proof(http.MethodPost, w.Auth+"/token", ""))
	if old := w.Token(t, header, form); old.Refusal() != "400 use_dpop_nonce" || old.Header.Get("DPoP-Nonce") == h.nonces[w.Auth] {
		t.Errorf("an old nonce: %d %s", old.Status, old.Body)
	}
}

// RFC 9449 §11.1: of 32 who use a proof at the same time one is served.
func TestAProofIsUsedOnceBy32AtTheSameTime(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	key := dpoptest.NewES256(t)
	for range 10 {
		header := Basic("dreams-catalogue")
		header["Dpop"] = w.proofForToken(t, key).headers()
		answers := make(chan Response, callers)
		for range callers {
			go func() { answers <- w.Token(t, header, url.Values{"grant_type": {"client_credentials"}}) }()
		}
		served := 0
		for range callers {
			if answer := <-answers; answer.Status == 200 {
				served++
			} else if answer.Refusal() != "400 invalid_dpop_proof" {
				t.Errorf("refused with %d %s", answer.Status, answer.Body)
			}
		}
		if served != 1 {
			t.Fatalf("%d of %d were served", served, callers)
		}
	}
}

// RFC 9449 §5: a public client's refresh token is bound from the first proof on;
// one without a proof stays what it was.
func TestAPublicClientsRefreshTokenIsBound(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	h := w.Holder(t)
	first := h.Token(t, nil, password("acme-mobile", "profile offline_access"))
	second := h.Token(t, nil, refreshOf("acme-mobile", first))
	if second.String("token_type") != "DPoP" {
		t.Fatalf("its holder got %d %s", second.Status, second.Body)
	}
	// A thief's attempt spends nothing: the holder goes on.
	if answer := w.Holder(t).Token(t, nil, refreshOf("acme-mobile", second)); answer.Refusal() != "400 invalid_grant" {
		t.Errorf("a thief got %d %s", answer.Status, answer.Body)
	}
	if answer := h.Token(t, nil, refreshOf("acme-mobile", second)); answer.Status != 200 {
		t.Errorf("after the thief its holder got %d %s", answer.Status, answer.Body)
	}

	free := w.Token(t, nil, password("acme-mobile", "profile offline_access"))
	free = w.Token(t, nil, refreshOf("acme-mobile", free))
	if free.String("token_type") != "Bearer" {
		t.Fatalf("without a proof: %d %s", free.Status, free.Body)
	}
	bound := h.Token(t, nil, refreshOf("acme-mobile", free))
	if answer := w.Token(t, nil, refreshOf("acme-mobile", bound)); answer.Refusal() != "400 invalid_grant" {
		t.Errorf("bound at a refresh, and used without a proof: %d %s", answer.Status, answer.Body)
	}
}

// Userinfo is a protected resource: RFC 9449 §7.1, §9.
func TestUserinfoTakesAProof(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver"}})
	h := w.Holder(t)
	token := w.boundUserinfo(t, h)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if answer := h.Do(t, method, w.Auth+"/userinfo", token, nil, ""); answer.Status != 200 || answer.String("sub") != person(t, "alice") {
			t.Errorf("%s: %d %s", method, answer.Status, answer.Body)
		}
	}
	without := w.Do(t, http.MethodGet, w.Auth+"/userinfo", http.Header{"Authorization": {"DPoP " + token}}, "")
	if without.Refusal() != "401 invalid_dpop_proof" || !strings.HasPrefix(without.Header.Get("WWW-Authenticate"), "DPoP ") || without.Header.Get("DPoP-Nonce") == "" {
		t.Errorf("without a proof: %d %v", without.Status, without.Header)
	}
	none := w.Do(t, http.MethodGet, w.Auth+"/userinfo", nil, "")
	if all := none.Header.Values("WWW-Authenticate"); none.Status != 401 || len(all) != 2 || strings.Contains(strings.Join(all, ""), "error") {
		t.Errorf("without a token: %d %q", none.Status, all)
	}
	unproven := h.Proof(http.MethodGet, w.Auth+"/userinfo", "another token")
	answer := w.Do(t, http.MethodGet, w.Auth+"/userinfo", http.Header{"Authorization": {"DPoP " + token}, "Dpop": {unproven}}, "")
	if answer.Refusal() != "401 invalid_dpop_proof" {
		t.Errorf("the ath of another token: %d %s", answer.Status, answer.Body)
	}
	bearer := w.Token(t, Basic("dreams-web"), w.Redemption(w.alicesCode(t, nil))).String("access_token")
	if answer := h.Do(t, http.MethodGet, w.Auth+"/userinfo", bearer, nil, ""); answer.Refusal() != "401 invalid_token" {
		t.Errorf("a bearer token by DPoP: %d %s", answer.Status, answer.Body)
	}
}

// RFC 9449 §5.1: what the discovery documents name works, and nothing else does.
func TestProofAlgorithmsAreThoseOfTheMetadata(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	const member = "dpop_signing_alg_values_supported"
	named, _ := w.Do(t, "GET", w.Auth+"/.well-known/openid-configuration", nil, "").JSON()[member].([]any)
	resource, _ := w.Do(t, "GET", w.Acme+"/.well-known/oauth-protected-resource", nil, "").JSON()[member].([]any)
	if len(named) == 0 || !slices.Equal(named, resource) {
		t.Errorf("the authorization server names %v, the resource server %v", named, resource)
	}
	ed25519 := dpoptest.NewEd25519(t)
	for _, key := range []dpoptest.Key{
		dpoptest.NewES256(t), ed25519, {Algorithm: "Ed25519", Private: ed25519.Private}, dpoptest.NewRSA(t, "PS256", 2048), dpoptest.NewRSA(t, "RS256", 2048), dpoptest.NewRSA(t, "PS512", 2048),
	} {
		h := w.Holder(t)
		h.Key = key
		answer := h.Token(t, Basic("dreams-catalogue"), url.Values{"grant_type": {"client_credentials"}})
		if slices.Contains(named, any(key.Algorithm)) != (answer.Status == 200) {
			t.Errorf("%s: %d %s", key.Algorithm, answer.Status, answer.Body)
		}
	}
}

// A page of another origin can send proofs and read nonces: RFC 9449 §7.1, §8.
func TestAPageMaySendProofs(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}})
	for _, address := range []string{w.Auth + "/token", w.Auth + "/userinfo", w.Acme + "/api/v1/me"} {
		preflight := w.Do(t, http.MethodOptions, address, http.Header{
			"Origin": {w.Dreams}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization,dpop"},
		}, "")
		if !strings.Contains(preflight.Header.Get("Access-Control-Allow-Headers"), "DPoP") {
			t.Errorf("%s: a preflight is answered %v", address, preflight.Header)
		}
		answer := w.Do(t, http.MethodPost, address, http.Header{"Origin": {w.Dreams}}, "")
		if exposed := answer.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(exposed, "DPoP-Nonce") || !strings.Contains(exposed, "WWW-Authenticate") {
			t.Errorf("%s exposes %q", address, exposed)
		}
	}
}
