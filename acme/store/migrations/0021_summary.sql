-- +goose Up
-- For the newest access of each application, and for the last seven days.
CREATE INDEX accesses_of_an_application ON accesses (sub, client_id, id);
CREATE INDEX accesses_of_a_day ON accesses (sub, at);
