-- +goose Up
-- Clients that Dreams registered by itself (RFC 7591), for the lessons about what
-- goes beyond the grants.
CREATE TABLE registrations (
    purpose TEXT PRIMARY KEY, -- which of them: 'lab', 'fapi2'
    sealed  BLOB NOT NULL     -- the private key, client_id, registration access token
) STRICT, WITHOUT ROWID;
