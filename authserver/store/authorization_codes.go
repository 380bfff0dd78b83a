package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"example.com/acme-dreams/authserver/grant"
	"example.com/acme-dreams/authserver/oauth"
	"example.com/acme-dreams/internal/sqlite"
)

// ErrConsentEnded tells that the consent which a code was to rest on has ended
// or changed in the meantime, or the account was locked.
var ErrConsentEnded = grant.ErrConsentEnded

// NewAuthorizationCode is a code to store, as its hash, with its grant.
type NewAuthorizationCode struct {
	Code          string
	Grant         oauth.Grant
	RedirectURI   string
	CodeChallenge oauth.CodeChallenge
	ExpiresAt     time.Time
}

// Silent is why nobody is asked before a code is issued.
type Silent struct {
	Consent     *oauth.Consent // as it was read; nil: the client is our own
	Interaction string         // the request that this answers; empty: it never had to wait
	Pushed      []byte         // the pushed request that never had to wait; nil: none
}

// IssueAuthorizationCode stores a code and its grant where nobody needs to be
// asked. The consent must still be what was read (ErrConsentEnded): the person
// may be taking a permission back at this moment. A request that waited is
// answered by it, once (ErrAnswered).
func (s *Store) IssueAuthorizationCode(ctx context.Context, code NewAuthorizationCode, why Silent) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if err := why.holds(ctx, tx, &code.Grant); err != nil {
			return err
		}
		return insertCode(ctx, tx, code)
	})
}

// GrantSilently stores the grant of a token that leaves at once (RFC 6749 §4.2),
// under the same conditions.
func (s *Store) GrantSilently(ctx context.Context, g oauth.Grant, why Silent) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		if err := why.holds(ctx, tx, &g); err != nil {
			return err
		}
		if err := insertGrant(ctx, tx, g); err != nil {
			return err
		}
		return s.issued(ctx, tx, g.ID, grant.NewRefreshToken{}, g.CreatedAt)
	})
}

// holds makes sure that nothing is granted on a consent that is no longer what
// was read, or for an account that is locked, and ties the grant to the consent.
func (why Silent) holds(ctx context.Context, tx *sqlite.Tx, g *oauth.Grant) error {
	var changed int64
	if why.Consent != nil {
		g.ConsentID, g.ExpiresAt, changed = why.Consent.ID, why.Consent.ExpiresAt, ms(why.Consent.ChangedAt)
	}
	var holds bool
	err := tx.QueryRow(ctx, `SELECT u.locked_at IS NULL AND (?1 IS NULL OR EXISTS (SELECT 1 FROM consents WHERE id = ?1 AND ended_at IS NULL AND changed_at = ?3))
		FROM users u WHERE u.sub = ?2`, orNull(g.ConsentID), g.Sub, changed).Scan(&holds)
	if err != nil {
		return notFound(err)
	}
	if !holds {
		return ErrConsentEnded
	}
	if why.Interaction == "" {
		return spendPushed(ctx, tx, why.Pushed, g.CreatedAt)
	}
	return answer(ctx, tx, why.Interaction, g.CreatedAt)
}

func insertGrant(ctx context.Context, tx *sqlite.Tx, g oauth.Grant) error {
	_, err := tx.Exec(ctx, `INSERT INTO grants (id, client_id, sub, consent_id, scope, nonce, auth_time, created_at, expires_at,
		session_id, claims, resource, authorization_details, dpop_jkt)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		g.ID, g.ClientID, g.Sub, orNull(g.ConsentID), g.Scope.String(), g.Nonce, ms(g.AuthTime), ms(g.CreatedAt), msOrNull(g.ExpiresAt),
		g.SessionID, g.Claims, strings.Join(g.Resource, " "), g.AuthorizationDetails, g.DPoPJKT)
	return err
}

func insertCode(ctx context.Context, tx *sqlite.Tx, code NewAuthorizationCode) error {
	if err := insertGrant(ctx, tx, code.Grant); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO authorization_codes (hash, grant_id, redirect_uri, code_challenge, expires_at) VALUES (?, ?, ?, ?, ?)",
		hash(code.Code), code.Grant.ID, code.RedirectURI, string(code.CodeChallenge), ms(code.ExpiresAt))
	return err
}

// RedeemAuthorizationCode implements grant.RedeemAuthorizationCode.
func (s *Store) RedeemAuthorizationCode(ctx context.Context, code string, now time.Time,
	decide func(*oauth.AuthorizationCode, bool) (grant.NewRefreshToken, error)) error {
	// A refusal is an answer, not a failure of the transaction: the code stays
	// spent, and what its reuse revokes stays revoked.
	var refusal error
	err := s.revoking(ctx, func(ctx context.Context, tx *sqlite.Tx, r *revocations) error {
		result, err := tx.Exec(ctx, "UPDATE authorization_codes SET spent_at = ? WHERE hash = ? AND spent_at IS NULL", ms(now), hash(code))
		if err != nil {
			return err
		}
		first, err := result.RowsAffected()
		if err != nil {
			return err
		}
		found, err := codeByHash(ctx, tx, hash(code))
		if errors.Is(err, sql.ErrNoRows) {
			_, refusal = decide(nil, false)
			return nil
		}
		if err != nil {
			return err
		}
		spent := first == 0
		refresh, err := decide(found, spent)
		if err != nil {
			refusal = err
			if spent {
				return r.reused(ctx, tx, found.Grant, "authorization code", now)
			}
			return nil
		}
		return s.issued(ctx, tx, found.Grant.ID, refresh, now)
	})
	if err != nil {
		return err // nothing is on disk, whatever was decided
	}
	return refusal
}

// grantColumns selects a grant g and its user u.
const grantColumns = "g.id, g.client_id, coalesce(g.consent_id, ''), g.scope, g.nonce, g.auth_time, g.created_at, g.expires_at, g.revoked_at, " +
	"g.session_id, g.claims, g.resource, g.authorization_details, g.dpop_jkt, " + userColumns

// grantRow receives grantColumns.
type grantRow struct {
	grant                                       oauth.Grant
	user                                        oauth.User
	scope, resource                             string
	authTime, created, expires, revoked, locked sql.NullInt64
}

func (r *grantRow) into() []any {
	return append([]any{&r.grant.ID, &r.grant.ClientID, &r.grant.ConsentID, &r.scope, &r.grant.Nonce,
		&r.authTime, &r.created, &r.expires, &r.revoked,
		&r.grant.SessionID, &r.grant.Claims, &r.resource, &r.grant.AuthorizationDetails, &r.grant.DPoPJKT}, scanUser(&r.user, &r.locked)...)
}

func (r *grantRow) values() (oauth.Grant, oauth.User) {
	r.grant.Sub, r.grant.Scope = r.user.Sub, oauth.ParseScope(r.scope)
	r.grant.Resource = strings.Fields(r.resource) // URIs have no spaces in them: RFC 3986 §2
	r.grant.AuthTime, r.grant.CreatedAt = at(r.authTime), at(r.created)
	r.grant.ExpiresAt, r.grant.RevokedAt = at(r.expires), at(r.revoked)
	r.user.LockedAt = at(r.locked)
	return r.grant, r.user
}

func codeByHash(ctx context.Context, tx *sqlite.Tx, hash []byte) (*oauth.AuthorizationCode, error) {
	var row grantRow
	var c oauth.AuthorizationCode
	var challenge string
	var expires sql.NullInt64
	err := tx.QueryRow(ctx, "SELECT c.redirect_uri, c.code_challenge, c.expires_at, "+grantColumns+`
		FROM authorization_codes c JOIN grants g ON g.id = c.grant_id JOIN users u ON u.sub = g.sub WHERE c.hash = ?`, hash).
		Scan(append([]any{&c.RedirectURI, &challenge, &expires}, row.into()...)...)
	if err != nil {
		return nil, err
	}
	c.Grant, c.User = row.values()
	c.ClientID, c.CodeChallenge, c.ExpiresAt = c.Grant.ClientID, oauth.CodeChallenge(challenge), at(expires)
	return &c, nil
}

// issued notes that a grant's next access token is being issued, and stores
// the refresh token beside it.
func (s *Store) issued(ctx context.Context, tx *sqlite.Tx, grantID string, refresh grant.NewRefreshToken, now time.Time) error {
	// An earlier token may live longer: ACCESS_TOKEN_TTL can have been changed.
	if _, err := tx.Exec(ctx, "UPDATE grants SET used_at = ?1, tokens_end_at = max(coalesce(tokens_end_at, 0), ?2) WHERE id = ?3",
		ms(now), ms(now.Add(s.accessTokenTTL)), grantID); err != nil {
		return err
	}
	if refresh.Token == "" {
		return nil
	}
	_, err := tx.Exec(ctx, "INSERT INTO refresh_tokens (hash, grant_id, issued_at, expires_at, idle_expires_at, dpop_jkt) VALUES (?, ?, ?, ?, ?, ?)",
		hash(refresh.Token), grantID, ms(now), ms(refresh.ExpiresAt), ms(refresh.IdleExpiresAt), refresh.JKT)
	return err
}

// GrantClaims returns the claims parameter that a grant was given for; empty:
// none. A grant that is not there has none.
func (s *Store) GrantClaims(ctx context.Context, id string) (string, error) {
	var claims string
	err := s.db.QueryRow(ctx, "SELECT claims FROM grants WHERE id = ?", id).Scan(&claims)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return claims, err
}
