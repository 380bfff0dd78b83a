package token

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/authserver/oauth"
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

	// How the person signed in: OIDC Core §2.
	ACR string   `json:"acr,omitempty"`
	AMR []string `json:"amr,omitempty"`

	oauth.PersonClaims // OIDC Core §5.1, where they were asked for here
}

// SignIDToken signs with the algorithm that the client registered; without one
// with RS256, which every client understands. OIDC Core §15.1 makes it mandatory
// to implement.
func (k *Keys) SignIDToken(registered string, t IDToken) (string, error) {
	return k.Sign(IDTokenType, cmp.Or(registered, RS256), t)
}

// AccessTokenHash binds an ID token to the access token beside it.
//
// OIDC Core §3.1.3.6: "Its value is the base64url encoding of the left-most
// half of the hash of the octets of the ASCII representation of the
// access_token value". The hash is that of the ID token's algorithm: SHA-256 for
// RS256 and for ES256.
func AccessTokenHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// ErrNotOurIDToken is what reading gives for anything that is not an ID token of
// ours.
var ErrNotOurIDToken = errors.New("token: not an ID token that this server signed")

// ReadIDToken reads an ID token that this server signed and that comes back as
// an id_token_hint. It does not judge the claims: OIDC Core §3.1.2.1 has hints
// accepted that have expired, and so those of keys that are gone.
func (k *Keys) ReadIDToken(compact string) (IDToken, error) {
	var claims idTokenClaims
	_, err := idTokenParser.ParseWithClaims(compact, &claims, func(t *jwt.Token) (any, error) {
		id, _ := t.Header["kid"].(string)
		key, ok := k.current.Load().past[id]
		if typ, _ := t.Header["typ"].(string); !ok || typ != IDTokenType || key.Algorithm != t.Method.Alg() {
			return nil, ErrNotOurIDToken
		}
		return key.Public, nil
	})
	if err != nil {
		return IDToken{}, fmt.Errorf("%w: %w", ErrNotOurIDToken, err)
	}
	// OIDC Core §2 has exp and iat REQUIRED. An answer of userinfo that was signed
	// has the same typ and neither: it tells of no sign-in.
	if claims.ExpiresAt == 0 || claims.IssuedAt == 0 {
		return IDToken{}, ErrNotOurIDToken
	}
	return IDToken(claims), nil
}

var idTokenParser = jwt.NewParser(jwt.WithValidMethods(Algorithms), jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())

// idTokenClaims is what golang-jwt wants of claims. It validates none of them.
type idTokenClaims IDToken

func (c idTokenClaims) GetExpirationTime() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(time.Unix(c.ExpiresAt, 0)), nil
}
func (c idTokenClaims) GetIssuedAt() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(time.Unix(c.IssuedAt, 0)), nil
}
func (c idTokenClaims) GetNotBefore() (*jwt.NumericDate, error) { return nil, nil }
func (c idTokenClaims) GetIssuer() (string, error)              { return c.Issuer, nil }
func (c idTokenClaims) GetSubject() (string, error)             { return c.Subject, nil }
func (c idTokenClaims) GetAudience() (jwt.ClaimStrings, error) {
	return jwt.ClaimStrings{c.Audience}, nil
}
