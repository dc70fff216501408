-- Ids are UUIDv7 in text form. All text is compared byte by byte (collation C) as SQLite does, so
-- that listings have the same order on both databases.
-- +goose Up

CREATE TABLE meta (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value BIGINT NOT NULL
);

-- Counts the changes of apps, scripts and routes.
INSERT INTO meta (name, value) VALUES ('generation', 0);

CREATE TABLE apps (
    id         TEXT COLLATE "C" PRIMARY KEY,
    slug       TEXT COLLATE "C" NOT NULL UNIQUE,
    name       TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE scripts (
    id         TEXT COLLATE "C" PRIMARY KEY,
    app_id     TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    name       TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    limits     JSONB NOT NULL,
    version    BIGINT NOT NULL,
    read_only  BOOLEAN NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    source     TEXT COLLATE "C" NOT NULL,
    UNIQUE (app_id, name),
    UNIQUE (id, app_id)
);

-- What each script imports, by name: the imported script may not exist yet.
CREATE TABLE script_imports (
    script_id TEXT COLLATE "C" NOT NULL REFERENCES scripts (id) ON DELETE CASCADE,
    name      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (script_id, name)
);

CREATE INDEX script_imports_name ON script_imports (name);

CREATE TABLE routes (
    id         TEXT COLLATE "C" PRIMARY KEY,
    app_id     TEXT COLLATE "C" NOT NULL,
    script_id  TEXT COLLATE "C" NOT NULL,
    method     TEXT COLLATE "C" NOT NULL, -- '' for any
    host       TEXT COLLATE "C" NOT NULL, -- '' for any
    host_kind  TEXT COLLATE "C" NOT NULL,
    path       TEXT COLLATE "C" NOT NULL,
    path_kind  TEXT COLLATE "C" NOT NULL,
    dispatch   TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    UNIQUE (app_id, method, host, path),
    FOREIGN KEY (script_id, app_id) REFERENCES scripts (id, app_id) ON DELETE CASCADE
);

CREATE INDEX routes_script ON routes (script_id, app_id);

CREATE TABLE users (
    id            TEXT COLLATE "C" PRIMARY KEY,
    username      TEXT COLLATE "C" NOT NULL,
    username_key  TEXT COLLATE "C" NOT NULL UNIQUE, -- the name in lower case
    password_hash TEXT COLLATE "C" NOT NULL,
    role          TEXT COLLATE "C" NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL
);

CREATE TABLE app_members (
    app_id  TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (app_id, user_id)
);

CREATE INDEX app_members_user ON app_members (user_id);

CREATE TABLE sessions (
    token_hash   TEXT COLLATE "C" PRIMARY KEY,
    user_id      TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   TIMESTAMPTZ NOT NULL,
    expires_at   TIMESTAMPTZ NOT NULL,
    last_used_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE api_keys (
    id           TEXT COLLATE "C" PRIMARY KEY,
    user_id      TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT COLLATE "C" NOT NULL,
    key_hash     TEXT COLLATE "C" NOT NULL UNIQUE,
    prefix       TEXT COLLATE "C" NOT NULL,
    scopes       JSONB NOT NULL, -- array of strings
    app_id       TEXT COLLATE "C" REFERENCES apps (id) ON DELETE CASCADE,
    created_at   TIMESTAMPTZ NOT NULL,
    expires_at   TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ
);

CREATE INDEX api_keys_user ON api_keys (user_id);
CREATE INDEX api_keys_app ON api_keys (app_id);

-- The position orders executions as they were recorded. None is used twice.
CREATE TABLE executions (
    position        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id              TEXT COLLATE "C" NOT NULL UNIQUE,
    app_id          TEXT COLLATE "C" NOT NULL,
    script_id       TEXT COLLATE "C" NOT NULL,
    script_version  BIGINT NOT NULL,
    request_id      TEXT COLLATE "C" NOT NULL,
    invocation_type TEXT COLLATE "C" NOT NULL,
    outcome         TEXT COLLATE "C" NOT NULL, -- '' for success
    status          INTEGER NOT NULL,
    error_message   TEXT COLLATE "C" NOT NULL,
    error_line      INTEGER NOT NULL,
    error_column    INTEGER NOT NULL,
    started_at      TIMESTAMPTZ NOT NULL,
    duration_us     BIGINT NOT NULL,
    operations      BIGINT NOT NULL,
    UNIQUE (script_id, position),
    FOREIGN KEY (script_id, app_id) REFERENCES scripts (id, app_id) ON DELETE CASCADE
);

CREATE INDEX executions_start ON executions (started_at);

-- The primary key keeps the lines of a script together, in the order in which they are read: they
-- need no other index.
CREATE TABLE log_lines (
    script_id TEXT COLLATE "C" NOT NULL,
    execution BIGINT NOT NULL, -- its position
    seq       INTEGER NOT NULL,
    at        TIMESTAMPTZ NOT NULL,
    level     SMALLINT NOT NULL, -- 0 trace, 1 debug, 2 info, 3 warn, 4 error
    message   TEXT COLLATE "C" NOT NULL,
    data      TEXT COLLATE "C", -- JSON, opaque here: jsonb refuses \u0000 and reorders keys
    PRIMARY KEY (script_id, execution, seq),
    FOREIGN KEY (script_id, execution) REFERENCES executions (script_id, position) ON DELETE CASCADE
);

-- +goose Down

DROP TABLE log_lines;
DROP TABLE executions;
DROP TABLE api_keys;
DROP TABLE sessions;
DROP TABLE app_members;
DROP TABLE users;
DROP TABLE routes;
DROP TABLE script_imports;
DROP TABLE scripts;
DROP TABLE apps;
DROP TABLE meta;
