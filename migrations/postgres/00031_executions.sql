-- +goose Up

-- What is known of an execution beside how it ended: the request, '' for none, the path of the route that led it to the script, how many
-- bytes the body of the response has, and the executions that it belongs to, '' for none and where that is itself.
ALTER TABLE executions
    ADD COLUMN method TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN path TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN route TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN response_bytes BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN parent_id TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN root_id TEXT COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN trace TEXT COLLATE "C"; -- what it asked the host for: a JSON object, NULL where that is not kept

-- The executions of an app in the order of their positions.
CREATE INDEX executions_app ON executions (app_id, position);
CREATE INDEX executions_failed ON executions (app_id, position) WHERE outcome <> '';
CREATE INDEX executions_root ON executions (root_id, position) WHERE root_id <> '';

-- +goose Down

DROP INDEX executions_root;
DROP INDEX executions_failed;
DROP INDEX executions_app;
ALTER TABLE executions
    DROP COLUMN trace,
    DROP COLUMN root_id,
    DROP COLUMN parent_id,
    DROP COLUMN response_bytes,
    DROP COLUMN route,
    DROP COLUMN path,
    DROP COLUMN method;
