package bearer

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// Token is an access token in the profile of RFC 9068. The authorization server
// has its own type for the same claims: what binds the two is the RFC.
type Token struct {
	Header Header
	Claims Claims

	// Details are the authorization details that opened the request, where the
	// scope did not. RFC 9396 §9.
	Details []AuthorizationDetail

	signed    string // header.payload, the bytes under the signature
	signature []byte
}

// Header is the JOSE header, RFC 7515 §4.1.
type Header struct {
	Algorithm string          `json:"alg"`
	Type      string          `json:"typ"`
	KeyID     string          `json:"kid"`
	Critical  json.RawMessage `json:"crit"`
}

// Claims is RFC 9068 §2.2, and one of our own.
type Claims struct {
	Issuer    string           `json:"iss"`
	Subject   string           `json:"sub"`
	Audience  jwt.ClaimStrings `json:"aud"`
	ExpiresAt *jwt.NumericDate `json:"exp"`
	NotBefore *jwt.NumericDate `json:"nbf"`
	IssuedAt  *jwt.NumericDate `json:"iat"`
	ID        string           `json:"jti"`
	ClientID  string           `json:"client_id"`
	Scope     string           `json:"scope"`
	AuthTime  *jwt.NumericDate `json:"auth_time"` // when the person logged in; RFC 9068 §2.2.1

	AuthorizationDetails []json.RawMessage `json:"authorization_details"` // RFC 9396 §9.1

	// GrantID is private to us: which authorization the token came from, so
	// that one revocation reaches all its tokens.
	GrantID string `json:"grant_id"`

	// Confirmation names the key that whoever uses the token must hold: RFC 7800
	// §3.1, RFC 9449 §6.1.
	Confirmation *struct {
		JKT string `json:"jkt"`
	} `json:"cnf"`
}

// BoundTo is the thumbprint of the key that the token is bound to; empty: to none.
func (c *Claims) BoundTo() string {
	if c.Confirmation == nil {
		return ""
	}
	return c.Confirmation.JKT
}

// HasScope tells whether the token has a scope, RFC 6749 §3.3.
func (c *Claims) HasScope(scope string) bool {
	for granted := range strings.SplitSeq(c.Scope, " ") {
		if granted == scope {
			return true
		}
	}
	return false
}

// DetailsOf lists the authorization details of a type. Those of other types are
// none of our business, whatever stands in them: RFC 9396 §2, "The value of the
// type field determines the allowable contents of the object that contains it."
func (c *Claims) DetailsOf(detailsType string) []AuthorizationDetail {
	var all []AuthorizationDetail
	for _, object := range c.AuthorizationDetails {
		var d AuthorizationDetail
		if detailsType != "" && json.Unmarshal(object, &d) == nil && d.Type == detailsType {
			all = append(all, d)
		}
	}
	return all
}

// HasUser tells whether a person stands behind the token. RFC 9068 §2.2: with
// no resource owner, "the value of sub SHOULD correspond to an identifier the
// authorization server uses to indicate the client application".
func (c *Claims) HasUser() bool { return c.Subject != c.ClientID }

// maxToken is far more than a real token has: what is larger is not decoded.
const maxToken = 16 << 10

var errNotAToken = errors.New("bearer: not a JWS in compact serialization")

// Parse reads a token and believes nothing. Five parts would be an encrypted
// token, which we didn't ask for; decoding is strict, so that a token has one
// spelling.
func Parse(compact string) (*Token, error) {
	if len(compact) > maxToken || strings.Count(compact, ".") != 2 {
		return nil, errNotAToken
	}
	last := strings.LastIndexByte(compact, '.')
	header, payload, _ := strings.Cut(compact[:last], ".")
	t := &Token{signed: compact[:last]}
	if err := decode(header, &t.Header); err != nil {
		return nil, err
	}
	if err := decode(payload, &t.Claims); err != nil {
		return nil, err
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(compact[last+1:])
	if err != nil {
		return nil, errNotAToken
	}
	t.signature = signature
	return t, nil
}

func decode(part string, into any) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil || len(b) == 0 || b[0] != '{' || json.Unmarshal(b, into) != nil {
		return errNotAToken
	}
	return nil
}

// The schemes by which a token is sent: RFC 6750 §2.1, RFC 9449 §7.1.
const (
	Bearer = "Bearer"
	DPoP   = "DPoP"
)

// fromHeader takes the token out of the Authorization header, the only place
// we look: RFC 6750 §2.3 tells why not in the URL, and RFC 9700 §4.3.2 forbids
// it.
func fromHeader(h http.Header) (scheme, token string, err error) {
	values := h.Values("Authorization")
	switch len(values) {
	case 0:
		return "", "", errNoToken
	case 1:
	default:
		return "", "", &Refusal{Code: InvalidRequest, Description: "More than one Authorization header"}
	}
	scheme, token, _ = strings.Cut(values[0], " ")
	token = strings.TrimLeft(token, " ")
	// RFC 9110 §11.1: the scheme is case-insensitive.
	switch {
	case strings.EqualFold(scheme, Bearer):
		return Bearer, token, nil
	case strings.EqualFold(scheme, DPoP):
		return DPoP, token, nil
	}
	return "", "", errNoToken
}
