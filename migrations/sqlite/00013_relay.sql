-- +goose Up

-- Requests that nodes which run no scripts have passed on, until a node that runs them has answered.
CREATE TABLE outbox_requests (
    id          TEXT NOT NULL PRIMARY KEY, -- that the execution will have
    app_id      TEXT NOT NULL,
    script_id   TEXT NOT NULL,
    request_id  TEXT NOT NULL,
    reply_to    TEXT NOT NULL,    -- the node whose client waits
    asked_at    INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL, -- nobody waits any more
    due_at      INTEGER NOT NULL,
    tries       INTEGER NOT NULL, -- how often a node has taken it
    given_up    TEXT NOT NULL,    -- why nobody waits for one that was taken; '' while somebody does
    token       TEXT,             -- of whoever runs it
    lease_until INTEGER,
    size        INTEGER NOT NULL, -- of the payload, in bytes
    payload     TEXT NOT NULL     -- JSON
) STRICT, WITHOUT ROWID;

CREATE INDEX outbox_requests_ready ON outbox_requests (due_at, id) WHERE token IS NULL;
CREATE INDEX outbox_requests_leases ON outbox_requests (lease_until) WHERE token IS NOT NULL;

-- The answers, until the node takes them whose client waits.
CREATE TABLE inbox_answers (
    id         TEXT NOT NULL PRIMARY KEY, -- of the request
    app_id     TEXT NOT NULL,
    script_id  TEXT NOT NULL,
    request_id TEXT NOT NULL,
    reply_to   TEXT NOT NULL,
    asked_at   INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    outcome    TEXT NOT NULL,
    status     INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    payload    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX inbox_answers_node ON inbox_answers (reply_to, at, id);
CREATE INDEX inbox_answers_age ON inbox_answers (at);

-- Executions that nobody has waited for to their end.
CREATE TABLE abandoned_executions (
    id           TEXT NOT NULL PRIMARY KEY,
    app_id       TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    script_id    TEXT NOT NULL,
    request_id   TEXT NOT NULL,
    reason       TEXT NOT NULL,
    outcome      TEXT NOT NULL,    -- ok, or the code of the error; '' if there is none
    status       INTEGER NOT NULL, -- that would have been answered; 0 if there is none
    asked_at     INTEGER NOT NULL,
    abandoned_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX abandoned_executions_app ON abandoned_executions (app_id, id);
CREATE INDEX abandoned_executions_age ON abandoned_executions (abandoned_at);

-- +goose Down

DROP TABLE abandoned_executions;
DROP TABLE inbox_answers;
DROP TABLE outbox_requests;
