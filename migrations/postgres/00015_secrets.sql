-- +goose Up

-- Values that scripts of an app may read, sealed.
CREATE TABLE secrets (
    app_id     TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    name       TEXT COLLATE "C" NOT NULL,
    key_id     TEXT COLLATE "C" NOT NULL, -- of the key that opens it
    size       INTEGER NOT NULL, -- of the value, bytes
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    sealed     BYTEA NOT NULL,
    PRIMARY KEY (app_id, name)
);

-- The signature that a route demands, as JSON; NULL: none.
ALTER TABLE routes ADD COLUMN signature TEXT;

-- +goose Down

ALTER TABLE routes DROP COLUMN signature;
DROP TABLE secrets;
