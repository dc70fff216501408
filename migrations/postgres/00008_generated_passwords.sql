-- +goose Up

-- Whether the server made the password, and nobody has logged in with it yet.
ALTER TABLE users ADD COLUMN password_generated BOOLEAN NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE users DROP COLUMN password_generated;
