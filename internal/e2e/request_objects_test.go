package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"example.com/acme-dreams/internal/dpop/dpoptest"
)

// RFC 8414 §2, RFC 9101 §10.5: request objects are taken by value and by push, by
// the algorithms that are promised and no others, and nobody has to use either.
func TestRequestObjectsAreThoseOfTheMetadata(t *testing.T) {
	t.Parallel()
	keys := map[string]dpoptest.Key{
		"ES256": dpoptest.NewES256(t), "RS256": dpoptest.NewRSA(t, "RS256", 2048), "PS256": dpoptest.NewRSA(t, "PS256", 2048), "EdDSA": dpoptest.NewEd25519(t),
	}
	keys["Ed25519"] = dpoptest.Key{Algorithm: "Ed25519", Private: keys["EdDSA"].Private} // RFC 9864 §2.2
	var set []string
	for _, key := range keys {
		jwk, err := json.Marshal(jose.JSONWebKey{Key: key.Private.Public()})
		if err != nil {
			t.Fatal(err)
		}
		set = append(set, string(jwk))
	}
	// What a client can have and we don't take.
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := json.Marshal(jose.JSONWebKey{Key: p384.Public()})
	if err != nil {
		t.Fatal(err)
	}
	set = append(set, string(jwk))
	for _, more := range []string{"RS384", "RS512", "PS512"} {
		keys[more] = dpoptest.Key{Algorithm: more, Private: keys["RS256"].Private}
	}
	keys["ES384"] = dpoptest.Key{Algorithm: "ES384", Private: p384}
	w := New(t, authserverSQL(`UPDATE clients SET metadata = json_set(metadata, '$.jwks', json('{"keys":[`+strings.Join(set, ",")+`]}')) WHERE client_id = 'dreams-web'`))
	var m struct {
		Algorithms   []string `json:"request_object_signing_alg_values_supported"`
		Request      bool     `json:"request_parameter_supported"`
		RequestURI   bool     `json:"request_uri_parameter_supported"`
		Push         string   `json:"pushed_authorization_request_endpoint"`
		MustPush     bool     `json:"require_pushed_authorization_requests"`
		MustSign     bool     `json:"require_signed_request_object"`
		MustRegister bool     `json:"require_request_uri_registration"`
	}
	if err := json.Unmarshal([]byte(w.Do(t, "GET", w.Auth+"/.well-known/oauth-authorization-server", nil, "").Body), &m); err != nil {
		t.Fatal(err)
	}
	if !m.Request || m.RequestURI || m.MustPush || m.MustSign || m.MustRegister {
		t.Errorf("the metadata says %+v", m)
	}
	b := w.SignedIn(t, "alice")
	w.Allow(b, w.Request("openid"))
	for algorithm, key := range keys {
		object := key.Proof(map[string]any{"typ": "oauth-authz-req+jwt", "jwk": nil}, w.requestObject("openid"))
		page := w.Authorize(b, url.Values{"client_id": {"dreams-web"}, "request": {object}})
		pushed := w.Post(t, m.Push, Basic("dreams-web"), url.Values{"request": {object}})
		want := slices.Contains(m.Algorithms, algorithm)
		if (page.Answer().Get("code") != "") != want || (pushed.Status == http.StatusCreated) != want {
			t.Errorf("%s, advertised %v: by value %s %s, pushed %d %s", algorithm, want, page.Location, page.Refusal(), pushed.Status, pushed.Body)
		}
		if !want && pushed.Refusal() != "400 invalid_request_object" {
			t.Errorf("%s: %s", algorithm, pushed.Refusal())
		}
	}
	for _, algorithm := range m.Algorithms {
		if _, ok := keys[algorithm]; !ok {
			t.Errorf("%s is advertised, and nothing here uses it", algorithm)
		}
	}
}
