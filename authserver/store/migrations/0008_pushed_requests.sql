-- +goose Up
-- An authorization request that a client left here before it sent its person.
-- RFC 9126.
CREATE TABLE pushed_requests (
	hash       BLOB PRIMARY KEY,        -- SHA-256 of the request_uri
	client_id  TEXT NOT NULL REFERENCES clients,
	request    TEXT NOT NULL,           -- its parameters, without the client's credentials; those of the request object where one was pushed
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL,        -- the person has to have arrived by then
	spent_at   INTEGER                  -- NULL: nobody has answered; an answer counts once
) STRICT, WITHOUT ROWID;
CREATE INDEX pushed_requests_client ON pushed_requests (client_id);

-- The pushed request that a waiting question is about; NULL: it came by value.
ALTER TABLE interactions ADD COLUMN pushed BLOB;
-- What is wrong with its request object, "code: description"; empty: nothing. The client
-- is told once its person has signed in.
ALTER TABLE interactions ADD COLUMN refusal TEXT NOT NULL DEFAULT '';
