package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlstore/segment"
)

// A version before kept executions as rows, and their lines as rows of another table. What there is of them becomes segments, the
// newest first, and is read where it is until then. Nothing is added to them: all have positions before those of segments.

// rowsTogether is how many are read at once or become a segment, with their lines: of which there may be many.
const rowsTogether = 250

const (
	rowsAny     = `SELECT 1 FROM executions LIMIT 1`
	rowsBetween = ` FROM executions WHERE position > $1 AND position < $2 AND {of}`
	rowsSelect  = `SELECT position, id, app_id, script_id, script_version, request_id, invocation_type, event_id, outcome, status, error_message,
		error_line, error_column, started_at, duration_us, operations, response_bytes, method, path, route, parent_id, root_id, trace`
	rowsList   = rowsSelect + rowsBetween + ` ORDER BY position {order} LIMIT $4`
	rowsOfIDs  = rowsSelect + ` FROM executions WHERE id IN {texts}`
	rowLast    = `SELECT position` + rowsBetween + ` ORDER BY position DESC LIMIT 1`
	rowsRemove = `DELETE` + rowsBetween // with their lines
	linesList  = `SELECT l.execution, l.at, l.level, l.message, l.data
		FROM (SELECT script_id, position` + rowsBetween + `) AS e JOIN log_lines l ON l.script_id = e.script_id AND l.execution = e.position
		ORDER BY l.execution, l.seq`
)

// What rows are of that a search is for, whose key is $3.
const (
	rowsOfAll    = `$3 = ''`
	rowsOfApp    = `app_id = $3`
	rowsOfScript = `script_id = $3`
	rowsOfRoot   = `root_id = $3 AND root_id <> ''` // as the index says
)

// onRows makes a statement one on the rows that a search is for.
func (w *search) onRows(statement string) string {
	of, order := w.of, "DESC"
	if w.failed > 0 {
		of += ` AND outcome <> ''`
	}
	if w.oldestFirst {
		order = "ASC"
	}
	return strings.NewReplacer("{of}", of, "{order}", order).Replace(statement)
}

func scanExecutionRow(row scanner) (e segment.Row, err error) {
	var micros int64
	err = row.Scan(&e.Position, &e.ID, &e.AppID, &e.ScriptID, &e.ScriptVersion, &e.RequestID, &e.InvocationType, &e.EventID, &e.Outcome,
		&e.Status, &e.ErrorMessage, &e.ErrorLine, &e.ErrorColumn, instant{&e.StartedAt}, &micros, &e.Operations,
		&e.ResponseBytes, &e.Method, &e.Path, &e.Route, &e.ParentID, &e.RootID, orNone{&e.Trace})
	e.Duration = time.Duration(micros) * time.Microsecond
	return e, err
}

// lineRow is a line, and the position of its execution.
type lineRow struct {
	store.LogLine
	execution int64
}

func scanLineRow(row scanner) (l lineRow, err error) {
	var (
		level int
		data  string
	)
	if err = row.Scan(&l.execution, instant{&l.At}, &level, &l.Message, optional{&data}); err != nil {
		return l, err
	}
	if level < 0 || level >= len(levels) {
		return l, fmt.Errorf("a line of the execution at %d has level %d", l.execution, level)
	}
	l.Level = levels[level]
	if data != "" {
		l.Data = []byte(data)
	}
	return l, nil
}

// readRows reads the next rows that a search comes to, in the order of their positions, with their lines if the rest is wanted. The query
// ends with end.
func (w search) readRows(ctx context.Context, q queryer, end string) ([]segment.Row, error) {
	rows, err := many(ctx, q, "executions", scanExecutionRow, w.onRows(rowsList)+end, w.after, w.before, w.key, rowsTogether)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	if !w.oldestFirst {
		slices.Reverse(rows)
	}
	if !w.rest {
		return rows, nil
	}
	w.after, w.before = rows[0].Position-1, rows[len(rows)-1].Position+1
	return rows, w.readLines(ctx, q, rows)
}

// readLines gives rows their lines, which are all that a search is for.
func (w search) readLines(ctx context.Context, q queryer, rows []segment.Row) error {
	lines, err := many(ctx, q, "log lines", scanLineRow, w.onRows(linesList), w.after, w.before, w.key)
	if err != nil {
		return err
	}
	i := 0
	for _, line := range lines {
		for rows[i].Position < line.execution {
			i++
		}
		rows[i].Lines = append(rows[i].Lines, line.LogLine)
	}
	return nil
}

// older reports whether executions are rows still.
func (e executions) older(ctx context.Context, q queryer) (bool, error) {
	if e.s.db.converted.Load() {
		return false, nil
	}
	found, err := exists(ctx, q, rowsAny)
	if err != nil {
		return false, failed(ctx, "read execution", err)
	}
	if !found && e.s.tx == nil { // a transaction may be undone
		e.s.db.converted.Store(true)
	}
	return found, nil
}

// atOnce runs fn, which reads, where rows become no segments meanwhile.
func (e executions) atOnce(ctx context.Context, fn func(e executions) error) error {
	older, err := e.older(ctx, e.s.reader())
	if err != nil {
		return err
	}
	if !older || e.s.tx != nil {
		return fn(e)
	}
	return e.s.Snapshot(ctx, func(s store.Store) error { return fn(s.Executions().(executions)) })
}

// walkRows is walk for rows, which it makes segments in memory.
func (e executions) walkRows(ctx context.Context, w *search, each visit) (enough bool, err error) {
	older, err := e.older(ctx, e.s.reader())
	if err != nil || !older {
		return false, err
	}
	for {
		rows, err := w.readRows(ctx, e.s.reader(), "")
		if err != nil || len(rows) == 0 {
			return false, err
		}
		s, err := storedRows(rows)
		if err != nil {
			return false, err
		}
		if enough, err := w.pass(s, each); err != nil || enough {
			return enough, err
		}
	}
}

func storedRows(rows []segment.Row) (s *stored, err error) {
	s = &stored{first: rows[0].Position, last: rows[len(rows)-1].Position}
	body, rest := segment.Encode(rows)
	s.bytes = rest
	s.Segment, err = segment.Decode(body)
	return s, err
}

// findRows is find for rows, each of which it makes a segment in memory.
func (e executions) findRows(ctx context.Context, q queryer, ids []string) (map[string]found, error) {
	list := map[string]found{}
	older, err := e.older(ctx, q)
	if err != nil || !older {
		return list, err
	}
	rows, err := many(ctx, q, "executions", scanExecutionRow, strings.ReplaceAll(rowsOfIDs, "{texts}", e.s.db.Dialect.OneOfTexts), e.s.db.Dialect.Texts(ids))
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		w := all(rowsOfAll, "")
		w.after, w.before = row.Position-1, row.Position+1
		if err := w.readLines(ctx, q, rows[i:i+1]); err != nil {
			return nil, err
		}
		s, err := storedRows(rows[i : i+1])
		if err != nil {
			return nil, err
		}
		list[row.ID] = found{s, 0}
	}
	return list, nil
}

// newestRow returns the position of the last row that a search is for, 0 if there is none.
func (e executions) newestRow(ctx context.Context, w search) (int64, error) {
	older, err := e.older(ctx, e.s.reader())
	if err != nil || !older {
		return 0, err
	}
	last, err := one(ctx, e.s.reader(), "execution", scanNumber, w.onRows(rowLast), w.after, w.before, w.key)
	return last, unlessMissing(err)
}

// convert makes segments of the newest rows, and returns how many those were.
func (e executions) convert(ctx context.Context) (moved int, err error) {
	older, err := e.older(ctx, e.s.reader())
	if err != nil || !older {
		return 0, err
	}
	err = e.s.apart(ctx, "convert executions", func(tx *sqlStore) error {
		moved = 0
		w := all(rowsOfAll, "")
		w.rest = true
		rows, err := w.readRows(ctx, tx.tx, tx.db.Dialect.ForUpdate)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := keepAll(ctx, tx.tx, rows); err != nil {
			return err
		}
		moved = len(rows)
		w.after, w.before = rows[0].Position-1, rows[len(rows)-1].Position+1
		_, err = tx.tx.ExecContext(ctx, w.onRows(rowsRemove), w.after, w.before, w.key)
		return err
	})
	return moved, err
}
