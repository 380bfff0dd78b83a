package token

import (
	"crypto/sha256"
	"encoding/base64"
)

// IDToken is the claims of an ID token. OIDC Core §2, §3.1.3.6.
type IDToken struct {
	Issuer          string `json:"iss"`
	Subject         string `json:"sub"`
	Audience        string `json:"aud"` // the client
	ExpiresAt       int64  `json:"exp"` // seconds since 1970
	IssuedAt        int64  `json:"iat"`
	AuthTime        int64  `json:"auth_time"`
	Nonce           string `json:"nonce,omitempty"`
	AccessTokenHash string `json:"at_hash,omitempty"`
	SessionID       string `json:"sid,omitempty"` // Back-Channel Logout §2.1
}

// SignIDToken signs with RS256, which every client understands: OIDC Core
// §15.1 makes it mandatory to implement.
func (k *Keys) SignIDToken(t IDToken) (string, error) { return k.headers["JWTRS256"].sign(t) }

// AccessTokenHash binds an ID token to the access token beside it.
//
// OIDC Core §3.1.3.6: "Its value is the base64url encoding of the left-most
// half of the hash of the octets of the ASCII representation of the
// access_token value".
func AccessTokenHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}
