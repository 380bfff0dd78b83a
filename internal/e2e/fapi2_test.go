package e2e

import (
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/acme-dreams/internal/dpop/dpoptest"
)

// fapi is a World with two clients that are registered for the FAPI 2.0 Security
// Profile, and alice's browser.
type fapi struct {
	*World
	t        *testing.T
	alice    *Browser
	one, two fapiClient
}

// fapiClient is such a client: with the key that it signs assertions with, and
// the one that its tokens are bound to.
type fapiClient struct {
	id       string
	key      dpoptest.Key
	holder   *Holder
	redirect string
}

const fapiScope = "openid profile preferences:read offline_access"

func newFAPI(t *testing.T, o Options) *fapi {
	t.Helper()
	one, two := dpoptest.NewES256(t), dpoptest.NewRSA(t, "PS256", 2048)
	o.Only = []string{"authserver", "acme"}
	o.SQL = map[string][]string{"authserver": {fapiSQL(t, "fapi-one", one), fapiSQL(t, "fapi-two", two)}}
	w := New(t, o)
	return &fapi{
		World: w, t: t, alice: w.SignedIn(t, "alice"),
		one: fapiClient{"fapi-one", one, w.Holder(t), w.Dreams + "/fapi-one"},
		two: fapiClient{"fapi-two", two, w.Holder(t), w.Dreams + "/fapi-two"},
	}
}

// fapiSQL registers a client by what RFC 7591 and its extensions call these
// things. PKCE follows from them.
func fapiSQL(t *testing.T, id string, key dpoptest.Key) string {
	t.Helper()
	metadata, err := json.Marshal(map[string]any{
		"client_name": id, "kind": "web", "token_endpoint_auth_methods": []string{"private_key_jwt"},
		"grant_types": []string{"authorization_code", "refresh_token"}, "scope": fapiScope, "redirect_uris": []string{"{DREAMS_URL}/" + id},
		"require_pushed_authorization_requests": true, "dpop_bound_access_tokens": true, "id_token_signed_response_alg": "ES256",
		"jwks": map[string]any{"keys": []any{key.JWK(false)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return "INSERT INTO clients (client_id, metadata, created_at) VALUES ('" + id + "', '" + string(metadata) + "', 0)"
}

// changes are claims, or parameters, that differ from good ones; nil is left out.
type changes map[string]any

// authentication is private_key_jwt, with claims changed.
func (f *fapi) authentication(c fapiClient, change changes) url.Values {
	now := f.Clock.Now()
	claims := map[string]any{
		"iss": c.id, "sub": c.id, "aud": f.Auth, "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
	maps.Copy(claims, change)
	return url.Values{
		"client_id": {c.id}, "client_assertion_type": {assertionType},
		"client_assertion": {c.key.Proof(map[string]any{"typ": "JWT", "jwk": nil}, claims)},
	}
}

// request is a good authorization request.
func (f *fapi) request(c fapiClient) url.Values {
	return url.Values{
		"response_type": {"code"}, "client_id": {c.id}, "redirect_uri": {c.redirect}, "scope": {fapiScope}, "state": {"S1"}, "nonce": {"N1"},
		"code_challenge": {Challenge(Verifier)}, "code_challenge_method": {"S256"},
	}
}

// pushes sends a changed request of the first client, authenticated.
func (f *fapi) pushes(change url.Values) Response {
	f.t.Helper()
	return f.push(f.t, nil, With(With(f.request(f.one), f.authentication(f.one, nil)), change))
}

// refuses wants a push refused.
func (f *fapi) refuses(change url.Values, want string) {
	f.t.Helper()
	wantRefusal(f.t, f.pushes(change), want, "the push")
}

// arrives opens the address that a pushed request leads to; beside stands with it.
func (f *fapi) arrives(c fapiClient, pushed Response, beside url.Values) Page {
	f.t.Helper()
	if pushed.Status != http.StatusCreated {
		f.t.Fatalf("pushing: %d %s", pushed.Status, pushed.Body)
	}
	return f.Authorize(f.alice, With(url.Values{"client_id": {c.id}, "request_uri": {pushed.String("request_uri")}}, beside))
}

// decides is alice saying something on the consent page, where she is asked.
func (f *fapi) decides(page Page, decision string) Page {
	f.t.Helper()
	if page.Location != "" {
		return page
	}
	return f.alice.Form(page, "decision").With(url.Values{
		"scope": strings.Fields(fapiScope), "decision": {decision}, "duration": nil,
	}).Submit()
}

// answered is the answer to a changed request, alice having allowed it all.
func (f *fapi) answered(change, beside url.Values) url.Values {
	f.t.Helper()
	return f.decides(f.arrives(f.one, f.pushes(change), beside), "allow").Answer()
}

// redemption is the token request for a code of the first client.
func (f *fapi) redemption(answer url.Values) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {f.one.redirect}, "code_verifier": {Verifier},
	}
}

// tokens redeems a code with authentication and proof.
func (f *fapi) tokens(c fapiClient, form url.Values) Response {
	f.t.Helper()
	return c.holder.Token(f.t, nil, With(form, f.authentication(c, nil)))
}

// succeeds is the whole flow with a changed request.
func (f *fapi) succeeds(change, beside url.Values) (answer url.Values, idToken map[string]any, tokens Response) {
	f.t.Helper()
	answer = f.answered(change, beside)
	tokens = f.tokens(f.one, f.redemption(answer))
	if tokens.Status != http.StatusOK || tokens.String("token_type") != "DPoP" {
		f.t.Fatalf("%v, then %d %s", answer, tokens.Status, tokens.Body)
	}
	if id := tokens.String("id_token"); id != "" {
		_, idToken = parts(f.t, id)
	}
	return answer, idToken, tokens
}

// wantAssertion authenticates a push by a changed assertion.
func (f *fapi) wantAssertion(change changes, want string) {
	f.t.Helper()
	answer := f.push(f.t, nil, With(f.request(f.one), f.authentication(f.one, change)))
	if got := answer.Refusal(); got != want {
		f.t.Errorf("%v: %s %s, want %s", change, got, answer.Body, want)
	}
}

// wantNoTokens asks the token endpoint for what it must refuse.
func (f *fapi) wantNoTokens(c fapiClient, form url.Values, want string) {
	f.t.Helper()
	wantRefusal(f.t, c.holder.Token(f.t, nil, form), want, "the token request")
}

const fapiPlan = "fapi2-security-profile-final-"

// fapi2Modules are the modules of the OpenID Foundation's test plan, by name and
// by what each asks of the server.
var fapi2Modules = map[string]func(f *fapi){
	"discovery-end-point-verification": func(f *fapi) {
		document := f.Do(f.t, http.MethodGet, f.Auth+"/.well-known/openid-configuration", nil, "").JSON()
		for member, one := range map[string]string{
			"token_endpoint_auth_methods_supported": "private_key_jwt", "token_endpoint_auth_signing_alg_values_supported": "ES256",
			"dpop_signing_alg_values_supported": "ES256", "id_token_signing_alg_values_supported": "ES256", "code_challenge_methods_supported": "S256",
		} {
			if list, _ := document[member].([]any); !slices.Contains(list, any(one)) {
				f.t.Errorf("%s is %v, without %s", member, document[member], one)
			}
		}
		if document["issuer"] != f.Auth || document["pushed_authorization_request_endpoint"] != f.Auth+"/par" || document["authorization_response_iss_parameter_supported"] != true {
			f.t.Errorf("%v", document)
		}
	},
	"happy-flow": func(f *fapi) {
		answer, id, tokens := f.succeeds(nil, nil)
		if answer.Get("state") != "S1" || answer.Get("iss") != f.Auth || len(answer) != 3 || id["nonce"] != "N1" || id["aud"] != f.one.id {
			f.t.Errorf("answered %v, ID token %v", answer, id)
		}
		if header, _ := parts(f.t, tokens.String("id_token")); header["alg"] != "ES256" {
			f.t.Errorf("the ID token is signed by %v", header["alg"])
		}
		if api := f.one.holder.API(f.t, http.MethodGet, "/me/preferences", tokens.String("access_token")); api.Status != http.StatusOK {
			f.t.Errorf("%d %s", api.Status, api.Body)
		}
		bearer := f.API(f.t, http.MethodGet, "/me/preferences", tokens.String("access_token"), "")
		if bearer.Status != http.StatusUnauthorized {
			f.t.Errorf("as a bearer token: %d", bearer.Status)
		}
	},
	"user-rejects-authentication": func(f *fapi) {
		state := strings.Repeat("s", 128)
		no := f.decides(f.arrives(f.one, f.pushes(url.Values{"state": {state}}), nil), "deny")
		wantRedirect(f.t, f.World, no, f.one.redirect, "access_denied", state)
	},
	"ensure-authorization-request-without-state-success": func(f *fapi) {
		if answer, _, _ := f.succeeds(url.Values{"state": nil}, nil); answer.Has("state") {
			f.t.Errorf("answered %v", answer)
		}
	},
	"ensure-authorization-request-without-nonce-success": func(f *fapi) {
		if _, id, _ := f.succeeds(url.Values{"nonce": nil}, nil); id["nonce"] != nil {
			f.t.Errorf("ID token %v", id)
		}
	},
	"ensure-authorization-request-with-64-char-nonce-success": func(f *fapi) { f.nonceOf(64) },
	"ensure-authorization-request-with-long-nonce":            func(f *fapi) { f.nonceOf(384) },
	"ensure-authorization-request-with-long-state": func(f *fapi) {
		state := strings.Repeat("s", 1000)
		if answer, _, _ := f.succeeds(url.Values{"state": {state}}, nil); answer.Get("state") != state {
			f.t.Errorf("answered %v", answer)
		}
	},
	"ensure-other-scope-order-succeeds": func(f *fapi) { f.succeeds(url.Values{"scope": {"profile preferences:read openid"}}, nil) },
	"test-claims-parameter-identity-claims": func(f *fapi) {
		_, id, tokens := f.succeeds(url.Values{"claims": {`{"id_token":{"name":null,"tel":null},"userinfo":{"name":{"essential":true}}}`}}, nil)
		userinfo := f.one.holder.Do(f.t, http.MethodGet, f.Auth+"/userinfo", tokens.String("access_token"), nil, "")
		if userinfo.String("name") != "Alice Moreau" || userinfo.String("sub") != id["sub"] {
			f.t.Errorf("ID token %v, userinfo %d %s", id, userinfo.Status, userinfo.Body)
		}
	},
	"ensure-different-nonce-inside-and-outside-request-object": func(f *fapi) {
		if _, id, _ := f.succeeds(nil, url.Values{"nonce": {"N2"}}); id["nonce"] != "N1" {
			f.t.Errorf("ID token %v", id)
		}
	},
	"ensure-different-state-inside-and-outside-request-object": func(f *fapi) {
		if answer, _, _ := f.succeeds(nil, url.Values{"state": {"S2"}}); answer.Get("state") != "S1" {
			f.t.Errorf("answered %v", answer)
		}
	},
	"state-only-outside-request-object-not-used": func(f *fapi) {
		if answer, _, _ := f.succeeds(url.Values{"state": nil}, url.Values{"state": {"S1"}}); answer.Has("state") {
			f.t.Errorf("answered %v", answer)
		}
	},
	"ensure-request-object-without-redirect-uri-fails": func(f *fapi) { f.refuses(url.Values{"redirect_uri": nil}, "400 invalid_request") },
	"ensure-redirect-uri-in-authorization-request":     func(f *fapi) { f.refuses(url.Values{"redirect_uri": nil}, "400 invalid_request") },
	"ensure-registered-redirect-uri":                   func(f *fapi) { f.refuses(url.Values{"redirect_uri": {f.one.redirect + "x"}}, "400 invalid_request") },
	"plain-fapi-ensure-registered-redirect-uri":        func(f *fapi) { f.refuses(url.Values{"redirect_uri": {f.one.redirect + "x"}}, "400 invalid_request") },
	"ensure-response-type-code-idtoken-fails": func(f *fapi) {
		f.refuses(url.Values{"response_type": {"code id_token"}}, "400 unsupported_response_type")
	},
	"ensure-response-type-token-fails": func(f *fapi) { f.refuses(url.Values{"response_type": {"token"}}, "400 unauthorized_client") },
	"par-authorization-request-containing-request_uri-form-param": func(f *fapi) {
		f.refuses(url.Values{"request_uri": {requestURIPrefix + "x"}}, "400 invalid_request")
	},
	"par-ensure-pkce-required": func(f *fapi) {
		f.refuses(url.Values{"code_challenge": nil, "code_challenge_method": nil}, "400 invalid_request")
	},
	"par-plain-pkce-rejected": func(f *fapi) {
		f.refuses(url.Values{"code_challenge": {Verifier}, "code_challenge_method": {"plain"}}, "400 invalid_request")
	},
	"ensure-unsigned-authorization-request-without-using-par-fails": func(f *fapi) {
		wantPage(f.t, f.Authorize(f.alice, f.request(f.one)), "invalid_request")
	},
	"ensure-client-id-in-token-endpoint": func(f *fapi) {
		as := f.two
		as.key = f.one.key // the other's name, signed with one's own key
		f.wantNoTokens(f.one, With(f.redemption(f.answered(nil, nil)), f.authentication(as, nil)), "401 invalid_client")
	},
	"ensure-holder-of-key-required": func(f *fapi) {
		form := With(f.redemption(f.answered(nil, nil)), f.authentication(f.one, nil))
		wantRefusal(f.t, f.Token(f.t, nil, form), "400 invalid_dpop_proof", "without a proof")
	},
	"ensure-authorization-code-is-bound-to-client": func(f *fapi) {
		f.wantNoTokens(f.two, With(f.redemption(f.answered(nil, nil)), f.authentication(f.two, nil)), "400 invalid_grant")
	},
	"attempt-reuse-authorization-code-after-one-second": func(f *fapi) {
		answer, _, tokens := f.succeeds(nil, nil)
		f.Clock.Advance(time.Second)
		f.wantNoTokens(f.one, With(f.redemption(answer), f.authentication(f.one, nil)), "400 invalid_grant")
		if f.active(f.t, "acme-api", tokens.String("access_token")) {
			f.t.Error("the tokens of a code that was used twice are active")
		}
	},
	"ensure-token-endpoint-fails-with-expired-auth-code": func(f *fapi) { // whatever AUTHORIZATION_CODE_TTL is
		answer := f.answered(nil, nil)
		f.Clock.Advance(62 * time.Second)
		f.wantNoTokens(f.one, With(f.redemption(answer), f.authentication(f.one, nil)), "400 invalid_grant")
	},
	"ensure-signed-client-assertion-with-RS256-fails": func(f *fapi) {
		request := f.request(f.two)
		if good := f.push(f.t, nil, With(request, f.authentication(f.two, nil))); good.Status != http.StatusCreated {
			f.t.Fatalf("by PS256: %d %s", good.Status, good.Body)
		}
		f.two.key.Algorithm = "RS256"
		wantRefusal(f.t, f.push(f.t, nil, With(request, f.authentication(f.two, nil))), "401 invalid_client", "by RS256")
	},
	"ensure-client-assertion-in-token-endpoint": func(f *fapi) {
		f.wantNoTokens(f.one, With(f.redemption(f.answered(nil, nil)), url.Values{"client_id": {f.one.id}}), "401 invalid_client")
	},
	"ensure-client-assertion-with-exp-is-5-minutes-in-past-fails": func(f *fapi) {
		f.wantToken(changes{"exp": f.Clock.Now().Add(-5 * time.Minute).Unix()})
	},
	"ensure-client-assertion-with-wrong-aud-fails": func(f *fapi) { f.wantToken(changes{"aud": "https://other.test"}) },
	"ensure-client-assertion-with-no-sub-fails":    func(f *fapi) { f.wantToken(changes{"sub": nil}) },
	"refresh-token": func(f *fapi) {
		_, _, tokens := f.succeeds(nil, nil)
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.String("refresh_token")}}
		f.wantNoTokens(f.two, With(form, f.authentication(f.two, nil)), "400 invalid_grant")
		wantRefusal(f.t, f.Token(f.t, nil, With(form, f.authentication(f.one, nil))), "400 invalid_dpop_proof", "without a proof")
		next := f.tokens(f.one, form)
		if next.Status != http.StatusOK || next.String("token_type") != "DPoP" {
			f.t.Fatalf("%d %s", next.Status, next.Body)
		}
		// Here the plan would have the old token work for a while. Ours rotate
		// without a grace period: contract and README say so.
		if next.String("refresh_token") == tokens.String("refresh_token") {
			f.t.Error("the refresh token has not been rotated")
		}
		if api := f.one.holder.API(f.t, http.MethodGet, "/me/preferences", next.String("access_token")); api.Status != http.StatusOK {
			f.t.Errorf("%d %s", api.Status, api.Body)
		}
	},
	"par-ensure-reused-request-uri-prior-to-auth-completion-succeeds": func(f *fapi) {
		pushed := f.pushes(nil)
		f.arrives(f.one, pushed, nil)
		if again := f.decides(f.arrives(f.one, pushed, nil), "allow"); again.Answer().Get("code") == "" {
			f.t.Errorf("refused: %s", again.Refusal())
		}
	},
	"par-attempt-reuse-request_uri": func(f *fapi) {
		pushed := f.pushes(nil)
		f.decides(f.arrives(f.one, pushed, nil), "allow")
		wantPage(f.t, f.arrives(f.one, pushed, nil), "invalid_request_uri")
	},
	"par-attempt-to-use-expired-request_uri": func(f *fapi) {
		pushed := f.pushes(nil)
		f.Clock.Advance(time.Minute)
		wantPage(f.t, f.arrives(f.one, pushed, nil), "invalid_request_uri")
	},
	"par-attempt-to-use-request_uri-for-different-client": func(f *fapi) {
		wantPage(f.t, f.arrives(f.two, f.pushes(nil), nil), "invalid_request_uri")
	},
	"par-ensure-jwt-client-assertions-nbf-8-seconds-in-the-future-is-accepted": func(f *fapi) {
		ahead := f.Clock.Now().Add(8 * time.Second).Unix()
		f.wantAssertion(changes{"nbf": ahead, "iat": ahead}, "201")
	},
	"par-ensure-jwt-client-assertions-nbf-over-60-seconds-in-the-future-fails": func(f *fapi) {
		ahead := f.Clock.Now().Add(70 * time.Second).Unix()
		f.wantAssertion(changes{"nbf": ahead, "iat": ahead, "exp": ahead + 60}, "401 invalid_client")
	},
	"par-attempt-invalid-http-method": func(f *fapi) {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch} {
			if answer := f.Do(f.t, method, f.Auth+"/par", nil, ""); answer.Status != http.StatusMethodNotAllowed {
				f.t.Errorf("%s: %d %s", method, answer.Status, answer.Body)
			}
		}
	},
	"ensure-pkce-code-verifier-required": func(f *fapi) {
		form := With(f.redemption(f.answered(nil, nil)), url.Values{"code_verifier": nil})
		f.wantNoTokens(f.one, With(form, f.authentication(f.one, nil)), "400 invalid_grant")
	},
	"incorrect-pkce-code-verifier-rejected": func(f *fapi) {
		form := With(f.redemption(f.answered(nil, nil)), url.Values{"code_verifier": {strings.Repeat("x", 43)}})
		f.wantNoTokens(f.one, With(form, f.authentication(f.one, nil)), "400 invalid_grant")
	},
	"par-without-duplicate-parameters": func(f *fapi) { f.succeeds(nil, nil) },
	"par-test-array-as-audience-fails": func(f *fapi) {

		f.wantAssertion(changes{"aud": []string{f.Auth, "https://other.test"}}, "401 invalid_client")
		f.wantAssertion(changes{"aud": []string{f.Auth}}, "401 invalid_client")

	},
	"par-test-par-endpoint-url-as-audience-fails":   func(f *fapi) { f.wantAssertion(changes{"aud": f.Auth + "/par"}, "401 invalid_client") },
	"par-test-token-endpoint-url-as-audience-fails": func(f *fapi) { f.wantAssertion(changes{"aud": f.Auth + "/token"}, "401 invalid_client") },
}

// fapi2NotHere are the plan's modules about what a country added, which no profile
// of ours has.
var fapi2NotHere = map[string]string{
	"ensure-server-handles-non-matching-intent-id":                      "United Kingdom: intents",
	"test-essential-acr-sca-claim":                                      "United Kingdom: strong customer authentication",
	"australia-connectid-ensure-invalid-purpose-fails":                  "Australia",
	"australia-connectid-test-claims-parameter-idtoken-identity-claims": "Australia",
	"brazil-ensure-bad-payment-signature-fails":                         "Brazil",
}

// The FAPI 2.0 Security Profile, as the OpenID Foundation's test plan asks it.
func TestFAPI2(t *testing.T) {
	if n := len(fapi2Modules) + len(fapi2ProofModules) + len(fapi2NotHere); n != 62 {
		t.Errorf("%d modules, the plan has 62", n)
	}
	for _, modules := range []map[string]func(*fapi){fapi2Modules, fapi2ProofModules} {
		for name, ask := range modules {
			t.Run(fapiPlan+name, func(t *testing.T) {
				t.Parallel()
				ask(newFAPI(t, Options{Env: map[string]string{"AUTHORIZATION_CODE_TTL": "10m"}}))
			})
		}
	}
}

// RFC 7591 §3: whoever registers what the README says is held to the profile.
func TestAFAPIClientRegistersItself(t *testing.T) {
	t.Parallel()
	f := newFAPI(t, Options{})
	key := dpoptest.NewES256(t)
	registered := f.registeredClient(t, map[string]any{
		"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": "ES256", "jwks": map[string]any{"keys": []any{key.JWK(false)}},
		"require_pushed_authorization_requests": true, "dpop_bound_access_tokens": true,
		"id_token_signed_response_alg": "ES256", "redirect_uris": []string{"https://client.example/callback"},
		"scope": fapiScope, "grant_types": []string{"authorization_code", "refresh_token"},
	})
	f.one = fapiClient{registered.String("client_id"), key, f.Holder(t), "https://client.example/callback"}
	f.alice.Stay = "https://client.example/"
	_, _, tokens := f.succeeds(nil, nil)
	if header, _ := parts(t, tokens.String("id_token")); header["alg"] != "ES256" {
		t.Errorf("the ID token is signed by %v", header["alg"])
	}
	wantPage(t, f.Authorize(f.alice, f.request(f.one)), "invalid_request")
	f.refuses(url.Values{"code_challenge": nil, "code_challenge_method": nil}, "400 invalid_request")
	f.refuses(url.Values{"client_assertion": nil, "client_assertion_type": nil}, "401 invalid_client")
	wantRefusal(t, f.Token(t, nil, With(f.redemption(f.answered(nil, nil)), f.authentication(f.one, nil))), "400 invalid_dpop_proof", "without a proof")
}

// nonceOf wants a nonce of some length back as it was.
func (f *fapi) nonceOf(length int) {
	f.t.Helper()
	nonce := strings.Repeat("n", length)
	if _, id, _ := f.succeeds(url.Values{"nonce": {nonce}}, nil); id["nonce"] != nonce {
		f.t.Errorf("ID token %v", id)
	}
}

// wantToken authenticates by a changed assertion at the token endpoint.
func (f *fapi) wantToken(change changes) {
	f.t.Helper()
	form := With(f.redemption(f.answered(nil, nil)), f.authentication(f.one, change))
	f.wantNoTokens(f.one, form, "401 invalid_client")
}
