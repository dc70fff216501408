-- +goose Up

CREATE TABLE docs (
    position   INTEGER PRIMARY KEY,
    app_id     TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    collection TEXT NOT NULL,
    id         TEXT NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    terms      TEXT NOT NULL, -- JSON array of 64-bit integers
    data       TEXT NOT NULL, -- JSON as it was given; last: it may be long
    UNIQUE (app_id, collection, id)
) STRICT;

-- The terms of each document: hashes by which filters find it, different in each app and
-- collection. The triggers keep the table, also when an app is deleted.
CREATE TABLE docs_terms (
    term     INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (term, position)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER docs_inserted AFTER INSERT ON docs BEGIN
    INSERT INTO docs_terms (term, position) SELECT value, new.position FROM json_each(new.terms);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER docs_updated AFTER UPDATE OF terms ON docs WHEN old.terms IS NOT new.terms BEGIN
    DELETE FROM docs_terms WHERE position = old.position AND term IN (
        SELECT value FROM json_each(old.terms) EXCEPT SELECT value FROM json_each(new.terms));
    INSERT OR IGNORE INTO docs_terms (term, position) SELECT value, new.position FROM json_each(new.terms);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER docs_deleted AFTER DELETE ON docs BEGIN
    DELETE FROM docs_terms WHERE position = old.position AND term IN (SELECT value FROM json_each(old.terms));
END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE docs;
DROP TABLE docs_terms;
