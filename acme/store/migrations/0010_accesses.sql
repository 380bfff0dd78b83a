-- +goose Up

-- Who used the API in a person's name: a row for each request, refused ones too
-- where the token's signature was good. For the person whom it concerns. Rows are
-- only ever added, and go when they are thirteen months old.
CREATE TABLE accesses (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  at        INTEGER NOT NULL,  -- Unix milliseconds
  until     INTEGER NOT NULL,  -- the last of the calls that this row counts; at, where it is one
  times     INTEGER NOT NULL,  -- how many calls this row counts
  sub       TEXT NOT NULL,     -- whom it concerns; empty: calls that were not written down, of whomever
  client_id TEXT NOT NULL,     -- which application; empty: a gap, calls that were not written down
  what      TEXT NOT NULL,     -- in the person's words: 'read your preferences'
  object    TEXT NOT NULL,     -- id of the post or the package; empty: none, or it was not reached
  scope     TEXT NOT NULL,     -- the permission that the request wants
  topics    TEXT NOT NULL,     -- what the authorization details that opened it are about; empty: the scope did
  token     TEXT NOT NULL,     -- the first characters of the token's jti
  bound     INTEGER NOT NULL,  -- 1: the token is bound to a key (DPoP), 0: it is a bearer token
  status    INTEGER NOT NULL,  -- of HTTP
  reason    TEXT NOT NULL      -- why it was refused; empty: it was not
) STRICT;
CREATE INDEX accesses_of_a_person ON accesses (sub, id);

-- +goose StatementBegin
CREATE TRIGGER accesses_stay BEFORE UPDATE ON accesses
BEGIN SELECT RAISE(ABORT, 'accesses are only ever added'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER accesses_remain BEFORE DELETE ON accesses
WHEN OLD.until >= unixepoch('now', '-13 months') * 1000
BEGIN SELECT RAISE(ABORT, 'accesses are only ever added'); END;
-- +goose StatementEnd
