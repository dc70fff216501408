-- +goose Up

-- When a user was deactivated: from then on nobody acts as that user, and what the user did stays.
ALTER TABLE users ADD COLUMN deactivated_at INTEGER;

-- A session is shown by its id, ends at ends_at at the latest, and at expires_at unless it is used before.
ALTER TABLE sessions ADD COLUMN id TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN ends_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT ''; -- of its last use
ALTER TABLE sessions ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';
UPDATE sessions SET id = lower(hex(randomblob(16))), ends_at = expires_at;
CREATE UNIQUE INDEX sessions_id ON sessions (id);

-- Links that let set a password, once. A user has one at most.
CREATE TABLE invites (
    user_id    TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    token_hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

-- Second factors by TOTP (RFC 6238).
CREATE TABLE second_factors (
    user_id      TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret       TEXT NOT NULL, -- base32
    last_step    INTEGER NOT NULL, -- of the last code that was accepted: none before is accepted again
    created_at   INTEGER NOT NULL,
    confirmed_at INTEGER -- NULL: the user has not shown yet that there is an authenticator
) STRICT;

-- Codes that stand in for one of TOTP, each once.
CREATE TABLE recovery_codes (
    user_id   TEXT NOT NULL REFERENCES second_factors (user_id) ON DELETE CASCADE,
    code_hash TEXT NOT NULL,
    PRIMARY KEY (user_id, code_hash)
) STRICT, WITHOUT ROWID;

-- +goose Down

DROP TABLE recovery_codes;
DROP TABLE second_factors;
DROP TABLE invites;
DROP INDEX sessions_id;
ALTER TABLE sessions DROP COLUMN user_agent;
ALTER TABLE sessions DROP COLUMN address;
ALTER TABLE sessions DROP COLUMN ends_at;
ALTER TABLE sessions DROP COLUMN id;
ALTER TABLE users DROP COLUMN deactivated_at;
