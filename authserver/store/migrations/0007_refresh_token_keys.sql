-- +goose Up
-- RFC 9449 §5: thumbprint of the key that a public client's refresh token is bound to; empty: none.
ALTER TABLE refresh_tokens ADD COLUMN dpop_jkt TEXT NOT NULL DEFAULT '';
