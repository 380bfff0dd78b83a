package token

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
)

// Seal encrypts private keys at rest, with AES-256-GCM and a key from outside
// of the database: who gets hold of a copy of it cannot sign. The kid is
// authenticated with each: a row cannot be put into another's place.
//
// The first key encrypts, the others are still read, so that it can be
// replaced. A Seal without keys leaves private keys as they are.
type Seal struct{ aeads []cipher.AEAD }

// ErrSealed means that a private key does not open.
var ErrSealed = errors.New("a signing key in the database is encrypted with another key")

// NewSeal takes keys of 32 bytes.
func NewSeal(keys [][]byte) (Seal, error) {
	var s Seal
	for _, key := range keys {
		block, err := aes.NewCipher(key)
		if err != nil {
			return Seal{}, err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return Seal{}, err
		}
		s.aeads = append(s.aeads, aead)
	}
	return s, nil
}

// Encrypts tells whether there is a key to encrypt with.
func (s Seal) Encrypts() bool { return len(s.aeads) > 0 }

// Close encrypts a private key.
func (s Seal) Close(kid string, private []byte) []byte {
	return s.aeads[0].Seal(nil, nil, private, []byte(kid))
}

// Open decrypts it. current tells whether it was the first key that did.
func (s Seal) Open(kid string, sealed []byte) (private []byte, current bool, err error) {
	for i, aead := range s.aeads {
		if private, err := aead.Open(nil, nil, sealed, []byte(kid)); err == nil {
			return private, i == 0, nil
		}
	}
	return nil, false, ErrSealed
}
