-- +goose Up
-- What ends by a date is looked for every few seconds.
CREATE INDEX consents_expiring ON consents (expires_at) WHERE ended_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX grants_expiring ON grants (expires_at) WHERE revoked_at IS NULL AND expires_at IS NOT NULL;

-- Authorization details that a client lost, JSON as granted; empty: none. RFC 9396 §7.
ALTER TABLE notices ADD COLUMN removed_details TEXT NOT NULL DEFAULT '';

-- An address that somebody wants, until a letter to it has been answered. A person has one.
CREATE TABLE address_changes (
	sub        TEXT PRIMARY KEY REFERENCES users,
	email      TEXT NOT NULL,           -- the address that is wanted; users has the one that counts
	hash       BLOB NOT NULL,           -- SHA-256 of what stands in the letter
	expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
