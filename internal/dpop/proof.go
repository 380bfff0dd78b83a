package dpop

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// Proof is a DPoP proof, read and not yet believed. RFC 9449 §4.2.
type Proof struct {
	Header Header
	Claims Claims

	key        jose.JSONWebKey // the public half of what jwk holds
	private    bool            // and that was more than the public half
	thumbprint string
	signed     string // header.payload, the bytes under the signature
	signature  []byte
}

// Header is the JOSE header of a proof.
type Header struct {
	Algorithm string          `json:"alg"`
	Type      string          `json:"typ"`
	Key       json.RawMessage `json:"jwk"`
	Critical  json.RawMessage `json:"crit"`
}

// Claims are those of a proof.
type Claims struct {
	ID              string           `json:"jti"`
	Method          string           `json:"htm"`
	URI             string           `json:"htu"`
	IssuedAt        *jwt.NumericDate `json:"iat"`
	ExpiresAt       *jwt.NumericDate `json:"exp"`
	NotBefore       *jwt.NumericDate `json:"nbf"`
	AccessTokenHash string           `json:"ath"`
	Nonce           string           `json:"nonce"`
}

// maxProof is far more than a proof has: what is larger is not decoded.
const maxProof = 8 << 10

// Parse reads a proof. Its key is the one in its own header, and never one that
// a kid, jku or x5u leads to.
func Parse(compact string) (*Proof, error) {
	if len(compact) > maxProof || strings.Count(compact, ".") != 2 {
		return nil, invalidProof("The DPoP header is not a JWT in compact serialization")
	}
	last := strings.LastIndexByte(compact, '.')
	header, payload, _ := strings.Cut(compact[:last], ".")
	p := &Proof{signed: compact[:last]}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(compact[last+1:])
	if err != nil || !decode(header, &p.Header) || !decode(payload, &p.Claims) {
		return nil, invalidProof("The DPoP header is not a well-formed JWT")
	}
	p.signature = signature
	if err := p.readKey(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Proof) readKey() error {
	var jwk jose.JSONWebKey
	var members map[string]json.RawMessage
	if json.Unmarshal(p.Header.Key, &members) != nil || json.Unmarshal(p.Header.Key, &jwk) != nil {
		return invalidProof("The proof's header has no jwk that can be read")
	}
	// RFC 7518 §6.2.2, §6.3.2, §6.4: what only the owner of a key knows.
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		p.private = p.private || members[name] != nil
	}
	p.key = jwk.Public()
	sum, err := p.key.Thumbprint(crypto.SHA256)
	if err != nil {
		return invalidProof("The proof's jwk is not the public key of a signature algorithm")
	}
	p.thumbprint = base64.RawURLEncoding.EncodeToString(sum)
	return nil
}

func decode(part string, into any) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(part)
	return err == nil && len(b) > 0 && b[0] == '{' && json.Unmarshal(b, into) == nil
}
