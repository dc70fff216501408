-- +goose Up

-- What was changed, and by whom. It names users, apps and objects that may be gone since.
CREATE TABLE audit (
    at           INTEGER NOT NULL,
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
    count        INTEGER NOT NULL,
    PRIMARY KEY (at, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_app ON audit (app_id, at, id);

-- Entries stay as they are. Retention says first, and in the same transaction no longer, before when they
-- may go: microseconds of the epoch.
INSERT INTO meta (name, value) VALUES ('audit_kept_from', 0);

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

DROP TABLE audit;
DELETE FROM meta WHERE name = 'audit_kept_from';
