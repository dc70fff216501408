-- +goose Up

-- What starts a script beside a request. Each kind has a table of its details.
CREATE TABLE triggers (
    id            TEXT PRIMARY KEY,
    app_id        TEXT NOT NULL,
    script_id     TEXT NOT NULL,
    kind          TEXT NOT NULL,
    name          TEXT NOT NULL,
    enabled       INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    paused        INTEGER NOT NULL CHECK (paused IN (0, 1)),
    registered_by TEXT REFERENCES users (id) ON DELETE SET NULL, -- it runs with this user's rights
    max_attempts  INTEGER NOT NULL,
    backoff       TEXT NOT NULL,
    base_ms       INTEGER NOT NULL,
    max_ms        INTEGER NOT NULL,
    jitter        REAL NOT NULL,
    concurrency   INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    UNIQUE (app_id, name),
    FOREIGN KEY (script_id, app_id) REFERENCES scripts (id, app_id) ON DELETE CASCADE
) STRICT;

CREATE INDEX triggers_script ON triggers (script_id, app_id);
CREATE INDEX triggers_registrant ON triggers (registered_by);

CREATE TABLE kv_trigger_details (
    trigger_id TEXT PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    collection TEXT NOT NULL, -- a glob
    operations TEXT NOT NULL, -- JSON array, empty for any
    filter     TEXT           -- JSON, as of docs
) STRICT, WITHOUT ROWID;

CREATE TABLE docs_trigger_details (
    trigger_id TEXT PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    collection TEXT NOT NULL,
    operations TEXT NOT NULL,
    filter     TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE files_trigger_details (
    trigger_id TEXT PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    collection TEXT NOT NULL,
    operations TEXT NOT NULL,
    filter     TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE cron_trigger_details (
    trigger_id TEXT PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    schedule   TEXT NOT NULL,
    timezone   TEXT NOT NULL,
    catch_up   TEXT NOT NULL,
    next_at    INTEGER NOT NULL,
    last_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX cron_trigger_next ON cron_trigger_details (next_at);

CREATE TABLE queue_trigger_details (
    trigger_id  TEXT PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    app_id      TEXT NOT NULL,
    topic       TEXT NOT NULL,
    max_batch   INTEGER NOT NULL,
    max_wait_ms INTEGER NOT NULL,
    ordered     INTEGER NOT NULL CHECK (ordered IN (0, 1)),
    UNIQUE (app_id, topic) -- a topic has one consumer
) STRICT, WITHOUT ROWID;

CREATE TABLE pubsub_trigger_details (
    trigger_id TEXT PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    topic      TEXT NOT NULL -- exact, prefix.* or *
) STRICT, WITHOUT ROWID;

CREATE TABLE dead_letter_trigger_details (
    trigger_id     TEXT PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    source         TEXT NOT NULL, -- '' for any, as the two below
    failed_trigger TEXT NOT NULL,
    failed_script  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What is to be delivered. It is small while events are handled as they come: what is done leaves it.
--
-- A lane is what is delivered in turn: the events of a trigger, the messages of a queue's topic, the calls
-- of a script. Its text begins with the app's id.
CREATE TABLE outbox (
    id             TEXT PRIMARY KEY,
    app_id         TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    lane           TEXT NOT NULL,
    trigger_id     TEXT NOT NULL, -- '' of messages and calls
    script_id      TEXT NOT NULL, -- '' of messages
    source         TEXT NOT NULL,
    operation      TEXT NOT NULL,
    group_key      TEXT NOT NULL, -- of messages; '' for none
    depth          INTEGER NOT NULL,
    root_execution TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    attempt        INTEGER NOT NULL, -- made so far
    first_at       INTEGER,          -- of the first attempt
    last_error     TEXT NOT NULL,
    replay_of      TEXT NOT NULL, -- a dead letter; '' for none
    due_at         INTEGER NOT NULL,
    token          TEXT,             -- of whoever handles it
    lease_until    INTEGER,
    payload        TEXT NOT NULL  -- JSON; last: it may be long
) STRICT;

CREATE INDEX outbox_ready ON outbox (lane, due_at, id) WHERE token IS NULL;
CREATE INDEX outbox_leases ON outbox (lease_until) WHERE token IS NOT NULL;
CREATE INDEX outbox_running ON outbox (lane, token) WHERE token IS NOT NULL;
CREATE INDEX outbox_groups ON outbox (lane, group_key, id) WHERE group_key <> '';
CREATE INDEX outbox_app ON outbox (app_id, id);

-- What could not be delivered, until somebody decides.
CREATE TABLE dead_letters (
    id             TEXT PRIMARY KEY,
    app_id         TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    event_id       TEXT NOT NULL,
    lane           TEXT NOT NULL,
    trigger_id     TEXT NOT NULL,
    trigger_name   TEXT NOT NULL,
    script_id      TEXT NOT NULL,
    source         TEXT NOT NULL,
    operation      TEXT NOT NULL,
    group_key      TEXT NOT NULL,
    root_execution TEXT NOT NULL,
    attempts       INTEGER NOT NULL,
    created_at     INTEGER NOT NULL, -- of the event
    first_at       INTEGER,
    last_at        INTEGER NOT NULL,
    last_error     TEXT NOT NULL,
    resolution     TEXT NOT NULL, -- '' while there is none
    resolved_at    INTEGER,
    resolved_by    TEXT NOT NULL, -- a user's name, or a script's
    replayed_as    TEXT NOT NULL, -- an event; '' for none
    payload        TEXT NOT NULL
) STRICT;

CREATE INDEX dead_letters_app ON dead_letters (app_id, id);
CREATE INDEX dead_letters_open ON dead_letters (app_id, id) WHERE resolution = '';
CREATE INDEX dead_letters_age ON dead_letters (last_at);

-- Answers that are given again when the same is asked with the same key.
CREATE TABLE idempotency_keys (
    app_id     TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    scope      TEXT NOT NULL, -- what the key is of, as in queue/TOPIC
    key        TEXT NOT NULL,
    digest     TEXT NOT NULL, -- of what was asked
    result     TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (app_id, scope, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

ALTER TABLE apps ADD COLUMN events_paused INTEGER NOT NULL DEFAULT 0 CHECK (events_paused IN (0, 1));

-- The event that an execution handles; '' for none.
ALTER TABLE executions ADD COLUMN event_id TEXT NOT NULL DEFAULT '';

-- +goose Down

ALTER TABLE executions DROP COLUMN event_id;
ALTER TABLE apps DROP COLUMN events_paused;
DROP TABLE idempotency_keys;
DROP TABLE dead_letters;
DROP TABLE outbox;
DROP TABLE dead_letter_trigger_details;
DROP TABLE pubsub_trigger_details;
DROP TABLE queue_trigger_details;
DROP TABLE cron_trigger_details;
DROP TABLE files_trigger_details;
DROP TABLE docs_trigger_details;
DROP TABLE kv_trigger_details;
DROP TABLE triggers;
