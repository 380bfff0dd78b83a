package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// registered sets a member of a seeded client's metadata. RFC 7591 §2.
func registered(clientID, member, value string) string {
	return fmt.Sprintf("UPDATE clients SET metadata = json_set(metadata, '$.%s', '%s') WHERE client_id = '%s'", member, value, clientID)
}

// signingAlgorithms is what the discovery document promises of signed answers.
type signingAlgorithms struct {
	IDToken       []string `json:"id_token_signing_alg_values_supported"`
	Userinfo      []string `json:"userinfo_signing_alg_values_supported"`
	Introspection []string `json:"introspection_signing_alg_values_supported"`
}

// OIDC Registration §2, OIDC Core §5.3.2: a client gets its ID tokens signed and
// its userinfo as it registered them, in every algorithm that discovery lists;
// go-oidc verifies them, knowing the issuer alone.
func TestIDTokenAndUserinfoAreSignedAsRegistered(t *testing.T) {
	t.Parallel()
	want := []string{"ES256", "RS256"}
	for _, algorithm := range want {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			w := New(t, Options{Only: []string{"authserver"}, SQL: map[string][]string{"authserver": {
				registered("dreams-web", "id_token_signed_response_alg", algorithm),
				registered("dreams-web", "userinfo_signed_response_alg", algorithm),
			}}})
			var advertised signingAlgorithms
			if err := json.Unmarshal([]byte(w.Do(t, "GET", w.Auth+"/.well-known/openid-configuration", nil, "").Body), &advertised); err != nil {
				t.Fatal(err)
			}
			for _, list := range [][]string{advertised.IDToken, advertised.Userinfo, advertised.Introspection} {
				if !slices.Equal(slices.Sorted(slices.Values(list)), want) {
					t.Errorf("discovery lists %v", list)
				}
			}
			tokens := w.Tokens(t, "alice", "openid profile email")
			provider, err := oidc.NewProvider(t.Context(), w.Auth)
			if err != nil {
				t.Fatal(err)
			}
			idToken, err := provider.Verifier(&oidc.Config{ClientID: "dreams-web", SupportedSigningAlgs: []string{algorithm}}).Verify(t.Context(), tokens.String("id_token"))
			if err != nil {
				t.Fatal(err)
			}
			if err := idToken.VerifyAccessToken(tokens.String("access_token")); err != nil {
				t.Errorf("at_hash: %v", err)
			}
			userinfo, err := provider.UserInfo(t.Context(), oauth2.StaticTokenSource(&oauth2.Token{AccessToken: tokens.String("access_token")}))
			if err != nil || userinfo.Subject != idToken.Subject || userinfo.Email != "alice@acme.test" || !userinfo.EmailVerified {
				t.Errorf("userinfo %+v, %v", userinfo, err)
			}
			answer := w.Do(t, "GET", w.Auth+"/userinfo", Bearer(tokens.String("access_token")), "")
			header, claims := parts(t, answer.Body)
			if answer.Header.Get("Content-Type") != "application/jwt" || answer.Header.Get("Cache-Control") != "no-store" || header["alg"] != algorithm ||
				claims["iss"] != w.Auth || claims["aud"] != "dreams-web" || claims["name"] != "Alice Moreau" {
				t.Errorf("%v: %v, %v", answer.Header, header, claims)
			}
			// A refusal stays what it was.
			if answer := w.Do(t, "GET", w.Auth+"/userinfo", Bearer("garbage"), ""); answer.Refusal() != "401 invalid_token" || answer.Header.Get("Content-Type") != "application/json" {
				t.Errorf("a bad token: %d %v", answer.Status, answer.Header)
			}
		})
	}
}

const introspectionJWT = "application/token-introspection+jwt"

// introspectAs asks with an Accept header. RFC 9701 §4.
func (w *World) introspectAs(t testing.TB, clientID, accept, token string) Response {
	t.Helper()
	header := Basic(clientID)
	header.Set("Accept", accept)
	return w.Post(t, w.Auth+"/introspect", header, url.Values{"token": {token}})
}

// RFC 9701 §5: who asks for a JWT gets one: for them, from now, with the answer
// of RFC 7662 in it, signed as registered and with RS256 where nothing was. The
// answer proves what was said; it is neither an access token nor an ID token.
func TestIntrospectionIsSignedForWhoAsks(t *testing.T) {
	t.Parallel()
	w := New(t, Options{Only: []string{"authserver", "acme"}, SQL: map[string][]string{"authserver": {registered("dreams-web", "introspection_signed_response_alg", "ES256")}}})
	w.waitForAcme(t)
	tokens := w.Tokens(t, "alice", "openid profile preferences:read")
	token := tokens.String("access_token")
	keys := oidc.NewRemoteKeySet(t.Context(), w.Auth+"/jwks")
	for _, tt := range []struct{ caller, accept, algorithm string }{
		{"acme-api", introspectionJWT, "RS256"},
		{"acme-api", "application/json;q=0.5, " + introspectionJWT + ";q=0.9", "RS256"},
		{"dreams-web", introspectionJWT, "ES256"},
	} {
		answer := w.introspectAs(t, tt.caller, tt.accept, token)
		if answer.Status != http.StatusOK || answer.Header.Get("Content-Type") != introspectionJWT || answer.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: %d %v %s", tt.caller, answer.Status, answer.Header, answer.Body)
		}
		if _, err := keys.VerifySignature(t.Context(), answer.Body); err != nil {
			t.Errorf("%s: %v", tt.caller, err)
		}
		header, claims := parts(t, answer.Body)
		if header["typ"] != "token-introspection+jwt" || header["alg"] != tt.algorithm || claims["iss"] != w.Auth || claims["sub"] != nil || claims["exp"] != nil {
			t.Errorf("%s: %v, %v", tt.caller, header, claims)
		}
		if iat, _ := claims["iat"].(float64); time.Since(time.Unix(int64(iat), 0)).Abs() > 5*time.Second {
			t.Errorf("%s: iat %v", tt.caller, claims["iat"])
		}
		plain := w.introspect(t, tt.caller, token).JSON()
		if fmt.Sprint(claims["token_introspection"]) != fmt.Sprint(plain) || plain["active"] != true {
			t.Errorf("%s: signed %v, plain %v", tt.caller, claims["token_introspection"], plain)
		}
		for _, path := range []string{w.Auth + "/userinfo", w.Acme + "/api/v1/me"} {
			if answer := w.Do(t, "GET", path, Bearer(answer.Body), ""); answer.Refusal() != "401 invalid_token" {
				t.Errorf("%s took the answer for an access token: %s", path, answer.Refusal())
			}
		}
	}
	// Both names of the resource server: its resource, and its client_id.
	_, claims := parts(t, w.introspectAs(t, "acme-api", introspectionJWT, token).Body)
	if got := fmt.Sprint(claims["aud"]); got != fmt.Sprintf("[%s acme-api]", w.Acme) {
		t.Errorf("aud %s", got)
	}
	// "the authorization server MUST set the value of the active member in the
	// token_introspection claim to false", and say nothing else.
	for what, token := range map[string]string{"garbage": "garbage", "one for another API": w.forge(t, func(f forged) { f.Claims["aud"] = "https://api.other.test" })} {
		_, claims := parts(t, w.introspectAs(t, "acme-api", introspectionJWT, token).Body)
		if got := fmt.Sprint(claims["token_introspection"]); got != "map[active:false]" {
			t.Errorf("%s: %s", what, got)
		}
	}
	// Everybody else gets JSON as ever.
	for _, accept := range []string{"", "*/*", "application/*", "application/json", introspectionJWT + ";q=0", "application/jwt"} {
		answer := w.introspectAs(t, "acme-api", accept, token)
		wantNoStoreJSON(t, answer, http.StatusOK)
		if answer.JSON()["active"] != true {
			t.Errorf("Accept %q: %s", accept, answer.Body)
		}
	}
	// A refusal is JSON for everybody. RFC 7662 §2.3.
	header := Credentials{"acme-api", "wrong"}.Header()
	header.Set("Accept", introspectionJWT)
	wantRefusal(t, w.Post(t, w.Auth+"/introspect", header, url.Values{"token": {token}}), "401 invalid_client", "a wrong secret")
}
