-- +goose Up

-- How many bytes an app keeps: of kv, keys and values; of docs, the data. The triggers count. A count
-- is the sum of several rows, so that transactions of one app seldom wait for each other: each
-- connection has a row of its own, by the number of its process.
CREATE TABLE data_usage (
    app_id TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    source TEXT COLLATE "C" NOT NULL, -- kv, docs
    shard  SMALLINT NOT NULL,
    bytes  BIGINT NOT NULL,           -- of one row: may be below 0
    PRIMARY KEY (app_id, source, shard)
) WITH (fillfactor = 50); -- updates stay on their page

INSERT INTO data_usage SELECT app_id, 'kv', 0, SUM(octet_length(key) + octet_length(value)) FROM kv_entries GROUP BY app_id;
INSERT INTO data_usage SELECT app_id, 'docs', 0, SUM(octet_length(data)) FROM docs GROUP BY app_id;

-- +goose StatementBegin
CREATE FUNCTION count_data_usage(app TEXT, counted TEXT, more BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    IF more = 0 THEN
        RETURN;
    END IF;
    UPDATE data_usage SET bytes = bytes + more WHERE app_id = app AND source = counted AND shard = pg_backend_pid() % 64;
    IF NOT FOUND THEN -- nothing either when the app is being deleted
        INSERT INTO data_usage SELECT id, counted, pg_backend_pid() % 64, more FROM apps WHERE id = app
            ON CONFLICT (app_id, source, shard) DO UPDATE SET bytes = data_usage.bytes + excluded.bytes;
    END IF;
END;
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION kv_usage() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM count_data_usage(NEW.app_id, 'kv', octet_length(NEW.key) + octet_length(NEW.value));
    ELSIF TG_OP = 'UPDATE' THEN
        PERFORM count_data_usage(NEW.app_id, 'kv', octet_length(NEW.value) - octet_length(OLD.value));
    ELSE
        PERFORM count_data_usage(OLD.app_id, 'kv', - octet_length(OLD.key) - octet_length(OLD.value));
    END IF;
    RETURN NULL;
END;
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION docs_usage() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM count_data_usage(NEW.app_id, 'docs', octet_length(NEW.data));
    ELSIF TG_OP = 'UPDATE' THEN
        PERFORM count_data_usage(NEW.app_id, 'docs', octet_length(NEW.data) - octet_length(OLD.data));
    ELSE
        PERFORM count_data_usage(OLD.app_id, 'docs', - octet_length(OLD.data));
    END IF;
    RETURN NULL;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER kv_usage AFTER INSERT OR UPDATE OF value OR DELETE ON kv_entries FOR EACH ROW EXECUTE FUNCTION kv_usage();
CREATE TRIGGER docs_usage AFTER INSERT OR UPDATE OF data OR DELETE ON docs FOR EACH ROW EXECUTE FUNCTION docs_usage();

-- How many bytes of log an app has written on a day (UTC), also of lines that are gone since.
CREATE TABLE log_usage (
    app_id TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    day    INTEGER NOT NULL, -- since 1970-01-01
    bytes  BIGINT NOT NULL,
    PRIMARY KEY (app_id, day)
);

-- +goose Down

DROP TRIGGER kv_usage ON kv_entries;
DROP TRIGGER docs_usage ON docs;
DROP FUNCTION kv_usage;
DROP FUNCTION docs_usage;
DROP FUNCTION count_data_usage;
DROP TABLE data_usage;
DROP TABLE log_usage;
