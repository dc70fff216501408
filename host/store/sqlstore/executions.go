package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

type executions struct{ s *sqlStore }

const (
	executionColumns = `e.position, e.id, e.app_id, e.script_id, (SELECT s.name FROM scripts s WHERE s.id = e.script_id), e.script_version, e.request_id,
			e.invocation_type, e.event_id, e.outcome, e.status, e.error_message, e.error_line, e.error_column, e.started_at, e.duration_us, e.operations,
			e.response_bytes, e.method, e.path, e.route, e.parent_id, e.root_id`
	ofLiveScript = `EXISTS (SELECT 1 FROM scripts s WHERE s.id = e.script_id AND ` + liveScript + `)`
	executionGet = `SELECT ` + executionColumns + `, e.trace FROM executions e WHERE e.id = $1 AND ` + ofLiveScript

	// startedBefore and startedAfter are the positions next to a time, of the execution that started last before it, and first after.
	startedBefore = `SELECT position FROM executions WHERE started_at < $1 ORDER BY started_at DESC LIMIT 1`
	startedAfter  = `SELECT position FROM executions WHERE started_at > $1 ORDER BY started_at LIMIT 1`
	executionLast = `SELECT position FROM executions WHERE app_id = $1 ORDER BY position DESC LIMIT 1`
	// executionCallees looks at the first of those that acted for the same.
	executionCallees = `SELECT id FROM (SELECT id, position, parent_id FROM executions WHERE root_id <> '' AND root_id = $1 AND app_id = $2 ORDER BY position LIMIT $4) AS related
		WHERE parent_id = $3 ORDER BY position LIMIT $5`

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

// levelAsked is [LevelNumber] of one that somebody asks for.
func levelAsked(level abi.LogLevel) (int, error) {
	number := LevelNumber(level)
	if levels[number] != level {
		return 0, fault.Refuse("level", "must be one of %q, got %q", levels, level)
	}
	return number, nil
}

// TraceValue is how the database keeps a trace; nil is NULL.
func TraceValue(t *store.Trace) *string {
	if t == nil {
		return nil
	}
	text := encode(t)
	return &text
}

// recorded is an execution with its place in the order of recording.
type recorded struct {
	store.Execution
	position int64
}

// columns are where the columns of an execution go.
func (e *recorded) columns(micros *int64) []any {
	return []any{&e.position, &e.ID, &e.AppID, &e.ScriptID, optional{&e.ScriptName}, &e.ScriptVersion, &e.RequestID, &e.InvocationType, &e.EventID, &e.Outcome,
		&e.Status, &e.ErrorMessage, &e.ErrorLine, &e.ErrorColumn, instant{&e.StartedAt}, micros, &e.Operations,
		&e.ResponseBytes, &e.Method, &e.Path, &e.Route, &e.ParentID, &e.RootID}
}

func scanExecution(row scanner) (e recorded, err error) {
	var micros int64
	err = row.Scan(e.columns(&micros)...)
	e.Duration = time.Duration(micros) * time.Microsecond
	return e, err
}

// scanWholeExecution is scanExecution with the trace.
func scanWholeExecution(row scanner) (e recorded, err error) {
	var micros int64
	err = row.Scan(append(e.columns(&micros), orNone{&e.Trace})...)
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

// record inserts a batch and counts the bytes of its log and the processor time. A batch that is recorded again counts
// again.
func (e executions) record(ctx context.Context, tx *sql.Tx, batch []store.Execution) error {
	if err := e.s.db.Dialect.Record(ctx, tx, batch); err != nil {
		return err
	}
	bytes, us := map[string]int64{}, map[string]int64{}
	for _, execution := range batch {
		bytes[execution.AppID] += int64(execution.LogBytes())
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
	e.Method, e.Path, e.Route = mended(e.Method), mended(strings.ToValidUTF8(e.Path[:min(len(e.Path), store.MaxPath)], "")), mended(e.Route)
	e.ParentID, e.RootID = mended(e.ParentID), mended(e.RootID)
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
	execution, err := one(ctx, e.s.reader(), "execution", scanWholeExecution, executionGet, id)
	if err != nil {
		return store.Execution{}, err
	}
	if err := e.readLines(ctx, &execution); err != nil {
		return store.Execution{}, err
	}
	return execution.Execution, nil
}

func (e executions) List(ctx context.Context, q store.ExecutionQuery) (page store.ExecutionPage, err error) {
	limit, err := pageSize(q.Page)
	if err != nil {
		return page, err
	}
	// Whatever is recorded from here on comes after the page.
	newest, err := one(ctx, e.s.reader(), "execution", scanPosition, executionLast, q.AppID)
	if unlessMissing(err) != nil {
		return page, err
	}
	from, to, err := e.window(ctx, q)
	if err != nil {
		return page, err
	}
	c, err := chosenExecutions(q, from, to)
	if err != nil {
		return page, err
	}
	order, upTo := "DESC", ">="
	if q.After != "" {
		order, upTo = "ASC", "<="
	}
	// How far it looks is found first.
	var end recorded
	if c.searches > 0 {
		if end, err = one(ctx, e.s.reader(), "execution", scanExecution, c.end(q.After != ""), c.args[:c.placed]...); unlessMissing(err) != nil {
			return page, err
		}
		if err == nil {
			c.between += " AND e.position " + upTo + " " + c.arg(end.position)
		}
	}
	query := `SELECT ` + executionColumns + ` FROM executions e WHERE ` + c.place + c.between + c.filter + ` ORDER BY e.position ` + order + ` LIMIT ` + c.arg(limit+1)
	rows, err := many(ctx, e.s.reader(), "executions", scanExecution, query, c.args...)
	if err != nil {
		return page, err
	}
	more := len(rows) > limit
	rows = rows[:min(len(rows), limit)]
	if q.Lines {
		kept, err := e.fill(ctx, rows)
		if err != nil {
			return page, err
		}
		more = more || kept < len(rows)
		rows = rows[:kept]
	}
	page.Items = make([]store.Execution, len(rows))
	for i, row := range rows {
		page.Items[i] = row.Execution
	}
	var last int64 // that was looked at
	switch {
	case !more && end.position > 0:
		last, page.SearchedTo = end.position, end.StartedAt
	case len(rows) > 0:
		last = rows[len(rows)-1].position
	}
	if q.After != "" {
		if !more && end.position == 0 { // all were looked at that there were
			last = max(last, newest, from)
		}
		page.Newest = executionCursor(last)
		return page, nil
	}
	if more || end.position > 0 {
		page.Next = executionCursor(last)
	}
	if len(rows) > 0 {
		newest = max(newest, rows[0].position)
	}
	page.Newest = executionCursor(newest)
	return page, nil
}

// fill reads the lines of executions, and returns of how many there was room for them.
func (e executions) fill(ctx context.Context, rows []recorded) (filled int, err error) {
	bytes := 0
	for i := range rows {
		if err := e.readLines(ctx, &rows[i]); err != nil {
			return 0, err
		}
		if bytes += store.LogBytes(rows[i].Lines); bytes >= store.MaxPageLines {
			return i + 1, nil
		}
	}
	return len(rows), nil
}

func (e executions) readLines(ctx context.Context, of *recorded) error {
	lines, err := many(ctx, e.s.reader(), "log lines", scanLine, linesOfExecution, of.ScriptID, of.position)
	of.Lines = linesOf(lines)
	for i := range of.Lines {
		of.Lines[i].ExecutionID, of.Lines[i].ScriptVersion = of.ID, of.ScriptVersion
	}
	return err
}

func scanPosition(row scanner) (position int64, err error) {
	err = row.Scan(&position)
	return position, err
}

func executionCursor(position int64) string {
	return makeCursor("executions", strconv.FormatInt(position, 10))
}

func readExecutionCursor(cursor string) (position int64, err error) {
	keys, err := readCursor("executions", cursor, 1)
	if err != nil {
		return 0, err
	}
	if position, err = strconv.ParseInt(keys[0], 10, 64); err != nil {
		return 0, store.ErrInvalidCursor
	}
	return position, nil
}

// window returns the positions between which all must be that a query asks for, by its times and its cursors. None takes
// longer than [store.LongestExecution] to be recorded: so none that started after From was recorded before one that started so long
// before it, and likewise for To.
func (e executions) window(ctx context.Context, q store.ExecutionQuery) (after, before int64, err error) {
	before = math.MaxInt64
	if !q.From.IsZero() {
		after, err = one(ctx, e.s.reader(), "execution", scanPosition, startedBefore, cut(q.From.Add(-store.LongestExecution)))
		if unlessMissing(err) != nil {
			return 0, 0, err
		}
	}
	if !q.To.IsZero() {
		position, err := one(ctx, e.s.reader(), "execution", scanPosition, startedAfter, cut(q.To.Add(store.LongestExecution)))
		if unlessMissing(err) != nil {
			return 0, 0, err
		}
		if err == nil {
			before = position
		}
	}
	if q.Page.Cursor != "" {
		position, err := readExecutionCursor(q.Page.Cursor)
		if err != nil {
			return 0, 0, err
		}
		before = min(before, position)
	}
	if q.After != "" {
		position, err := readExecutionCursor(q.After)
		if err != nil {
			return 0, 0, err
		}
		after = max(after, position)
	}
	return after, before, nil
}

// executionChoice are the conditions of an [store.ExecutionQuery].
type executionChoice struct {
	place    string // where an index finds them
	between  string // which positions: the last two arguments of the place
	filter   string // what is looked at then, each with AND before it
	args     []any
	placed   int  // how many of the arguments are of the place
	searches int  // how many may be looked at; 0: there is nothing to look for
	lines    bool // with their lines
}

func (c *executionChoice) arg(value any) string {
	c.args = append(c.args, value)
	return "$" + strconv.Itoa(len(c.args))
}

// and adds a filter, % standing for the value.
func (c *executionChoice) and(condition string, value any) {
	c.filter += " AND " + strings.ReplaceAll(condition, "%", c.arg(value))
	c.searches = store.MaxSearched
}

// looks adds a filter of what is in the lines.
func (c *executionChoice) looks(condition string, value any) {
	c.and(condition, value)
	c.searches, c.lines = store.MaxSearchedText, true
}

// end is a query for the last execution that is looked at, for the arguments of the place; there is none if all may be.
func (c *executionChoice) end(oldestFirst bool) string {
	order, first, next := "DESC", c.placed, fmt.Sprintf("e.position > $%d AND e.position < looked.position", c.placed-1)
	if oldestFirst {
		order, first, next = "ASC", c.placed-1, fmt.Sprintf("e.position < $%d AND e.position > looked.position", c.placed)
	}
	last := `SELECT e.position FROM executions e WHERE ` + c.place + c.between + ` ORDER BY e.position ` + order + fmt.Sprintf(` LIMIT 1 OFFSET %d`, c.searches-1)
	with := ""
	if c.lines {
		// Each step goes to the next one, and adds what the lines of the one before have: their lengths alone are read.
		with = fmt.Sprintf(`WITH RECURSIVE looked (position, n, bytes) AS (
			SELECT CAST($%d AS BIGINT), 0, CAST(0 AS BIGINT)
			UNION ALL
			SELECT (SELECT e.position FROM executions e WHERE %s AND %s ORDER BY e.position %s LIMIT 1), looked.n + 1,
				looked.bytes + COALESCE((SELECT SUM(OCTET_LENGTH(l.message) + COALESCE(OCTET_LENGTH(l.data), 0)) FROM log_lines l
					WHERE l.script_id = (SELECT b.script_id FROM executions b WHERE b.position = looked.position) AND l.execution = looked.position), 0)
			FROM looked WHERE looked.position IS NOT NULL AND looked.n < %d AND looked.bytes < %d) `,
			first, c.place, next, order, c.searches, store.MaxSearchedBytes)
		last = `SELECT position FROM looked ORDER BY n DESC LIMIT 1`
	}
	return with + `SELECT ` + executionColumns + ` FROM executions e WHERE e.position = (` + last + `)`
}

func chosenExecutions(q store.ExecutionQuery, after, before int64) (c executionChoice, err error) {
	failed := q.Outcome != "" && q.Outcome != store.OutcomeSucceeded
	switch {
	case q.ScriptID != "":
		c.place = "e.script_id = " + c.arg(q.ScriptID)
	case q.RootID != "":
		c.place = "e.root_id <> '' AND e.root_id = " + c.arg(q.RootID)
		c.searches = store.MaxSearched // it may be another app's
	case failed:
		c.place = "e.outcome <> '' AND e.app_id = " + c.arg(q.AppID)
	default:
		c.place = "e.app_id = " + c.arg(q.AppID)
	}
	c.between = " AND e.position > " + c.arg(after) + " AND e.position < " + c.arg(before)
	c.placed = len(c.args)
	c.filter = " AND e.app_id = " + c.arg(q.AppID)
	if q.RootID != "" && q.ScriptID != "" {
		c.and("e.root_id = %", q.RootID)
	}
	switch {
	case q.Outcome == store.OutcomeSucceeded:
		c.and("e.outcome = %", "")
	case failed && q.Outcome != store.OutcomeAnyError:
		c.and("e.outcome = %", q.Outcome)
	case failed && (q.ScriptID != "" || q.RootID != ""): // which no index has found
		c.and("e.outcome <> %", "")
	}
	if q.Type != "" {
		c.and("e.invocation_type = %", string(q.Type))
	}
	if q.MinDuration > 0 {
		c.and("e.duration_us >= %", q.MinDuration.Microseconds())
	}
	if q.MaxDuration > 0 {
		c.and("e.duration_us <= %", q.MaxDuration.Microseconds())
	}
	if !q.From.IsZero() {
		c.and("e.started_at >= %", cut(q.From))
	}
	if !q.To.IsZero() {
		c.and("e.started_at < %", cut(q.To))
	}
	if q.Text != "" {
		c.looks(`(LOWER(e.error_message) LIKE LOWER(%) ESCAPE '~' OR EXISTS (SELECT 1 FROM log_lines l WHERE l.script_id = e.script_id AND l.execution = e.position
			AND (LOWER(l.message) LIKE LOWER(%) ESCAPE '~' OR LOWER(l.data) LIKE LOWER(%) ESCAPE '~')))`,
			"%"+strings.NewReplacer("~", "~~", "%", "~%", "_", "~_").Replace(q.Text)+"%")
	}
	if q.MinLevel != "" {
		level, err := levelAsked(q.MinLevel)
		if err != nil {
			return c, err
		}
		c.looks(`EXISTS (SELECT 1 FROM log_lines l WHERE l.script_id = e.script_id AND l.execution = e.position AND l.level >= %)`, level)
	}
	c.filter += " AND " + ofLiveScript // last: it takes most
	return c, nil
}

func (e executions) Callees(ctx context.Context, of store.Execution) ([]string, error) {
	return many(ctx, e.s.reader(), "executions", text, executionCallees, cmp.Or(of.RootID, of.ID), of.AppID, of.ID, store.MaxRelated, store.MaxCallees)
}

func (e executions) Logs(ctx context.Context, query store.LogQuery) (store.LogPage, error) {
	limit, err := pageSize(query.Page)
	if err != nil {
		return store.LogPage{}, err
	}
	level := 0
	if query.MinLevel != "" {
		if level, err = levelAsked(query.MinLevel); err != nil {
			return store.LogPage{}, err
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
