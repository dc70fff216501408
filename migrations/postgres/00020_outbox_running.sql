-- +goose Up

-- What runs in a lane, from the first lease that ends on. What has ended stays in the index for as long as some
-- reader is old, before that.
DROP INDEX outbox_running;
CREATE INDEX outbox_running ON outbox (lane, lease_until, token) WHERE token IS NOT NULL;

-- +goose Down

DROP INDEX outbox_running;
CREATE INDEX outbox_running ON outbox (lane, token) WHERE token IS NOT NULL;
