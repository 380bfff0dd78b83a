-- +goose Up
-- What is on a picture, for whoever cannot see it.
ALTER TABLE post_pictures ADD COLUMN alt TEXT NOT NULL DEFAULT ''; -- empty: a drawing of Acme's own, whose name says it
