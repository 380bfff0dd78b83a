// Package password hashes what people choose. Argon2id (RFC 9106) is slow and
// wants memory on purpose: whoever steals the database tries passwords at the
// same price.
package password

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/crypto/argon2"
)

// Hasher hashes and compares. Only so many at a time as there are processors:
// logins must not take the memory and the time of everything else.
type Hasher struct {
	slots  chan struct{}
	random io.Reader
}

// The cost: 19 MiB, two passes, one lane. RFC 9106 §4 names larger ones for
// machines that do nothing else; this one takes about 30 ms.
const (
	memory  = 19 * 1024 // KiB
	passes  = 2
	lanes   = 1
	saltLen = 16
	keyLen  = 32
)

// New returns a hasher that takes its salts from random.
func New(random io.Reader) *Hasher {
	return &Hasher{slots: make(chan struct{}, runtime.NumCPU()), random: random}
}

// Hash returns a PHC string: $argon2id$v=19$m=19456,t=2,p=1$salt$hash.
func (h *Hasher) Hash(password string) (string, error) {
	h.slots <- struct{}{}
	defer func() { <-h.slots }()
	salt := make([]byte, saltLen)
	if _, err := io.ReadFull(h.random, salt); err != nil {
		return "", err
	}
	key := argon2.IDKey([]byte(password), salt, passes, memory, lanes, keyLen)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, lanes, encode(salt), encode(key)), nil
}

// nobody is the hash that an unknown user's password is compared with, so that
// the answer takes as long as for a known one.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// Matches tells whether a password is the one that was hashed; with an empty
// hash (nobody has that name) it takes as long and says no. The error is the
// context's, where it ends before a processor is free.
func (h *Hasher) Matches(ctx context.Context, hash, password string) (bool, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	known := hash != ""
	if !known {
		hash = nobody
	}
	p, err := parse(hash)
	if err != nil {
		return false, err
	}
	key := argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.lanes, uint32(len(p.key)))
	return subtle.ConstantTimeCompare(key, p.key) == 1 && known, nil
}

type phc struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

func parse(hash string) (phc, error) {
	var p phc
	var version int
	var salt, key string
	n, err := fmt.Sscanf(hash, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &p.memory, &p.passes, &p.lanes, &salt)
	if err != nil || n != 5 || version != argon2.Version {
		return p, errors.New("password: the stored hash is not Argon2id as this program writes it")
	}
	for i := range salt {
		if salt[i] == '$' {
			salt, key = salt[:i], salt[i+1:]
			break
		}
	}
	var saltErr, keyErr error
	p.salt, saltErr = base64.RawStdEncoding.DecodeString(salt)
	p.key, keyErr = base64.RawStdEncoding.DecodeString(key)
	if saltErr != nil || keyErr != nil || len(p.key) == 0 {
		return p, errors.New("password: the stored hash is damaged")
	}
	return p, nil
}

func encode(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }
