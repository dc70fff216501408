-- +goose Up

-- Indexes on paths of documents, which apps declare.
CREATE TABLE docs_indexes (
    id         INTEGER PRIMARY KEY, -- random, and never used again
    app_id     TEXT NOT NULL, -- may be gone: then the index is dropped
    collection TEXT NOT NULL,
    path       TEXT NOT NULL,
    state      TEXT NOT NULL,    -- building, ready, or dropped: its entries are being removed
    since      TEXT NOT NULL,    -- of PostgreSQL, '' here
    built      INTEGER NOT NULL, -- documents that have got an entry while it was built
    built_to   TEXT NOT NULL,    -- the id of the last of them
    created_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX docs_indexes_path ON docs_indexes (app_id, collection, path) WHERE state <> 'dropped';
CREATE INDEX docs_indexes_work ON docs_indexes (created_at) WHERE state <> 'ready';

-- Each document of the collection has one entry in each index: the key of its value at the path, in the
-- order in which values are sorted. Two keys are of no value: X'FE' says that there are several, X'FF' that
-- whoever wrote the document did not know the index. The triggers keep the table.
CREATE TABLE docs_entries (
    index_id INTEGER NOT NULL, -- is there as long as entries are
    key      BLOB NOT NULL,
    id       TEXT NOT NULL, -- of the document
    PRIMARY KEY (index_id, key, id)
) STRICT, WITHOUT ROWID;

-- The keys that whoever writes a document has made of it: a JSON map of the indexes' ids to hexadecimal.
ALTER TABLE docs ADD COLUMN entries TEXT NOT NULL DEFAULT '{}';

-- +goose StatementBegin
CREATE TRIGGER docs_entries_inserted AFTER INSERT ON docs BEGIN
    INSERT INTO docs_entries (index_id, key, id)
        SELECT i.id, COALESCE(unhex(json_extract(new.entries, '$."' || i.id || '"')), X'FF'), new.id FROM docs_indexes i
        WHERE i.app_id = new.app_id AND i.collection = new.collection AND i.state <> 'dropped';
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER docs_entries_updated AFTER UPDATE OF entries ON docs WHEN old.entries <> new.entries BEGIN
    DELETE FROM docs_entries WHERE (index_id, key, id) IN (
        SELECT i.id, COALESCE(unhex(json_extract(old.entries, '$."' || i.id || '"')), X'FF'), old.id FROM docs_indexes i
        WHERE i.app_id = old.app_id AND i.collection = old.collection AND i.state <> 'dropped'
        AND json_extract(old.entries, '$."' || i.id || '"') IS NOT json_extract(new.entries, '$."' || i.id || '"'));
    INSERT INTO docs_entries (index_id, key, id)
        SELECT i.id, COALESCE(unhex(json_extract(new.entries, '$."' || i.id || '"')), X'FF'), new.id FROM docs_indexes i
        WHERE i.app_id = new.app_id AND i.collection = new.collection AND i.state <> 'dropped'
        AND json_extract(old.entries, '$."' || i.id || '"') IS NOT json_extract(new.entries, '$."' || i.id || '"');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER docs_entries_deleted AFTER DELETE ON docs BEGIN
    DELETE FROM docs_entries WHERE (index_id, key, id) IN (
        SELECT i.id, COALESCE(unhex(json_extract(old.entries, '$."' || i.id || '"')), X'FF'), old.id FROM docs_indexes i
        WHERE i.app_id = old.app_id AND i.collection = old.collection AND i.state <> 'dropped');
END;
-- +goose StatementEnd

-- What entries have counts as bytes of documents.
-- +goose StatementBegin
CREATE TRIGGER docs_entries_counted AFTER INSERT ON docs_entries BEGIN
    INSERT INTO data_usage SELECT app_id, 'docs', octet_length(new.key) + octet_length(new.id) FROM docs_indexes WHERE id = new.index_id
        ON CONFLICT (app_id, source) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER docs_entries_discounted AFTER DELETE ON docs_entries BEGIN
    UPDATE data_usage SET bytes = bytes - octet_length(old.key) - octet_length(old.id)
        WHERE source = 'docs' AND app_id = (SELECT app_id FROM docs_indexes WHERE id = old.index_id);
END;
-- +goose StatementEnd

-- +goose Down

DROP TRIGGER docs_entries_inserted;
DROP TRIGGER docs_entries_updated;
DROP TRIGGER docs_entries_deleted;
DELETE FROM docs_entries; -- and what they count
DROP TABLE docs_entries;
DROP TABLE docs_indexes;
ALTER TABLE docs DROP COLUMN entries;
