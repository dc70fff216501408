-- +goose Up

-- Topics that can be subscribed to from outside. All others are the app's own.
CREATE TABLE topics (
    app_id     TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    topic      TEXT COLLATE "C" NOT NULL,
    access     TEXT COLLATE "C" NOT NULL, -- public, token
    created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (app_id, topic)
);

-- What was published to them of late, for subscribers who come back. Transactions commit in another order
-- than that of seq: tx tells whether a snapshot sees a row, and seen is what had been committed before it.
CREATE TABLE published (
    id      TEXT COLLATE "C" PRIMARY KEY,
    seq     BIGINT GENERATED ALWAYS AS IDENTITY,
    tx      XID8 NOT NULL DEFAULT pg_current_xact_id(),
    seen    PG_SNAPSHOT NOT NULL DEFAULT pg_current_snapshot(),
    app_id  TEXT COLLATE "C" NOT NULL,
    topic   TEXT COLLATE "C" NOT NULL,
    at      TIMESTAMPTZ NOT NULL,
    message TEXT COLLATE "C" NOT NULL, -- JSON, on one line
    FOREIGN KEY (app_id, topic) REFERENCES topics (app_id, topic) ON DELETE CASCADE
);

CREATE INDEX published_tx ON published (tx);
CREATE INDEX published_topic ON published (app_id, topic, seq);
CREATE INDEX published_age ON published (at);

-- Keys that the nodes sign with, by what they sign.
CREATE TABLE signing_keys (
    name TEXT COLLATE "C" PRIMARY KEY,
    key  BYTEA NOT NULL
);

-- +goose Down

DROP TABLE signing_keys;
DROP TABLE published;
DROP TABLE topics;
