package store

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"time"

	"github.com/alexedwards/scs/v2"

	"example.com/acme-dreams/internal/sqlite"
)

// Sessions keeps the website's sessions for package scs (scs.CtxStore). The
// cookie's value is a secret that signs somebody in, so only its hash is
// stored. It has 256 random bits: a plain SHA-256 cannot be guessed backwards,
// and a password hash would cost every page view its price. What a session holds
// (verifiers of sign-ins that have begun, the ID token) is encrypted with a key
// that is made of that value, which the browser alone has: a copy of the database
// tells none of it.
type Sessions struct {
	db  *sqlite.DB
	now func() time.Time
}

// Sessions is where the website's sessions are kept.
func (s *Store) Sessions() *Sessions { return &Sessions{db: s.db, now: s.now} }

func sessionID(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// sessionCipher is AES-256-GCM with the key of one cookie.
func sessionCipher(token string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(token), nil, "what a session holds", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// FindCtx returns the session of a cookie; one that has expired, or cannot be
// read, is not found.
func (s *Sessions) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var data []byte
	err := s.db.QueryRow(ctx, `SELECT data FROM sessions WHERE id = ? AND expires_at > ?`,
		sessionID(token), s.now().Unix()).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	aead, err := sessionCipher(token)
	if err != nil {
		return nil, false, err
	}
	data, err = aead.Open(nil, nil, data, nil)
	return data, err == nil, nil
}

// CommitCtx writes a session; it is on disk when CommitCtx returns.
func (s *Sessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	_, values, _ := scs.GobCodec{}.Decode(data) // what nobody can read belongs to nobody
	sub, _ := values[SessionSub].(string)
	sid, _ := values[SessionSID].(string)
	aead, err := sessionCipher(token)
	if err != nil {
		return err
	}
	data = aead.Seal(nil, nil, data, nil)
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO sessions (id, data, expires_at, sub, sid) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at, sub = excluded.sub, sid = excluded.sid`,
			sessionID(token), data, expiry.Unix(), sub, sid)
		return err
	})
}

// What a session holds that others may end it by.
const (
	SessionSub = "sub" // whose it is
	SessionSID = "sid" // the session at the authorization server
)

// LoggedOut is what a logout token says has ended: a session by its sid, or all of
// a person's.
type LoggedOut struct {
	Sub, SID  string
	TokenID   string // jti
	ExpiresAt time.Time
}

// LogoutTokenSeen tells whether a logout token was taken before.
func (s *Sessions) LogoutTokenSeen(ctx context.Context, jti string) (seen bool, err error) {
	return seen, s.db.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM logout_tokens WHERE jti = ?)`, jti).Scan(&seen)
}

// End ends the sessions that a logout token is about, and remembers the token.
// Where it names a session and a person, both have to fit; where neither, nothing
// ends.
func (s *Sessions) End(ctx context.Context, out LoggedOut) (ended int64, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO logout_tokens (jti, expires_at) VALUES (?, ?) ON CONFLICT DO NOTHING`, out.TokenID, out.ExpiresAt.Unix()); err != nil {
			return err
		}
		result, err := tx.Exec(ctx, `DELETE FROM sessions WHERE (?1 != '' OR ?2 != '') AND (?1 = '' OR sub = ?1) AND (?2 = '' OR sid = ?2)`, out.Sub, out.SID)
		if err != nil {
			return err
		}
		ended, err = result.RowsAffected()
		return err
	})
	return ended, err
}

// DeleteCtx ends a session; one that is not there has ended already.
func (s *Sessions) DeleteCtx(ctx context.Context, token string) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE id = ?`, sessionID(token))
		return err
	})
}

// Find, Commit and Delete are what scs asks of a store that knows no contexts;
// it calls those above.

func (s *Sessions) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

func (s *Sessions) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

func (s *Sessions) Delete(token string) error {
	return s.DeleteCtx(context.Background(), token)
}
