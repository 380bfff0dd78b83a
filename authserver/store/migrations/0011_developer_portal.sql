-- +goose Up
-- Clients that people registered at the developer portal.
ALTER TABLE clients ADD COLUMN owner TEXT REFERENCES users;        -- whose it is; NULL: it came with the server, or registered itself

-- A client has two secrets while it goes from one to the other: secret_hash is the older.
ALTER TABLE clients ADD COLUMN secret_tail TEXT NOT NULL DEFAULT '';      -- last four characters; empty: not kept
ALTER TABLE clients ADD COLUMN secret_made_at INTEGER;                    -- NULL: with the client
ALTER TABLE clients ADD COLUMN secret_used_at INTEGER;                    -- to the minutes; NULL: not yet
ALTER TABLE clients ADD COLUMN next_secret_hash BLOB;                     -- SHA-256; NULL: there is one secret, or none
ALTER TABLE clients ADD COLUMN next_secret_tail TEXT NOT NULL DEFAULT '';
ALTER TABLE clients ADD COLUMN next_secret_made_at INTEGER;
ALTER TABLE clients ADD COLUMN next_secret_used_at INTEGER;

CREATE INDEX clients_owner ON clients (owner) WHERE owner IS NOT NULL;
CREATE INDEX security_events_refused ON security_events (client_id, id) WHERE kind = 'request refused';
