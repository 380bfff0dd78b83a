-- +goose Up
-- When a consent was used last is asked at each authorization request: with the
-- time in the index that is one look, however many grants came of the consent.
DROP INDEX grants_consent;
CREATE INDEX grants_consent ON grants (consent_id, used_at);
