package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.com/acme-dreams/internal/dpop"
	"example.com/acme-dreams/internal/dpop/dpoptest"
)

// fapi2ProofModules are the plan's modules about DPoP proofs.
var fapi2ProofModules = map[string]func(f *fapi){
	"access-token-type-header-case-sensitivity": func(f *fapi) {
		_, _, tokens := f.succeeds(nil, nil)
		f.opens(tokens) // brings the nonce
		token, address := tokens.String("access_token"), f.Acme+"/api/v1/me/preferences"
		for _, scheme := range []string{"DPoP", "dpop", "DPOP", "dpOp"} {
			header := http.Header{"Authorization": {scheme + " " + token}, "Dpop": {f.one.holder.Proof(http.MethodGet, address, token)}}
			if api := f.Do(f.t, http.MethodGet, address, header, ""); api.Status != http.StatusOK {
				f.t.Errorf("%s: %d %s", scheme, api.Status, api.Body)
			}
		}
	},
	"check-dpop-proof-nbf-exp": func(f *fapi) {
		f.proves(func(_, claims map[string]any) {
			now := f.Clock.Now()
			claims["nbf"], claims["exp"] = now.Unix(), now.Add(5*time.Minute).Unix()
		})
	},
	"ensure-dpopproof-with-iat-10seconds-before-succeeds": func(f *fapi) {
		f.proves(func(_, claims map[string]any) { claims["iat"] = f.Clock.Now().Add(-10 * time.Second).Unix() })
	},
	"ensure-dpopproof-with-iat-10seconds-after-succeeds": func(f *fapi) {
		f.proves(func(_, claims map[string]any) { claims["iat"] = f.Clock.Now().Add(10 * time.Second).Unix() })
	},
	// dpop_jkt and the proof beside it, at the PAR endpoint, are different keys.
	"ensure-mismatched-dpop-jkt-fails": func(f *fapi) {
		pushed := f.pushesWithProof(url.Values{"dpop_jkt": {f.Holder(f.t).Key.Thumbprint()}})
		wantRefusal(f.t, pushed, "400 invalid_dpop_proof", "the push")
	},
	// One key at the PAR endpoint, another at the token endpoint.
	"ensure-token-endpoint-fails-with-mismatched-dpop-proof-jkt": func(f *fapi) {
		answer := f.decides(f.arrives(f.one, f.pushesWithProof(nil), nil), "allow").Answer()
		f.one.holder = f.Holder(f.t)
		f.wantNoTokens(f.one, With(f.redemption(answer), f.authentication(f.one, nil)), "400 invalid_grant")
	},
	// One key in the authorization request, another at the token endpoint.
	"ensure-token-endpoint-fails-with-mismatched-dpop-jkt": func(f *fapi) {
		answer := f.answered(url.Values{"dpop_jkt": {f.Holder(f.t).Key.Thumbprint()}}, nil)
		f.wantNoTokens(f.one, With(f.redemption(answer), f.authentication(f.one, nil)), "400 invalid_grant")
	},
	"ensure-dpopproof-at-par-endpoint-binding-success": func(f *fapi) {
		answer := f.decides(f.arrives(f.one, f.pushesWithProof(nil), nil), "allow").Answer()
		f.opens(f.tokens(f.one, f.redemption(answer)))
	},
	"ensure-dpop-auth-code-binding-success": func(f *fapi) {
		_, _, tokens := f.succeeds(url.Values{"dpop_jkt": {f.one.holder.Key.Thumbprint()}}, nil)
		f.opens(tokens)
	},
	"dpop-negative-tests": (*fapi).proofsThatAreRefused,
}

// pushesWithProof sends a changed request with a proof.
func (f *fapi) pushesWithProof(change url.Values) Response {
	f.t.Helper()
	return f.one.holder.Post(f.t, f.Auth+"/par", nil, With(With(f.request(f.one), f.authentication(f.one, nil)), change))
}

// proves is the whole flow with proofs that are changed.
func (f *fapi) proves(change func(header, claims map[string]any)) {
	f.t.Helper()
	f.one.holder.Change = change
	_, _, tokens := f.succeeds(nil, nil)
	f.opens(tokens)
}

// opens reads alice's preferences.
func (f *fapi) opens(tokens Response) {
	f.t.Helper()
	api := f.one.holder.API(f.t, http.MethodGet, "/me/preferences", tokens.String("access_token"))
	if api.Status != http.StatusOK {
		f.t.Fatalf("%d %s, then %d %s", tokens.Status, tokens.Body, api.Status, api.Body)
	}
}

// proofsThatAreRefused are the suite's, in its order; and some that are accepted,
// because §4.3 says that they should be.
func (f *fapi) proofsThatAreRefused() {
	_, _, tokens := f.succeeds(nil, nil)
	token, address, now := tokens.String("access_token"), f.Acme+"/api/v1/me/preferences", f.Clock.Now()
	claim := func(name string, value any) func(header, claims map[string]any) {
		return func(_, claims map[string]any) { claims[name] = value }
	}
	header := func(name string, value any) func(header, claims map[string]any) {
		return func(header, _ map[string]any) { header[name] = value }
	}
	for what, change := range map[string]func(header, claims map[string]any){
		"jti is missing":                claim("jti", nil),
		"htm is missing":                claim("htm", nil),
		"htu is missing":                claim("htu", nil),
		"iat is missing":                claim("iat", nil),
		"ath is missing":                claim("ath", nil),
		"typ is missing":                header("typ", nil),
		"typ is invalid":                header("typ", "dpop-invalid"),
		"alg is none":                   header("alg", "none"),
		"jwk is missing":                header("jwk", nil),
		"the signature is another's":    header("jwk", dpoptest.NewES256(f.t).JWK(false)),
		"jwk is the private key":        header("jwk", f.one.holder.Key.JWK(true)),
		"htm is another method":         claim("htm", http.MethodPut),
		"htu is another address":        claim("htu", "https://www.example.com/resource"),
		"iat is an hour ahead":          claim("iat", now.Add(time.Hour).Unix()),
		"iat is an hour ago":            claim("iat", now.Add(-time.Hour).Unix()),
		"ath is another token's":        claim("ath", dpop.Hash("another")),
		"htu is another port's address": claim("htu", strings.Replace(address, "localhost:", "localhost:1", 1)),
	} {
		f.one.holder.Change = change
		if answer := f.one.holder.API(f.t, http.MethodGet, "/me/preferences", token); answer.Refusal() != "401 invalid_dpop_proof" {
			f.t.Errorf("%s: %d %s", what, answer.Status, answer.Body)
		}
	}
	for _, htu := range []string{
		address + "?query=1#fragment",
		strings.Replace(address, "http://localhost", "HTTP://LOCALHOST", 1),
		strings.Replace(address, "/api/", "/./x/../%61pi/", 1),
		address,
	} {
		f.one.holder.Change = claim("htu", htu)
		f.opens(tokens)
	}
	f.one.holder.Change = nil
	once := http.Header{"Authorization": {"DPoP " + token}, "Dpop": {f.one.holder.Proof(http.MethodGet, address, token)}}
	if first := f.Do(f.t, http.MethodGet, address, once, ""); first.Status != http.StatusOK {
		f.t.Errorf("a good proof: %d %s", first.Status, first.Body)
	}
	if again := f.Do(f.t, http.MethodGet, address, once, ""); again.Refusal() != "401 invalid_dpop_proof" {
		f.t.Errorf("the same proof again: %d %s", again.Status, again.Body)
	}
	f.opens(tokens)
}
