-- +goose Up

-- The modules of plugins, each once however many scripts have it. The triggers delete one that no
-- script refers to any more, also when an app is deleted.
CREATE TABLE wasm_modules (
    sha256 TEXT COLLATE "C" PRIMARY KEY, -- of data, in hex
    size   BIGINT NOT NULL,              -- of data, bytes
    data   BYTEA NOT NULL
);

ALTER TABLE scripts ADD COLUMN wasm TEXT COLLATE "C" REFERENCES wasm_modules (sha256);

CREATE INDEX scripts_wasm ON scripts (wasm) WHERE wasm IS NOT NULL;

-- +goose StatementBegin
CREATE FUNCTION delete_unused_wasm() RETURNS trigger LANGUAGE plpgsql AS $$
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

-- +goose Down

DELETE FROM scripts WHERE wasm IS NOT NULL;
DROP TRIGGER scripts_wasm_replaced ON scripts;
DROP TRIGGER scripts_wasm_deleted ON scripts;
DROP FUNCTION delete_unused_wasm;
ALTER TABLE scripts DROP COLUMN wasm;
DROP TABLE wasm_modules;
