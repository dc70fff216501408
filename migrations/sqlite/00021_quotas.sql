-- +goose Up

-- What administrators have set of apps' shares: a JSON object. What it does not name is as the settings say.
CREATE TABLE quotas (
    app_id TEXT PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,
    quota  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How long an app's executions had a processor on a day (UTC), in microseconds.
CREATE TABLE cpu_usage (
    app_id TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    day    INTEGER NOT NULL, -- since 1970-01-01
    us     INTEGER NOT NULL,
    PRIMARY KEY (app_id, day)
) STRICT, WITHOUT ROWID;

-- JSON; NULL for none.
ALTER TABLE routes ADD COLUMN rate_limit TEXT;

-- +goose Down

ALTER TABLE routes DROP COLUMN rate_limit;
DROP TABLE cpu_usage;
DROP TABLE quotas;
