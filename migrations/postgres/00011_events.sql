-- +goose Up

-- What starts a script beside a request. Each kind has a table of its details.
CREATE TABLE triggers (
    id            TEXT COLLATE "C" PRIMARY KEY,
    app_id        TEXT COLLATE "C" NOT NULL,
    script_id     TEXT COLLATE "C" NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    enabled       BOOLEAN NOT NULL,
    paused        BOOLEAN NOT NULL,
    registered_by TEXT COLLATE "C" REFERENCES users (id) ON DELETE SET NULL, -- it runs with this user's rights
    max_attempts  INTEGER NOT NULL,
    backoff       TEXT COLLATE "C" NOT NULL,
    base_ms       BIGINT NOT NULL,
    max_ms        BIGINT NOT NULL,
    jitter        DOUBLE PRECISION NOT NULL,
    concurrency   INTEGER NOT NULL,
    created_at    TIMESTAMPTZ NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL,
    UNIQUE (app_id, name),
    FOREIGN KEY (script_id, app_id) REFERENCES scripts (id, app_id) ON DELETE CASCADE
);

CREATE INDEX triggers_script ON triggers (script_id, app_id);
CREATE INDEX triggers_registrant ON triggers (registered_by);

CREATE TABLE kv_trigger_details (
    trigger_id TEXT COLLATE "C" PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    collection TEXT COLLATE "C" NOT NULL, -- a glob
    operations TEXT COLLATE "C" NOT NULL, -- JSON array, empty for any
    filter     TEXT COLLATE "C"           -- JSON, as of docs
);

CREATE TABLE docs_trigger_details (
    trigger_id TEXT COLLATE "C" PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    collection TEXT COLLATE "C" NOT NULL,
    operations TEXT COLLATE "C" NOT NULL,
    filter     TEXT COLLATE "C"
);

CREATE TABLE files_trigger_details (
    trigger_id TEXT COLLATE "C" PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    collection TEXT COLLATE "C" NOT NULL,
    operations TEXT COLLATE "C" NOT NULL,
    filter     TEXT COLLATE "C"
);

CREATE TABLE cron_trigger_details (
    trigger_id TEXT COLLATE "C" PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    schedule   TEXT COLLATE "C" NOT NULL,
    timezone   TEXT COLLATE "C" NOT NULL,
    catch_up   TEXT COLLATE "C" NOT NULL,
    next_at    TIMESTAMPTZ NOT NULL,
    last_at    TIMESTAMPTZ
);

CREATE INDEX cron_trigger_next ON cron_trigger_details (next_at);

CREATE TABLE queue_trigger_details (
    trigger_id  TEXT COLLATE "C" PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    app_id      TEXT COLLATE "C" NOT NULL,
    topic       TEXT COLLATE "C" NOT NULL,
    max_batch   INTEGER NOT NULL,
    max_wait_ms BIGINT NOT NULL,
    ordered     BOOLEAN NOT NULL,
    UNIQUE (app_id, topic) -- a topic has one consumer
);

CREATE TABLE pubsub_trigger_details (
    trigger_id TEXT COLLATE "C" PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    topic      TEXT COLLATE "C" NOT NULL -- exact, prefix.* or *
);

CREATE TABLE dead_letter_trigger_details (
    trigger_id     TEXT COLLATE "C" PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
    source         TEXT COLLATE "C" NOT NULL, -- '' for any, as the two below
    failed_trigger TEXT COLLATE "C" NOT NULL,
    failed_script  TEXT COLLATE "C" NOT NULL
);

-- What is to be delivered. It is small while events are handled as they come: what is done leaves it.
--
-- A lane is what is delivered in turn: the events of a trigger, the messages of a queue's topic, the calls
-- of a script. Its text begins with the app's id.
CREATE TABLE outbox (
    id             TEXT COLLATE "C" PRIMARY KEY,
    app_id         TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    lane           TEXT COLLATE "C" NOT NULL,
    trigger_id     TEXT COLLATE "C" NOT NULL, -- '' of messages and calls
    script_id      TEXT COLLATE "C" NOT NULL, -- '' of messages
    source         TEXT COLLATE "C" NOT NULL,
    operation      TEXT COLLATE "C" NOT NULL,
    group_key      TEXT COLLATE "C" NOT NULL, -- of messages; '' for none
    depth          INTEGER NOT NULL,
    root_execution TEXT COLLATE "C" NOT NULL,
    created_at     TIMESTAMPTZ NOT NULL,
    attempt        INTEGER NOT NULL, -- made so far
    first_at       TIMESTAMPTZ,          -- of the first attempt
    last_error     TEXT COLLATE "C" NOT NULL,
    replay_of      TEXT COLLATE "C" NOT NULL, -- a dead letter; '' for none
    due_at         TIMESTAMPTZ NOT NULL,
    token          TEXT COLLATE "C",             -- of whoever handles it
    lease_until    TIMESTAMPTZ,
    payload        TEXT COLLATE "C" NOT NULL  -- JSON; last: it may be long
) WITH (
    fillfactor = 60,                        -- a lease, its renewals and its end stay on their page
    autovacuum_vacuum_scale_factor = 0.01,  -- rows come and go: what is dead is in the way of each claim
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX outbox_ready ON outbox (lane, due_at, id) WHERE token IS NULL;
CREATE INDEX outbox_leases ON outbox (lease_until) WHERE token IS NOT NULL;
CREATE INDEX outbox_running ON outbox (lane, token) WHERE token IS NOT NULL;
CREATE INDEX outbox_groups ON outbox (lane, group_key, id) WHERE group_key <> '';
CREATE INDEX outbox_app ON outbox (app_id, id);

-- What could not be delivered, until somebody decides.
CREATE TABLE dead_letters (
    id             TEXT COLLATE "C" PRIMARY KEY,
    app_id         TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    event_id       TEXT COLLATE "C" NOT NULL,
    lane           TEXT COLLATE "C" NOT NULL,
    trigger_id     TEXT COLLATE "C" NOT NULL,
    trigger_name   TEXT COLLATE "C" NOT NULL,
    script_id      TEXT COLLATE "C" NOT NULL,
    source         TEXT COLLATE "C" NOT NULL,
    operation      TEXT COLLATE "C" NOT NULL,
    group_key      TEXT COLLATE "C" NOT NULL,
    root_execution TEXT COLLATE "C" NOT NULL,
    attempts       INTEGER NOT NULL,
    created_at     TIMESTAMPTZ NOT NULL, -- of the event
    first_at       TIMESTAMPTZ,
    last_at        TIMESTAMPTZ NOT NULL,
    last_error     TEXT COLLATE "C" NOT NULL,
    resolution     TEXT COLLATE "C" NOT NULL, -- '' while there is none
    resolved_at    TIMESTAMPTZ,
    resolved_by    TEXT COLLATE "C" NOT NULL, -- a user's name, or a script's
    replayed_as    TEXT COLLATE "C" NOT NULL, -- an event; '' for none
    payload        TEXT COLLATE "C" NOT NULL
);

CREATE INDEX dead_letters_app ON dead_letters (app_id, id);
CREATE INDEX dead_letters_open ON dead_letters (app_id, id) WHERE resolution = '';
CREATE INDEX dead_letters_age ON dead_letters (last_at);

-- Answers that are given again when the same is asked with the same key.
CREATE TABLE idempotency_keys (
    app_id     TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    scope      TEXT COLLATE "C" NOT NULL, -- what the key is of, as in queue/TOPIC
    key        TEXT COLLATE "C" NOT NULL,
    digest     TEXT COLLATE "C" NOT NULL, -- of what was asked
    result     TEXT COLLATE "C" NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (app_id, scope, key)
);

CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

ALTER TABLE apps ADD COLUMN events_paused BOOLEAN NOT NULL DEFAULT FALSE;

-- The event that an execution handles; '' for none.
ALTER TABLE executions ADD COLUMN event_id TEXT COLLATE "C" NOT NULL DEFAULT '';

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
