package flow

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"example.com/acme-dreams/seed"
)

func batchKey(t *testing.T, name string) (SigningKey, jose.JSONWebKey) {
	t.Helper()
	document, err := seed.Key(name)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseSigningKey(document)
	if err != nil {
		t.Fatal(err)
	}
	return key, key.key.Public()
}

// read verifies an assertion as the other side would.
func read(t *testing.T, assertion string, key jose.JSONWebKey) jwt.Claims {
	t.Helper()
	token, err := jwt.ParseSigned(assertion, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(key.Algorithm)})
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.Claims
	if err := token.Claims(key, &claims); err != nil {
		t.Fatal(err)
	}
	if got := token.Headers[0].KeyID; got != key.KeyID {
		t.Errorf("kid = %q, want %q", got, key.KeyID)
	}
	return claims
}

func TestAssertionsSayWhoForWhomToWhomAndNotForLong(t *testing.T) { // RFC 7523 §3
	now := time.Now()
	clock := func() time.Time { return now }
	for _, name := range []string{"dreams-batch-es256", "dreams-batch-rs256"} {
		key, public := batchKey(t, name)
		client := &ClientAssertion{Issuer: "https://as.test", Key: key, Now: clock, Random: rand.Reader}
		bearer := &JWTBearer{Server: NewAuthorizationServer("https://as.test", nil), Client: "dreams-batch", Key: key, Now: clock, Random: rand.Reader}
		seen := map[string]bool{}
		for range 2 {
			own, err := client.Assertion("dreams-batch")
			if err != nil {
				t.Fatal(err)
			}
			persons, err := bearer.Assertion("u_alice")
			if err != nil {
				t.Fatal(err)
			}
			for sub, assertion := range map[string]string{"dreams-batch": own, "u_alice": persons} {
				c := read(t, assertion, public)
				if c.Issuer != "dreams-batch" || c.Subject != sub || len(c.Audience) != 1 || c.Audience[0] != "https://as.test" ||
					c.Expiry.Time().Sub(now) > time.Minute || !c.Expiry.Time().After(now) {
					t.Errorf("%+v", c)
				}
				if c.ID == "" || seen[c.ID] {
					t.Errorf("jti %q is empty or was used before", c.ID)
				}
				seen[c.ID] = true
			}
		}
	}
}

func TestAKeyThatCannotSignIsRefused(t *testing.T) {
	_, public := batchKey(t, "dreams-batch-es256")
	document, err := public.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{document, []byte(`{}`), []byte(`no JSON`)} {
		if _, err := ParseSigningKey(bad); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
