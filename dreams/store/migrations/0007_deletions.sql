-- +goose Up
-- When the authorization server granted a connection, by its clock: what it says
-- has ended before that is about an older one. 0: not told.
ALTER TABLE connections ADD COLUMN granted_at INTEGER NOT NULL DEFAULT 0;

-- What was deleted of a person's, and why. A row goes with the person.
CREATE TABLE deletions (
    id       INTEGER PRIMARY KEY,
    person   INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    at       INTEGER NOT NULL,
    why      TEXT NOT NULL, -- flow's word for it
    document TEXT NOT NULL  -- store.Deleted as JSON: numbers, and nothing of what was deleted
) STRICT;
CREATE INDEX deletions_of_person ON deletions (person);

-- Security event tokens that were taken: each counts once (RFC 8417 §2.2).
CREATE TABLE security_events (
    jti        TEXT PRIMARY KEY,
    expires_at INTEGER NOT NULL -- afterwards its iat is too old to be taken anyway
) STRICT, WITHOUT ROWID;
