-- +goose Up

-- What runs in a lane, by when its lease ends, as in PostgreSQL.
DROP INDEX outbox_running;
CREATE INDEX outbox_running ON outbox (lane, lease_until, token) WHERE token IS NOT NULL;

-- +goose Down

DROP INDEX outbox_running;
CREATE INDEX outbox_running ON outbox (lane, token) WHERE token IS NOT NULL;
