-- +goose Up
-- The pictures that developers uploaded for their applications.
CREATE TABLE client_logos (
	client_id    TEXT PRIMARY KEY REFERENCES clients,
	name         TEXT NOT NULL, -- made of its content; the client's metadata has it as logo
	content_type TEXT NOT NULL,
	data         BLOB NOT NULL  -- drawn anew: nothing in it but pixels
) STRICT;
