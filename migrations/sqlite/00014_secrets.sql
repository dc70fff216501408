-- +goose Up

-- Values that scripts of an app may read, sealed.
CREATE TABLE secrets (
    app_id     TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    key_id     TEXT NOT NULL, -- of the key that opens it
    size       INTEGER NOT NULL, -- of the value, bytes
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    sealed     BLOB NOT NULL,
    PRIMARY KEY (app_id, name)
) STRICT;

-- The signature that a route demands, as JSON; NULL: none.
ALTER TABLE routes ADD COLUMN signature TEXT;

-- +goose Down

ALTER TABLE routes DROP COLUMN signature;
DROP TABLE secrets;
