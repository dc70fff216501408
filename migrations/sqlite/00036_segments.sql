-- +goose Up

-- Executions that were recorded together, with their lines, as package segment encodes them. Positions go on behind those that the
-- table executions has had; what is in that table is moved here a piece at a time, the newest first,
-- and is read there until then.
CREATE TABLE segments (
    first        INTEGER PRIMARY KEY, -- from this position on
    last         INTEGER NOT NULL,    -- to this one; none between is in another segment
    count        INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,    -- about, of lines, errors, paths and traces
    open         INTEGER NOT NULL,    -- 1: it may be joined with those beside it; else 0
    id_from      TEXT NOT NULL,       -- the least of the ids
    id_to        TEXT NOT NULL,
    started_from INTEGER NOT NULL,
    started_to   INTEGER NOT NULL,
    body         BLOB NOT NULL,
    rest         BLOB -- lines and traces; NULL: there are none
) STRICT;

CREATE INDEX segments_start ON segments (started_from);
CREATE INDEX segments_open ON segments (open) WHERE open = 1; -- in the order of first, which each index ends with

-- Which segments have executions of an app, of a script, or that acted for an execution, and what there is to be found; and which
-- have executions whose ids begin alike.
CREATE TABLE segment_index (
    key          TEXT NOT NULL, -- the id of the app, the script, or the execution; or the first 11 bytes of ids
    segment      INTEGER NOT NULL,
    last         INTEGER NOT NULL, -- the position of the last of these
    count        INTEGER NOT NULL,
    failed       INTEGER NOT NULL,
    level        INTEGER NOT NULL, -- the highest of their lines, as in log_lines; -1 for none
    lines_to     INTEGER NOT NULL, -- the time of the latest of their lines
    started_from INTEGER NOT NULL,
    started_to   INTEGER NOT NULL,
    PRIMARY KEY (key, segment)
) STRICT, WITHOUT ROWID;

CREATE INDEX segment_index_segment ON segment_index (segment);

INSERT INTO meta (name, value) VALUES ('executions', COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'executions'), 0));

-- +goose Down

DELETE FROM meta WHERE name = 'executions';
DROP TABLE segment_index;
DROP TABLE segments;
