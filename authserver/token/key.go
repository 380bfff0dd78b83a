package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Algorithms are those that this server signs with, a key each. RFC 7518 §3.1.
var Algorithms = []string{ES256, RS256}

const (
	ES256 = "ES256"
	RS256 = "RS256"
)

// Key is a signing key. Its identifier is the thumbprint of its public half
// (RFC 7638), so it says nothing and never collides.
//
// A key is published when it is made, signs from a moment on, retires when the
// next one signs, and is gone from the JWKS once its last token has expired.
type Key struct {
	ID        string
	Algorithm string // ES256 or RS256
	Public    crypto.PublicKey
	Private   crypto.Signer // nil: erased, for the key is gone

	CreatedAt time.Time
	SignsFrom time.Time
	RetiredAt time.Time // another one signs from then on; zero: none is to follow yet
	RevokedAt time.Time // it leaked, and verifies nothing any more; zero: it did not

	// TokensLast is how long the longest-lived token lives that it signs.
	TokensLast time.Duration
}

// leeway is for clocks that differ, and for the moment until a running server
// notices that its key has retired.
const leeway = time.Minute

// GoneAt is when the key leaves the JWKS; zero while that is not known.
func (k Key) GoneAt() time.Time {
	switch {
	case !k.RevokedAt.IsZero():
		return k.RevokedAt
	case k.RetiredAt.IsZero():
		return time.Time{}
	}
	return k.RetiredAt.Add(k.TokensLast + leeway)
}

// Gone tells whether the key has left the JWKS.
func (k Key) Gone(now time.Time) bool {
	gone := k.GoneAt()
	return !gone.IsZero() && !now.Before(gone)
}

// signs tells whether the key's time to sign has come and is not over.
func (k Key) signs(now time.Time) bool {
	return !now.Before(k.SignsFrom) && (k.RetiredAt.IsZero() || now.Before(k.RetiredAt))
}

// Generate makes a signing key that signs at once. Keys come from the operating
// system's randomness, whatever a test's dice are.
func Generate(algorithm string, now time.Time) (Key, error) {
	var private crypto.Signer
	var err error
	switch algorithm {
	case ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RS256:
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		return Key{}, fmt.Errorf("token: no keys for algorithm %q", algorithm)
	}
	if err != nil {
		return Key{}, err
	}
	jwk := jose.JSONWebKey{Key: private.Public()}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	return Key{
		ID: base64.RawURLEncoding.EncodeToString(thumbprint), Algorithm: algorithm,
		Public: private.Public(), Private: private, CreatedAt: now, SignsFrom: now,
	}, err
}

// MarshalPrivate encodes the private half as PKCS #8.
func (k Key) MarshalPrivate() ([]byte, error) { return x509.MarshalPKCS8PrivateKey(k.Private) }

// UnmarshalPrivate reads both halves of a key from what MarshalPrivate wrote.
func (k *Key) UnmarshalPrivate(pkcs8 []byte) error {
	private, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return err
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return fmt.Errorf("token: a key of type %T cannot sign", private)
	}
	k.Private, k.Public = signer, signer.Public()
	return nil
}

// MarshalPublic encodes the public half as SubjectPublicKeyInfo.
func (k Key) MarshalPublic() ([]byte, error) { return x509.MarshalPKIXPublicKey(k.Public) }

// UnmarshalPublic reads what MarshalPublic wrote.
func (k *Key) UnmarshalPublic(der []byte) (err error) {
	k.Public, err = x509.ParsePKIXPublicKey(der)
	return err
}
