-- +goose Up
-- OIDC Core §5.1: nobody has made sure that an address is whose it says, where people type it themselves.
ALTER TABLE users ADD COLUMN email_verified INTEGER NOT NULL DEFAULT 1; -- 0: they typed it
