-- +goose Up

-- Whether the server made the password, and nobody has logged in with it yet.
ALTER TABLE users ADD COLUMN password_generated INTEGER NOT NULL DEFAULT 0 CHECK (password_generated IN (0, 1));

-- +goose Down
ALTER TABLE users DROP COLUMN password_generated;
