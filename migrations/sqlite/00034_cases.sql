-- +goose Up

-- What a script is tried with, and what should come of it.
CREATE TABLE script_cases (
    script_id TEXT PRIMARY KEY REFERENCES scripts (id) ON DELETE CASCADE,
    version   INTEGER NOT NULL, -- 1 at first, one more with every change
    cases     TEXT NOT NULL     -- JSON array
) STRICT, WITHOUT ROWID;

-- +goose Down

DROP TABLE script_cases;
