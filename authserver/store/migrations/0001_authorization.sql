-- Times are milliseconds since 1970. Whatever opens a door (codes, refresh
-- tokens, sessions, client secrets) is here as its SHA-256 only: a copy of this
-- file opens none. Passwords, which people choose, are Argon2id.

-- +goose Up
CREATE TABLE settings (
	name  TEXT PRIMARY KEY, -- 'seeded': when the seed was loaded
	value TEXT NOT NULL
) STRICT;

CREATE TABLE users (
	sub           TEXT PRIMARY KEY,     -- OIDC Core §2: opaque, never reassigned
	username      TEXT NOT NULL UNIQUE,
	password_hash TEXT NOT NULL,        -- Argon2id as a PHC string
	name          TEXT NOT NULL,
	email         TEXT NOT NULL UNIQUE,
	picture       TEXT NOT NULL,        -- file name below /static/art
	operator      INTEGER NOT NULL,     -- 1: may lock accounts
	created_at    INTEGER NOT NULL,
	locked_at     INTEGER               -- NULL: not locked
) STRICT;

CREATE TABLE clients (
	client_id     TEXT PRIMARY KEY,
	secret_hash   BLOB,                 -- SHA-256; NULL: the client has no secret
	metadata      TEXT NOT NULL,        -- JSON: RFC 7591 §2 and what the consent page says
	created_at    INTEGER NOT NULL,
	disabled_at   INTEGER               -- NULL: in use
) STRICT;

CREATE TABLE signing_keys (
	kid         TEXT PRIMARY KEY,       -- RFC 7638 thumbprint
	algorithm   TEXT NOT NULL,          -- ES256 or RS256
	private_key BLOB NOT NULL,          -- PKCS #8
	created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
	hash       BLOB PRIMARY KEY,        -- SHA-256 of the cookie
	sub        TEXT NOT NULL REFERENCES users,
	auth_time  INTEGER NOT NULL,        -- when the password was given
	expires_at INTEGER NOT NULL,
	address    TEXT NOT NULL,           -- where from, for the person to recognise
	user_agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_sub ON sessions (sub);

-- A request that waits for its person to sign in or to decide.
CREATE TABLE interactions (
	hash        BLOB PRIMARY KEY,       -- SHA-256 of the identifier in the form
	request     TEXT NOT NULL,          -- the authorization request as it was sent
	created_at  INTEGER NOT NULL,
	expires_at  INTEGER NOT NULL,
	answered_at INTEGER                 -- NULL: not yet; an answer counts once
) STRICT, WITHOUT ROWID;

-- What a person lets a client do.
CREATE TABLE consents (
	id         TEXT PRIMARY KEY,
	sub        TEXT NOT NULL REFERENCES users,
	client_id  TEXT NOT NULL REFERENCES clients,
	scope      TEXT NOT NULL,           -- names separated by spaces
	duration   TEXT NOT NULL,           -- once, 30d or until_revoked
	given_at   INTEGER NOT NULL,        -- the first time
	changed_at INTEGER NOT NULL,        -- the last time
	expires_at INTEGER,                 -- NULL: when somebody ends it
	ended_at   INTEGER,                 -- NULL: not ended
	end_reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX consents_current ON consents (sub, client_id) WHERE ended_at IS NULL;

-- One authorization: all its codes and tokens carry its id.
CREATE TABLE grants (
	id            TEXT PRIMARY KEY,
	client_id     TEXT NOT NULL REFERENCES clients,
	sub           TEXT NOT NULL REFERENCES users,
	consent_id    TEXT REFERENCES consents, -- NULL: a first-party client, nobody was asked
	scope         TEXT NOT NULL,
	nonce         TEXT NOT NULL,        -- OIDC Core §3.1.2.1
	auth_time     INTEGER NOT NULL,
	created_at    INTEGER NOT NULL,
	expires_at    INTEGER,              -- NULL: none; the consent's end
	used_at       INTEGER,              -- when a token was last issued; NULL: never
	tokens_end_at INTEGER,              -- when the last access token issued expires; NULL: none was
	revoked_at    INTEGER,              -- NULL: not revoked
	revoke_reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX grants_consent ON grants (consent_id);
CREATE INDEX grants_sub ON grants (sub);

CREATE TABLE authorization_codes (
	hash           BLOB PRIMARY KEY,    -- SHA-256 of the code
	grant_id       TEXT NOT NULL REFERENCES grants,
	redirect_uri   TEXT NOT NULL,       -- of the authorization request: RFC 6749 §4.1.3
	code_challenge TEXT NOT NULL,       -- RFC 7636 §4.4; empty: none was sent
	expires_at     INTEGER NOT NULL,
	spent_at       INTEGER              -- NULL: not yet; a second use revokes the grant
) STRICT, WITHOUT ROWID;

CREATE TABLE refresh_tokens (
	hash            BLOB PRIMARY KEY,   -- SHA-256 of the token
	grant_id        TEXT NOT NULL REFERENCES grants,
	issued_at       INTEGER NOT NULL,
	expires_at      INTEGER NOT NULL,   -- absolute: rotation never moves it
	idle_expires_at INTEGER NOT NULL,
	spent_at        INTEGER             -- NULL: the current one; a second use revokes the grant
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id);

-- What resource servers must no longer accept, in the order in which it
-- happened. Entries go when every token they mean has expired by itself.
CREATE TABLE revocations (
	cursor     INTEGER PRIMARY KEY AUTOINCREMENT, -- never reused: readers continue behind it
	grant_id   TEXT,                    -- every token of this grant, or
	jti        TEXT,                    -- this one access token
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT;

-- What happened that somebody may have to account for. Holds no secret.
CREATE TABLE security_events (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	at        INTEGER NOT NULL,
	kind      TEXT NOT NULL,            -- 'signed in', 'consent given', 'request refused', …
	sub       TEXT NOT NULL,            -- whom it concerns; empty: nobody known
	client_id TEXT NOT NULL,            -- which application; empty: none known
	address   TEXT NOT NULL,            -- where from
	detail    TEXT NOT NULL             -- the error code, the scope, the reason
) STRICT;
CREATE INDEX security_events_sub ON security_events (sub, id);

-- +goose StatementBegin
CREATE TRIGGER security_events_stay BEFORE UPDATE ON security_events
BEGIN SELECT RAISE(ABORT, 'security events are only ever added'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER security_events_remain BEFORE DELETE ON security_events
BEGIN SELECT RAISE(ABORT, 'security events are only ever added'); END;
-- +goose StatementEnd
