package dpop

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/acme-dreams/internal/check"
)

// Algorithms are those that a proof may be signed with: what FAPI 2.0 Security
// Profile §5.4.1 allows, so that a client of that profile finds nothing weaker.
// Ed25519 is what EdDSA is called since RFC 9864 §2.2.
var Algorithms = []string{"ES256", "PS256", "Ed25519", "EdDSA"}

// method is how an algorithm verifies.
func method(algorithm string) jwt.SigningMethod {
	if algorithm == "Ed25519" {
		return jwt.SigningMethodEdDSA
	}
	return jwt.GetSigningMethod(algorithm)
}

const (
	// maxAge and clockSkew are the window of RFC 9449 §11.1 around our clock. A
	// proof is made for one request and sent at once.
	maxAge    = time.Minute
	clockSkew = 10 * time.Second
)

// presentation is a proof with everything that is needed to judge it.
type presentation struct {
	Request
	proof      *Proof
	sent       int // how many DPoP headers there were
	freshNonce bool
	now        time.Time
}

// checks is RFC 9449 §4.3, "Checking DPoP Proofs", in an order of ours: the nonce
// comes last, so that whoever has to fetch one knows that nothing else was wrong.
var checks = []check.Check[*presentation]{
	check.New("proof comes in one DPoP header", "RFC 9449 §4.3", checkOneHeader),
	check.New("proof has typ dpop+jwt", "RFC 9449 §4.3", checkType),
	check.New("proof has no critical header that we do not know", "RFC 7515 §4.1.11", checkCritical),
	check.New("proof is signed with an algorithm that we accept", "RFC 9449 §4.3", checkAlgorithm),
	check.New("proof's jwk holds nothing private", "RFC 9449 §4.3", checkPublic),
	check.New("proof's key fits its algorithm and is long enough", "RFC 7518 §3.3", checkStrength),
	check.New("proof is signed with the key in its jwk", "RFC 9449 §4.3", checkSignature),
	check.New("proof has jti, htm, htu and iat", "RFC 9449 §4.2", checkClaims),
	check.New("proof's htm is the method of the request", "RFC 9449 §4.3", checkMethod),
	check.New("proof's htu is the address of the request", "RFC 9449 §4.3", checkURI),
	check.New("proof was made just now", "RFC 9449 §11.1", checkIssuedAt),
	check.New("proof is within its own nbf and exp", "RFC 7519 §4.1.4", checkValidity),
	check.New("proof's ath is the hash of the access token", "RFC 9449 §4.3", checkAccessTokenHash),
	check.New("proof's key is the one that the token is bound to", "RFC 9449 §7.1", checkBinding),
	check.New("proof has a nonce of this server", "RFC 9449 §8", checkNonce),
}

// use is what is known once a proof is written down as used.
type use struct{ before bool }

var useChecks = []check.Check[use]{
	check.New("proof is used once", "RFC 9449 §11.1", checkUsedOnce),
}

// Rules lists the checks for an index.
func Rules() []check.Rule {
	return append(check.Rules("DPoP proof", checks), check.Rules("DPoP proof: at the end", useChecks)...)
}

// "There is not more than one DPoP HTTP request header field."
func checkOneHeader(p *presentation) error {
	if p.sent > 1 {
		return invalidProof("There is more than one DPoP header")
	}
	return nil
}

// "The typ JOSE Header Parameter has the value dpop+jwt." No other JWT that the
// key ever signed is a proof.
func checkType(p *presentation) error {
	if !strings.EqualFold(p.proof.Header.Type, "dpop+jwt") { // media types: RFC 7515 §4.1.9
		return invalidProof("The proof's typ is not dpop+jwt")
	}
	return nil
}

// "If any of the listed extension Header Parameters are not understood and
// supported by the recipient, then the JWS is invalid." We know none.
func checkCritical(p *presentation) error {
	if p.proof.Header.Critical != nil {
		return invalidProof("The proof has a crit header")
	}
	return nil
}

// "The alg JOSE Header Parameter indicates a registered asymmetric digital
// signature algorithm […], is not none, is supported by the application, and is
// acceptable per local policy."
func checkAlgorithm(p *presentation) error {
	if !slices.Contains(Algorithms, p.proof.Header.Algorithm) {
		return invalidProof("The proof's alg is none of " + strings.Join(Algorithms, ", "))
	}
	return nil
}

// "The jwk JOSE Header Parameter does not contain a private key." Whoever sends
// it by mistake should hear of it before somebody else does.
func checkPublic(p *presentation) error {
	if p.proof.private {
		return invalidProof("The proof's jwk holds the private key: it is no secret any more, make another")
	}
	return nil
}

// RFC 7518 §3.3: "A key of size 2048 bits or larger MUST be used with these
// algorithms." The upper bound is ours: a longer key makes us work, not safer.
func checkStrength(p *presentation) error {
	fits := false
	switch key := p.proof.key.Key.(type) {
	case *ecdsa.PublicKey:
		fits = key.Curve == elliptic.P256() && p.proof.Header.Algorithm == "ES256"
	case *rsa.PublicKey:
		fits = key.N.BitLen() >= 2048 && key.N.BitLen() <= 4096
	case ed25519.PublicKey:
		fits = method(p.proof.Header.Algorithm) == jwt.SigningMethodEdDSA
	}
	if !fits {
		return invalidProof("The proof's key does not fit its alg: P-256 for ES256, 2048 to 4096 bits for PS256, an Ed25519 key for Ed25519")
	}
	return nil
}

// "The JWT signature verifies with the public key contained in the jwk JOSE
// Header Parameter." golang-jwt knows which kind of key a method takes.
func checkSignature(p *presentation) error {
	m := method(p.proof.Header.Algorithm)
	if m == nil || m.Verify(p.proof.signed, p.proof.signature, p.proof.key.Key) != nil {
		return invalidProof("The proof is not signed with the key in its jwk")
	}
	return nil
}

func checkClaims(p *presentation) error {
	c := &p.proof.Claims
	if c.ID == "" || c.Method == "" || c.URI == "" || c.IssuedAt == nil {
		return invalidProof("The proof lacks jti, htm, htu or iat")
	}
	return nil
}

// "The htm claim matches the HTTP method of the current request."
func checkMethod(p *presentation) error {
	if p.proof.Claims.Method != p.Method {
		return invalidProof("The proof's htm is another method than the request's")
	}
	return nil
}

// "The htu claim matches the HTTP URI value for the HTTP request in which the
// JWT was received, ignoring any query and fragment parts." Ours is made from
// our public URL: the Host header is the client's word, and a proxy's.
func checkURI(p *presentation) error {
	ours, err := normalize(p.URL)
	if err != nil {
		return invalidProof("The request has no address that a proof could name")
	}
	if theirs, err := normalize(p.proof.Claims.URI); err != nil || theirs != ours {
		return invalidProof("The proof's htu is another address than the request's")
	}
	return nil
}

// To limit replay, "servers MUST only accept DPoP proofs for a limited time after
// their creation".
func checkIssuedAt(p *presentation) error {
	iat := p.proof.Claims.IssuedAt
	if iat != nil && (iat.Time.After(p.now.Add(clockSkew)) || iat.Time.Before(p.now.Add(-maxAge))) {
		return invalidProof("The proof's iat is not now: older than a minute, or ahead of our clock")
	}
	return nil
}

// A proof need not have exp or nbf. Where it has one, that holds too.
func checkValidity(p *presentation) error {
	c := &p.proof.Claims
	if c.ExpiresAt != nil && !p.now.Before(c.ExpiresAt.Time) {
		return invalidProof("The proof has expired by its own exp")
	}
	if c.NotBefore != nil && c.NotBefore.Time.After(p.now.Add(clockSkew)) {
		return invalidProof("The proof is not yet valid by its own nbf")
	}
	return nil
}

// "If presented to a protected resource in conjunction with an access token,
// ensure that the value of the ath claim equals the hash of that access token".
func checkAccessTokenHash(p *presentation) error {
	if p.AccessToken != "" && p.proof.Claims.AccessTokenHash != Hash(p.AccessToken) {
		return invalidProof("The proof's ath is not the hash of the access token")
	}
	return nil
}

// "and confirm that the public key to which the access token is bound matches
// the public key from the DPoP proof." It is the token that is of no use here,
// not the proof: RFC 9449 §7.1 answers with invalid_token.
func checkBinding(p *presentation) error {
	if p.AccessToken != "" && p.JKT != p.proof.thumbprint {
		return &Error{Code: InvalidToken, Description: "The access token is bound to another key than the proof's"}
	}
	return nil
}

// "If the nonce claim in the DPoP proof does not exactly match a nonce recently
// supplied by the authorization server to the client, the authorization server
// MUST reject the request." We always want one: a proof that was made ahead of
// its time, on a computer that somebody sat at for a minute, has none.
func checkNonce(p *presentation) error {
	if !p.freshNonce {
		return &Error{Code: UseNonce, Description: "The proof needs the nonce from the DPoP-Nonce header of this answer"}
	}
	return nil
}

// "In the context of the target URI, servers can store the jti value of each DPoP
// proof for the time window in which the respective DPoP proof JWT would be
// accepted to prevent multiple uses of the same DPoP proof." Ours do.
func checkUsedOnce(u use) error {
	if u.before {
		return invalidProof("The proof was used before: every request needs a new one")
	}
	return nil
}

// Hash is the ath claim for an access token, RFC 9449 §4.2.
func Hash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
