-- +goose Up
-- Whose a session is, so that it can be ended from elsewhere (Back-Channel Logout
-- §2.7).
ALTER TABLE sessions ADD COLUMN sub TEXT NOT NULL DEFAULT ''; -- empty: nobody is signed in, or begun before this column was there
ALTER TABLE sessions ADD COLUMN sid TEXT NOT NULL DEFAULT ''; -- the session at the authorization server; empty: not told
CREATE INDEX sessions_of_a_person ON sessions (sub) WHERE sub != '';

-- Logout tokens that were taken: each counts once.
CREATE TABLE logout_tokens (
  jti        TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL    -- Unix seconds: the token's own exp; afterwards it is refused anyway
) STRICT, WITHOUT ROWID;
