-- +goose Up

-- What executions were counted in a piece of time: of each script, and of the whole app with the script ''. Each is counted twice,
-- in pieces of a minute, which are kept for two days, and of an hour.
CREATE TABLE series (
    app_id    TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    script_id TEXT COLLATE "C" NOT NULL,
    step      INTEGER NOT NULL, -- seconds: 60 or 3600
    at        BIGINT NOT NULL,  -- when the piece begins, in seconds since 1970
    http            BIGINT NOT NULL,
    execute         BIGINT NOT NULL,
    trigger         BIGINT NOT NULL,
    invoke          BIGINT NOT NULL,
    ok              BIGINT NOT NULL,
    script_invalid  BIGINT NOT NULL,
    script_error    BIGINT NOT NULL,
    overloaded      BIGINT NOT NULL,
    timeout         BIGINT NOT NULL,
    limit_exceeded  BIGINT NOT NULL,
    internal        BIGINT NOT NULL,
    cancelled       BIGINT NOT NULL,
    server_errors   BIGINT NOT NULL,
    duration_us     BIGINT NOT NULL,
    cpu_us          BIGINT NOT NULL,
    log_bytes       BIGINT NOT NULL,
    d0 BIGINT NOT NULL, d1 BIGINT NOT NULL, d2 BIGINT NOT NULL, d3 BIGINT NOT NULL,
    d4 BIGINT NOT NULL, d5 BIGINT NOT NULL, d6 BIGINT NOT NULL, d7 BIGINT NOT NULL,
    d8 BIGINT NOT NULL, d9 BIGINT NOT NULL, d10 BIGINT NOT NULL, d11 BIGINT NOT NULL,
    d12 BIGINT NOT NULL, d13 BIGINT NOT NULL, d14 BIGINT NOT NULL, d15 BIGINT NOT NULL,
    d16 BIGINT NOT NULL, d17 BIGINT NOT NULL, d18 BIGINT NOT NULL, d19 BIGINT NOT NULL,
    d20 BIGINT NOT NULL, d21 BIGINT NOT NULL, d22 BIGINT NOT NULL, d23 BIGINT NOT NULL,
    d24 BIGINT NOT NULL, d25 BIGINT NOT NULL, d26 BIGINT NOT NULL, d27 BIGINT NOT NULL,
    d28 BIGINT NOT NULL, d29 BIGINT NOT NULL, d30 BIGINT NOT NULL, d31 BIGINT NOT NULL,
    d32 BIGINT NOT NULL, d33 BIGINT NOT NULL, d34 BIGINT NOT NULL, d35 BIGINT NOT NULL,
    d36 BIGINT NOT NULL, d37 BIGINT NOT NULL, d38 BIGINT NOT NULL, d39 BIGINT NOT NULL,
    d40 BIGINT NOT NULL, d41 BIGINT NOT NULL, d42 BIGINT NOT NULL, d43 BIGINT NOT NULL,
    PRIMARY KEY (app_id, script_id, step, at)
) WITH (fillfactor = 70); -- updates stay on their page

CREATE INDEX series_age ON series (step, at);

-- +goose Down

DROP TABLE series;
