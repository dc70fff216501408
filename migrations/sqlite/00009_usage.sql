-- +goose Up

-- How many bytes an app keeps: of kv, keys and values; of docs, the data. The triggers count.
CREATE TABLE data_usage (
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    source TEXT NOT NULL, -- kv, docs
    bytes  INTEGER NOT NULL,
    PRIMARY KEY (app_id, source)
) STRICT, WITHOUT ROWID;

INSERT INTO data_usage SELECT app_id, 'kv', SUM(octet_length(key) + octet_length(value)) FROM kv_entries GROUP BY app_id;
INSERT INTO data_usage SELECT app_id, 'docs', SUM(octet_length(data)) FROM docs GROUP BY app_id;

-- +goose StatementBegin
CREATE TRIGGER kv_usage_inserted AFTER INSERT ON kv_entries BEGIN
    INSERT INTO data_usage VALUES (new.app_id, 'kv', octet_length(new.key) + octet_length(new.value))
        ON CONFLICT (app_id, source) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER kv_usage_updated AFTER UPDATE OF value ON kv_entries WHEN octet_length(new.value) <> octet_length(old.value) BEGIN
    UPDATE data_usage SET bytes = bytes + octet_length(new.value) - octet_length(old.value) WHERE app_id = new.app_id AND source = 'kv';
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER kv_usage_deleted AFTER DELETE ON kv_entries BEGIN
    UPDATE data_usage SET bytes = bytes - octet_length(old.key) - octet_length(old.value) WHERE app_id = old.app_id AND source = 'kv';
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER docs_usage_inserted AFTER INSERT ON docs BEGIN
    INSERT INTO data_usage VALUES (new.app_id, 'docs', octet_length(new.data))
        ON CONFLICT (app_id, source) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER docs_usage_updated AFTER UPDATE OF data ON docs WHEN octet_length(new.data) <> octet_length(old.data) BEGIN
    UPDATE data_usage SET bytes = bytes + octet_length(new.data) - octet_length(old.data) WHERE app_id = new.app_id AND source = 'docs';
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER docs_usage_deleted AFTER DELETE ON docs BEGIN
    UPDATE data_usage SET bytes = bytes - octet_length(old.data) WHERE app_id = old.app_id AND source = 'docs';
END;
-- +goose StatementEnd

-- How many bytes of log an app has written on a day (UTC), also of lines that are gone since.
CREATE TABLE log_usage (
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    day    INTEGER NOT NULL, -- since 1970-01-01
    bytes  INTEGER NOT NULL,
    PRIMARY KEY (app_id, day)
) STRICT, WITHOUT ROWID;

-- +goose Down

DROP TRIGGER kv_usage_inserted;
DROP TRIGGER kv_usage_updated;
DROP TRIGGER kv_usage_deleted;
DROP TRIGGER docs_usage_inserted;
DROP TRIGGER docs_usage_updated;
DROP TRIGGER docs_usage_deleted;
DROP TABLE data_usage;
DROP TABLE log_usage;
