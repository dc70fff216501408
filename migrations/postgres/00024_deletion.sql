-- +goose Up

-- Since when an app or a script is deleted: it is gone for everybody, and what belongs to it is removed a piece at a time,
-- the row itself last. NULL: it is not deleted.
ALTER TABLE apps ADD COLUMN deleted_at TIMESTAMPTZ;
ALTER TABLE scripts ADD COLUMN deleted_at TIMESTAMPTZ;

CREATE INDEX apps_deleted ON apps (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX scripts_deleted ON scripts (deleted_at) WHERE deleted_at IS NOT NULL;

-- Slugs that apps had before they were renamed.
CREATE TABLE app_aliases (
    slug       TEXT COLLATE "C" PRIMARY KEY,
    app_id     TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    created_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX app_aliases_app ON app_aliases (app_id, slug);

-- +goose Down

DROP TABLE app_aliases;
DELETE FROM apps WHERE deleted_at IS NOT NULL;
DELETE FROM scripts WHERE deleted_at IS NOT NULL;
ALTER TABLE scripts DROP COLUMN deleted_at;
ALTER TABLE apps DROP COLUMN deleted_at;
