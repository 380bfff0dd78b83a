-- What the flows cannot do without, in as few columns.

-- +goose Up
CREATE TABLE sessions (
	hash       BLOB PRIMARY KEY,
	sub        TEXT NOT NULL,
	auth_time  INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE consents (
	sub       TEXT NOT NULL,
	client_id TEXT NOT NULL,
	id        TEXT NOT NULL,
	scope     TEXT NOT NULL,
	PRIMARY KEY (sub, client_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
	id         TEXT PRIMARY KEY,
	client_id  TEXT NOT NULL,
	sub        TEXT NOT NULL,
	consent_id TEXT NOT NULL,
	scope      TEXT NOT NULL,
	auth_time  INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	used_at    INTEGER
) STRICT;

CREATE TABLE codes (
	hash           BLOB PRIMARY KEY,
	grant_id       TEXT NOT NULL,
	redirect_uri   TEXT NOT NULL,
	code_challenge TEXT NOT NULL,
	expires_at     INTEGER NOT NULL,
	spent_at       INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE refresh_tokens (
	hash       BLOB PRIMARY KEY,
	grant_id   TEXT NOT NULL,
	expires_at INTEGER NOT NULL,
	spent_at   INTEGER
) STRICT, WITHOUT ROWID;
