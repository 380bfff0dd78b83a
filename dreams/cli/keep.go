package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"example.com/acme-dreams/dreams/flow"
)

// credentials is what lies on disk between two commands, for its owner alone.
// Whoever can read the file is the person, so far as Acme can tell: where the
// system has a keychain, a program for sale would use that.
type credentials struct {
	Issuer  string      `json:"issuer"`
	Subject string      `json:"sub"`
	Tokens  flow.Tokens `json:"tokens"`
}

// errNobody: nothing is kept for this issuer.
var errNobody = errors.New("nobody is logged in: run dreams login")

// keeper keeps the credentials of one issuer in a file. It is a flow.Connections
// with one connection.
type keeper struct{ path, issuer string }

func (k *keeper) read() (credentials, error) {
	var c credentials
	document, err := os.ReadFile(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, errNobody
	}
	if err != nil {
		return c, err
	}
	// A token goes to the issuer that it came from, and to no other that somebody
	// names in AUTHSERVER_URL.
	if json.Unmarshal(document, &c) != nil || c.Issuer != k.issuer || c.Tokens.AccessToken == "" {
		return credentials{}, errNobody
	}
	return c, nil
}

// write replaces the file in one step: whoever reads it sees the old one or the
// new one, and a full disk leaves the old one.
func (k *keeper) write(c credentials) error {
	document, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(k.path), ".credentials-*") // 0600
	if err != nil {
		return err
	}
	_, err = file.Write(document)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), k.path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

// ConnectionTokens implements flow.Connections.
func (k *keeper) ConnectionTokens(context.Context, string) (flow.Tokens, error) {
	c, err := k.read()
	return c.Tokens, err
}

// RotateRefreshToken implements flow.Connections.
func (k *keeper) RotateRefreshToken(_ context.Context, _ string, t flow.Tokens) error {
	c, err := k.read()
	if errors.Is(err, errNobody) { // logged out while we asked
		return flow.ErrEnded
	}
	if err != nil {
		return err
	}
	c.Tokens = t
	return k.write(c)
}

// EndConnection implements flow.Connections.
func (k *keeper) EndConnection(context.Context, string, string) error {
	if err := os.Remove(k.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

const (
	lockWait  = 20 * time.Second // longer than a refresh may take
	lockStale = time.Minute      // whoever held it so long has died
)

// lock lets one command at a time use the tokens. Two that refresh at once would
// spend the same refresh token, and the server takes the second for a thief's
// (RFC 9700 §4.14.2).
func (k *keeper) lock(ctx context.Context) (unlock func(), err error) {
	path := k.path + ".lock"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			return func() { _ = os.Remove(path) }, file.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if held, err := os.Stat(path); err == nil && time.Since(held.ModTime()) > lockStale {
			_ = os.Remove(path)
			continue
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.New("another dreams command holds " + path)
		}
	}
}

// lockedTokens is the tokens of the one connection, for one command at a time.
type lockedTokens struct {
	kept   *keeper
	tokens *flow.ConnectionTokens
}

// AccessToken implements travelapi.Tokens.
func (l *lockedTokens) AccessToken(ctx context.Context) (string, error) {
	return l.alone(ctx, func() (string, error) { return l.tokens.AccessToken(ctx) })
}

// Renew implements travelapi.Tokens.
func (l *lockedTokens) Renew(ctx context.Context, refused string) (string, error) {
	return l.alone(ctx, func() (string, error) { return l.tokens.Renew(ctx, refused) })
}

func (l *lockedTokens) alone(ctx context.Context, get func() (string, error)) (string, error) {
	unlock, err := l.kept.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	return get()
}
