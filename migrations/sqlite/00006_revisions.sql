-- +goose Up

-- What was changed of the configuration, by the generation that counted it: whoever keeps
-- configuration in memory reads here what to read again. The newest are kept.
CREATE TABLE revisions (
    generation INTEGER PRIMARY KEY,
    resource   TEXT NOT NULL, -- app, script, route, ...
    app_id     TEXT NOT NULL,
    id         TEXT NOT NULL
) STRICT;

-- +goose Down

DROP TABLE revisions;
