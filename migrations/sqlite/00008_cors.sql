-- +goose Up

-- JSON; NULL for no policy. A route's own goes before its app's.
ALTER TABLE apps ADD COLUMN cors TEXT;
ALTER TABLE routes ADD COLUMN cors TEXT;

-- +goose Down
ALTER TABLE routes DROP COLUMN cors;
ALTER TABLE apps DROP COLUMN cors;
