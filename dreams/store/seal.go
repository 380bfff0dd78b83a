package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// key encrypts what is secret at rest. It lies in dreams.key beside the
// database, so this protects a copy of the database alone: a backup, a bug that
// lets somebody read rows, a file that was mailed for a look. It does not
// protect against who can read the whole folder or this program's memory; for
// that the key belongs into a key service or hardware, and what is sealed here
// stays the same.
type key struct {
	aead        cipher.AEAD
	unsubscribe []byte // for HMAC, derived: one key for each use
}

const keyBytes = 32 // AES-256

// openKey reads the key file, or makes it with a fresh key: created says so.
func openKey(path string, random io.Reader) (k key, created bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		created = true
		text, err = createKey(path, random)
	}
	if err != nil {
		return key{}, false, err
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(raw) != keyBytes {
		return key{}, false, fmt.Errorf("%s: expected %d bytes in base64", path, keyBytes)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return key{}, false, err
	}
	if k.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return key{}, false, err
	}
	k.unsubscribe, err = hkdf.Key(sha256.New, raw, nil, "unsubscribe", sha256.Size)
	return k, created, err
}

// createKey writes a new file and gives it its name only once it is whole.
func createKey(path string, random io.Reader) ([]byte, error) {
	raw := make([]byte, keyBytes)
	if _, err := io.ReadFull(random, raw); err != nil {
		return nil, err
	}
	text := []byte(base64.StdEncoding.EncodeToString(raw) + "\n")
	file, err := os.CreateTemp(filepath.Dir(path), ".dreams-key-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return nil, err
	}
	return text, os.Rename(file.Name(), path)
}

// seal encrypts a secret. purpose is bound to it: what was sealed as one thing
// cannot be opened as another, so rows cannot be swapped.
func (k key) seal(secret, purpose string) []byte {
	return k.aead.Seal(nil, nil, []byte(secret), []byte(purpose))
}

func (k key) open(sealed []byte, purpose string) (string, error) {
	secret, err := k.aead.Open(nil, nil, sealed, []byte(purpose))
	if err != nil {
		return "", fmt.Errorf("a sealed value does not open with dreams.key: %w", err)
	}
	return string(secret), nil
}

// mac signs what leaves the house and has to be recognized when it returns.
func (k key) mac(message string) []byte {
	mac := hmac.New(sha256.New, k.unsubscribe)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}
