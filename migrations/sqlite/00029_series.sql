-- +goose Up

-- What executions were counted in a piece of time: of each script, and of the whole app with the script ''. Each is counted twice,
-- in pieces of a minute, which are kept for two days, and of an hour.
CREATE TABLE series (
    app_id    TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    script_id TEXT NOT NULL,
    step      INTEGER NOT NULL, -- seconds: 60 or 3600
    at        INTEGER NOT NULL, -- when the piece begins, in seconds since 1970
    http            INTEGER NOT NULL,
    execute         INTEGER NOT NULL,
    trigger         INTEGER NOT NULL,
    invoke          INTEGER NOT NULL,
    ok              INTEGER NOT NULL,
    script_invalid  INTEGER NOT NULL,
    script_error    INTEGER NOT NULL,
    overloaded      INTEGER NOT NULL,
    timeout         INTEGER NOT NULL,
    limit_exceeded  INTEGER NOT NULL,
    internal        INTEGER NOT NULL,
    cancelled       INTEGER NOT NULL,
    server_errors   INTEGER NOT NULL,
    duration_us     INTEGER NOT NULL,
    cpu_us          INTEGER NOT NULL,
    log_bytes       INTEGER NOT NULL,
    d0 INTEGER NOT NULL, d1 INTEGER NOT NULL, d2 INTEGER NOT NULL, d3 INTEGER NOT NULL,
    d4 INTEGER NOT NULL, d5 INTEGER NOT NULL, d6 INTEGER NOT NULL, d7 INTEGER NOT NULL,
    d8 INTEGER NOT NULL, d9 INTEGER NOT NULL, d10 INTEGER NOT NULL, d11 INTEGER NOT NULL,
    d12 INTEGER NOT NULL, d13 INTEGER NOT NULL, d14 INTEGER NOT NULL, d15 INTEGER NOT NULL,
    d16 INTEGER NOT NULL, d17 INTEGER NOT NULL, d18 INTEGER NOT NULL, d19 INTEGER NOT NULL,
    d20 INTEGER NOT NULL, d21 INTEGER NOT NULL, d22 INTEGER NOT NULL, d23 INTEGER NOT NULL,
    d24 INTEGER NOT NULL, d25 INTEGER NOT NULL, d26 INTEGER NOT NULL, d27 INTEGER NOT NULL,
    d28 INTEGER NOT NULL, d29 INTEGER NOT NULL, d30 INTEGER NOT NULL, d31 INTEGER NOT NULL,
    d32 INTEGER NOT NULL, d33 INTEGER NOT NULL, d34 INTEGER NOT NULL, d35 INTEGER NOT NULL,
    d36 INTEGER NOT NULL, d37 INTEGER NOT NULL, d38 INTEGER NOT NULL, d39 INTEGER NOT NULL,
    d40 INTEGER NOT NULL, d41 INTEGER NOT NULL, d42 INTEGER NOT NULL, d43 INTEGER NOT NULL,
    PRIMARY KEY (app_id, script_id, step, at)
) STRICT, WITHOUT ROWID;

CREATE INDEX series_age ON series (step, at);

-- +goose Down

DROP TABLE series;
