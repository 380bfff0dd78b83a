-- +goose Up
-- A revocation may mean a part of a grant: what is taken back is one permission.
CREATE TABLE revocations_by_permission (
    grant_id   TEXT NOT NULL,    -- every token of this authorization is void; empty: see jti
    permission TEXT NOT NULL,    -- and of these the ones that carry this: a name in scope, or a type of authorization details; empty: all
    jti        TEXT NOT NULL,    -- this one token is void; empty: see grant_id
    expires_at INTEGER NOT NULL, -- Unix seconds; from then on every such token has expired by itself
    PRIMARY KEY (grant_id, permission, jti)
) WITHOUT ROWID;
INSERT INTO revocations_by_permission (grant_id, permission, jti, expires_at) SELECT grant_id, '', jti, expires_at FROM revocations;
DROP TABLE revocations;
ALTER TABLE revocations_by_permission RENAME TO revocations;
