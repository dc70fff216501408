package sqlite

import (
	"context"
	"database/sql"
	"maps"
	"runtime"
	"strings"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlstore"
)

const (
	scriptOfApp  = `SELECT EXISTS (SELECT 1 FROM scripts WHERE id = $1 AND app_id = $2 AND deleted_at IS NULL)`
	lastPosition = `SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'executions'), 0)`
	positions    = `SELECT position FROM executions WHERE position > $1`

	executionInsert = `INSERT INTO executions (position, id, app_id, script_id, script_version, request_id, invocation_type,
			event_id, outcome, status, error_message, error_line, error_column, started_at, duration_us, operations,
			response_bytes, method, path, route, parent_id, root_id, trace)
		VALUES `
	onceOnly   = ` ON CONFLICT DO NOTHING`
	lineInsert = `INSERT INTO log_lines (script_id, execution, seq, at, level, message, data) VALUES `
)

// record inserts executions, then the lines of those that were not there already. It gives the
// positions itself: the transaction is the only writer, and to be told of each would need a
// statement for each.
func record(ctx context.Context, tx *sql.Tx, executions []store.Execution) error {
	scripts, err := existing(ctx, tx, executions)
	if err != nil {
		return err
	}
	var before int64
	if err := tx.QueryRowContext(ctx, lastPosition).Scan(&before); err != nil {
		return err
	}
	position := before
	rows := rowWriter{tx: tx, insert: executionInsert, columns: 23, conflict: onceOnly}
	defer rows.close()
	recorded := make(map[int64]*store.Execution, len(executions))
	for i := range executions {
		e := &executions[i]
		if !scripts[scriptKey{e.ScriptID, e.AppID}] {
			continue
		}
		position++
		recorded[position] = e
		err := rows.add(ctx, position, e.ID, e.AppID, e.ScriptID, e.ScriptVersion, e.RequestID, string(e.InvocationType),
			e.EventID, string(e.Outcome), e.Status, e.ErrorMessage, e.ErrorLine, e.ErrorColumn,
			e.StartedAt, e.Duration.Microseconds(), e.Operations,
			e.ResponseBytes, e.Method, e.Path, e.Route, e.ParentID, e.RootID, sqlstore.TraceValue(e.Trace))
		if err != nil {
			return err
		}
	}
	if err := rows.rest(ctx); err != nil {
		return err
	}
	if rows.inserted < position-before {
		if err := keepInserted(ctx, tx, recorded, before); err != nil {
			return err
		}
	}
	lines := rowWriter{tx: tx, insert: lineInsert, columns: 7}
	defer lines.close()
	for at := before + 1; at <= position; at++ {
		e := recorded[at]
		if e == nil {
			continue
		}
		for _, line := range e.Lines {
			var data any
			if len(line.Data) > 0 {
				data = string(line.Data)
			}
			if err := lines.add(ctx, e.ScriptID, at, line.Seq, line.At, sqlstore.LevelNumber(line.Level), line.Message, data); err != nil {
				return err
			}
		}
	}
	return lines.rest(ctx)
}

// keepInserted removes those from recorded that had been recorded before and so are not at the
// position they were given.
func keepInserted(ctx context.Context, tx *sql.Tx, recorded map[int64]*store.Execution, before int64) error {
	rows, err := tx.QueryContext(ctx, positions, before)
	if err != nil {
		return err
	}
	defer rows.Close()
	inserted := make(map[int64]bool, len(recorded))
	for rows.Next() {
		var position int64
		if err := rows.Scan(&position); err != nil {
			return err
		}
		inserted[position] = true
	}
	maps.DeleteFunc(recorded, func(position int64, _ *store.Execution) bool { return !inserted[position] })
	return rows.Err()
}

type scriptKey struct{ script, app string }

// existing returns which of the executions' scripts there are. The transaction is the only writer:
// none can go away before it ends.
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

// rowsTogether is how many rows one statement inserts. More would gain nothing measurable.
const rowsTogether = 32

// rowWriter inserts rows as soon as it has enough of them for a statement.
type rowWriter struct {
	tx               *sql.Tx
	insert, conflict string // around the values
	columns          int
	prepared         *sql.Stmt // of rowsTogether rows
	args             []any     // of rows not inserted yet
	inserted         int64     // rows
}

func (w *rowWriter) add(ctx context.Context, row ...any) (err error) {
	w.args = append(w.args, row...)
	if len(w.args) < rowsTogether*w.columns {
		return nil
	}
	if w.prepared == nil {
		if w.prepared, err = w.tx.PrepareContext(ctx, w.statement(rowsTogether)); err != nil {
			return err
		}
	}
	result, err := w.prepared.ExecContext(ctx, w.args...)
	w.args = w.args[:0]
	runtime.Gosched() // who waits for an answer goes before a record
	return w.count(result, err)
}

// rest inserts the rows that were too few for a statement.
func (w *rowWriter) rest(ctx context.Context) error {
	if len(w.args) == 0 {
		return nil
	}
	return w.count(w.tx.ExecContext(ctx, w.statement(len(w.args)/w.columns), w.args...))
}

func (w *rowWriter) count(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	w.inserted += n
	return err
}

func (w *rowWriter) statement(rows int) string {
	row := "(?" + strings.Repeat(", ?", w.columns-1) + ")"
	return w.insert + row + strings.Repeat(", "+row, rows-1) + w.conflict
}

func (w *rowWriter) close() {
	if w.prepared != nil {
		w.prepared.Close()
	}
}
