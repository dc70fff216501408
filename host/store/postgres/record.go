package postgres

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlstore"
)

const (
	// recordLock is held until the commit, so that positions become visible in their order and a
	// follower of a log misses none.
	recordLock = `SELECT pg_advisory_xact_lock($1)`
	// scriptsLock keeps the scripts from being deleted meanwhile.
	scriptsLock = `SELECT id, app_id FROM scripts WHERE id = ANY ($1::text[]) AND deleted_at IS NULL ORDER BY id FOR KEY SHARE`

	executionsInsert = `INSERT INTO executions (id, app_id, script_id, script_version, request_id, invocation_type, event_id, outcome,
			status, error_message, error_line, error_column, started_at, duration_us, operations,
			response_bytes, method, path, route, parent_id, root_id, trace)
		SELECT id, app_id, script_id, script_version, request_id, invocation_type, event_id, outcome,
			status, error_message, error_line, error_column, started_at, duration_us, operations,
			response_bytes, method, path, route, parent_id, root_id, trace
		FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
			$9::integer[], $10::text[], $11::integer[], $12::integer[], $13::timestamptz[], $14::bigint[], $15::bigint[],
			$16::bigint[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[])
			WITH ORDINALITY AS execution (id, app_id, script_id, script_version, request_id, invocation_type, event_id, outcome,
			status, error_message, error_line, error_column, started_at, duration_us, operations,
			response_bytes, method, path, route, parent_id, root_id, trace, place)
		ORDER BY place
		ON CONFLICT DO NOTHING RETURNING id, position`
	linesInsert = `INSERT INTO log_lines (script_id, execution, seq, at, level, message, data)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::integer[], $4::timestamptz[], $5::smallint[], $6::text[], $7::text[])`
)

// record inserts a batch with one statement for the executions and one for their lines, a column an
// array.
func record(ctx context.Context, tx *sql.Tx, executions []store.Execution) error {
	if _, err := tx.ExecContext(ctx, recordLock, int64(lockRecord)); err != nil {
		return err
	}
	apps, err := lockScripts(ctx, tx, executions)
	if err != nil {
		return err
	}
	var (
		kept    []store.Execution
		columns executionColumns
		seen    = map[string]bool{}
	)
	for _, e := range executions {
		if app, found := apps[e.ScriptID]; found && app == e.AppID && !seen[e.ID] {
			seen[e.ID] = true
			kept = append(kept, e)
			columns.add(e)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	positions, err := insertExecutions(ctx, tx, columns)
	if err != nil {
		return err
	}
	var lines lineColumns
	for _, e := range kept {
		if position, isNew := positions[e.ID]; isNew {
			lines.add(e.ScriptID, position, e.Lines)
		}
	}
	if len(lines.execution) == 0 {
		return nil
	}
	_, err = tx.ExecContext(ctx, linesInsert, lines.args()...)
	return err
}

// lockScripts returns the apps, by script, of those scripts of the executions that exist, and keeps
// these from being deleted until the transaction ends.
func lockScripts(ctx context.Context, tx *sql.Tx, executions []store.Execution) (map[string]string, error) {
	wanted := map[string]bool{}
	for _, e := range executions {
		wanted[e.ScriptID] = true
	}
	rows, err := tx.QueryContext(ctx, scriptsLock, slices.Collect(maps.Keys(wanted)))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	apps := make(map[string]string, len(wanted))
	for rows.Next() {
		var id, app string
		if err := rows.Scan(&id, &app); err != nil {
			return nil, err
		}
		apps[id] = app
	}
	return apps, rows.Err()
}

// insertExecutions returns the positions, by id, of those that were new.
func insertExecutions(ctx context.Context, tx *sql.Tx, columns executionColumns) (map[string]int64, error) {
	rows, err := tx.QueryContext(ctx, executionsInsert, columns.args()...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	positions := make(map[string]int64, len(columns.id))
	for rows.Next() {
		var (
			id       string
			position int64
		)
		if err := rows.Scan(&id, &position); err != nil {
			return nil, err
		}
		positions[id] = position
	}
	return positions, rows.Err()
}

// executionColumns are the executions of a batch, column by column.
type executionColumns struct {
	id, app, script    []string
	version            []int64
	request, cause     []string
	event, result      []string
	status             []int32
	message            []string
	line, column       []int32
	start              []time.Time
	micros, operations []int64
	bytes              []int64
	method, path       []string
	route              []string
	parent, root       []string
	trace              []*string
}

func (c *executionColumns) add(e store.Execution) {
	c.id = append(c.id, e.ID)
	c.app = append(c.app, e.AppID)
	c.script = append(c.script, e.ScriptID)
	c.version = append(c.version, e.ScriptVersion)
	c.request = append(c.request, e.RequestID)
	c.cause = append(c.cause, string(e.InvocationType))
	c.event = append(c.event, e.EventID)
	c.result = append(c.result, string(e.Outcome))
	c.status = append(c.status, int32(e.Status))
	c.message = append(c.message, e.ErrorMessage)
	c.line = append(c.line, int32(e.ErrorLine))
	c.column = append(c.column, int32(e.ErrorColumn))
	c.start = append(c.start, e.StartedAt)
	c.micros = append(c.micros, e.Duration.Microseconds())
	c.operations = append(c.operations, e.Operations)
	c.bytes = append(c.bytes, e.ResponseBytes)
	c.method = append(c.method, e.Method)
	c.path = append(c.path, e.Path)
	c.route = append(c.route, e.Route)
	c.parent = append(c.parent, e.ParentID)
	c.root = append(c.root, e.RootID)
	c.trace = append(c.trace, sqlstore.TraceValue(e.Trace))
}

func (c *executionColumns) args() []any {
	return []any{c.id, c.app, c.script, c.version, c.request, c.cause, c.event, c.result,
		c.status, c.message, c.line, c.column, c.start, c.micros, c.operations,
		c.bytes, c.method, c.path, c.route, c.parent, c.root, c.trace}
}

// lineColumns are the log lines of a batch, column by column.
type lineColumns struct {
	scriptID  []string
	execution []int64
	seq       []int32
	at        []time.Time
	level     []int16
	message   []string
	data      []*string
}

func (c *lineColumns) add(scriptID string, position int64, lines []store.LogLine) {
	for _, line := range lines {
		c.scriptID = append(c.scriptID, scriptID)
		c.execution = append(c.execution, position)
		c.seq = append(c.seq, int32(line.Seq))
		c.at = append(c.at, line.At)
		c.level = append(c.level, int16(sqlstore.LevelNumber(line.Level)))
		c.message = append(c.message, line.Message)
		var data *string
		if len(line.Data) > 0 {
			text := string(line.Data)
			data = &text
		}
		c.data = append(c.data, data)
	}
}

func (c *lineColumns) args() []any {
	return []any{c.scriptID, c.execution, c.seq, c.at, c.level, c.message, c.data}
}
