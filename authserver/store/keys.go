package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/sqlite"
)

// SigningKeys returns the keys, oldest first.
func (s *Store) SigningKeys(ctx context.Context) ([]token.Key, error) {
	rows, err := s.db.Query(ctx, selectKeys)
	stored, err := s.scanKeys(rows, err)
	return keysOf(stored), err
}

// KeysVersion is another number whenever keys have changed, whoever did it.
func (s *Store) KeysVersion(ctx context.Context) (version int64, err error) {
	var value string
	if err := s.db.QueryRow(ctx, "SELECT value FROM settings WHERE name = 'keys'").Scan(&value); err != nil {
		return 0, err
	}
	return strconv.ParseInt(value, 10, 64)
}

// ChangeKeys lets change look at the keys, and writes those that it returns, in
// one transaction: of two programs that replace a key at the same time the
// second one sees what the first did. What is stored otherwise than keys are
// now, as a private key from before there was one to encrypt it with, is written
// anew. event goes into the security log where keys changed.
func (s *Store) ChangeKeys(ctx context.Context, event Event, change func([]token.Key) ([]token.Key, error)) (changed []token.Key, err error) {
	rewritten := false
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		rows, err := tx.Query(ctx, selectKeys)
		stored, err := s.scanKeys(rows, err)
		if err != nil {
			return err
		}
		if changed, err = change(keysOf(stored)); err != nil {
			return err
		}
		write := changed
		for _, k := range stored {
			if k.stale && !contains(changed, k.ID) {
				write = append(write, k.Key)
			}
		}
		if rewritten = len(write) > 0; !rewritten {
			return nil
		}
		for _, k := range write {
			if err := s.putKey(ctx, tx, k); err != nil {
				return fmt.Errorf("signing key %s: %w", k.ID, err)
			}
		}
		if len(changed) > 0 && event.Kind != "" {
			if err := insertEvent(ctx, tx, event); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, "UPDATE settings SET value = value + 1 WHERE name = 'keys'")
		return err
	})
	if err != nil || !rewritten {
		return nil, err
	}
	// A private key that was erased or encrypted is not to be found in the
	// write-ahead log either.
	return changed, s.db.Checkpoint(ctx)
}

const selectKeys = `SELECT kid, algorithm, private_key, sealed, public_key, created_at, signs_from, retired_at, revoked_at, tokens_last
	FROM signing_keys ORDER BY created_at, algorithm, kid`

// storedKey is a key as a row has it.
type storedKey struct {
	token.Key
	stale bool // would be written otherwise now
}

func keysOf(stored []storedKey) []token.Key {
	keys := make([]token.Key, len(stored))
	for i, k := range stored {
		keys[i] = k.Key
	}
	return keys
}

func contains(keys []token.Key, id string) bool {
	for _, k := range keys {
		if k.ID == id {
			return true
		}
	}
	return false
}

func (s *Store) scanKeys(rows *sql.Rows, err error) ([]storedKey, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []storedKey
	for rows.Next() {
		k, err := s.scanKey(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, rows.Err()
}

func (s *Store) scanKey(rows *sql.Rows) (k storedKey, err error) {
	var private, public []byte
	var sealed bool
	var created, signs, last int64
	var retired, revoked sql.NullInt64
	if err := rows.Scan(&k.ID, &k.Algorithm, &private, &sealed, &public, &created, &signs, &retired, &revoked, &last); err != nil {
		return k, err
	}
	k.CreatedAt, k.SignsFrom = time.UnixMilli(created).UTC(), time.UnixMilli(signs).UTC()
	k.RetiredAt, k.RevokedAt = at(retired), at(revoked)
	k.TokensLast = time.Duration(last) * time.Millisecond
	k.stale = public == nil
	if private == nil {
		return k, k.UnmarshalPublic(public)
	}
	switch {
	case sealed:
		var current bool
		if private, current, err = s.seal.Open(k.ID, private); err != nil {
			return k, err
		}
		k.stale = k.stale || !current
	case s.seal.Encrypts():
		k.stale = true
	}
	if err := k.UnmarshalPrivate(private); err != nil {
		return k, fmt.Errorf("signing key %s: %w", k.ID, err)
	}
	return k, nil
}

func (s *Store) putKey(ctx context.Context, tx *sqlite.Tx, k token.Key) error {
	public, err := k.MarshalPublic()
	if err != nil {
		return err
	}
	var private any // NULL where it is erased
	sealed := k.Private != nil && s.seal.Encrypts()
	if k.Private != nil {
		pkcs8, err := k.MarshalPrivate()
		if err != nil {
			return err
		}
		if sealed {
			pkcs8 = s.seal.Close(k.ID, pkcs8)
		}
		private = pkcs8
	}
	_, err = tx.Exec(ctx, `INSERT INTO signing_keys (kid, algorithm, private_key, sealed, public_key, created_at, signs_from, retired_at, revoked_at, tokens_last)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
		ON CONFLICT (kid) DO UPDATE SET private_key = ?3, sealed = ?4, public_key = ?5, signs_from = ?7, retired_at = ?8, revoked_at = ?9, tokens_last = ?10`,
		k.ID, k.Algorithm, private, sealed, public, ms(k.CreatedAt), ms(k.SignsFrom), msOrNull(k.RetiredAt), msOrNull(k.RevokedAt), k.TokensLast.Milliseconds())
	return err
}

// Sealed tells whether an error means that a private key does not open.
func Sealed(err error) bool { return errors.Is(err, token.ErrSealed) }
