-- +goose Up

-- Whether the server made the password, and its user has set no other since.
ALTER TABLE users ADD COLUMN password_given BOOLEAN NOT NULL DEFAULT false;
UPDATE users SET password_given = password_generated;

-- +goose Down
ALTER TABLE users DROP COLUMN password_given;
