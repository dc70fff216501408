-- +goose Up

-- When a user was deactivated: from then on nobody acts as that user, and what the user did stays.
ALTER TABLE users ADD COLUMN deactivated_at TIMESTAMPTZ;

-- A session is shown by its id, ends at ends_at at the latest, and at expires_at unless it is used before.
ALTER TABLE sessions ADD COLUMN id TEXT COLLATE "C" NOT NULL DEFAULT gen_random_uuid()::text;
ALTER TABLE sessions ADD COLUMN ends_at TIMESTAMPTZ;
ALTER TABLE sessions ADD COLUMN address TEXT COLLATE "C" NOT NULL DEFAULT ''; -- of its last use
ALTER TABLE sessions ADD COLUMN user_agent TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE sessions SET ends_at = expires_at;
ALTER TABLE sessions ALTER COLUMN ends_at SET NOT NULL, ALTER COLUMN id DROP DEFAULT;
CREATE UNIQUE INDEX sessions_id ON sessions (id);

-- Links that let set a password, once. A user has one at most.
CREATE TABLE invites (
    user_id    TEXT COLLATE "C" PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    token_hash TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

-- Second factors by TOTP (RFC 6238).
CREATE TABLE second_factors (
    user_id      TEXT COLLATE "C" PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret       TEXT COLLATE "C" NOT NULL, -- base32
    last_step    BIGINT NOT NULL, -- of the last code that was accepted: none before is accepted again
    created_at   TIMESTAMPTZ NOT NULL,
    confirmed_at TIMESTAMPTZ -- NULL: the user has not shown yet that there is an authenticator
);

-- Codes that stand in for one of TOTP, each once.
CREATE TABLE recovery_codes (
    user_id   TEXT COLLATE "C" NOT NULL REFERENCES second_factors (user_id) ON DELETE CASCADE,
    code_hash TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

-- +goose Down

DROP TABLE recovery_codes;
DROP TABLE second_factors;
DROP TABLE invites;
DROP INDEX sessions_id;
ALTER TABLE sessions DROP COLUMN user_agent, DROP COLUMN address, DROP COLUMN ends_at, DROP COLUMN id;
ALTER TABLE users DROP COLUMN deactivated_at;
