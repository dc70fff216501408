-- +goose Up

-- What a script is tried with, and what should come of it.
CREATE TABLE script_cases (
    script_id TEXT COLLATE "C" PRIMARY KEY REFERENCES scripts (id) ON DELETE CASCADE,
    version   BIGINT NOT NULL,          -- 1 at first, one more with every change
    cases     TEXT COLLATE "C" NOT NULL -- JSON array, to the byte
);

-- +goose Down

DROP TABLE script_cases;
