-- +goose Up

-- What scripts are and were, of each the newest versions. It names users and keys that may be gone since.
CREATE TABLE script_versions (
    script_id     TEXT COLLATE "C" NOT NULL REFERENCES scripts (id) ON DELETE CASCADE,
    version       BIGINT NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    limits        JSONB NOT NULL,
    read_only     BOOLEAN NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    user_id       TEXT COLLATE "C" NOT NULL, -- '' for none
    username      TEXT COLLATE "C" NOT NULL,
    key_id        TEXT COLLATE "C" NOT NULL,
    restored_from BIGINT NOT NULL, -- a version; 0 for none
    size          BIGINT NOT NULL, -- of the source or the module, bytes
    wasm          TEXT COLLATE "C" REFERENCES wasm_modules (sha256),
    source        TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (script_id, version)
);

CREATE INDEX script_versions_wasm ON script_versions (wasm) WHERE wasm IS NOT NULL;

INSERT INTO script_versions (script_id, version, name, kind, limits, read_only, created_at, user_id, username, key_id, restored_from, size, wasm, source)
    SELECT id, version, name, kind, limits, read_only, updated_at, '', '', '', 0,
        COALESCE((SELECT m.size FROM wasm_modules m WHERE m.sha256 = s.wasm), octet_length(source)), wasm, source
    FROM scripts s;

-- A module goes with the last version that has it. The present version is one of them.
DROP TRIGGER scripts_wasm_replaced ON scripts;
DROP TRIGGER scripts_wasm_deleted ON scripts;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION delete_unused_wasm() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM wasm_modules WHERE sha256 = OLD.wasm
        AND NOT EXISTS (SELECT 1 FROM script_versions WHERE wasm = OLD.wasm) AND NOT EXISTS (SELECT 1 FROM scripts WHERE wasm = OLD.wasm);
    RETURN NULL;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER script_versions_wasm_deleted AFTER DELETE ON script_versions
    FOR EACH ROW WHEN (OLD.wasm IS NOT NULL) EXECUTE FUNCTION delete_unused_wasm();

-- +goose Down

DROP TABLE script_versions;
DELETE FROM wasm_modules WHERE sha256 NOT IN (SELECT wasm FROM scripts WHERE wasm IS NOT NULL);

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION delete_unused_wasm() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM wasm_modules WHERE sha256 = OLD.wasm AND NOT EXISTS (SELECT 1 FROM scripts WHERE wasm = OLD.wasm);
    RETURN NULL;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER scripts_wasm_deleted AFTER DELETE ON scripts
    FOR EACH ROW WHEN (OLD.wasm IS NOT NULL) EXECUTE FUNCTION delete_unused_wasm();

CREATE TRIGGER scripts_wasm_replaced AFTER UPDATE OF wasm ON scripts
    FOR EACH ROW WHEN (OLD.wasm IS DISTINCT FROM NEW.wasm) EXECUTE FUNCTION delete_unused_wasm();
