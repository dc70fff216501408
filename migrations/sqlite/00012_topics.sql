-- +goose Up

-- Topics that can be subscribed to from outside. All others are the app's own.
CREATE TABLE topics (
    app_id     TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    topic      TEXT NOT NULL,
    access     TEXT NOT NULL, -- public, token
    created_at INTEGER NOT NULL,
    PRIMARY KEY (app_id, topic)
) STRICT, WITHOUT ROWID;

-- What was published to them of late, for subscribers who come back. One transaction at a time writes, so
-- the order of seq is that of the commits; AUTOINCREMENT never gives a number twice.
CREATE TABLE published (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    id      TEXT NOT NULL UNIQUE,
    app_id  TEXT NOT NULL,
    topic   TEXT NOT NULL,
    at      INTEGER NOT NULL,
    message TEXT NOT NULL, -- JSON, on one line
    FOREIGN KEY (app_id, topic) REFERENCES topics (app_id, topic) ON DELETE CASCADE
) STRICT;

CREATE INDEX published_topic ON published (app_id, topic, seq);
CREATE INDEX published_age ON published (at);

-- Keys that the nodes sign with, by what they sign.
CREATE TABLE signing_keys (
    name TEXT PRIMARY KEY,
    key  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down

DROP TABLE signing_keys;
DROP TABLE published;
DROP TABLE topics;
