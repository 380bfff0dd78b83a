package token

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func testKeys(t *testing.T) (*Keys, []Key) {
	t.Helper()
	var keys []Key
	for _, algorithm := range []string{"ES256", "RS256"} {
		key, err := Generate(algorithm, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		pkcs8, err := key.MarshalPrivate()
		if err != nil {
			t.Fatal(err)
		}
		again := key
		if err := again.UnmarshalPrivate(pkcs8); err != nil || !key.Public.(interface{ Equal(crypto.PublicKey) bool }).Equal(again.Public) {
			t.Fatalf("a stored key is not the same: %v", err)
		}
		keys = append(keys, again)
	}
	all, err := NewKeys(keys, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return all, keys
}

// RFC 9068 §2.1: "at+jwt"; §2.2: the claims.
func TestAccessToken(t *testing.T) {
	keys, _ := testKeys(t)
	claims := AccessToken{
		Issuer: "http://localhost:9000", Subject: "u_1", Audience: Audience{"http://localhost:9001"}, ClientID: "dreams-web",
		Scope: "openid", JWTID: "j", IssuedAt: 1, ExpiresAt: 2, AuthTime: 1, GrantID: "g",
	}
	compact, err := keys.SignAccessToken(claims)
	if err != nil {
		t.Fatal(err)
	}
	var header map[string]string
	decoded, _ := base64.RawURLEncoding.DecodeString(strings.Split(compact, ".")[0])
	if err := json.Unmarshal(decoded, &header); err != nil || header["typ"] != "at+jwt" || header["alg"] != "ES256" || header["kid"] == "" {
		t.Errorf("header %s", decoded)
	}
	read, err := keys.ReadAccessToken(compact)
	if err != nil || read.Subject != "u_1" || read.GrantID != "g" || read.Audience[0] != "http://localhost:9001" {
		t.Errorf("read %+v, %v", read, err)
	}
}

// RFC 7519 §4.1.3: one audience is a string, several are an array.
func TestAudience(t *testing.T) {
	for want, audience := range map[string]Audience{`"a"`: {"a"}, `["a","b"]`: {"a", "b"}} {
		got, err := json.Marshal(audience)
		if err != nil || string(got) != want {
			t.Errorf("%v is written %s", audience, got)
		}
		var read Audience
		if err := json.Unmarshal(got, &read); err != nil || len(read) != len(audience) {
			t.Errorf("%s is read %v, %v", got, read, err)
		}
	}
}

// What this server did not sign as an access token is none, however it looks.
func TestReadAccessTokenRefuses(t *testing.T) {
	keys, private := testKeys(t)
	claims := AccessToken{Issuer: "i", Subject: "s", Audience: Audience{"a"}, ExpiresAt: 1 << 40}
	good, err := keys.SignAccessToken(claims)
	if err != nil {
		t.Fatal(err)
	}
	idToken, err := keys.SignIDToken("", IDToken{Issuer: "i", Subject: "s"})
	if err != nil {
		t.Fatal(err)
	}
	sign := func(method jwt.SigningMethod, header map[string]any, key any) string {
		token := jwt.NewWithClaims(method, jwt.MapClaims{"sub": "s", "exp": 1 << 40})
		for name, value := range header {
			token.Header[name] = value
		}
		compact, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return compact
	}
	parts := strings.Split(good, ".")
	other, _ := Generate("ES256", time.Now())
	for name, compact := range map[string]string{
		"nothing":               "",
		"an ID token":           idToken,
		"alg none":              sign(jwt.SigningMethodNone, map[string]any{"typ": AccessTokenType, "kid": private[0].ID}, jwt.UnsafeAllowNoneSignatureType),
		"another key, our kid":  sign(jwt.SigningMethodES256, map[string]any{"typ": AccessTokenType, "kid": private[0].ID}, other.Private),
		"our key, no kid":       sign(jwt.SigningMethodES256, map[string]any{"typ": AccessTokenType}, private[0].Private),
		"our key, no typ":       sign(jwt.SigningMethodES256, map[string]any{"typ": "", "kid": private[0].ID}, private[0].Private),
		"HS256 with the JWKS":   sign(jwt.SigningMethodHS256, map[string]any{"typ": AccessTokenType, "kid": private[0].ID}, keys.JWKS().JSON),
		"RS256 access token":    sign(jwt.SigningMethodRS256, map[string]any{"typ": AccessTokenType, "kid": private[1].ID}, private[1].Private),
		"two segments":          parts[0] + "." + parts[1],
		"four segments":         good + ".x",
		"no signature":          parts[0] + "." + parts[1] + ".",
		"a byte short":          good[:len(good)-2],
		"another payload":       parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"root"}`)) + "." + parts[2],
		"white space behind it": good + "\n",
	} {
		if _, err := keys.ReadAccessToken(compact); !errors.Is(err, ErrNotOurs) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// RFC 7517 §4: nothing private leaves.
func TestJWKSIsPublic(t *testing.T) {
	keys, _ := testKeys(t)
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(keys.JWKS().JSON, &set); err != nil || len(set.Keys) != 2 {
		t.Fatalf("%s: %v", keys.JWKS().JSON, err)
	}
	ids := map[any]bool{}
	for _, key := range set.Keys {
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if _, ok := key[private]; ok {
				t.Errorf("the JWKS has the private member %s", private)
			}
		}
		if key["use"] != "sig" || key["alg"] == nil || key["kid"] == nil || ids[key["kid"]] {
			t.Errorf("key %v", key)
		}
		ids[key["kid"]] = true
	}
}

// OIDC Core Appendix A.3 has an access token and its at_hash.
func TestAccessTokenHashOfOIDCCoreAppendixA3(t *testing.T) {
	if got := AccessTokenHash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"); got != "77QmUPtjPfzWtF2AnpK9RQ" {
		t.Errorf("at_hash %s", got)
	}
}

func FuzzReadAccessToken(f *testing.F) {
	keys := func() *Keys {
		var all []Key
		for _, algorithm := range []string{"ES256", "RS256"} {
			key, err := Generate(algorithm, time.Now())
			if err != nil {
				f.Fatal(err)
			}
			all = append(all, key)
		}
		made, err := NewKeys(all, time.Now())
		if err != nil {
			f.Fatal(err)
		}
		return made
	}()
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, compact string) {
		if _, err := keys.ReadAccessToken(compact); err == nil {
			t.Errorf("%q was read", compact)
		}
	})
}
