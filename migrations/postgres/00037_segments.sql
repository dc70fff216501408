-- +goose Up

-- Executions that were recorded together, with their lines, as package segment encodes them. Positions go on behind those that the
-- table executions has had; what is in that table is moved here a piece at a time, the newest first,
-- and is read there until then.
CREATE TABLE segments (
    first        BIGINT PRIMARY KEY, -- from this position on
    last         BIGINT NOT NULL,    -- to this one; none between is in another segment
    count        INTEGER NOT NULL,
    bytes        BIGINT NOT NULL,    -- about, of lines, errors, paths and traces
    open         INTEGER NOT NULL,   -- 1: it may be joined with those beside it; else 0
    id_from      TEXT COLLATE "C" NOT NULL, -- the least of the ids
    id_to        TEXT COLLATE "C" NOT NULL,
    started_from BIGINT NOT NULL, -- microseconds, as all times here
    started_to   BIGINT NOT NULL,
    body         BYTEA NOT NULL,
    rest         BYTEA -- lines and traces; NULL: there are none
);

-- They are compressed already.
ALTER TABLE segments ALTER COLUMN body SET STORAGE EXTERNAL, ALTER COLUMN rest SET STORAGE EXTERNAL;

CREATE INDEX segments_start ON segments (started_from);
CREATE INDEX segments_open ON segments (first) WHERE open = 1;

-- Which segments have executions of an app, of a script, or that acted for an execution, and what there is to be found; and which
-- have executions whose ids begin alike.
CREATE TABLE segment_index (
    key          TEXT COLLATE "C" NOT NULL, -- the id of the app, the script, or the execution; or the first 11 bytes of ids
    segment      BIGINT NOT NULL,
    last         BIGINT NOT NULL, -- the position of the last of these
    count        INTEGER NOT NULL,
    failed       INTEGER NOT NULL,
    level        INTEGER NOT NULL, -- the highest of their lines, as in log_lines; -1 for none
    lines_to     BIGINT NOT NULL,  -- the time of the latest of their lines
    started_from BIGINT NOT NULL,
    started_to   BIGINT NOT NULL,
    PRIMARY KEY (key, segment)
);

CREATE INDEX segment_index_segment ON segment_index USING hash (segment); -- which nobody takes for what is in the order of a key

INSERT INTO meta (name, value)
    SELECT 'executions', GREATEST((SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM executions_position_seq),
        COALESCE((SELECT MAX(position) FROM executions), 0));

-- +goose Down

DELETE FROM meta WHERE name = 'executions';
DROP TABLE segment_index;
DROP TABLE segments;
