-- +goose Up

-- The time is the key, so that an entry is appended to the table and its place in the index by app is a number: of two
-- entries of the same microsecond the later one has the next that is free. Before, any number had the same.
CREATE TABLE audit_by_time (
    at           INTEGER PRIMARY KEY,
    id           TEXT NOT NULL,
    actor        TEXT NOT NULL, -- user, key, system, unknown
    user_id      TEXT NOT NULL,
    username     TEXT NOT NULL,
    key_id       TEXT NOT NULL,
    address      TEXT NOT NULL,
    request_id   TEXT NOT NULL,
    action       TEXT NOT NULL,
    outcome      TEXT NOT NULL, -- done, refused, failed
    reason       TEXT NOT NULL,
    kind         TEXT NOT NULL,
    object       TEXT NOT NULL,
    app_id       TEXT NOT NULL,
    state_before TEXT,          -- JSON
    state_after  TEXT,          -- JSON
    truncated    INTEGER NOT NULL CHECK (truncated IN (0, 1)),
    count        INTEGER NOT NULL
) STRICT;

INSERT INTO audit_by_time
SELECT n + MAX(at - n) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING), id, actor, user_id, username, key_id, address, request_id, action, outcome, reason,
    kind, object, app_id, state_before, state_after, truncated, count
FROM (SELECT *, ROW_NUMBER() OVER (ORDER BY at, id) AS n FROM audit) ORDER BY n;

DROP TABLE audit;
ALTER TABLE audit_by_time RENAME TO audit;

CREATE INDEX audit_app ON audit (app_id); -- and the time, which each index has

-- +goose StatementBegin
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'an entry of the audit cannot be changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_kept BEFORE DELETE ON audit WHEN old.at >= (SELECT value FROM meta WHERE name = 'audit_kept_from') BEGIN
    SELECT RAISE(ABORT, 'an entry of the audit cannot be deleted');
END;
-- +goose StatementEnd

-- +goose Down

CREATE TABLE audit_by_id (
    at           INTEGER NOT NULL,
    id           TEXT NOT NULL,
    actor        TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    username     TEXT NOT NULL,
    key_id       TEXT NOT NULL,
    address      TEXT NOT NULL,
    request_id   TEXT NOT NULL,
    action       TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    reason       TEXT NOT NULL,
    kind         TEXT NOT NULL,
    object       TEXT NOT NULL,
    app_id       TEXT NOT NULL,
    state_before TEXT,
    state_after  TEXT,
    truncated    INTEGER NOT NULL CHECK (truncated IN (0, 1)),
    count        INTEGER NOT NULL,
    PRIMARY KEY (at, id)
) STRICT, WITHOUT ROWID;

INSERT INTO audit_by_id SELECT * FROM audit ORDER BY at;

DROP TABLE audit;
ALTER TABLE audit_by_id RENAME TO audit;

CREATE INDEX audit_app ON audit (app_id, at, id);

-- +goose StatementBegin
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'an entry of the audit cannot be changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_kept BEFORE DELETE ON audit WHEN old.at >= (SELECT value FROM meta WHERE name = 'audit_kept_from') BEGIN
    SELECT RAISE(ABORT, 'an entry of the audit cannot be deleted');
END;
-- +goose StatementEnd
