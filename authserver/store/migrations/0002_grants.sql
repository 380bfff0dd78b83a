-- +goose Up
-- A device that waits for its person. RFC 8628.
CREATE TABLE device_authorizations (
	hash       BLOB PRIMARY KEY,        -- SHA-256 of the device code
	user_code  TEXT NOT NULL,           -- eight letters; a person types it, so it is short and lives briefly
	client_id  TEXT NOT NULL REFERENCES clients,
	scope      TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL,
	interval   INTEGER NOT NULL,        -- milliseconds between two questions; slow_down makes it more
	polled_at  INTEGER,                 -- when the device asked last; NULL: never
	grant_id   TEXT REFERENCES grants,  -- NULL: nobody has said yes
	denied_at  INTEGER,                 -- NULL: nobody has said no
	spent_at   INTEGER                  -- NULL: the tokens have not been fetched
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX device_authorizations_user_code ON device_authorizations (user_code);

-- The device that a waiting question is about; NULL: a redirect is waited for.
ALTER TABLE interactions ADD COLUMN device BLOB;

-- Assertions that have been used. RFC 7523 §3.
CREATE TABLE spent_assertions (
	id         TEXT PRIMARY KEY,        -- issuer with jti, or with the assertion's hash
	expires_at INTEGER NOT NULL         -- the assertion's own exp: afterwards it is refused anyway
) STRICT, WITHOUT ROWID;

-- Which token a token was exchanged for: revoking the parent revokes the child.
CREATE TABLE exchanged_tokens (
	jti        TEXT PRIMARY KEY,        -- of the new token
	parent     TEXT NOT NULL,           -- jti of the token that was handed in
	expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX exchanged_tokens_parent ON exchanged_tokens (parent);
