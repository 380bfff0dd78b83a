package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// registrationAttacks are on the rules of clients that register themselves.
var registrationAttacks = slices.Concat([]Attack{
	{
		Rule: "client assertion is signed with the algorithm that was registered", Refused: "401 invalid_client",
		Options: authserverSQL(`UPDATE clients SET metadata = json_set(metadata, '$.token_endpoint_auth_signing_alg', 'RS256') WHERE client_id = 'dreams-batch'`),
		Try: func(t testing.TB, w *World) (bool, string) {
			claims := w.bearerClaims()
			claims["sub"] = "dreams-batch"
			return got(w.Token(t, nil, clientAssertion(signed(claims))))
		},
	},
	{
		Rule: "initial access token is the one that was set", Name: "none", Refused: "401 invalid_token",
		Options: Options{Only: []string{"authserver"}, Env: map[string]string{"REGISTRATION_TOKEN": "let-me-in"}},
		Try: func(t testing.TB, w *World) (bool, string) {
			return accepted(w.Register(t, nil, diary(nil)))
		},
	},
	{
		Rule: "initial access token is the one that was set", Name: "another one", Refused: "401 invalid_token",
		Options: Options{Only: []string{"authserver"}, Env: map[string]string{"REGISTRATION_TOKEN": "let-me-in"}},
		Try: func(t testing.TB, w *World) (bool, string) {
			return accepted(w.Register(t, Bearer("let-me"), diary(nil)))
		},
	},
	{
		Rule: "sector_identifier_uri lists every redirect URI", Name: "somebody else's list", Refused: "400 invalid_client_metadata", Options: privateURIs,
		Try: func(t testing.TB, w *World) (bool, string) {
			return accepted(w.Register(t, nil, diary(map[string]any{"sector_identifier_uri": document(t, `["https://other.example/cb"]`)})))
		},
	},
	{
		Rule: "sector_identifier_uri lists every redirect URI", Name: "no list", Refused: "400 invalid_client_metadata", Options: privateURIs,
		Try: func(t testing.TB, w *World) (bool, string) {
			return accepted(w.Register(t, nil, diary(map[string]any{"sector_identifier_uri": document(t, `{"redirect_uris":[]}`)})))
		},
	},
	managementAttack("read", func(t testing.TB, w *World, victim Response, header http.Header) bool {
		return w.Do(t, http.MethodGet, victim.String("registration_client_uri"), header, "").String("client_id") != ""
	}),
	managementAttack("changed", func(t testing.TB, w *World, victim Response, header http.Header) bool {
		answer := w.update(t, victim, header, diary(map[string]any{"client_id": victim.String("client_id"), "redirect_uris": []string{"https://evil.example/cb"}}))
		return strings.Contains(answer.Body, "evil.example")
	}),
	managementAttack("deleted", func(t testing.TB, w *World, victim Response, header http.Header) bool {
		return w.Do(t, http.MethodDelete, victim.String("registration_client_uri"), header, "").Status == http.StatusNoContent
	}),
	updateAttack("update names the client that it is about", "another one", map[string]any{"client_id": "dreams-web"}),
	updateAttack("update names the client that it is about", "none", map[string]any{"client_id": nil}),
	updateAttack("update does not choose a secret", "", map[string]any{"client_secret": "secret"}),
	updateAttack("update leaves out what the server sets", "", map[string]any{"client_id_issued_at": 0}),
},
	metadataAttacks("400 invalid_redirect_uri", "redirect_uris", map[string][]any{
		"flow with redirection has a redirect URI": {nil, []string{}},
		"redirect URI is absolute, and all of it is said": {
			[]string{"https://diary.example/cb#fragment"}, []string{"https://diary.example/cb#"}, []string{"https://user:secret@diary.example/cb"},
			[]string{"https://*.diary.example/cb"}, []string{"https://diary.example/cb "}, []string{"https://diary.example;script-src"},
			[]string{"https://diary.example/{DREAMS_URL}"},
		},
		"redirect URI is https, the device itself, or an app's own scheme": {
			[]string{"http://diary.example/cb"}, []string{"javascript:alert(1)"}, []string{"JavaScript:alert(1)"}, []string{"data:text/html,x"},
			[]string{"https://diary.example/cb", "vbscript:x"}, []string{"diary:/cb"}, []string{"com.example.diary:/cb"}, []string{"file:///etc/passwd"},
		},
	}),
	metadataAttacks("400 invalid_client_metadata", "application_type", map[string][]any{"application_type is web or native": {"desktop"}}),
	metadataAttacks("400 invalid_client_metadata", "grant_types", map[string][]any{
		"grant_types are ones that anybody may register for": {
			[]string{"authorization_code", "password"}, []string{"authorization_code", exchangeGrant}, []string{"authorization_code", "urn:ietf:params:oauth:grant-type:saml2-bearer"},
		},
		"refresh_token comes with a grant that gives one":               {[]string{"refresh_token"}},
		"client that keeps no secret registers no grant that needs one": {[]string{"authorization_code", bearerGrant}},
	}),
	metadataAttacks("400 invalid_client_metadata", "response_types", map[string][]any{
		"grant_types and response_types fit": {[]string{}},
	}),
	metadataAttacks("400 invalid_client_metadata", "token_endpoint_auth_method", map[string][]any{
		"token_endpoint_auth_method is supported": {"client_secret_jwt", "tls_client_auth", "basic"},
		"client that signs has keys":              {"private_key_jwt"},
	}),
	metadataAttacks("400 invalid_client_metadata", "jwks", map[string][]any{
		"jwks is a set of public keys": {privateSet(), map[string]any{"keys": []any{map[string]any{"kty": "oct", "k": "c2VjcmV0"}}}, map[string]any{}},
	}),
	metadataAttacks("400 invalid_client_metadata", "require_signed_request_object", map[string][]any{"client that signs has keys": {true}}),
	metadataAttacks("400 invalid_client_metadata", "id_token_signed_response_alg", map[string][]any{"algorithms are ones that are used here": {"none", "HS256", "RS512"}}),
	metadataAttacks("400 invalid_client_metadata", "token_endpoint_auth_signing_alg", map[string][]any{"algorithms are ones that are used here": {"none", "HS256"}}),
	metadataAttacks("400 invalid_client_metadata", "id_token_encrypted_response_alg", map[string][]any{"nothing is asked for that is not done here": {"RSA-OAEP"}}),
	metadataAttacks("400 invalid_client_metadata", "subject_type", map[string][]any{"nothing is asked for that is not done here": {"pairwise"}}),
	metadataAttacks("400 invalid_client_metadata", "jwks_uri", map[string][]any{"registered URIs are https and lead to public addresses": {
		"http://diary.example/jwks", "https://127.0.0.1/jwks", "https://[::1]/jwks", "https://169.254.169.254/latest", "https://10.0.0.1/", "file:///etc/passwd",
		"https://localhost/", "https://[::ffff:127.0.0.1]/", "https://2130706433/", "https://0x7f.1/", "https://diary.internal/", "https://authserver:9000/",
	}}),
	metadataAttacks("400 invalid_client_metadata", "logo_uri", map[string][]any{"registered URIs are https and lead to public addresses": {
		"javascript:alert(1)", "data:image/svg+xml,x", "https://192.168.0.1/logo.png",
	}}),
	metadataAttacks("400 invalid_client_metadata", "policy_uri", map[string][]any{"registered URIs are https and lead to public addresses": {"javascript:alert(1)", "data:image/svg+xml,x"}}),
	metadataAttacks("400 invalid_client_metadata", "tos_uri", map[string][]any{"registered URIs are https and lead to public addresses": {"javascript:alert(1)"}}),
	metadataAttacks("400 invalid_client_metadata", "client_uri", map[string][]any{"registered URIs are https and lead to public addresses": {"javascript:alert(1)"}}),
	metadataAttacks("400 invalid_client_metadata", "initiate_login_uri", map[string][]any{"registered URIs are https and lead to public addresses": {"https://10.0.0.1/login"}}),
	metadataAttacks("400 invalid_client_metadata", "backchannel_logout_uri", map[string][]any{"registered URIs are https and lead to public addresses": {"https://127.0.0.1/logout", "http://diary.example/logout"}}),
	metadataAttacks("400 invalid_client_metadata", "post_logout_redirect_uris", map[string][]any{"post_logout_redirect_uris are as safe as redirect URIs": {
		[]string{"javascript:alert(1)"}, []string{"http://diary.example/"}, []string{"https://diary.example/#f"},
	}}),
	metadataAttacks("400 invalid_client_metadata", "client_name", map[string][]any{"client_name is not this server's own": {"acme-accounts", "Acme  Accounts."}}),
	metadataAttacks("400 invalid_client_metadata", "client_name", map[string][]any{"client_name is what a person can read": {
		strings.Repeat("a", 10_000), strings.Repeat("a", 101), "Dreams\u202egro.live", "Dre\u200bams", "Dreams\u0007", "Dreams\nGmbH", " Dreams", "\u3164", "...", "Dreams\u0301\u0301\u0301\u0301\u0301\u0301",
	}}),
	metadataAttacks("400 invalid_client_metadata", "contacts", map[string][]any{"contacts and versions are a line of text each": {[]string{"a\nb"}, []string{strings.Repeat("a", 300)}}}),
	metadataAttacks("400 invalid_client_metadata", "scope", map[string][]any{"scope has something that the client can get": {"admin"}}),
	metadataAttacks("400 invalid_client_metadata", "authorization_details_types", map[string][]any{
		"authorization_details_types are ones that are understood here": {[]string{"payment_initiation"}, []string{"travel_preferences", ""}},
	}),
	metadataAttacks("400 invalid_client_metadata", "default_max_age", map[string][]any{"default_max_age is no negative number": {-1}}),
	metadataAttacks("400 unapproved_software_statement", "software_statement", map[string][]any{"software statement is one that we can trust": {"e30.e30.e30"}}),
	[]Attack{
		registrationAttack("implicit client of the web has https, and not on localhost", "http on localhost", "400 invalid_redirect_uri",
			map[string]any{"grant_types": []string{"implicit"}, "response_types": []string{"token"}, "redirect_uris": []string{"http://localhost/cb"}}),
		registrationAttack("response_types are supported", "hybrid", "400 invalid_client_metadata",
			map[string]any{"grant_types": []string{"authorization_code", "implicit"}, "response_types": []string{"code token"}}),
		registrationAttack("grant_types and response_types fit", "code without its grant", "400 invalid_client_metadata",
			map[string]any{"grant_types": []string{"client_credentials"}, "response_types": []string{"code"}}),
		registrationAttack("client that keeps no secret registers no grant that needs one", "client_credentials", "400 invalid_client_metadata",
			map[string]any{"grant_types": []string{"authorization_code", "client_credentials"}, "token_endpoint_auth_method": "none"}),
		registrationAttack("jwks and jwks_uri do not stand together", "", "400 invalid_client_metadata",
			map[string]any{"jwks": publicSet(), "jwks_uri": "https://diary.example/jwks"}),
	},
)

// privateURIs let registered URIs lead to a test's own servers.
var privateURIs = Options{Only: []string{"authserver"}, Env: map[string]string{"ALLOW_PRIVATE_URIS": "on"}}

// diary is a good registration, with members changed; nil removes one.
func diary(changes map[string]any) map[string]any {
	metadata := map[string]any{"client_name": "Travel Diary", "redirect_uris": []string{"https://diary.example/cb"}}
	maps.Copy(metadata, changes)
	maps.DeleteFunc(metadata, func(_ string, value any) bool { return value == nil })
	return metadata
}

// Register is RFC 7591 §3.1.
func (w *World) Register(t testing.TB, header http.Header, metadata map[string]any) Response {
	t.Helper()
	return w.sendJSON(t, http.MethodPost, w.Auth+"/register", header, metadata)
}

// registeredClient registers and must get through.
func (w *World) registeredClient(t testing.TB, metadata map[string]any) Response {
	t.Helper()
	answer := w.Register(t, nil, metadata)
	if answer.Status != http.StatusCreated {
		t.Fatalf("registration: %d %s", answer.Status, answer.Body)
	}
	return answer
}

// update is RFC 7592 §2.2.
func (w *World) update(t testing.TB, client Response, header http.Header, metadata map[string]any) Response {
	t.Helper()
	return w.sendJSON(t, http.MethodPut, client.String("registration_client_uri"), header, metadata)
}

func (w *World) sendJSON(t testing.TB, method, address string, header http.Header, body any) Response {
	t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	all := header.Clone()
	if all == nil {
		all = http.Header{}
	}
	all.Set("Content-Type", "application/json")
	return w.Do(t, method, address, all, string(encoded))
}

func accepted(answer Response) (bool, string) {
	return answer.Status == http.StatusCreated, answer.Refusal()
}

func registrationAttack(rule, name, refused string, changes map[string]any) Attack {
	return Attack{Rule: rule, Name: name, Refused: refused, Options: Options{Only: []string{"authserver"}}, Try: func(t testing.TB, w *World) (bool, string) {
		return accepted(w.Register(t, nil, diary(changes)))
	}}
}

// metadataAttacks try values of one member, by the rule that stands in the way.
func metadataAttacks(refused, member string, values map[string][]any) []Attack {
	var attacks []Attack
	for _, rule := range slices.Sorted(maps.Keys(values)) {
		attacks = append(attacks, Attack{Rule: rule, Name: member, Refused: refused, Options: Options{Only: []string{"authserver"}}, Try: func(t testing.TB, w *World) (bool, string) {
			through, refusal := true, ""
			for _, value := range values[rule] {
				answer := w.Register(t, nil, diary(map[string]any{member: value}))
				got, words := accepted(answer)
				if through = through && got; !got {
					refusal = words
				}
				if got == (words == refused) {
					t.Errorf("%s %v: %d %s", member, value, answer.Status, answer.Body)
				}
			}
			return through, refusal
		}})
	}
	return attacks
}

// managementAttack does something to one client with another's token.
func managementAttack(what string, try func(t testing.TB, w *World, victim Response, header http.Header) bool) Attack {
	return Attack{Rule: "registration access token is this client's", Name: "another client is " + what, Refused: "401 invalid_token", Options: Options{Only: []string{"authserver"}},
		Try: func(t testing.TB, w *World) (bool, string) {
			victim, attacker := w.registeredClient(t, diary(nil)), w.registeredClient(t, diary(nil))
			header := Bearer(attacker.String("registration_access_token"))
			if try(t, w, victim, header) {
				return true, ""
			}
			still := w.Do(t, http.MethodGet, victim.String("registration_client_uri"), Bearer(victim.String("registration_access_token")), "")
			if still.Status != http.StatusOK || !strings.Contains(still.Body, "https://diary.example/cb") {
				t.Errorf("the other client was changed: %d %s", still.Status, still.Body)
			}
			return false, w.Do(t, http.MethodGet, victim.String("registration_client_uri"), header, "").Refusal()
		}}
}

func updateAttack(rule, name string, changes map[string]any) Attack {
	return Attack{Rule: rule, Name: name, Refused: "400 invalid_client_metadata", Options: Options{Only: []string{"authserver"}}, Try: func(t testing.TB, w *World) (bool, string) {
		client := w.registeredClient(t, diary(nil))
		metadata := diary(map[string]any{"client_id": client.String("client_id")})
		maps.Copy(metadata, changes)
		answer := w.update(t, client, Bearer(client.String("registration_access_token")), metadata)
		return answer.Status == http.StatusOK, answer.Refusal()
	}}
}

// document is the address of a JSON document on a server of the test's own.
func document(t testing.TB, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
	t.Cleanup(server.Close)
	return server.URL + "/document.json"
}

// diaryKey is the key of a client that signs.
var diaryKey = func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}()

func publicSet() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: diaryKey.Public(), KeyID: "diary"}}}
}

func privateSet() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: diaryKey, KeyID: "diary"}}}
}
