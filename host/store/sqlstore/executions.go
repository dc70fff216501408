package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

type executions struct{ s *sqlStore }

const (
	executionGet = `SELECT position, id, app_id, script_id, script_version, request_id, invocation_type, event_id, outcome, status,
			error_message, error_line, error_column, started_at, duration_us, operations
		FROM executions e WHERE e.id = $1 AND EXISTS (SELECT 1 FROM scripts s WHERE s.id = e.script_id AND ` + liveScript + `)`
	executionListByScript = `SELECT position, id, app_id, script_id, script_version, request_id, invocation_type, event_id, outcome, status,
			error_message, error_line, error_column, started_at, duration_us, operations
		FROM executions WHERE script_id = $1 AND position < $2
		ORDER BY position DESC LIMIT $3`
	// linesDeleteBefore removes lines of those that executionDeleteBefore would remove, with a bound of their own.
	linesDeleteBefore = `DELETE FROM log_lines WHERE (script_id, execution, seq) IN (
			SELECT l.script_id, l.execution, l.seq
			FROM (SELECT script_id, position FROM executions WHERE started_at < $1 ORDER BY started_at LIMIT $2) AS old
			JOIN log_lines l ON l.script_id = old.script_id AND l.execution = old.position LIMIT $3)`
	executionDeleteBefore = `DELETE FROM executions WHERE position IN (
			SELECT position FROM executions WHERE started_at < $1 ORDER BY started_at LIMIT $2)`

	linesOfExecution = `SELECT execution, '', 0, seq, at, level, message, data
		FROM log_lines WHERE script_id = $1 AND execution = $2 ORDER BY seq`
	lineColumns = `execution, (SELECT id FROM executions WHERE position = execution),
			(SELECT script_version FROM executions WHERE position = execution), seq, at, level, message, data`
	// Id and version are looked up line by line because a join tempts PostgreSQL to read the lines of
	// all scripts in order.
	linesNewestFirst = `SELECT ` + lineColumns + `
		FROM log_lines WHERE script_id = $1 AND (execution, seq) < ($2, $3) AND level >= $4 AND at >= $5
		ORDER BY execution DESC, seq DESC LIMIT $6`
	linesOldestFirst = `SELECT ` + lineColumns + `
		FROM log_lines WHERE script_id = $1 AND (execution, seq) > ($2, $3) AND level >= $4 AND at >= $5
		ORDER BY execution, seq LIMIT $6`
)

// levels are the log levels in the order of their numbers in the database.
var levels = []abi.LogLevel{abi.LogTrace, abi.LogDebug, abi.LogInfo, abi.LogWarn, abi.LogError}

// LevelNumber is how the database keeps a log level; one that is not known counts as info.
func LevelNumber(level abi.LogLevel) int {
	for i, l := range levels {
		if l == level {
			return i
		}
	}
	return LevelNumber(abi.LogInfo)
}

// recorded is an execution with its place in the order of recording.
type recorded struct {
	store.Execution
	position int64
}

func scanExecution(row scanner) (e recorded, err error) {
	var micros int64
	err = row.Scan(&e.position, &e.ID, &e.AppID, &e.ScriptID, &e.ScriptVersion, &e.RequestID, &e.InvocationType, &e.EventID, &e.Outcome,
		&e.Status, &e.ErrorMessage, &e.ErrorLine, &e.ErrorColumn, instant{&e.StartedAt}, &micros, &e.Operations)
	e.Duration = time.Duration(micros) * time.Microsecond
	return e, err
}

// place is where a line is in the order of recording.
type place struct {
	execution int64 // its position
	seq       int
}

// The places before and after all lines.
var (
	beforeAll = place{0, -1}
	afterAll  = place{math.MaxInt64, math.MaxInt32}
)

func (p place) cursor() string {
	return makeCursor("logs", strconv.FormatInt(p.execution, 10), strconv.Itoa(p.seq))
}

func readPlace(cursor string) (p place, err error) {
	keys, err := readCursor("logs", cursor, 2)
	if err != nil {
		return p, err
	}
	seq, seqErr := strconv.ParseInt(keys[1], 10, 32)
	p.seq = int(seq)
	if p.execution, err = strconv.ParseInt(keys[0], 10, 64); err != nil || seqErr != nil || p.execution < 0 || p.seq < -1 {
		return p, store.ErrInvalidCursor
	}
	return p, nil
}

// placed is a line with its place.
type placed struct {
	store.LogLine
	place place
}

func scanLine(row scanner) (l placed, err error) {
	var (
		level int
		data  string
	)
	err = row.Scan(&l.place.execution, &l.ExecutionID, &l.ScriptVersion, &l.Seq, instant{&l.At}, &level, &l.Message, optional{&data})
	if err != nil {
		return l, err
	}
	l.place.seq = l.Seq
	if level < 0 || level >= len(levels) {
		return l, fmt.Errorf("line %d of execution %s has level %d", l.Seq, l.ExecutionID, level)
	}
	l.Level = levels[level]
	if data != "" {
		l.Data = []byte(data)
	}
	return l, nil
}

func linesOf(list []placed) []store.LogLine {
	lines := make([]store.LogLine, len(list))
	for i, line := range list {
		lines[i] = line.LogLine
	}
	return lines
}

const (
	// logUsageAdd does nothing when the app is gone.
	logUsageAdd = `INSERT INTO log_usage (app_id, day, bytes) SELECT id, $2, $3 FROM apps WHERE id = $1 AND ` + liveApp + `
		ON CONFLICT (app_id, day) DO UPDATE SET bytes = log_usage.bytes + excluded.bytes`
	logUsageForget = `DELETE FROM log_usage WHERE app_id = $1 AND day < $2`
	cpuUsageAdd    = `INSERT INTO cpu_usage (app_id, day, us) SELECT id, $2, $3 FROM apps WHERE id = $1 AND ` + liveApp + `
		ON CONFLICT (app_id, day) DO UPDATE SET us = cpu_usage.us + excluded.us`
	cpuUsageForget = `DELETE FROM cpu_usage WHERE app_id = $1 AND day < $2`
	usageDays      = 7 // that are kept
)

// record inserts a batch and counts the bytes of its lines and the processor time. A batch that is recorded again counts
// again.
func (e executions) record(ctx context.Context, tx *sql.Tx, batch []store.Execution) error {
	if err := e.s.db.Dialect.Record(ctx, tx, batch); err != nil {
		return err
	}
	bytes, us := map[string]int64{}, map[string]int64{}
	for _, execution := range batch {
		bytes[execution.AppID] += int64(store.LogBytes(execution.Lines))
		us[execution.AppID] += execution.CPU.Microseconds()
	}
	if err := e.countUsage(ctx, tx, bytes, logUsageAdd, logUsageForget); err != nil {
		return err
	}
	return e.countUsage(ctx, tx, us, cpuUsageAdd, cpuUsageForget)
}

// countUsage adds to what apps have used of something today, and forgets days long past.
func (e executions) countUsage(ctx context.Context, tx *sql.Tx, used map[string]int64, add, forget string) error {
	today := dayOf(e.s.db.now())
	for _, app := range slices.Sorted(maps.Keys(used)) {
		if used[app] <= 0 {
			continue
		}
		if _, err := tx.ExecContext(ctx, add, app, today, used[app]); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, forget, app, today-usageDays); err != nil {
			return err
		}
	}
	return nil
}

func (e executions) Record(ctx context.Context, batch []store.Execution) error {
	if len(batch) == 0 {
		return nil
	}
	mendedBatch := make([]store.Execution, len(batch))
	for i, execution := range batch {
		if err := require(field{"id", execution.ID}); err != nil {
			return err
		}
		mendedBatch[i] = mendExecution(execution)
	}
	const op = "record executions"
	if e.s.tx != nil {
		return failed(ctx, op, e.record(ctx, e.s.tx.sql, mendedBatch))
	}
	return failed(ctx, op, e.s.retry(func() error {
		return e.s.transact(ctx, op, false, func(tx *transaction) error {
			return e.record(ctx, tx.sql, mendedBatch)
		})
	}))
}

// mendExecution returns an execution that a row can hold, with its lines numbered.
func mendExecution(e store.Execution) store.Execution {
	e.AppID, e.ScriptID = mended(e.AppID), mended(e.ScriptID)
	e.RequestID = mended(e.RequestID)
	e.InvocationType = abi.InvocationType(mended(string(e.InvocationType)))
	e.EventID = mended(e.EventID)
	e.Outcome = abi.ErrorCode(mended(string(e.Outcome)))
	e.ErrorMessage = mended(e.ErrorMessage)
	e.StartedAt = cut(e.StartedAt)
	lines := make([]store.LogLine, len(e.Lines))
	for i, line := range e.Lines {
		lines[i] = store.LogLine{
			ExecutionID: e.ID,
			Seq:         i,
			At:          cut(line.At),
			Level:       line.Level,
			Message:     mended(line.Message),
			Data:        line.Data,
		}
		if len(line.Data) > 0 {
			lines[i].Data = []byte(mended(string(line.Data)))
		}
	}
	e.Lines = lines
	return e
}

func (e executions) Get(ctx context.Context, id string) (store.Execution, error) {
	execution, err := one(ctx, e.s.reader(), "execution", scanExecution, executionGet, id)
	if err != nil {
		return store.Execution{}, err
	}
	lines, err := many(ctx, e.s.reader(), "log lines", scanLine, linesOfExecution, execution.ScriptID, execution.position)
	if err != nil {
		return store.Execution{}, err
	}
	execution.Lines = linesOf(lines)
	for i := range execution.Lines {
		execution.Lines[i].ExecutionID, execution.Lines[i].ScriptVersion = execution.ID, execution.ScriptVersion
	}
	return execution.Execution, nil
}

func (e executions) ListByScript(ctx context.Context, scriptID string, page store.PageRequest) (store.Page[store.Execution], error) {
	limit, err := pageSize(page)
	if err != nil {
		return store.Page[store.Execution]{}, err
	}
	position := int64(math.MaxInt64)
	if page.Cursor != "" {
		keys, err := readCursor("executions", page.Cursor, 1)
		if err != nil {
			return store.Page[store.Execution]{}, err
		}
		if position, err = strconv.ParseInt(keys[0], 10, 64); err != nil {
			return store.Page[store.Execution]{}, store.ErrInvalidCursor
		}
	}
	rows, err := many(ctx, e.s.reader(), "executions", scanExecution, executionListByScript, scriptID, position, limit+1)
	if err != nil {
		return store.Page[store.Execution]{}, err
	}
	list := pageOf(rows, limit, func(last recorded) string {
		return makeCursor("executions", strconv.FormatInt(last.position, 10))
	})
	items := make([]store.Execution, len(list.Items))
	for i, row := range list.Items {
		items[i] = row.Execution
	}
	return store.Page[store.Execution]{Items: items, Next: list.Next}, nil
}

func (e executions) Logs(ctx context.Context, query store.LogQuery) (store.LogPage, error) {
	limit, err := pageSize(query.Page)
	if err != nil {
		return store.LogPage{}, err
	}
	level := 0
	if query.MinLevel != "" {
		level = LevelNumber(query.MinLevel)
		if levels[level] != query.MinLevel {
			return store.LogPage{}, fault.Refuse("level", "must be one of %q, got %q", levels, query.MinLevel)
		}
	}
	from, statement := afterAll, linesNewestFirst
	if query.Order == store.OldestFirst {
		from, statement = beforeAll, linesOldestFirst
	}
	if query.Page.Cursor != "" {
		if from, err = readPlace(query.Page.Cursor); err != nil {
			return store.LogPage{}, err
		}
	}
	rows, err := many(ctx, e.s.reader(), "log lines", scanLine, statement,
		query.ScriptID, from.execution, from.seq, level, cut(query.Since), limit+1)
	if err != nil {
		return store.LogPage{}, err
	}
	more := len(rows) > limit
	rows = rows[:min(len(rows), limit)]
	page := store.LogPage{Items: linesOf(rows)}
	if query.Order == store.OldestFirst {
		if len(rows) > 0 {
			from = rows[len(rows)-1].place
		}
		page.Next = from.cursor()
		page.Newest = page.Next
		return page, nil
	}
	if more {
		page.Next = rows[limit-1].place.cursor()
	}
	switch {
	case len(rows) > 0:
		page.Newest = rows[0].place.cursor()
	case query.Page.Cursor != "":
		page.Newest = query.Page.Cursor
	default:
		page.Newest = beforeAll.cursor()
	}
	return page, nil
}

func (e executions) DeleteBefore(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	const op = "delete executions"
	// One execution may have many lines: these go first, in batches of their own.
	_, err := store.InBatches(ctx, store.MaxBatch, func(ctx context.Context, lines int) (int, error) {
		n, err := affect(ctx, e.s.writer(), linesDeleteBefore, cut(before), limit, lines)
		return int(n), err
	})
	if err != nil {
		return 0, failed(ctx, op, err)
	}
	n, err := affect(ctx, e.s.writer(), executionDeleteBefore, cut(before), limit)
	return int(n), failed(ctx, op, err)
}
