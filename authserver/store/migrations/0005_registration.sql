-- +goose Up
-- Clients that registered themselves. RFC 7591, RFC 7592.
ALTER TABLE clients ADD COLUMN registration_hash BLOB; -- SHA-256 of the registration access token; NULL: the operator registered it
ALTER TABLE clients ADD COLUMN used_at INTEGER;        -- the day on which one that registered itself last got a token; NULL: never
ALTER TABLE clients ADD COLUMN deleted_at INTEGER;     -- NULL: in use; a deleted one is kept while something names it

CREATE INDEX clients_registered ON clients (coalesce(used_at, created_at)) WHERE registration_hash IS NOT NULL;
CREATE INDEX clients_deleted ON clients (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX consents_client ON consents (client_id);
CREATE INDEX grants_client ON grants (client_id);
CREATE INDEX device_authorizations_client ON device_authorizations (client_id);
