-- +goose Up

-- What scripts are and were, of each the newest versions. It names users and keys that may be gone since.
CREATE TABLE script_versions (
    script_id     TEXT NOT NULL REFERENCES scripts (id) ON DELETE CASCADE,
    version       INTEGER NOT NULL,
    name          TEXT NOT NULL,
    kind          TEXT NOT NULL,
    limits        TEXT NOT NULL, -- JSON object
    read_only     INTEGER NOT NULL CHECK (read_only IN (0, 1)),
    created_at    INTEGER NOT NULL,
    user_id       TEXT NOT NULL, -- '' for none
    username      TEXT NOT NULL,
    key_id        TEXT NOT NULL,
    restored_from INTEGER NOT NULL, -- a version; 0 for none
    size          INTEGER NOT NULL, -- of the source or the module, bytes
    wasm          TEXT REFERENCES wasm_modules (sha256),
    source        TEXT NOT NULL, -- last: rows are read without it in listings
    PRIMARY KEY (script_id, version)
) STRICT;

CREATE INDEX script_versions_wasm ON script_versions (wasm) WHERE wasm IS NOT NULL;

INSERT INTO script_versions (script_id, version, name, kind, limits, read_only, created_at, user_id, username, key_id, restored_from, size, wasm, source)
    SELECT id, version, name, kind, limits, read_only, updated_at, '', '', '', 0,
        COALESCE((SELECT m.size FROM wasm_modules m WHERE m.sha256 = s.wasm), length(CAST(source AS BLOB))), wasm, source
    FROM scripts s;

-- A module goes with the last version that has it. The present version is one of them.
DROP TRIGGER scripts_wasm_replaced;
DROP TRIGGER scripts_wasm_deleted;

-- +goose StatementBegin
CREATE TRIGGER script_versions_wasm_deleted AFTER DELETE ON script_versions WHEN old.wasm IS NOT NULL BEGIN
    DELETE FROM wasm_modules WHERE sha256 = old.wasm
        AND NOT EXISTS (SELECT 1 FROM script_versions WHERE wasm = old.wasm) AND NOT EXISTS (SELECT 1 FROM scripts WHERE wasm = old.wasm);
END;
-- +goose StatementEnd

-- +goose Down

DROP TABLE script_versions;
DELETE FROM wasm_modules WHERE sha256 NOT IN (SELECT wasm FROM scripts WHERE wasm IS NOT NULL);

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
