-- +goose Up
-- By what clients know a session: OIDC Core §2 leaves room for it, Back-Channel
-- Logout §2.1 names it. It says nothing about the cookie.
ALTER TABLE sessions ADD COLUMN sid TEXT NOT NULL DEFAULT '';
UPDATE sessions SET sid = 's_' || lower(hex(randomblob(16)));

-- Which clients took part in a session is what was granted in it.
CREATE INDEX grants_session ON grants (session_id) WHERE session_id != '';

-- Clients that are still to be told of the end of a session. Back-Channel
-- Logout §2.5. A row goes when its client has said that it knows.
CREATE TABLE logout_notices (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	client_id TEXT NOT NULL,
	sub       TEXT NOT NULL,            -- whose session it was
	sid       TEXT NOT NULL,
	attempts  INTEGER NOT NULL,         -- how many have failed
	due_at    INTEGER NOT NULL          -- when to try next
) STRICT;
CREATE INDEX logout_notices_due ON logout_notices (client_id, due_at);

-- A database that was seeded before: what seed/clients.json says about logout.
UPDATE clients SET metadata = json_set(metadata,
	'$.post_logout_redirect_uris', json('["{ACME_URL}/signed-out"]'),
	'$.backchannel_logout_uri', '{ACME_URL}/backchannel-logout',
	'$.backchannel_logout_session_required', json('true')) WHERE client_id = 'acme-web';
UPDATE clients SET metadata = json_set(metadata,
	'$.post_logout_redirect_uris', json('["{DREAMS_URL}/"]'),
	'$.backchannel_logout_uri', '{DREAMS_URL}/backchannel-logout',
	'$.backchannel_logout_session_required', json('true')) WHERE client_id = 'dreams-web';
