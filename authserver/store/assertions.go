package store

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/authserver/token"
	"example.com/acme-dreams/internal/sqlite"
)

// SpendAssertion implements grant.SpendAssertion: one INSERT, which only one of
// many callers can win.
func (s *Store) SpendAssertion(ctx context.Context, id string, expires time.Time) error {
	err := s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO spent_assertions (id, expires_at) VALUES (?, ?)", id, ms(expires))
		return err
	})
	if sqlite.Duplicate(err) {
		return grant.ErrSpent
	}
	return err
}

// PersonWithConsent implements grant.ConsentedPeople.
func (s *Store) PersonWithConsent(ctx context.Context, sub, clientID string) (oauth.User, *oauth.Consent, error) {
	user, err := s.UserBySub(ctx, sub)
	if errors.Is(err, ErrNotFound) {
		return oauth.User{}, nil, nil
	}
	if err != nil {
		return oauth.User{}, nil, err
	}
	consent, err := s.Consent(ctx, sub, clientID)
	return user, consent, err
}

// StoreGrant implements grant.StoreGrant. ErrConsentEnded where the consent that
// it rests on is no longer what was read, or the account was locked.
func (s *Store) StoreGrant(ctx context.Context, g oauth.Grant, consent *oauth.Consent, refresh grant.NewRefreshToken) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if err := (Silent{Consent: consent}).holds(ctx, tx, &g); err != nil {
			return err
		}
		if err := insertGrant(ctx, tx, g); err != nil {
			return err
		}
		return s.issued(ctx, tx, g.ID, refresh, g.CreatedAt)
	})
}

// TieToken notes that a token was made from another one, and tells whether that
// one has been revoked: afterwards revoking it revokes this one too. Whoever
// revokes looks for children in the transaction that writes the revocation down,
// and this looks for the revocation in the one that writes the child down, so
// that one of the two sees the other.
func (s *Store) TieToken(ctx context.Context, parent token.AccessToken, child string, expires time.Time) (revoked bool, err error) {
	err = s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO exchanged_tokens (jti, parent, expires_at) VALUES (?, ?, ?)", child, parent.JWTID, ms(expires)); err != nil {
			return err
		}
		carries, err := json.Marshal(append(carried(parent), "")) // "": all of its grant
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM revocations WHERE jti = ? OR (grant_id = ? AND permission IN (SELECT value FROM json_each(?))))`,
			parent.JWTID, orNull(parent.GrantID), string(carries)).Scan(&revoked)
	})
	return revoked, err
}

// family returns a token with all that was made from it, in turn.
func family(ctx context.Context, tx *sqlite.Tx, jti string) ([]string, error) {
	return column(tx.Query(ctx, `WITH RECURSIVE made (jti) AS (VALUES (?) UNION SELECT e.jti FROM exchanged_tokens e JOIN made m ON e.parent = m.jti)
		SELECT jti FROM made`, jti))
}
