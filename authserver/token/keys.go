// Package token signs and reads the tokens that are JWTs: access tokens and ID
// tokens. Codes and refresh tokens are opaque and have nothing to read.
package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// Key is a signing key. Its identifier is the thumbprint of its public half
// (RFC 7638), so it says nothing and never collides.
type Key struct {
	ID        string
	Algorithm string // ES256 or RS256
	Private   crypto.Signer
	CreatedAt time.Time
}

// Generate makes a signing key. Keys come from the operating system's
// randomness, whatever a test's dice are.
func Generate(algorithm string, now time.Time) (Key, error) {
	var private crypto.Signer
	var err error
	switch algorithm {
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "RS256":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		return Key{}, fmt.Errorf("token: no keys for algorithm %q", algorithm)
	}
	if err != nil {
		return Key{}, err
	}
	return newKey(algorithm, private, now)
}

func newKey(algorithm string, private crypto.Signer, created time.Time) (Key, error) {
	jwk := jose.JSONWebKey{Key: private.Public()}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return Key{}, err
	}
	return Key{ID: base64.RawURLEncoding.EncodeToString(thumbprint), Algorithm: algorithm, Private: private, CreatedAt: created}, nil
}

// Marshal encodes the private key as PKCS #8.
func (k Key) Marshal() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(k.Private) }

// Unmarshal reads what Marshal wrote.
func Unmarshal(algorithm string, pkcs8 []byte, created time.Time) (Key, error) {
	private, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return Key{}, err
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return Key{}, fmt.Errorf("token: a key of type %T cannot sign", private)
	}
	return newKey(algorithm, signer, created)
}

// Keys are the keys in use, parsed once. The newest of an algorithm signs, all
// of them verify. Keys do not change: a rotation makes new ones.
type Keys struct {
	signing map[string]Key           // by algorithm
	byID    map[string]Key           // by kid
	headers map[string]*signedHeader // by typ and algorithm
	jwks    []byte
}

// NewKeys prepares keys for use.
func NewKeys(keys []Key) (*Keys, error) {
	all := &Keys{signing: map[string]Key{}, byID: map[string]Key{}, headers: map[string]*signedHeader{}}
	var set jose.JSONWebKeySet
	for _, k := range keys {
		all.byID[k.ID] = k
		if newest, ok := all.signing[k.Algorithm]; !ok || k.CreatedAt.After(newest.CreatedAt) {
			all.signing[k.Algorithm] = k
		}
		// RFC 7517 §4: public members only.
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: k.Algorithm, Use: "sig"})
	}
	for _, algorithm := range []string{"ES256", "RS256"} {
		if _, ok := all.signing[algorithm]; !ok {
			return nil, fmt.Errorf("token: no key for %s", algorithm)
		}
		for _, typ := range []string{AccessTokenType, "JWT"} {
			header, err := newSignedHeader(typ, all.signing[algorithm])
			if err != nil {
				return nil, err
			}
			all.headers[typ+algorithm] = header
		}
	}
	var err error
	all.jwks, err = json.Marshal(set)
	return all, err
}

// JWKS is the JSON document of the public keys. RFC 7517 §5.
func (k *Keys) JWKS() []byte { return k.jwks }

// signedHeader is a JWT's header, encoded once: it is the same for every token
// that a key signs.
type signedHeader struct {
	encoded string
	method  jwt.SigningMethod
	key     crypto.Signer
}

func newSignedHeader(typ string, key Key) (*signedHeader, error) {
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ"`
		KeyID     string `json:"kid"`
	}{key.Algorithm, typ, key.ID})
	if err != nil {
		return nil, err
	}
	return &signedHeader{
		encoded: base64.RawURLEncoding.EncodeToString(header),
		method:  jwt.GetSigningMethod(key.Algorithm), key: key.Private,
	}, nil
}

// sign makes the compact serialization of RFC 7515 §3.1.
func (h *signedHeader) sign(claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	input := h.encoded + "." + base64.RawURLEncoding.EncodeToString(payload)
	signature, err := h.method.Sign(input, h.key)
	if err != nil {
		return "", err
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
