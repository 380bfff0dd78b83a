-- +goose Up
-- Clients are told of consents that ended, too: RFC 8417, RFC 8935.
ALTER TABLE logout_notices RENAME TO notices;
ALTER TABLE notices ADD COLUMN kind TEXT NOT NULL DEFAULT 'logout';  -- or 'consent': sid is empty then
ALTER TABLE notices ADD COLUMN reason TEXT NOT NULL DEFAULT '';      -- of a consent's end
ALTER TABLE notices ADD COLUMN happened_at INTEGER NOT NULL DEFAULT 0; -- when that was
-- What a client is told of a consent is what remains of it: the last end says all.
CREATE UNIQUE INDEX notices_consent ON notices (client_id, sub) WHERE kind = 'consent';

-- A database that was seeded before: where Dreams hears of it.
UPDATE clients SET metadata = json_set(metadata, '$.security_events_uri', '{DREAMS_URL}/events')
	WHERE client_id = 'dreams-web' AND coalesce(metadata ->> '$.client_name', '') != '';
