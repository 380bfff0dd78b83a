// Package dpoptest makes DPoP proofs, as right or as wrong as a test wants them.
package dpoptest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/internal/dpop"
)

// Key is a client's key pair.
type Key struct {
	Algorithm string
	Private   crypto.Signer
}

// NewES256 makes a key pair.
func NewES256(t testing.TB) Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Key{"ES256", private}
}

// NewRSA makes a key pair of some length, for PS256 or RS256.
func NewRSA(t testing.TB, algorithm string, bits int) Key {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return Key{algorithm, private}
}

// NewEd25519 makes a key pair.
func NewEd25519(t testing.TB) Key {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return Key{"EdDSA", private}
}

// Thumbprint is the key's in a token: cnf.jkt, and dpop_jkt in a request.
func (k Key) Thumbprint() string {
	jwk := jose.JSONWebKey{Key: k.Private.Public()}
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// JWK is the public key as the header of a proof has it; private, with what
// should not be there.
func (k Key) JWK(private bool) any {
	if private {
		return jose.JSONWebKey{Key: k.Private}
	}
	return jose.JSONWebKey{Key: k.Private.Public()}
}

// Claims is what a good proof says of a request. An access token goes along
// where there is one, and the server's nonce.
func Claims(now time.Time, method, address, nonce, accessToken string) map[string]any {
	claims := map[string]any{"jti": rand.Text(), "htm": method, "htu": address, "iat": now.Unix()}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	if accessToken != "" {
		claims["ath"] = dpop.Hash(accessToken)
	}
	return claims
}

// Proof signs claims. header replaces members of the usual one, nil leaves one out.
func (k Key) Proof(header, claims map[string]any) string {
	full := map[string]any{"typ": "dpop+jwt", "alg": k.Algorithm, "jwk": k.JWK(false)}
	for name, value := range header {
		full[name] = value
	}
	signed := part(full) + "." + part(claims)
	method := jwt.GetSigningMethod(k.Algorithm)
	if k.Algorithm == "Ed25519" { // RFC 9864 §2.2
		method = jwt.SigningMethodEdDSA
	}
	signature, err := method.Sign(signed, k.Private)
	if err != nil {
		panic(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func part(members map[string]any) string {
	present := map[string]any{}
	for name, value := range members {
		if value != nil {
			present[name] = value
		}
	}
	b, err := json.Marshal(present)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}
