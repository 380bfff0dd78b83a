-- +goose Up
-- Times are seconds since 1970-01-01 UTC. What is called sealed is encrypted
-- with AES-256-GCM under the key in dreams.key, which is not in this file.

-- Browser sessions.
CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY, -- SHA-256 of the cookie's value, which is stored nowhere
    data       BLOB NOT NULL,    -- what the session library keeps: which browser, which person
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_expire ON sessions (expires_at);

-- Authorization requests under way (RFC 6749 §4.1.1).
CREATE TABLE attempts (
    state_hash TEXT PRIMARY KEY, -- SHA-256 of the parameter state
    browser    TEXT NOT NULL,    -- the session that it was started from
    sealed     BLOB NOT NULL,    -- nonce and code_verifier, which would let a thief finish the attempt
    next       TEXT NOT NULL,    -- the path of ours to end at
    started_at INTEGER NOT NULL,
    spent_at   INTEGER           -- null: the callback has not come yet
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_of_browser ON attempts (browser, started_at);
CREATE INDEX attempts_start ON attempts (started_at);

-- People who connected. OIDC Core §5.7: issuer and subject together name one.
CREATE TABLE people (
    id              INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: a session may outlive the row
    issuer          TEXT NOT NULL,
    subject         TEXT NOT NULL,
    name            TEXT NOT NULL, -- as last read with the scope profile; empty: not granted
    unsubscribed_at INTEGER,       -- null: letters may be written
    UNIQUE (issuer, subject)
) STRICT;

-- What a person granted us: one connection each, the newest.
CREATE TABLE connections (
    id                TEXT PRIMARY KEY,
    person            INTEGER NOT NULL UNIQUE REFERENCES people (id) ON DELETE CASCADE,
    scope             TEXT NOT NULL, -- as granted (RFC 6749 §3.3), which may be less than asked for
    access_token      BLOB,          -- sealed; null: the connection has ended
    access_expires_at INTEGER NOT NULL,
    refresh_token     BLOB,          -- sealed; null: none was given, or the connection has ended
    connected_at      INTEGER NOT NULL,
    refreshed_at      INTEGER,       -- null: not yet
    ended_at          INTEGER,       -- null: it lives
    ended_reason      TEXT           -- "revoked" or "expired"
) STRICT, WITHOUT ROWID;

-- The offers made last for a connection: shown while Acme is away.
CREATE TABLE offers (
    connection TEXT PRIMARY KEY REFERENCES connections (id) ON DELETE CASCADE,
    made_at    INTEGER NOT NULL,
    document   TEXT NOT NULL -- offers.Offers as JSON
) STRICT, WITHOUT ROWID;

-- The outbox: letters as they were written.
CREATE TABLE letters (
    number       INTEGER PRIMARY KEY, -- in the order of writing
    id           TEXT NOT NULL UNIQUE,
    person       INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    fingerprint  TEXT NOT NULL, -- SHA-256 of which packages it offers: the same set is written about once
    written_at   INTEGER NOT NULL,
    document     TEXT NOT NULL, -- offers.Letter as JSON, the message itself included
    deliver      INTEGER NOT NULL, -- 1: waits for the mail server
    delivered_at INTEGER,          -- null: not handed to a mail server
    UNIQUE (person, fingerprint)
) STRICT;
CREATE INDEX letters_to_deliver ON letters (deliver) WHERE deliver = 1;

-- Tokens that are still to be given back (RFC 7009). A row goes when the
-- authorization server has said that the token is void.
CREATE TABLE revocations (
    id         INTEGER PRIMARY KEY,
    sealed     BLOB NOT NULL, -- the tokens
    decided_at INTEGER NOT NULL
) STRICT;

-- Acme's public catalogue, read by Dreams for itself. One row.
CREATE TABLE catalogue (
    only       INTEGER PRIMARY KEY CHECK (only = 1),
    fetched_at INTEGER NOT NULL,
    document   TEXT NOT NULL -- packages and reviews as JSON
) STRICT;
