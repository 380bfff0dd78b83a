package store

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"example.com/acme-dreams/internal/sqlite"
)

// keepEnded carries over, from the database that a backup replaces, whatever has
// ended since: a backup must not undo what somebody was told is over. What a
// client got since for a grant that is in the backup comes along, so that it
// need not ask its person again.
var keepEnded = []string{
	"UPDATE users SET password_hash = r.password_hash, locked_at = r.locked_at FROM replaced.users r WHERE r.sub = users.sub",
	// Of a client both know, what the other says: URIs and secrets that it gave up.
	`UPDATE clients SET ({columns of clients except client_id}) = (SELECT {columns of clients except client_id} FROM replaced.clients r WHERE r.client_id = clients.client_id)
		WHERE client_id IN (SELECT client_id FROM replaced.clients) AND (owner IS NULL OR owner IN (SELECT sub FROM main.users))`,
	// A client that is gone from the other altogether was deleted.
	"UPDATE clients SET deleted_at = coalesce(deleted_at, unixepoch() * 1000) WHERE client_id NOT IN (SELECT client_id FROM replaced.clients)",
	`UPDATE consents SET scope = r.scope, changed_at = r.changed_at, expires_at = r.expires_at, ended_at = coalesce(consents.ended_at, r.ended_at), end_reason = r.end_reason
		FROM replaced.consents r WHERE r.id = consents.id`,
	`UPDATE grants SET scope = r.scope, claims = r.claims, authorization_details = r.authorization_details, used_at = r.used_at, tokens_end_at = r.tokens_end_at, revoked_at = coalesce(grants.revoked_at, r.revoked_at), revoke_reason = r.revoke_reason
		FROM replaced.grants r WHERE r.id = grants.id`,
	"UPDATE authorization_codes SET spent_at = coalesce(r.spent_at, authorization_codes.spent_at) FROM replaced.authorization_codes r WHERE r.hash = authorization_codes.hash",
	"UPDATE refresh_tokens SET spent_at = coalesce(r.spent_at, refresh_tokens.spent_at) FROM replaced.refresh_tokens r WHERE r.hash = refresh_tokens.hash",
	`INSERT OR IGNORE INTO refresh_tokens ({columns of refresh_tokens}) SELECT {columns of refresh_tokens} FROM replaced.refresh_tokens
		WHERE grant_id IN (SELECT id FROM main.grants)`,
	`UPDATE device_authorizations SET spent_at = coalesce(r.spent_at, device_authorizations.spent_at), denied_at = r.denied_at
		FROM replaced.device_authorizations r WHERE r.hash = device_authorizations.hash`,
	"INSERT OR IGNORE INTO spent_assertions ({columns of spent_assertions}) SELECT {columns of spent_assertions} FROM replaced.spent_assertions",
	"INSERT OR IGNORE INTO exchanged_tokens ({columns of exchanged_tokens}) SELECT {columns of exchanged_tokens} FROM replaced.exchanged_tokens",
	"DELETE FROM notices",
	"INSERT INTO notices ({columns of notices}) SELECT {columns of notices} FROM replaced.notices",
	// Questions that wait are asked again.
	"DELETE FROM interactions",
	"DELETE FROM pushed_requests",
	"DELETE FROM address_changes",
	"DELETE FROM sessions WHERE hash NOT IN (SELECT hash FROM replaced.sessions)",
	`UPDATE signing_keys SET private_key = r.private_key, sealed = r.sealed, public_key = r.public_key, signs_from = r.signs_from,
		retired_at = r.retired_at, revoked_at = coalesce(r.revoked_at, signing_keys.revoked_at), tokens_last = r.tokens_last
		FROM replaced.signing_keys r WHERE r.kid = signing_keys.kid`,
	"INSERT OR IGNORE INTO signing_keys ({columns of signing_keys}) SELECT {columns of signing_keys} FROM replaced.signing_keys",
	"DELETE FROM consent_changes",
	"INSERT INTO consent_changes ({columns of consent_changes}) SELECT {columns of consent_changes} FROM replaced.consent_changes WHERE consent_id IN (SELECT id FROM main.consents)",
	// The feed: readers hear all of it again, for every start names it anew.
	`INSERT INTO revocations ({columns of revocations except cursor}) SELECT {columns of revocations except cursor} FROM replaced.revocations
		WHERE sub IS NULL EXCEPT SELECT {columns of revocations except cursor} FROM main.revocations`,
	`INSERT INTO security_events ({columns of security_events}) SELECT {columns of security_events} FROM replaced.security_events
		WHERE id > (SELECT coalesce(max(id), 0) FROM main.security_events)`,
}

// KeepEnded carries over what has ended since the backup that is at path now was
// made, from the database that was there before. That one is brought to the
// same schema first.
func (s *Store) KeepEnded(ctx context.Context, path, replaced string) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	before, err := sqlite.Open(ctx, replaced, files)
	if err != nil {
		return err
	}
	err = s.continues(ctx, before)
	if err := errors.Join(err, before.Close()); err != nil {
		return err
	}
	return sqlite.Merge(ctx, path, replaced, keepEnded)
}

// continues wants a database that goes on from this one: a new one, which
// somebody started in the place of one that was lost, knows of nothing that
// ended.
func (s *Store) continues(ctx context.Context, before *sqlite.DB) error {
	keys, err := column(s.db.Query(ctx, "SELECT kid FROM signing_keys"))
	if err != nil {
		return err
	}
	for _, kid := range keys {
		var there int
		if err := before.QueryRow(ctx, "SELECT count(*) FROM signing_keys WHERE kid = ?", kid).Scan(&there); err != nil {
			return err
		}
		if there == 0 {
			return errors.New("it is another one: it never had the signing key " + kid)
		}
	}
	return nil
}

// EndEverything ends all grants, consents and sessions. The signing keys are the
// caller's to revoke.
func (s *Store) EndEverything(ctx context.Context, now time.Time) error {
	return s.db.Write(ctx, func(ctx context.Context, tx *sqlite.Tx) error {
		for _, statement := range []string{
			"UPDATE grants SET revoked_at = ?1, revoke_reason = 'database restored' WHERE revoked_at IS NULL",
			"INSERT INTO consent_changes (consent_id, at, kind, scope, reason) SELECT id, ?1, 'ended', scope, 'database restored' FROM consents WHERE ended_at IS NULL",
			"UPDATE consents SET ended_at = ?1, end_reason = 'database restored' WHERE ended_at IS NULL",
			"DELETE FROM sessions WHERE ?1",
			"DELETE FROM interactions WHERE ?1",
			"DELETE FROM pushed_requests WHERE ?1",
			"DELETE FROM device_authorizations WHERE ?1",
		} {
			if _, err := tx.Exec(ctx, statement, ms(now)); err != nil {
				return err
			}
		}
		return nil
	})
}
