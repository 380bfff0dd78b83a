-- +goose Up
CREATE TABLE sessions (
  id         TEXT PRIMARY KEY,   -- SHA-256 of the cookie's value, base64url: who reads this file cannot use it
  data       BLOB NOT NULL,      -- who is signed in and which sign-ins have begun, as package scs encodes it, sealed with AES-256-GCM by a key of that value's own
  expires_at INTEGER NOT NULL    -- Unix seconds; after it the session is no longer found
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_expire ON sessions (expires_at);
