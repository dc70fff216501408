-- +goose Up

CREATE TABLE files (
    id           TEXT COLLATE "C" NOT NULL,
    app_id       TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    collection   TEXT COLLATE "C" NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    content_type TEXT COLLATE "C" NOT NULL,
    size         BIGINT NOT NULL,
    sha256       TEXT COLLATE "C" NOT NULL,
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    blob         TEXT COLLATE "C" NOT NULL UNIQUE,
    sums         BYTEA, -- of the parts, NULL for a file of one part
    PRIMARY KEY (app_id, collection, id)
);

-- The bytes of all files of an app. Changes of an app's files lock its row, and so wait for each
-- other.
CREATE TABLE file_usage (
    app_id TEXT COLLATE "C" PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,
    bytes  BIGINT NOT NULL
);

-- One row: the mark of the directory that has the blobs.
CREATE TABLE file_root (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    mark TEXT COLLATE "C" NOT NULL
);

-- +goose Down

DROP TABLE file_root;
DROP TABLE file_usage;
DROP TABLE files;
