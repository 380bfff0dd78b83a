package jwks

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Read makes a JWK set of what a person pastes: a set, one JWK, or PEM. What it
// holds is for Parse to judge.
func Read(pasted []byte) ([]byte, error) {
	pasted = bytes.TrimSpace(pasted)
	if bytes.HasPrefix(pasted, []byte("-----BEGIN")) {
		return readPEM(pasted)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(pasted, &members); err != nil {
		return nil, errors.New("it is neither a JWK, nor a JWK set, nor PEM")
	}
	if members["keys"] != nil {
		return pasted, nil
	}
	return json.Marshal(map[string][]json.RawMessage{"keys": {pasted}})
}

// readPEM takes public keys (RFC 7468 §13), one after the other.
func readPEM(pasted []byte) ([]byte, error) {
	var set jose.JSONWebKeySet
	for len(bytes.TrimSpace(pasted)) > 0 {
		block, rest := pem.Decode(pasted)
		if block == nil {
			return nil, errors.New("the PEM does not decode")
		}
		if strings.Contains(block.Type, "PRIVATE KEY") {
			return nil, errors.New("this is a private key, and now somebody else has seen it: make a new pair, and register its public half")
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, errors.New("the PEM holds no public key (BEGIN PUBLIC KEY)")
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key, Use: "sig"})
		pasted = rest
	}
	return json.Marshal(set)
}
