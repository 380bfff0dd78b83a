package dpop

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
	"time"
)

// nonces are made and recognized, never stored: a nonce is the minute in which
// it was made, under a key that only this process has. RFC 9449 §8.
type nonces struct{ key [32]byte }

const (
	// nonceStep is how often there is a new one.
	nonceStep = time.Minute
	// nonceSteps is how many of them are good: this minute's and those before.
	nonceSteps = 5
)

func newNonces(random io.Reader) (n nonces) {
	if _, err := io.ReadFull(random, n.key[:]); err != nil {
		panic(err) // without randomness nothing here is safe
	}
	return n
}

func (n nonces) at(now time.Time) string { return n.make(step(now)) }

func step(now time.Time) int64 { return now.Unix() / int64(nonceStep/time.Second) }

func (n nonces) make(step int64) string {
	made := binary.BigEndian.AppendUint64(nil, uint64(step))
	mac := hmac.New(sha256.New, n.key[:])
	mac.Write(made)
	return base64.RawURLEncoding.EncodeToString(append(made, mac.Sum(nil)[:16]...))
}

// fresh tells whether a nonce is one of ours and not too old.
func (n nonces) fresh(nonce string, now time.Time) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(b) != 8+16 {
		return false
	}
	made := int64(binary.BigEndian.Uint64(b))
	age := step(now) - made
	return age >= 0 && age < nonceSteps && hmac.Equal([]byte(nonce), []byte(n.make(made)))
}
