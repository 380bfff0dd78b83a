package flow

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

//	+--------------+                                      +----------------------+
//	| Dreams batch |                                      | authorization server |
//	+--------------+                                      +----------------------+
//	[signs {iss, sub: client_id, aud: issuer, exp, jti} (RFC 7523 §3)]
//	    |--- client_assertion_type, client_assertion (RFC 7523 §2.2) ->|
//	    |                           [verifies with the registered key] |

// ClientAssertion authenticates a client by a signature: private_key_jwt (OIDC
// Core §9). The private key never leaves us, and nothing that travels can be
// used a second time.
type ClientAssertion struct {
	Issuer string // the authorization server's: the audience, and the only one
	Key    SigningKey
	Now    func() time.Time
	Random io.Reader
}

// clientAssertionLifetime is how long one is good for: as long as a request
// takes, and a clock may be off.
const clientAssertionLifetime = time.Minute

// Assertion is a new one, for one request.
func (a *ClientAssertion) Assertion(clientID string) (string, error) {
	// "These tokens MUST only be used once" (OIDC Core §9, of jti)
	id, err := Unguessable(a.Random)
	if err != nil {
		return "", err
	}
	return a.Key.sign(jwt.Claims{
		Issuer: clientID, Subject: clientID, Audience: jwt.Audience{a.Issuer}, ID: id,
		IssuedAt: jwt.NewNumericDate(a.Now()), Expiry: jwt.NewNumericDate(a.Now().Add(clientAssertionLifetime)),
	})
}

// parameters are what stands in a token request in place of a secret (RFC 7523
// §2.2).
func (a *ClientAssertion) parameters(clientID string) (url.Values, error) {
	assertion, err := a.Assertion(clientID)
	return url.Values{
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	}, err
}

// SigningKey is the private half of a key that the client registered.
type SigningKey struct{ key jose.JSONWebKey }

// ParseSigningKey reads a private key as RFC 7517 writes it.
func ParseSigningKey(document []byte) (SigningKey, error) {
	var k SigningKey
	if err := k.key.UnmarshalJSON(document); err != nil {
		return SigningKey{}, fmt.Errorf("not a JWK: %w", err)
	}
	if k.key.IsPublic() || k.key.Algorithm == "" {
		return SigningKey{}, fmt.Errorf("the key %q is not a private one that names its algorithm", k.key.KeyID)
	}
	return k, nil
}

// NewSigningKey makes a key for ES256.
func NewSigningKey(random io.Reader) (SigningKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return SigningKey{}, err
	}
	k := SigningKey{jose.JSONWebKey{Key: private, Algorithm: string(jose.ES256), Use: "sig"}}
	// Named by its own value, so that no two share a name (RFC 7638 §1).
	k.key.KeyID = k.Thumbprint()
	return k, nil
}

// Private is the key as RFC 7517 writes it, for ParseSigningKey.
func (k SigningKey) Private() ([]byte, error) { return k.key.MarshalJSON() }

// Public is the half that others may have.
func (k SigningKey) Public() jose.JSONWebKey { return k.key.Public() }

// Thumbprint names the key by its own value (RFC 7638).
func (k SigningKey) Thumbprint() string {
	sum, err := k.key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "" // of an ES256 key it has never been
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// sign makes a JWT whose header names the key (RFC 7515 §4.1.4).
func (k SigningKey) sign(claims jwt.Claims) (string, error) {
	return k.signAs("JWT", claims, false)
}

// signAs makes a JWT of a type (RFC 8725 §3.11), with the public key in its
// header where it has to be read by somebody who does not know the key.
func (k SigningKey) signAs(typ jose.ContentType, claims any, embed bool) (string, error) {
	key := k.key
	if embed {
		key.KeyID, key.Use = "", ""
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key},
		(&jose.SignerOptions{EmbedJWK: embed}).WithType(typ))
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}
