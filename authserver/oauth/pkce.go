package oauth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
)

// CodeChallenge is S256 of a code verifier. We know no other method: "plain"
// protects nothing from whoever sees the request. RFC 7636 §4.2, RFC 9700 §2.1.1.
type CodeChallenge string

// S256 is the one code_challenge_method that we support.
const S256 = "S256"

// WellFormed tells whether the challenge can be an S256 one: 32 bytes in
// base64url without padding are 43 characters.
func (c CodeChallenge) WellFormed() bool {
	if len(c) != 43 {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(string(c))
	return err == nil
}

// Verifies tells whether the verifier is the one that the challenge was made
// from. RFC 7636 §4.6: "BASE64URL-ENCODE(SHA256(ASCII(code_verifier))) ==
// code_challenge".
func (c CodeChallenge) Verifies(verifier string) bool {
	sum := sha256.Sum256([]byte(verifier))
	made := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(made), []byte(c)) == 1
}

// VerifierWellFormed tells whether a verifier has the form of RFC 7636 §4.1:
// 43 to 128 characters of [A-Z] / [a-z] / [0-9] / "-" / "." / "_" / "~".
func VerifierWellFormed(verifier string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	for _, r := range verifier {
		unreserved := r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' ||
			r == '-' || r == '.' || r == '_' || r == '~'
		if !unreserved {
			return false
		}
	}
	return true
}
