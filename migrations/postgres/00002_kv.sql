-- +goose Up

-- An expired row counts as missing until it is swept.
CREATE TABLE kv_entries (
    app_id     TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    collection TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    expires_at TIMESTAMPTZ,               -- NULL: never
    value      TEXT COLLATE "C" NOT NULL, -- JSON as it was given, which JSONB would not keep
    PRIMARY KEY (app_id, collection, key)
);

CREATE INDEX kv_entries_expiry ON kv_entries (expires_at) WHERE expires_at IS NOT NULL;

-- +goose Down
DROP TABLE kv_entries;
