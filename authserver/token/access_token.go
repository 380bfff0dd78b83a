package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// AccessToken is the claims of an access token, RFC 9068 §2.2. Acme Travel
// writes them down a second time (acme/bearer), on purpose: the contract
// between the two is the RFC, not a Go type.
type AccessToken struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"` // the person, or the client where it acts for itself
	Audience  Audience `json:"aud"`
	ClientID  string   `json:"client_id"`
	Scope     string   `json:"scope,omitempty"`
	JWTID     string   `json:"jti"`
	IssuedAt  int64    `json:"iat"` // seconds since 1970
	ExpiresAt int64    `json:"exp"`
	AuthTime  int64    `json:"auth_time,omitempty"`
	ACR       string   `json:"acr,omitempty"` // how the person signed in; RFC 9068 §2.2.1
	// GrantID is ours: the authorization that the token came from, so that one
	// revocation reaches all its tokens; absent where no person was asked, but
	// for clients that can go (oauth.OwnGrant).
	GrantID string `json:"grant_id,omitempty"`
	// Actor is who acts for the person. RFC 8693 §4.1.
	Actor *Actor `json:"act,omitempty"`
	// Confirmation names the key that whoever uses the token must hold. RFC 9449
	// §6.1; nil: a bearer token, which opens for whoever has it.
	Confirmation *Confirmation `json:"cnf,omitempty"`
	// AuthorizationDetails is RFC 9396 §9.1, JSON.
	AuthorizationDetails json.RawMessage `json:"authorization_details,omitempty"`
}

// Confirmation is the cnf claim. RFC 7800 §3.1, RFC 9449 §6.1.
type Confirmation struct {
	JKT string `json:"jkt"` // SHA-256 thumbprint of the public key, RFC 7638
}

// Actor is a party that acts for the subject of a token.
type Actor struct {
	Subject string `json:"sub"`
}

// Audience is one name or several. RFC 7519 §4.1.3.
type Audience []string

func (a Audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

func (a *Audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = Audience{one}
		return nil
	}
	var several []string
	err := json.Unmarshal(b, &several)
	*a = several
	return err
}

// SignAccessToken signs with ES256: a token endpoint signs all day, and RSA
// would make a twelfth of the tokens.
func (k *Keys) SignAccessToken(t AccessToken) (string, error) {
	return k.Sign(AccessTokenType, ES256, t)
}

// ErrNotOurs is what reading gives for anything that is not an access token of
// ours: another type, another key, a broken signature, no JWT at all.
var ErrNotOurs = errors.New("token: not an access token that this server signed")

// parser leaves the judgement on claims to the checks.
var parser = jwt.NewParser(jwt.WithValidMethods([]string{ES256}), jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())

// ReadAccessToken reads an access token that this server signed. It does not
// judge the claims: expired and revoked tokens are read too.
func (k *Keys) ReadAccessToken(compact string) (AccessToken, error) {
	// Go's base64 skips line breaks, so one token would have many spellings.
	if strings.ContainsAny(compact, "\r\n") {
		return AccessToken{}, ErrNotOurs
	}
	if strings.Count(compact, ".") != 2 { // RFC 7515 §3.1; a refresh token has none
		return AccessToken{}, ErrNotOurs
	}
	var claims accessTokenClaims
	_, err := parser.ParseWithClaims(compact, &claims, func(t *jwt.Token) (any, error) {
		id, _ := t.Header["kid"].(string)
		key, ok := k.current.Load().byID[id]
		if typ, _ := t.Header["typ"].(string); !ok || typ != AccessTokenType || key.Algorithm != t.Method.Alg() {
			return nil, ErrNotOurs
		}
		return key.Public, nil
	})
	if err != nil {
		return AccessToken{}, fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	return AccessToken(claims), nil
}

// accessTokenClaims is what golang-jwt wants of claims. It validates none of
// them: rules about claims are checks like any other.
type accessTokenClaims AccessToken

func (c accessTokenClaims) GetExpirationTime() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(time.Unix(c.ExpiresAt, 0)), nil
}
func (c accessTokenClaims) GetIssuedAt() (*jwt.NumericDate, error) {
	return jwt.NewNumericDate(time.Unix(c.IssuedAt, 0)), nil
}
func (c accessTokenClaims) GetNotBefore() (*jwt.NumericDate, error) { return nil, nil }
func (c accessTokenClaims) GetIssuer() (string, error)              { return c.Issuer, nil }
func (c accessTokenClaims) GetSubject() (string, error)             { return c.Subject, nil }
func (c accessTokenClaims) GetAudience() (jwt.ClaimStrings, error) {
	return jwt.ClaimStrings(c.Audience), nil
}
