-- +goose Up

CREATE TABLE docs (
    app_id     TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    collection TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    version    BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    terms      BIGINT[] NOT NULL,         -- hashes by which filters find it, different in each app and collection
    data       TEXT COLLATE "C" NOT NULL, -- JSON as it was given, which JSONB would not keep
    PRIMARY KEY (app_id, collection, id)
);

-- Every query reads what waits to be sorted into the index, so little may wait (KiB).
CREATE INDEX docs_terms ON docs USING GIN (terms) WITH (gin_pending_list_limit = 256);

-- +goose Down
DROP TABLE docs;
