-- +goose Up
-- What an authorization request was for: '' is the product's connection,
-- anything else a lesson, whose answer connects nobody.
ALTER TABLE attempts ADD COLUMN kind TEXT NOT NULL DEFAULT '';

-- The nightly job: for everybody who granted offline_access, refresh and call.
CREATE TABLE nights (
    id          INTEGER PRIMARY KEY,
    started_at  INTEGER NOT NULL,
    total       INTEGER NOT NULL, -- people to look after
    finished_at INTEGER           -- null: under way, or broken off by a stop
) STRICT;

-- What came of it for each of them. A row goes with the person.
CREATE TABLE night_outcomes (
    night     INTEGER NOT NULL REFERENCES nights (id) ON DELETE CASCADE,
    person    INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    at        INTEGER NOT NULL,
    refused   TEXT NOT NULL,    -- why not; '': it went well
    refreshed INTEGER NOT NULL, -- 1: the access token had ended and was refreshed
    PRIMARY KEY (night, person)
) STRICT, WITHOUT ROWID;
