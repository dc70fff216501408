-- +goose Up

-- What was changed of the configuration, by the generation that counted it: whoever keeps
-- configuration in memory reads here what to read again. The newest are kept.
CREATE TABLE revisions (
    generation BIGINT PRIMARY KEY,
    resource   TEXT COLLATE "C" NOT NULL, -- app, script, route, ...
    app_id     TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL
);

-- +goose Down

DROP TABLE revisions;
