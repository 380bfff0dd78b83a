-- +goose Up
-- What else a device asks for.
ALTER TABLE device_authorizations ADD COLUMN resource TEXT NOT NULL DEFAULT '';              -- RFC 8707 §2: URIs separated by spaces, as sent
ALTER TABLE device_authorizations ADD COLUMN authorization_details TEXT NOT NULL DEFAULT ''; -- RFC 9396 §3: JSON, as sent; empty: none

-- Dreams may ask for a part of somebody's preferences, for some days. RFC 9396 §10.
UPDATE clients SET metadata = json_set(metadata,
	'$.authorization_details_types', json('["travel_preferences"]'),
	'$.reasons.travel_preferences', 'So that offers about these fit you. Dreams learns nothing else of what you like.')
	WHERE client_id = 'dreams-web' AND json_extract(metadata, '$.authorization_details_types') IS NULL;
