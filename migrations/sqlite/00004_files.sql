-- +goose Up

CREATE TABLE files (
    id           TEXT NOT NULL,
    app_id       TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    collection   TEXT NOT NULL,
    name         TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size         INTEGER NOT NULL,
    sha256       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    blob         TEXT NOT NULL UNIQUE,
    sums         BLOB, -- of the parts, NULL for a file of one part; last: rows are read without it in listings
    PRIMARY KEY (app_id, collection, id)
) STRICT;

-- The bytes of all files of an app. Changes of an app's files lock its row, and so wait for each
-- other.
CREATE TABLE file_usage (
    app_id TEXT PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,
    bytes  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: the mark of the directory that has the blobs.
CREATE TABLE file_root (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    mark TEXT NOT NULL
) STRICT;

-- +goose Down

DROP TABLE file_root;
DROP TABLE file_usage;
DROP TABLE files;
