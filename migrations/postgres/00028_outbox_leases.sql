-- +goose Up

-- Leases that have ended are looked for among those of outbox_running, which are few. Each claim wrote them to both.
DROP INDEX outbox_leases;

-- +goose Down

CREATE INDEX outbox_leases ON outbox (lease_until) WHERE token IS NOT NULL;
