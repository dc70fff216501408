-- +goose Up

-- From where users have logged in: who guesses a password from elsewhere does not keep them out.
CREATE TABLE login_places (
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    place   TEXT COLLATE "C" NOT NULL, -- a digest of the address
    at      TIMESTAMPTZ NOT NULL, -- of the last login
    PRIMARY KEY (user_id, place)
);

-- The secret of a second factor is sealed as those of apps are, and column secret is 0 then, which is no base32:
-- a server of before accepts no code by it. Where key_id is empty it is as it was, until the server seals it.
ALTER TABLE second_factors ADD COLUMN key_id TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE second_factors ADD COLUMN sealed BYTEA;

-- Whether the log has told which claims were made of routes that there were.
INSERT INTO meta (name, value) VALUES ('claims_told', 0);

-- +goose Down

DELETE FROM meta WHERE name = 'claims_told';
ALTER TABLE second_factors DROP COLUMN sealed, DROP COLUMN key_id;
DROP TABLE login_places;
