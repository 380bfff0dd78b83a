// Package token signs and reads the tokens that are JWTs: access tokens, ID
// tokens, and answers that are signed. Codes and refresh tokens are opaque and
// have nothing to read.
package token

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// Keys are the keys in use. They change while the server runs: a set is never
// changed, but replaced by the next one, so that nobody who signs or verifies
// waits for a lock.
type Keys struct{ current atomic.Pointer[keySet] }

// keySet is the keys at one time, parsed once.
type keySet struct {
	headers map[header]*signer
	byID    map[string]Key // by kid: what is in the JWKS
	past    map[string]Key // and what was: OIDC Core §3.1.2.1 lets id_token_hint be old
	jwks    *JWKS
}

// header is what the JOSE headers of our tokens differ in.
type header struct{ typ, algorithm string }

// JWKS is the document of the public keys, RFC 7517 §5.
type JWKS struct {
	JSON     []byte
	Replaced <-chan struct{} // closes when there is another one
	replace  chan struct{}
}

// NewKeys prepares keys for use.
func NewKeys(keys []Key, now time.Time) (*Keys, error) {
	all := &Keys{}
	return all, all.Use(keys, now)
}

// Use replaces the keys. Of each algorithm one signs; all that are not gone are
// in the JWKS and verify.
func (k *Keys) Use(keys []Key, now time.Time) error {
	set := &keySet{headers: map[header]*signer{}, byID: map[string]Key{}, past: map[string]Key{}}
	var public jose.JSONWebKeySet
	for _, key := range keys {
		if key.RevokedAt.IsZero() {
			set.past[key.ID] = key
		}
		if key.Gone(now) {
			continue
		}
		set.byID[key.ID] = key
		// RFC 7517 §4: public members only.
		public.Keys = append(public.Keys, jose.JSONWebKey{Key: key.Public, KeyID: key.ID, Algorithm: key.Algorithm, Use: "sig"})
	}
	for _, algorithm := range Algorithms {
		key, ok := signing(keys, algorithm, now)
		if !ok {
			return fmt.Errorf("token: no key for %s", algorithm)
		}
		for _, typ := range types {
			signer, err := newSigner(typ, key)
			if err != nil {
				return err
			}
			set.headers[header{typ, algorithm}] = signer
		}
	}
	document, err := json.Marshal(public)
	if err != nil {
		return err
	}
	before := k.current.Load()
	if before != nil && bytes.Equal(before.jwks.JSON, document) {
		set.jwks = before.jwks
		k.current.Store(set)
		return nil
	}
	replaced := make(chan struct{})
	set.jwks = &JWKS{JSON: document, Replaced: replaced, replace: replaced}
	k.current.Store(set)
	if before != nil {
		close(before.jwks.replace)
	}
	return nil
}

// signing is the key that signs: the one whose turn it is. A clock that was
// turned back may find that it is nobody's yet; then it is the first one's.
func signing(keys []Key, algorithm string, now time.Time) (found Key, ok bool) {
	better := func(k Key) bool {
		switch turn := k.signs(now); {
		case !ok:
			return true
		case turn != found.signs(now):
			return turn
		case turn:
			return k.SignsFrom.After(found.SignsFrom)
		}
		return k.SignsFrom.Before(found.SignsFrom)
	}
	for _, k := range keys {
		if k.Algorithm == algorithm && k.Private != nil && !k.Gone(now) && better(k) {
			found, ok = k, true
		}
	}
	return found, ok
}

// JWKS is the document of the keys that verify.
func (k *Keys) JWKS() *JWKS { return k.current.Load().jwks }

// Types of the JWTs that this server signs: the typ header, RFC 7519 §5.1.
const (
	AccessTokenType   = "at+jwt"                  // RFC 9068 §2.1: it keeps an ID token from being taken for one
	IDTokenType       = "JWT"                     // and userinfo
	IntrospectionType = "token-introspection+jwt" // RFC 9701 §5
	LogoutTokenType   = "logout+jwt"              // Back-Channel Logout §2.4
	SecurityEventType = "secevent+jwt"            // RFC 8417 §2.3
	ReceiptType       = "consent-receipt+jwt"     // ours: nothing takes one for a token
)

// types have their headers encoded beforehand.
var types = []string{AccessTokenType, IDTokenType, IntrospectionType, LogoutTokenType, SecurityEventType, ReceiptType}

// Sign makes a JWT of claims, signed with the key of an algorithm.
func (k *Keys) Sign(typ, algorithm string, claims any) (string, error) {
	signer, ok := k.current.Load().headers[header{typ, algorithm}]
	if !ok {
		return "", fmt.Errorf("token: no key signs %s with %q", typ, algorithm)
	}
	return signer.sign(claims)
}

// signer is a key with a JWT's header, encoded once: it is the same for every
// token of a type that the key signs.
type signer struct {
	encoded string
	method  jwt.SigningMethod
	key     crypto.Signer
}

func newSigner(typ string, key Key) (*signer, error) {
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		Type      string `json:"typ"`
		KeyID     string `json:"kid"`
	}{key.Algorithm, typ, key.ID})
	if err != nil {
		return nil, err
	}
	return &signer{
		encoded: base64.RawURLEncoding.EncodeToString(header),
		method:  jwt.GetSigningMethod(key.Algorithm), key: key.Private,
	}, nil
}

// sign makes the compact serialization of RFC 7515 §3.1.
func (s *signer) sign(claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	input := s.encoded + "." + base64.RawURLEncoding.EncodeToString(payload)
	signature, err := s.method.Sign(input, s.key)
	if err != nil {
		return "", err
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
