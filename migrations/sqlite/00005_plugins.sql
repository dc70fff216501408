-- +goose Up

-- The modules of plugins, each once however many scripts have it. The triggers delete one that no
-- script refers to any more, also when an app is deleted.
CREATE TABLE wasm_modules (
    sha256 TEXT PRIMARY KEY, -- of data, in hex
    size   INTEGER NOT NULL, -- of data, bytes
    data   BLOB NOT NULL     -- last: rows are read without it in listings
) STRICT;

-- The column comes after the source, but one of the two is always empty.
ALTER TABLE scripts ADD COLUMN wasm TEXT REFERENCES wasm_modules (sha256);

CREATE INDEX scripts_wasm ON scripts (wasm) WHERE wasm IS NOT NULL;

-- +goose StatementBegin
CREATE TRIGGER scripts_wasm_deleted AFTER DELETE ON scripts WHEN old.wasm IS NOT NULL BEGIN
    DELETE FROM wasm_modules WHERE sha256 = old.wasm AND NOT EXISTS (SELECT 1 FROM scripts WHERE wasm = old.wasm);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER scripts_wasm_replaced AFTER UPDATE OF wasm ON scripts WHEN old.wasm IS NOT new.wasm BEGIN
    DELETE FROM wasm_modules WHERE sha256 = old.wasm AND NOT EXISTS (SELECT 1 FROM scripts WHERE wasm = old.wasm);
END;
-- +goose StatementEnd

-- +goose Down

DELETE FROM scripts WHERE wasm IS NOT NULL;
DROP TRIGGER scripts_wasm_replaced;
DROP TRIGGER scripts_wasm_deleted;
DROP INDEX scripts_wasm;
ALTER TABLE scripts DROP COLUMN wasm;
DROP TABLE wasm_modules;
