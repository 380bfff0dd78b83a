-- +goose Up
-- What else the feed tells: a permission that a grant lost, and what is new about a person.
ALTER TABLE revocations ADD COLUMN permission TEXT NOT NULL DEFAULT ''; -- beside grant_id: its tokens that carry this (a name in scope, a type of authorization details); empty: all
ALTER TABLE revocations ADD COLUMN sub TEXT;                            -- whose name or address is new, in place of grant_id and jti; kept until it changes again
CREATE UNIQUE INDEX revocations_sub ON revocations (sub) WHERE sub IS NOT NULL;

-- For the list of sessions.
ALTER TABLE sessions ADD COLUMN seen_at INTEGER; -- to the minute; NULL: not since the sign-in

-- What became of a consent, for its timeline. Never changed.
CREATE TABLE consent_changes (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	consent_id TEXT NOT NULL REFERENCES consents,
	at         INTEGER NOT NULL,
	kind       TEXT NOT NULL,           -- 'given', 'changed', 'narrowed', 'ended'
	scope      TEXT NOT NULL,           -- what it was from then on
	reason     TEXT NOT NULL            -- of its end, or what was taken out of it
) STRICT;
CREATE INDEX consent_changes_consent ON consent_changes (consent_id, id);
INSERT INTO consent_changes (consent_id, at, kind, scope, reason) SELECT id, given_at, 'given', scope, '' FROM consents;
INSERT INTO consent_changes (consent_id, at, kind, scope, reason) SELECT id, ended_at, 'ended', scope, end_reason FROM consents WHERE ended_at IS NOT NULL;
