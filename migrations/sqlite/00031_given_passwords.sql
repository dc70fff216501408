-- +goose Up

-- Whether the server made the password, and its user has set no other since.
ALTER TABLE users ADD COLUMN password_given INTEGER NOT NULL DEFAULT 0 CHECK (password_given IN (0, 1));
UPDATE users SET password_given = password_generated;

-- +goose Down
ALTER TABLE users DROP COLUMN password_given;
