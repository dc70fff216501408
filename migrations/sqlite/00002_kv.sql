-- +goose Up

-- An expired row counts as missing until it is swept.
CREATE TABLE kv_entries (
    app_id     TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    collection TEXT NOT NULL,
    key        TEXT NOT NULL,
    expires_at INTEGER,       -- NULL: never
    value      TEXT NOT NULL, -- JSON as it was given; last: it may be long
    PRIMARY KEY (app_id, collection, key)
) STRICT;

CREATE INDEX kv_entries_expiry ON kv_entries (expires_at) WHERE expires_at IS NOT NULL;

-- +goose Down
DROP TABLE kv_entries;
