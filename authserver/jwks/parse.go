// Package jwks knows the keys that clients sign with: those that they registered
// by value (jwks) and those behind their jwks_uri. RFC 7591 §2, RFC 7517 §5.
package jwks

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"example.com/acme-dreams/authserver/oauth"
)

// Algorithms are those of clients' signatures that we verify, best known first.
// Ed25519 is what EdDSA is called since RFC 9864 §2.2. HS256 and its like are not
// among them: see client_secret_jwt at registration.
var Algorithms = []string{"ES256", "RS256", "PS256", "Ed25519", "EdDSA"}

// A set is as large as a client needs that rotates, and no larger; a key is no
// larger than one that we verify with in little time.
const (
	maxKeys = 50
	maxBits = 8192
)

// secret are the members of a JWK that only its owner may know: RFC 7518 §6.2.2,
// §6.3.2, §6.4.1.
var secret = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

// Parse reads a JWK set. A set that holds a private or a symmetric key is
// refused: it is known to others now. Keys that are not for signatures, or of a
// kind that we don't know, are left out.
//
// RFC 7517 §5: "Implementations SHOULD ignore JWKs within a JWK Set that use
// "kty" (key type) values that are not understood by them, that are missing
// required members, or for which values are out of the supported ranges."
func Parse(document []byte) ([]oauth.PublicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil || set.Keys == nil {
		return nil, errors.New("it is not a JWK set")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("it has more than %d keys", maxKeys)
	}
	keys := []oauth.PublicKey{}
	for _, raw := range set.Keys {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil {
			return nil, errors.New("one of its keys is not an object")
		}
		for _, name := range secret {
			if members[name] != nil {
				return nil, errors.New("it has a private or a symmetric key: register public ones")
			}
		}
		keys = append(keys, parseKey(raw)...)
	}
	return keys, nil
}

// parseKey reads one key: nothing where it is none of ours, and one entry for
// each algorithm that it is for. Its alg decides; an RSA key without one may
// sign in two ways, and what an Ed25519 key does has two names.
func parseKey(raw []byte) []oauth.PublicKey {
	var key jose.JSONWebKey
	if json.Unmarshal(raw, &key) != nil || !key.Valid() || !key.IsPublic() || (key.Use != "" && key.Use != "sig") {
		return nil
	}
	var fits []string
	switch public := key.Key.(type) {
	case *ecdsa.PublicKey:
		if public.Curve == elliptic.P256() {
			fits = []string{"ES256"}
		}
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits >= 2048 && bits <= maxBits { // RFC 7518 §3.3
			fits = []string{"RS256", "PS256"}
		}
	case ed25519.PublicKey:
		fits = []string{"Ed25519", "EdDSA"}
		if slices.Contains(fits, key.Algorithm) {
			key.Algorithm = ""
		}
	}
	if key.Algorithm != "" {
		if !slices.Contains(fits, key.Algorithm) {
			return nil
		}
		fits = []string{key.Algorithm}
	}
	var keys []oauth.PublicKey
	for _, algorithm := range fits {
		keys = append(keys, oauth.PublicKey{ID: key.KeyID, Algorithm: algorithm, Key: key.Key})
	}
	return keys
}
