-- +goose Up
-- Keys follow one another: a public half outlives its private one.
ALTER TABLE signing_keys RENAME TO signing_keys_before;
CREATE TABLE signing_keys (
	kid         TEXT PRIMARY KEY,       -- RFC 7638 thumbprint
	algorithm   TEXT NOT NULL,          -- ES256 or RS256
	private_key BLOB,                   -- PKCS #8; NULL: erased, the key is gone
	sealed      INTEGER NOT NULL,       -- 1: private_key is encrypted (KEY_ENCRYPTION_KEY), with the kid as additional data
	public_key  BLOB,                   -- SubjectPublicKeyInfo; NULL: not yet written apart from the private half
	created_at  INTEGER NOT NULL,       -- in the JWKS from then on
	signs_from  INTEGER NOT NULL,
	retired_at  INTEGER,                -- another one signs from then on; NULL: none is to follow yet
	revoked_at  INTEGER,                -- it leaked, and verifies nothing; NULL: it did not
	tokens_last INTEGER NOT NULL        -- milliseconds that its longest-lived token lives; gone that long after retired_at
) STRICT;
INSERT INTO signing_keys (kid, algorithm, private_key, sealed, created_at, signs_from, tokens_last)
	SELECT kid, algorithm, private_key, 0, created_at, created_at, 0 FROM signing_keys_before;
DROP TABLE signing_keys_before;

-- Counts up whenever keys change, for the running server to notice.
INSERT INTO settings (name, value) VALUES ('keys', '0');
