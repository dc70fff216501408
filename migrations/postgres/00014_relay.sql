-- +goose Up

-- Requests that nodes which run no scripts have passed on, until a node that runs them has answered. Whoever
-- waits is told of a failure, and nothing is done twice: so none of it must outlive a crash of the database,
-- and it is not logged.
CREATE UNLOGGED TABLE outbox_requests (
    id          TEXT COLLATE "C" PRIMARY KEY, -- that the execution will have
    app_id      TEXT COLLATE "C" NOT NULL,
    script_id   TEXT COLLATE "C" NOT NULL,
    request_id  TEXT COLLATE "C" NOT NULL,
    reply_to    TEXT COLLATE "C" NOT NULL, -- the node whose client waits
    asked_at    TIMESTAMPTZ NOT NULL,
    expires_at  TIMESTAMPTZ NOT NULL,      -- nobody waits any more
    due_at      TIMESTAMPTZ NOT NULL,
    tries       INTEGER NOT NULL,          -- how often a node has taken it
    given_up    TEXT COLLATE "C" NOT NULL, -- why nobody waits for one that was taken; '' while somebody does
    token       TEXT COLLATE "C",          -- of whoever runs it
    lease_until TIMESTAMPTZ,
    size        INTEGER NOT NULL,          -- of the payload, in bytes
    payload     TEXT COLLATE "C" NOT NULL  -- JSON
) WITH (
    fillfactor = 60,                       -- as of outbox
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX outbox_requests_ready ON outbox_requests (due_at, id) WHERE token IS NULL;
CREATE INDEX outbox_requests_leases ON outbox_requests (lease_until) WHERE token IS NOT NULL;

-- The answers, until the node takes them whose client waits.
CREATE UNLOGGED TABLE inbox_answers (
    id         TEXT COLLATE "C" PRIMARY KEY, -- of the request
    app_id     TEXT COLLATE "C" NOT NULL,
    script_id  TEXT COLLATE "C" NOT NULL,
    request_id TEXT COLLATE "C" NOT NULL,
    reply_to   TEXT COLLATE "C" NOT NULL,
    asked_at   TIMESTAMPTZ NOT NULL,
    at         TIMESTAMPTZ NOT NULL,
    outcome    TEXT COLLATE "C" NOT NULL,
    status     INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    payload    TEXT COLLATE "C" NOT NULL
) WITH (
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX inbox_answers_node ON inbox_answers (reply_to, at, id);
CREATE INDEX inbox_answers_age ON inbox_answers (at);

-- Executions that nobody has waited for to their end.
CREATE TABLE abandoned_executions (
    id           TEXT COLLATE "C" PRIMARY KEY,
    app_id       TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    script_id    TEXT COLLATE "C" NOT NULL,
    request_id   TEXT COLLATE "C" NOT NULL,
    reason       TEXT COLLATE "C" NOT NULL,
    outcome      TEXT COLLATE "C" NOT NULL, -- ok, or the code of the error; '' if there is none
    status       INTEGER NOT NULL,          -- that would have been answered; 0 if there is none
    asked_at     TIMESTAMPTZ NOT NULL,
    abandoned_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX abandoned_executions_app ON abandoned_executions (app_id, id);
CREATE INDEX abandoned_executions_age ON abandoned_executions (abandoned_at);

-- +goose Down

DROP TABLE abandoned_executions;
DROP TABLE inbox_answers;
DROP TABLE outbox_requests;
