package dpop_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/acme-dreams/internal/check"
	"example.com/acme-dreams/internal/dpop"
	"example.com/acme-dreams/internal/dpop/dpoptest"
)

const (
	address = "https://acme.test/api/v1/me"
	token   = "the-access-token"
)

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func server(omit string) (*dpop.Verifier, *clock) {
	c := &clock{time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)}
	return dpop.NewVerifier(c.Now, rand.Reader, check.Runner{Omit: omit}), c
}

// show sends proofs with a GET for address, with the token bound to a key.
func show(v *dpop.Verifier, bound dpoptest.Key, proofs ...string) error {
	_, err := v.Verify(context.Background(), dpop.Request{
		Header: http.Header{"Dpop": proofs}, Method: "GET", URL: address, AccessToken: token, JKT: bound.Thumbprint(),
	})
	return err
}

func code(err error) string {
	var e *dpop.Error
	if errors.As(err, &e) {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// RFC 9449 §4.3: what is refused, and with which code.
func TestProofsThatAreRefused(t *testing.T) {
	key, rsa, short, ed, other := dpoptest.NewES256(t), dpoptest.NewRSA(t, "PS256", 2048), dpoptest.NewRSA(t, "PS256", 1024), dpoptest.NewEd25519(t), dpoptest.NewES256(t)
	type change func(header, claims map[string]any)
	header := func(name string, value any) change { return func(h, _ map[string]any) { h[name] = value } }
	claim := func(name string, value any) change { return func(_, c map[string]any) { c[name] = value } }
	_, c := server("")
	at := func(d time.Duration) int64 { return c.now.Add(d).Unix() }
	for _, test := range []struct {
		name   string
		key    dpoptest.Key
		change change
		want   string
	}{
		{"nothing is wrong", key, nil, ""},
		{"RSA-PSS", rsa, nil, ""},
		{"EdDSA", ed, nil, ""},
		{"Ed25519", ed, header("alg", "Ed25519"), ""},
		{"typ in capitals", key, header("typ", "DPoP+JWT"), ""},
		{"members that we do not know", key, claim("colour", "blue"), ""},
		{"htu with query and fragment", key, claim("htu", address+"?a=b#c"), ""},
		{"htu spelled otherwise", key, claim("htu", "HTTPS://ACME.test:443/api/./v1/x/../%6De"), ""},
		{"10 seconds ahead", key, claim("iat", at(10*time.Second)), ""},
		{"10 seconds ago", key, claim("iat", at(-10*time.Second)), ""},
		{"a fraction of a second", key, claim("iat", float64(at(0))+0.5), ""},
		{"nbf now and exp in five minutes", key, func(_, cl map[string]any) { cl["nbf"], cl["exp"] = at(0), at(5*time.Minute) }, ""},

		{"another typ", key, header("typ", "JWT"), dpop.InvalidProof},
		{"no typ", key, header("typ", nil), dpop.InvalidProof},
		{"crit", key, header("crit", []string{"exp"}), dpop.InvalidProof},
		{"none", key, header("alg", "none"), dpop.InvalidProof},
		{"HS256 with the public key", key, header("alg", "HS256"), dpop.InvalidProof},
		{"HS256 with a key in the proof", key, func(h, _ map[string]any) {
			h["alg"], h["jwk"] = "HS256", map[string]any{"kty": "oct", "k": "c2VjcmV0"}
		}, dpop.InvalidProof},
		{"RS256", dpoptest.Key{Algorithm: "RS256", Private: rsa.Private}, nil, dpop.InvalidProof},
		{"Ed25519 with a key for ES256", key, header("alg", "Ed25519"), dpop.InvalidProof},
		{"1024 bits", short, nil, dpop.InvalidProof},
		{"no jwk", key, header("jwk", nil), dpop.InvalidProof},
		{"a kid in its place", key, func(h, _ map[string]any) { h["jwk"], h["kid"] = nil, "1" }, dpop.InvalidProof},
		{"a jwk that is a string", key, header("jwk", "key"), dpop.InvalidProof},
		{"a private jwk", key, header("jwk", key.JWK(true)), dpop.InvalidProof},
		{"another key's jwk", key, header("jwk", other.JWK(false)), dpop.InvalidProof},
		{"no jti", key, claim("jti", nil), dpop.InvalidProof},
		{"no htm", key, claim("htm", nil), dpop.InvalidProof},
		{"no htu", key, claim("htu", nil), dpop.InvalidProof},
		{"no iat", key, claim("iat", nil), dpop.InvalidProof},
		{"an iat that is no number", key, claim("iat", "now"), dpop.InvalidProof},
		{"another method", key, claim("htm", "PUT"), dpop.InvalidProof},
		{"the method in small letters", key, claim("htm", "get"), dpop.InvalidProof},
		{"another path", key, claim("htu", "https://acme.test/api/v1/me/posts"), dpop.InvalidProof},
		{"another path, encoded", key, claim("htu", "https://acme.test/api/v1%2Fme"), dpop.InvalidProof},
		{"another host", key, claim("htu", "https://evil.test/api/v1/me"), dpop.InvalidProof},
		{"another port", key, claim("htu", "https://acme.test:8443/api/v1/me"), dpop.InvalidProof},
		{"another scheme", key, claim("htu", "http://acme.test/api/v1/me"), dpop.InvalidProof},
		{"a path alone", key, claim("htu", "/api/v1/me"), dpop.InvalidProof},
		{"10 minutes ago", key, claim("iat", at(-10*time.Minute)), dpop.InvalidProof},
		{"10 minutes ahead", key, claim("iat", at(10*time.Minute)), dpop.InvalidProof},
		{"its own exp", key, claim("exp", at(-time.Second)), dpop.InvalidProof},
		{"its own nbf", key, claim("nbf", at(time.Minute)), dpop.InvalidProof},
		{"no ath", key, claim("ath", nil), dpop.InvalidProof},
		{"the ath of another token", key, claim("ath", dpop.Hash("another")), dpop.InvalidProof},
		{"no nonce", key, claim("nonce", nil), dpop.UseNonce},
		{"a nonce that somebody made up", key, claim("nonce", "AAAA"), dpop.UseNonce},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, c := server("")
			h, claims := map[string]any{}, dpoptest.Claims(c.now, "GET", address, v.Nonce(), token)
			if test.change != nil {
				test.change(h, claims)
			}
			if err := show(v, test.key, test.key.Proof(h, claims)); code(err) != test.want {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	v, c := server("")
	good := func() string { return key.Proof(nil, dpoptest.Claims(c.now, "GET", address, v.Nonce(), token)) }
	for name, err := range map[string]error{
		"none":                show(v, key),
		"two":                 show(v, key, good(), good()),
		"an empty one":        show(v, key, ""),
		"not a JWT":           show(v, key, "proof"),
		"without a signature": show(v, key, good()[:strings.LastIndexByte(good(), '.')+1]),
		"very long":           show(v, key, good()+strings.Repeat("A", 10_000)),
	} {
		if code(err) != dpop.InvalidProof {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := show(v, other, good()); code(err) != dpop.InvalidToken {
		t.Errorf("a token that is bound to another key: got %v", err)
	}
}

// RFC 9449 §8, §11.2: a nonce is good for some minutes, and only where it was made.
func TestANonceAges(t *testing.T) {
	v, c := server("")
	key := dpoptest.NewES256(t)
	nonce := v.Nonce()
	try := func(v *dpop.Verifier) error {
		return show(v, key, key.Proof(nil, dpoptest.Claims(c.now, "GET", address, nonce, token)))
	}
	c.now = c.now.Add(4 * time.Minute)
	if err := try(v); err != nil {
		t.Errorf("after four minutes: %v", err)
	}
	if v.Nonce() == nonce {
		t.Error("there is no new one")
	}
	c.now = c.now.Add(time.Minute)
	if err := try(v); code(err) != dpop.UseNonce {
		t.Errorf("after five minutes: got %v", err)
	}
	elsewhere, there := server("")
	there.now = c.now.Add(-5 * time.Minute)
	c.now = there.now
	if err := try(elsewhere); code(err) != dpop.UseNonce {
		t.Errorf("at another server: got %v", err)
	}
}

// RFC 9449 §11.1: of 32 who use a proof at the same time one gets through, and
// nobody as long as the proof could be used.
func TestAProofIsUsedOnce(t *testing.T) {
	v, c := server("")
	key := dpoptest.NewES256(t)
	claims := dpoptest.Claims(c.now.Add(10*time.Second), "GET", address, v.Nonce(), token)
	proof := key.Proof(nil, claims)
	var accepted atomic.Int32
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if show(v, key, proof) == nil {
				accepted.Add(1)
			}
		})
	}
	all.Wait()
	if accepted.Load() != 1 {
		t.Errorf("%d of 32 were accepted", accepted.Load())
	}
	for range 14 {
		c.now = c.now.Add(5 * time.Second)
		if err := show(v, key, proof); code(err) != dpop.InvalidProof {
			t.Errorf("at %s: %v", c.now, err)
		}
	}
	// Another key may have the same jti: it is no business of the first one's.
	other := dpoptest.NewES256(t)
	claims["iat"] = c.now.Unix()
	if err := show(v, other, other.Proof(nil, claims)); err != nil {
		t.Errorf("another key: %v", err)
	}
}

// At a token endpoint there is no access token yet.
func TestAProofForATokenRequest(t *testing.T) {
	v, c := server("")
	key := dpoptest.NewES256(t)
	proof := key.Proof(nil, dpoptest.Claims(c.now, "POST", "https://acme.test/token", v.Nonce(), ""))
	jkt, err := v.Verify(t.Context(), dpop.Request{Header: http.Header{"Dpop": {proof}}, Method: "POST", URL: "https://acme.test/token"})
	if err != nil || jkt != key.Thumbprint() {
		t.Errorf("got %q and %v", jkt, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg")
	f.Add("e30.e30.")
	f.Add("eyJqd2siOnsia3R5Ijoib2N0In19.e30.AA")
	f.Add("eyJqd2siOnt9fQ.eyJpYXQiOjFlMzA4fQ.AA")
	f.Fuzz(func(t *testing.T, compact string) {
		proof, err := dpop.Parse(compact)
		if (proof == nil) == (err == nil) {
			t.Fatalf("got %v and %v", proof, err)
		}
	})
}
