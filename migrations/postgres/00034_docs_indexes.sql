-- +goose Up

-- Indexes on paths of documents, which apps declare.
CREATE TABLE docs_indexes (
    id         BIGINT PRIMARY KEY, -- random, and never used again
    app_id     TEXT COLLATE "C" NOT NULL, -- may be gone: then the index is dropped
    collection TEXT COLLATE "C" NOT NULL,
    path       TEXT COLLATE "C" NOT NULL,
    state      TEXT COLLATE "C" NOT NULL, -- building, ready, or dropped: its entries are being removed
    since      TEXT COLLATE "C" NOT NULL, -- a transaction: those that began later know the index; '' before that is known
    built      BIGINT NOT NULL,           -- documents that have got an entry while it was built
    built_to   TEXT COLLATE "C" NOT NULL, -- the id of the last of them
    created_at TIMESTAMPTZ NOT NULL
);

CREATE UNIQUE INDEX docs_indexes_path ON docs_indexes (app_id, collection, path) WHERE state <> 'dropped';
CREATE INDEX docs_indexes_work ON docs_indexes (created_at) WHERE state <> 'ready';

-- Each document of the collection has one entry in each index: the key of its value at the path, in the
-- order in which values are sorted. Two keys are of no value: FE says that there are several, FF that
-- whoever wrote the document did not know the index. The triggers keep the table.
CREATE TABLE docs_entries (
    index_id BIGINT NOT NULL, -- is there as long as entries are; a reference would have each entry lock its index
    key      BYTEA NOT NULL,
    id       TEXT COLLATE "C" NOT NULL, -- of the document
    PRIMARY KEY (index_id, key, id)
);

-- The keys that whoever writes a document has made of it: a map of the indexes' ids to hexadecimal.
ALTER TABLE docs ADD COLUMN entries JSONB NOT NULL DEFAULT '{}';

-- +goose StatementBegin
CREATE FUNCTION docs_entries() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    -- Most collections have no index, and even a statement that changes nothing has triggers.
    IF TG_OP <> 'INSERT' AND EXISTS (SELECT FROM docs_indexes WHERE app_id = OLD.app_id AND collection = OLD.collection AND state <> 'dropped') THEN
        DELETE FROM docs_entries e USING docs_indexes i
            WHERE i.app_id = OLD.app_id AND i.collection = OLD.collection AND i.state <> 'dropped'
            AND (TG_OP = 'DELETE' OR OLD.entries ->> i.id::text IS DISTINCT FROM NEW.entries ->> i.id::text)
            AND e.index_id = i.id AND e.key = COALESCE(decode(OLD.entries ->> i.id::text, 'hex'), '\xff') AND e.id = OLD.id;
    END IF;
    IF TG_OP <> 'DELETE' AND EXISTS (SELECT FROM docs_indexes WHERE app_id = NEW.app_id AND collection = NEW.collection AND state <> 'dropped') THEN
        INSERT INTO docs_entries (index_id, key, id)
            SELECT i.id, COALESCE(decode(NEW.entries ->> i.id::text, 'hex'), '\xff'), NEW.id FROM docs_indexes i
            WHERE i.app_id = NEW.app_id AND i.collection = NEW.collection AND i.state <> 'dropped'
            AND (TG_OP = 'INSERT' OR OLD.entries ->> i.id::text IS DISTINCT FROM NEW.entries ->> i.id::text);
    END IF;
    RETURN NULL;
END;
$$;
-- +goose StatementEnd

-- What entries have counts as bytes of documents.
-- +goose StatementBegin
CREATE FUNCTION docs_entries_usage() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM count_data_usage(changed.app_id, 'docs', CASE TG_OP WHEN 'INSERT' THEN bytes ELSE -bytes END) FROM (
        SELECT i.app_id, sum(octet_length(e.key) + octet_length(e.id)) AS bytes FROM entries e JOIN docs_indexes i ON i.id = e.index_id GROUP BY i.app_id
    ) AS changed;
    RETURN NULL;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER docs_entries_written AFTER INSERT OR DELETE ON docs FOR EACH ROW EXECUTE FUNCTION docs_entries();
CREATE TRIGGER docs_entries_updated AFTER UPDATE OF entries ON docs FOR EACH ROW WHEN (OLD.entries <> NEW.entries) EXECUTE FUNCTION docs_entries();
CREATE TRIGGER docs_entries_counted AFTER INSERT ON docs_entries REFERENCING NEW TABLE AS entries FOR EACH STATEMENT EXECUTE FUNCTION docs_entries_usage();
CREATE TRIGGER docs_entries_discounted AFTER DELETE ON docs_entries REFERENCING OLD TABLE AS entries FOR EACH STATEMENT EXECUTE FUNCTION docs_entries_usage();

-- +goose Down

DROP TRIGGER docs_entries_written ON docs;
DROP TRIGGER docs_entries_updated ON docs;
DELETE FROM docs_entries; -- and what they count
DROP TABLE docs_entries;
DROP TABLE docs_indexes;
DROP FUNCTION docs_entries;
DROP FUNCTION docs_entries_usage;
ALTER TABLE docs DROP COLUMN entries;
