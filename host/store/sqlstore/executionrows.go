package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlstore/segment"
)

// Executions used to be rows, and their lines rows of another table. What there is of them becomes segments, the newest first.

// rowsTogether is how many become a segment, with their lines: of which there may be many.
const rowsTogether = 250

const (
	rowsNewest = `SELECT position, id, app_id, script_id, script_version, request_id, invocation_type, event_id, outcome, status, error_message,
			error_line, error_column, started_at, duration_us, operations, response_bytes, method, path, route, parent_id, root_id, trace
		FROM executions ORDER BY position DESC LIMIT $1`
	linesOfRows = `SELECT l.execution, l.at, l.level, l.message, l.data
		FROM executions e JOIN log_lines l ON l.script_id = e.script_id AND l.execution = e.position
		WHERE e.position BETWEEN $1 AND $2 ORDER BY l.execution, l.seq`
	rowsRemove = `DELETE FROM executions WHERE position BETWEEN $1 AND $2` // with their lines
)

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

// convert makes segments of the newest rows, and returns how many those were.
func (e executions) convert(ctx context.Context) (moved int, err error) {
	err = e.s.join(ctx, "convert executions", func(tx *sqlStore) error {
		moved = 0
		rows, err := many(ctx, tx.tx, "executions", scanExecutionRow, rowsNewest+tx.db.Dialect.ForUpdate, rowsTogether)
		if err != nil || len(rows) == 0 {
			return err
		}
		slices.Reverse(rows)
		first, last := rows[0].Position, rows[len(rows)-1].Position
		lines, err := many(ctx, tx.tx, "log lines", scanLineRow, linesOfRows, first, last)
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
		for _, piece := range pieces(rows) {
			k := kept{first: piece[0].Position, last: piece[len(piece)-1].Position, rows: piece}
			if err := k.keep(ctx, tx.tx); err != nil {
				return err
			}
		}
		moved = len(rows)
		_, err = tx.tx.ExecContext(ctx, rowsRemove, first, last)
		return err
	})
	return moved, err
}
