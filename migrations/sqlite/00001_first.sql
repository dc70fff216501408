-- Ids are UUIDv7 in text form; times are microseconds since 1970 UTC.
-- +goose Up

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Counts the changes of apps, scripts and routes.
INSERT INTO meta (name, value) VALUES ('generation', 0);

CREATE TABLE apps (
    id         TEXT PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE scripts (
    id         TEXT PRIMARY KEY,
    app_id     TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    limits     TEXT NOT NULL, -- JSON object
    version    INTEGER NOT NULL,
    read_only  INTEGER NOT NULL CHECK (read_only IN (0, 1)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    source     TEXT NOT NULL, -- last: rows are read without it in listings
    UNIQUE (app_id, name),
    UNIQUE (id, app_id)
) STRICT;

-- What each script imports, by name: the imported script may not exist yet.
CREATE TABLE script_imports (
    script_id TEXT NOT NULL REFERENCES scripts (id) ON DELETE CASCADE,
    name      TEXT NOT NULL,
    PRIMARY KEY (script_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX script_imports_name ON script_imports (name);

CREATE TABLE routes (
    id         TEXT PRIMARY KEY,
    app_id     TEXT NOT NULL,
    script_id  TEXT NOT NULL,
    method     TEXT NOT NULL, -- '' for any
    host       TEXT NOT NULL, -- '' for any
    host_kind  TEXT NOT NULL,
    path       TEXT NOT NULL,
    path_kind  TEXT NOT NULL,
    dispatch   TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (app_id, method, host, path),
    FOREIGN KEY (script_id, app_id) REFERENCES scripts (id, app_id) ON DELETE CASCADE
) STRICT;

CREATE INDEX routes_script ON routes (script_id, app_id);

CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    username      TEXT NOT NULL,
    username_key  TEXT NOT NULL UNIQUE, -- the name in lower case
    password_hash TEXT NOT NULL,
    role          TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE app_members (
    app_id  TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role    TEXT NOT NULL,
    PRIMARY KEY (app_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX app_members_user ON app_members (user_id);

CREATE TABLE sessions (
    token_hash   TEXT PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL
) STRICT;

CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE api_keys (
    id           TEXT PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    key_hash     TEXT NOT NULL UNIQUE,
    prefix       TEXT NOT NULL,
    scopes       TEXT NOT NULL, -- JSON array of strings
    app_id       TEXT REFERENCES apps (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER
) STRICT;

CREATE INDEX api_keys_user ON api_keys (user_id);
CREATE INDEX api_keys_app ON api_keys (app_id);

-- The position orders executions as they were recorded. None is used twice.
CREATE TABLE executions (
    position        INTEGER PRIMARY KEY AUTOINCREMENT,
    id              TEXT NOT NULL UNIQUE,
    app_id          TEXT NOT NULL,
    script_id       TEXT NOT NULL,
    script_version  INTEGER NOT NULL,
    request_id      TEXT NOT NULL,
    invocation_type TEXT NOT NULL,
    outcome         TEXT NOT NULL, -- '' for success
    status          INTEGER NOT NULL,
    error_message   TEXT NOT NULL,
    error_line      INTEGER NOT NULL,
    error_column    INTEGER NOT NULL,
    started_at      INTEGER NOT NULL,
    duration_us     INTEGER NOT NULL,
    operations      INTEGER NOT NULL,
    UNIQUE (script_id, position),
    FOREIGN KEY (script_id, app_id) REFERENCES scripts (id, app_id) ON DELETE CASCADE
) STRICT;

CREATE INDEX executions_start ON executions (started_at);

-- The primary key keeps the lines of a script together, in the order in which they are read: they
-- need no other index.
CREATE TABLE log_lines (
    script_id TEXT NOT NULL,
    execution INTEGER NOT NULL, -- its position
    seq       INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    level     INTEGER NOT NULL, -- 0 trace, 1 debug, 2 info, 3 warn, 4 error
    message   TEXT NOT NULL,
    data      TEXT, -- JSON
    PRIMARY KEY (script_id, execution, seq),
    FOREIGN KEY (script_id, execution) REFERENCES executions (script_id, position) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

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
