package grant

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/token"
)

// Assertion is the claims of a JWT that somebody signed in order to be let in:
// as a client (RFC 7523 §2.2) or for a person (§2.1).
type Assertion struct {
	Issuer    string         `json:"iss"`
	Subject   string         `json:"sub"`
	Audience  token.Audience `json:"aud"`
	ExpiresAt *float64       `json:"exp"` // seconds since 1970; nil: missing
	NotBefore *float64       `json:"nbf"`
	IssuedAt  *float64       `json:"iat"`
	JWTID     string         `json:"jti"`

	// What its header says of itself and of the signature: typ, alg and kid.
	Type      string `json:"-"`
	Algorithm string `json:"-"`
	KeyID     string `json:"-"`

	// Members is every claim as it stands.
	Members map[string]json.RawMessage `json:"-"`
}

// ErrNoAssertion is what is not a JWT at all.
var ErrNoAssertion = errors.New("grant: not a JWT")

// PeekAssertion reads who an assertion says it is from, in order to find the
// key. Nothing in it is to be believed yet.
func PeekAssertion(compact string) (Assertion, error) {
	var claims assertionClaims
	read, _, err := jwt.NewParser().ParseUnverified(compact, &claims)
	if err != nil {
		return Assertion{}, ErrNoAssertion
	}
	assertion := Assertion(claims)
	payload, err := jwt.NewParser().DecodeSegment(strings.Split(compact, ".")[1])
	if err != nil || json.Unmarshal(payload, &assertion.Members) != nil {
		return Assertion{}, ErrNoAssertion
	}
	assertion.Type, _ = read.Header["typ"].(string)
	assertion.Algorithm, _ = read.Header["alg"].(string)
	assertion.KeyID, _ = read.Header["kid"].(string)
	return assertion, nil
}

// ClientKeys finds the keys that a client registered, by value or behind its
// jwks_uri. kid is the one that a signature names; empty: it names none.
type ClientKeys interface {
	ClientKeys(ctx context.Context, client *oauth.Client, kid string) ([]oauth.PublicKey, error)
}

// SignedBy verifies a JWT's signature with the keys of a client. Each key has
// its algorithm; what the JWT says about it chooses nothing.
func SignedBy(keys []oauth.PublicKey, compact string) bool {
	for _, key := range keys {
		parser := jwt.NewParser(jwt.WithValidMethods([]string{key.Algorithm}), jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())
		var claims assertionClaims
		_, err := parser.ParseWithClaims(compact, &claims, func(t *jwt.Token) (any, error) {
			if id, ok := t.Header["kid"].(string); ok && key.ID != "" && id != key.ID {
				return nil, ErrNoAssertion
			}
			return key.Key, nil
		})
		if err == nil {
			return true
		}
	}
	return false
}

// ed25519 is EdDSA by the name that it has since RFC 9864 §2.2.
type ed25519 struct{ *jwt.SigningMethodEd25519 }

func (ed25519) Alg() string { return "Ed25519" }

func init() {
	jwt.RegisterSigningMethod("Ed25519", func() jwt.SigningMethod { return ed25519{jwt.SigningMethodEdDSA} })
}

// SpendAssertion notes that an assertion was used; the second use gets
// ErrSpent. One INSERT, on disk before the call returns.
type SpendAssertion interface {
	SpendAssertion(ctx context.Context, id string, expires time.Time) error
}

// ErrSpent is what the second use of an assertion gets.
var ErrSpent = errors.New("grant: the assertion has been used")

// replayID names an assertion: by its jti, or by a hash where it has none.
// RFC 7523 §3: "The JWT MAY contain a "jti" (JWT ID) claim". The hash is of what
// is signed (RFC 7515 §5.1) and leaves the signature out: whoever holds (r, s) of
// an ECDSA signature can write (r, n-s), which is as good, and Go's base64 skips
// line breaks. A hash of the whole would know neither again.
func (a Assertion) replayID(compact string) string {
	if a.JWTID != "" {
		return a.Issuer + " jti " + a.JWTID
	}
	sum := sha256.Sum256([]byte(compact[:strings.LastIndexByte(compact, '.')]))
	return a.Issuer + " sha256 " + base64.RawURLEncoding.EncodeToString(sum[:])
}

// end is until when a replay has to be known: exp, or otherwise the latest that
// is allowed.
func (a Assertion) end(latest time.Time) time.Time {
	if a.ExpiresAt == nil {
		return latest
	}
	return time.UnixMilli(int64(math.Ceil(*a.ExpiresAt * 1000)))
}

// NumericDate is a moment as a JWT has it, in seconds, which may have a fraction:
// RFC 7519 §2.
func NumericDate(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// Expired tells whether exp has come. RFC 7519 §4.1.4: "on or after which".
func (a Assertion) Expired(now time.Time) bool {
	return a.ExpiresAt != nil && NumericDate(now) >= *a.ExpiresAt
}

// FromTheFuture tells whether nbf or iat lies further ahead than a clock may be.
func (a Assertion) FromTheFuture(now time.Time) bool {
	latest := NumericDate(now.Add(clockAhead))
	return (a.NotBefore != nil && *a.NotBefore > latest) || (a.IssuedAt != nil && *a.IssuedAt > latest)
}

// asserted is what is known when somebody shows an assertion.
type asserted struct {
	Assertion
	Client  *oauth.Client // whose keys it must be signed with
	Signed  bool
	NoKeys  error         // why there are no keys to verify it with
	Issuer  string        // ours
	Longest time.Duration // how far ahead exp may lie
	Now     time.Time
	refuse  string // the error code of a refusal
}

// clockAhead is how far another computer's clock may be ahead of ours.
const clockAhead = 10 * time.Second

func (a asserted) no(format string, args ...any) error {
	return oauth.Refuse(a.refuse, format, args...)
}

// RFC 7523 §3: "The authorization server MUST reject JWTs with an invalid
// signature or MAC."
func assertionSigned(a asserted) error {
	if a.NoKeys != nil {
		return a.no("the client's jwks_uri gives no keys: it must answer 200 with a JWK set, by HTTPS and without a redirect")
	}
	if !a.Signed {
		return a.no("the assertion is not signed with a key that the client registered")
	}
	return nil
}

// RFC 7523 §3: aud must identify the authorization server. The issuer alone: an
// address of one of its endpoints lets another server's address be passed off
// as ours.
func assertionForUs(a asserted) error {
	if len(a.Audience) != 1 || a.Audience[0] != a.Issuer {
		return a.no("aud of the assertion must be %s and nothing else", a.Issuer)
	}
	return nil
}

func assertionExpires(a asserted) error {
	if a.ExpiresAt == nil {
		return a.no("the assertion has no exp")
	}
	if a.Expired(a.Now) {
		return a.no("the assertion has expired")
	}
	return nil
}

func assertionShort(a asserted) error {
	if a.ExpiresAt != nil && *a.ExpiresAt > NumericDate(a.Now.Add(a.Longest)) {
		return a.no("exp of the assertion lies more than %s ahead", a.Longest)
	}
	return nil
}

func assertionNotFromTheFuture(a asserted) error {
	if a.FromTheFuture(a.Now) {
		return a.no("the assertion is not yet valid: nbf or iat lies ahead")
	}
	return nil
}

// assertionClaims is what golang-jwt wants of claims. It validates none.
type assertionClaims Assertion

func (assertionClaims) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil }
func (assertionClaims) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil }
func (assertionClaims) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil }
func (c assertionClaims) GetIssuer() (string, error)                 { return c.Issuer, nil }
func (c assertionClaims) GetSubject() (string, error)                { return c.Subject, nil }
func (c assertionClaims) GetAudience() (jwt.ClaimStrings, error) {
	return jwt.ClaimStrings(c.Audience), nil
}
