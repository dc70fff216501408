-- +goose Up

-- The key that takes the place of this one, which ends after an overlap.
ALTER TABLE api_keys ADD COLUMN replaced_by TEXT;

-- +goose Down
ALTER TABLE api_keys DROP COLUMN replaced_by;
