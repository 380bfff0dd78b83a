-- +goose Up

-- One row per thing that happens once to a database.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY, -- 'seeded'
    value TEXT NOT NULL     -- when: RFC 3339
) WITHOUT ROWID;

-- Who has an account, as far as the website and the API show it. Passwords and
-- sign-ins are the authorization server's business.
CREATE TABLE profiles (
    sub        TEXT PRIMARY KEY, -- the sub of ID and access tokens: opaque, never changes
    name       TEXT NOT NULL,    -- shown beside posts and reviews
    email      TEXT NOT NULL,    -- empty where the person's ID token had none
    picture    TEXT NOT NULL,    -- file name below /static/art or absolute URL; empty: none
    updated_at INTEGER NOT NULL  -- Unix seconds
) WITHOUT ROWID;

-- What Acme sells. Lists are JSON arrays: they are read whole, into memory.
CREATE TABLE packages (
    position    INTEGER PRIMARY KEY, -- order of the catalogue, and of its pages
    id          TEXT NOT NULL UNIQUE, -- 'pk-silvretta'
    title       TEXT NOT NULL,
    destination TEXT NOT NULL,    -- place, country
    summary     TEXT NOT NULL,    -- for the postcard
    description TEXT NOT NULL,
    days        TEXT NOT NULL,    -- JSON array of strings, one per day
    tags        TEXT NOT NULL,    -- JSON array of strings
    price       INTEGER NOT NULL, -- whole euros per person
    nights      INTEGER NOT NULL,
    months      TEXT NOT NULL,    -- JSON array of numbers from 1 to 12
    company     TEXT NOT NULL,    -- JSON array: whom it suits
    leaves      TEXT NOT NULL,    -- next departure, RFC 3339 date
    from_place  TEXT NOT NULL,    -- where the journey begins
    effort      TEXT NOT NULL,    -- how hard it is, in words
    picture     TEXT NOT NULL     -- file name below /static/art
);

-- Published opinions. A person has one per package: the rating is a mean of
-- travellers, not of sentences.
CREATE TABLE reviews (
    id         TEXT PRIMARY KEY,                      -- 'rv-…', random
    package_id TEXT NOT NULL REFERENCES packages (id),
    sub        TEXT,                                  -- who wrote it; NULL: somebody without an account
    author     TEXT NOT NULL,                         -- the name at that time; a profile's name goes before it
    rating     INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
    text       TEXT NOT NULL,
    created_at INTEGER NOT NULL,                      -- Unix seconds
    UNIQUE (package_id, sub)
);

-- Articles of people's blogs.
CREATE TABLE posts (
    id         TEXT PRIMARY KEY,                              -- 'po-…', random
    sub        TEXT NOT NULL,                                 -- whose it is
    title      TEXT NOT NULL,
    body       TEXT NOT NULL,                                 -- Markdown
    published  INTEGER NOT NULL CHECK (published IN (0, 1)),  -- 0: for its author alone
    created_at INTEGER NOT NULL                               -- Unix seconds
);
CREATE INDEX posts_of_a_person ON posts (sub, created_at);

-- Pictures of posts: as private as their post.
CREATE TABLE post_pictures (
    post_id      TEXT NOT NULL REFERENCES posts (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,    -- last part of its URL
    position     INTEGER NOT NULL, -- order in the post
    content_type TEXT NOT NULL,    -- 'image/png'
    data         BLOB,             -- NULL: art that the program carries, below /static/art
    PRIMARY KEY (post_id, name)
);

-- What people told Acme about the journeys they like.
CREATE TABLE preferences (
    sub          TEXT PRIMARY KEY,  -- whose they are
    interests    TEXT NOT NULL,     -- JSON array of strings
    budget_max   INTEGER NOT NULL,  -- whole euros per trip; 0: not said
    travels_with TEXT NOT NULL,     -- empty: not said
    months       TEXT NOT NULL,     -- JSON array of numbers from 1 to 12
    updated_at   INTEGER NOT NULL   -- Unix seconds
) WITHOUT ROWID;

-- Tokens that are void before they expire, as the authorization server's feed
-- told. Kept here so that a restart forgets none.
CREATE TABLE revocations (
    grant_id   TEXT NOT NULL,    -- every token of this authorization is void; empty: see jti
    jti        TEXT NOT NULL,    -- this one token is void; empty: see grant_id
    expires_at INTEGER NOT NULL, -- Unix seconds; from then on every such token has expired by itself
    PRIMARY KEY (grant_id, jti)
) WITHOUT ROWID;

-- How far the feed was read: one row, written together with what was read.
CREATE TABLE revocation_feed (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    feed     TEXT NOT NULL,   -- the server's own id of its feed: another id, another database
    cursor   INTEGER NOT NULL -- the last entry that is in revocations
);
