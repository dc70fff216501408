-- +goose Up

-- What is known of an execution beside how it ended: the request, '' for none, the path of the route that led it to the script, how many
-- bytes the body of the response has, and the executions that it belongs to, '' for none and where that is itself.
ALTER TABLE executions ADD COLUMN method TEXT NOT NULL DEFAULT '';
ALTER TABLE executions ADD COLUMN path TEXT NOT NULL DEFAULT '';
ALTER TABLE executions ADD COLUMN route TEXT NOT NULL DEFAULT '';
ALTER TABLE executions ADD COLUMN response_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE executions ADD COLUMN parent_id TEXT NOT NULL DEFAULT '';
ALTER TABLE executions ADD COLUMN root_id TEXT NOT NULL DEFAULT '';
-- What it asked the host for: a JSON object, NULL where that is not kept.
ALTER TABLE executions ADD COLUMN trace TEXT;

-- The executions of an app in the order of their positions, which each index ends with.
CREATE INDEX executions_app ON executions (app_id);
CREATE INDEX executions_failed ON executions (app_id) WHERE outcome <> '';
CREATE INDEX executions_root ON executions (root_id) WHERE root_id <> '';

-- +goose Down

DROP INDEX executions_root;
DROP INDEX executions_failed;
DROP INDEX executions_app;
ALTER TABLE executions DROP COLUMN trace;
ALTER TABLE executions DROP COLUMN root_id;
ALTER TABLE executions DROP COLUMN parent_id;
ALTER TABLE executions DROP COLUMN response_bytes;
ALTER TABLE executions DROP COLUMN route;
ALTER TABLE executions DROP COLUMN path;
ALTER TABLE executions DROP COLUMN method;
