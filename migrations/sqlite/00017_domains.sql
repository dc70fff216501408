-- +goose Up

-- Hosts that apps have claimed: api.example.com, or *.example.com for all below it.
CREATE TABLE domains (
    id         TEXT PRIMARY KEY,
    app_id     TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    host       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX domains_app ON domains (app_id, host);

-- Routes of named hosts need the claim. A host goes to the app that had a route of it first, with that
-- route's id and time.
INSERT INTO domains (id, app_id, host, created_at)
    SELECT id, app_id, host, created_at FROM (
        SELECT id, app_id, host, created_at, ROW_NUMBER() OVER (PARTITION BY host ORDER BY created_at, id) AS place
        FROM routes WHERE host <> ''
    ) WHERE place = 1;

-- +goose Down

DROP TABLE domains;
