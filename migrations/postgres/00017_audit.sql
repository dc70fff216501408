-- +goose Up

-- What was changed, and by whom. It names users, apps and objects that may be gone since.
CREATE TABLE audit (
    at           TIMESTAMPTZ NOT NULL,
    id           TEXT COLLATE "C" NOT NULL,
    actor        TEXT COLLATE "C" NOT NULL, -- user, key, system, unknown
    user_id      TEXT COLLATE "C" NOT NULL,
    username     TEXT COLLATE "C" NOT NULL,
    key_id       TEXT COLLATE "C" NOT NULL,
    address      TEXT COLLATE "C" NOT NULL,
    request_id   TEXT COLLATE "C" NOT NULL,
    action       TEXT COLLATE "C" NOT NULL,
    outcome      TEXT COLLATE "C" NOT NULL, -- done, refused, failed
    reason       TEXT COLLATE "C" NOT NULL,
    kind         TEXT COLLATE "C" NOT NULL,
    object       TEXT COLLATE "C" NOT NULL,
    app_id       TEXT COLLATE "C" NOT NULL,
    state_before TEXT COLLATE "C",          -- JSON
    state_after  TEXT COLLATE "C",          -- JSON
    truncated    BOOLEAN NOT NULL,
    count        BIGINT NOT NULL,
    PRIMARY KEY (at, id)
);

CREATE INDEX audit_app ON audit (app_id, at, id);

-- Entries stay as they are. Retention says first, and in the same transaction no longer, before when they
-- may go: microseconds of the epoch.
INSERT INTO meta (name, value) VALUES ('audit_kept_from', 0);

-- +goose StatementBegin
CREATE FUNCTION audit_stays() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < 'epoch'::timestamptz + (SELECT value FROM meta WHERE name = 'audit_kept_from') * INTERVAL '1 microsecond' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'an entry of the audit cannot be changed or deleted' USING ERRCODE = 'integrity_constraint_violation';
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_stays();
CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();

-- +goose Down

DROP TABLE audit;
DROP FUNCTION audit_stays;
DELETE FROM meta WHERE name = 'audit_kept_from';
