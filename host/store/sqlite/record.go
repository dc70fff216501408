package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlstore"
)

const (
	scriptOfApp     = `SELECT EXISTS (SELECT 1 FROM scripts WHERE id = $1 AND app_id = $2)`
	executionInsert = `INSERT INTO executions (id, app_id, script_id, script_version, request_id, invocation_type, outcome,
			status, error_message, error_line, error_column, started_at, duration_us, operations)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING`
	lineInsert = `INSERT INTO log_lines (script_id, execution, seq, at, level, message, data) VALUES (?, ?, ?, ?, ?, ?, ?)`
)

// linesTogether is how many lines one statement inserts. More would gain
// nothing measurable.
const linesTogether = 16

var linesInsert = lineInsert + strings.Repeat(`, (?, ?, ?, ?, ?, ?, ?)`, linesTogether-1)

// record inserts executions one by one and their lines by the dozen.
func record(ctx context.Context, tx *sql.Tx, executions []store.Execution) error {
	scripts, err := existing(ctx, tx, executions)
	if err != nil {
		return err
	}
	insert, err := tx.PrepareContext(ctx, executionInsert)
	if err != nil {
		return err
	}
	defer insert.Close()
	lines := lineWriter{tx: tx}
	defer lines.close()
	for _, e := range executions {
		if !scripts[scriptKey{e.ScriptID, e.AppID}] {
			continue
		}
		result, err := insert.ExecContext(ctx, e.ID, e.AppID, e.ScriptID, e.ScriptVersion, e.RequestID,
			string(e.InvocationType), string(e.Outcome), e.Status, e.ErrorMessage, e.ErrorLine, e.ErrorColumn,
			e.StartedAt, e.Duration.Microseconds(), e.Operations)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			continue
		}
		position, err := result.LastInsertId()
		if err != nil {
			return err
		}
		for _, line := range e.Lines {
			if err := lines.add(ctx, e.ScriptID, position, line); err != nil {
				return err
			}
		}
	}
	return lines.rest(ctx)
}

type scriptKey struct{ script, app string }

// existing tells which of the executions' scripts there are. The transaction
// is the only writer: none can go away before it ends.
func existing(ctx context.Context, tx *sql.Tx, executions []store.Execution) (map[scriptKey]bool, error) {
	scripts := map[scriptKey]bool{}
	for _, e := range executions {
		key := scriptKey{e.ScriptID, e.AppID}
		if _, asked := scripts[key]; asked {
			continue
		}
		var found bool
		if err := tx.QueryRowContext(ctx, scriptOfApp, key.script, key.app).Scan(&found); err != nil {
			return nil, err
		}
		scripts[key] = found
	}
	return scripts, nil
}

// lineWriter inserts lines as soon as it has enough of them for a statement.
type lineWriter struct {
	tx       *sql.Tx
	prepared *sql.Stmt
	args     []any // of lines not inserted yet
}

// argsOfLine is how many arguments a line has.
const argsOfLine = 7

func (w *lineWriter) add(ctx context.Context, scriptID string, position int64, line store.LogLine) (err error) {
	var data any
	if len(line.Data) > 0 {
		data = string(line.Data)
	}
	w.args = append(w.args, scriptID, position, line.Seq, line.At, sqlstore.LevelNumber(line.Level), line.Message, data)
	if len(w.args) < linesTogether*argsOfLine {
		return nil
	}
	if w.prepared == nil {
		if w.prepared, err = w.tx.PrepareContext(ctx, linesInsert); err != nil {
			return err
		}
	}
	_, err = w.prepared.ExecContext(ctx, w.args...)
	w.args = w.args[:0]
	return err
}

// rest inserts the lines that were too few for a statement.
func (w *lineWriter) rest(ctx context.Context) error {
	for ; len(w.args) > 0; w.args = w.args[argsOfLine:] {
		if _, err := w.tx.ExecContext(ctx, lineInsert, w.args[:argsOfLine]...); err != nil {
			return err
		}
	}
	return nil
}

func (w *lineWriter) close() {
	if w.prepared != nil {
		w.prepared.Close()
	}
}
