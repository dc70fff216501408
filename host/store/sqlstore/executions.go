package sqlstore

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlstore/segment"
)

type executions struct{ s *sqlStore }

const (
	executionLast = `SELECT last FROM segment_index WHERE key = $1 ORDER BY segment DESC LIMIT 1`

	liveScripts   = `SELECT s.id, s.name FROM scripts s WHERE s.id IN {texts} AND ` + liveScript
	scriptsOfApps = `SELECT id, app_id FROM scripts WHERE id IN {texts} AND deleted_at IS NULL ORDER BY id`

	// A search reads the index of one key, and the segments of those rows alone that can have what is looked for. COALESCE
	// hides from PostgreSQL how many conditions there are: it would think that hardly a row meets them all, read all of the key and sort.
	searchFilter = ` AND segment < $2 AND COALESCE(last > $3 AND failed >= $4 AND count - failed >= $5 AND level >= $6 AND lines_to >= $7
		AND started_to >= $8 AND started_from < $9, FALSE)`
	searchFrom = `SELECT s.first, s.last, s.started_from, s.body, {rest} FROM (SELECT segment FROM segment_index WHERE key = $1`
	searchTo   = ` LIMIT $10) AS found JOIN segments s ON s.first = found.segment ORDER BY s.first`

	searchNewestFirst = searchFrom + searchFilter + ` ORDER BY segment DESC` + searchTo + ` DESC`
	searchOldestFirst = searchFrom + ` AND segment >= COALESCE((SELECT MAX(segment) FROM segment_index WHERE key = $1 AND segment <= $3), 0)` +
		searchFilter + ` ORDER BY segment` + searchTo
)

// levels are the log levels in the order of their numbers in the database.
var levels = []abi.LogLevel{abi.LogTrace, abi.LogDebug, abi.LogInfo, abi.LogWarn, abi.LogError}

// levelNumber is how the database keeps a log level; one that is not known counts as info.
func levelNumber(level abi.LogLevel) int {
	for i, l := range levels {
		if l == level {
			return i
		}
	}
	return levelNumber(abi.LogInfo)
}

// levelAsked is levelNumber of one that somebody asks for.
func levelAsked(level abi.LogLevel) (int, error) {
	number := levelNumber(level)
	if levels[number] != level {
		return 0, fault.Refuse("level", "must be one of %q, got %q", levels, level)
	}
	return number, nil
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

// behind is the place behind all lines of an execution.
func behind(execution int64) place { return place{execution + 1, -1} }

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.execution, other.execution), cmp.Compare(p.seq, other.seq))
}

// passed reports whether a listing that goes on behind p has had another place.
func (p place) passed(other place, oldestFirst bool) bool {
	if oldestFirst {
		return other.compare(p) <= 0
	}
	return other.compare(p) >= 0
}

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

// record keeps a batch and counts the bytes of its log and the processor time. A batch that is recorded again counts
// again. Those of it that may be there already are looked for.
func (e executions) record(ctx context.Context, tx *transaction, batch []segment.Row, again map[string]bool) error {
	if err := e.keep(ctx, tx.queryer, batch, again); err != nil {
		return err
	}
	bytes, us := map[string]int64{}, map[string]int64{}
	for i := range batch {
		r := &batch[i]
		bytes[r.AppID] += int64(r.LogBytes())
		us[r.AppID] += r.CPU.Microseconds()
	}
	if err := e.countUsage(ctx, tx.queryer, bytes, logUsageAdd, logUsageForget); err != nil {
		return err
	}
	return e.countUsage(ctx, tx.queryer, us, cpuUsageAdd, cpuUsageForget)
}

// keep makes segments of those executions whose scripts there are, and gives them their positions.
func (e executions) keep(ctx context.Context, q queryer, batch []segment.Row, again map[string]bool) error {
	scripts := map[string]bool{}
	for i := range batch {
		scripts[batch[i].ScriptID] = true
	}
	apps, err := e.texts(ctx, q, scriptsOfApps+e.s.db.Dialect.ForKeyShare, slices.Collect(maps.Keys(scripts)))
	if err != nil {
		return err
	}
	rows := without(batch, func(r *segment.Row) bool {
		app, found := apps[r.ScriptID]
		return !found || app != r.AppID
	})
	if len(rows) == 0 {
		return nil
	}
	// Until the transaction ends no other gets positions: they become visible in their order, and a follower misses none.
	last, err := one(ctx, q, "position", scanNumber, positionsTake, len(rows))
	if err != nil {
		return err
	}
	if len(again) > 0 {
		if rows, err = e.unknown(ctx, q, rows, again); err != nil {
			return err
		}
	}
	for i := range rows {
		rows[i].Position = last - int64(len(rows)-1-i)
	}
	return keepAll(ctx, q, rows)
}

// unknown returns those rows that are not there already, each once.
func (e executions) unknown(ctx context.Context, q queryer, rows []segment.Row, again map[string]bool) ([]segment.Row, error) {
	found, err := e.find(ctx, q, slices.Collect(maps.Keys(again)))
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(rows))
	return without(rows, func(r *segment.Row) bool {
		_, there := found[r.ID]
		there = there || seen[r.ID]
		seen[r.ID] = true
		return there
	}), nil
}

// without returns rows without some of them: others, unless all are left, for the transaction may be tried again.
func without(rows []segment.Row, such func(*segment.Row) bool) []segment.Row {
	var gone []int
	for i := range rows {
		if such(&rows[i]) {
			gone = append(gone, i)
		}
	}
	if len(gone) == 0 {
		return rows
	}
	left, from := make([]segment.Row, 0, len(rows)-len(gone)), 0
	for _, i := range append(gone, len(rows)) {
		left, from = append(left, rows[from:i]...), i+1
	}
	return left
}

// texts runs a query for pairs of texts, the first of which is one of the given.
func (e executions) texts(ctx context.Context, q queryer, query string, of []string) (map[string]string, error) {
	type pair struct{ key, value string }
	pairs, err := many(ctx, q, "scripts", func(row scanner) (p pair, err error) {
		err = row.Scan(&p.key, &p.value)
		return p, err
	}, strings.ReplaceAll(query, "{texts}", e.s.db.Dialect.OneOfTexts), e.s.db.Dialect.Texts(of))
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(pairs))
	for _, p := range pairs {
		values[p.key] = p.value
	}
	return values, nil
}

// countUsage adds to what apps have used of something today, and forgets days long past.
func (e executions) countUsage(ctx context.Context, tx queryer, used map[string]int64, add, forget string) error {
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
	lines := 0
	for i := range batch {
		if err := require(field{"id", batch[i].ID}); err != nil {
			return err
		}
		lines += len(batch[i].Lines)
	}
	rows, mendedLines := make([]segment.Row, len(batch)), make([]store.LogLine, lines)
	for i := range batch {
		n := len(batch[i].Lines)
		rows[i].Execution = batch[i]
		mend(&rows[i].Execution, mendedLines[:n:n])
		mendedLines = mendedLines[n:]
	}
	again := e.s.db.recorded.add(rows)
	const op = "record executions"
	if e.s.tx != nil {
		return failed(ctx, op, e.record(ctx, e.s.tx, rows, again))
	}
	return failed(ctx, op, e.s.retry(func() error {
		return e.s.transact(ctx, op, false, func(tx *transaction) error {
			return e.record(ctx, tx, rows, again)
		})
	}))
}

// mend makes the texts of an execution valid and numbers its lines, which are put into as many others.
func mend(e *store.Execution, lines []store.LogLine) {
	e.AppID, e.ScriptID = mended(e.AppID), mended(e.ScriptID)
	e.RequestID = mended(e.RequestID)
	e.InvocationType = abi.InvocationType(mended(string(e.InvocationType)))
	e.EventID = mended(e.EventID)
	e.Outcome = abi.ErrorCode(mended(string(e.Outcome)))
	e.ErrorMessage = mended(e.ErrorMessage)
	e.Method, e.Path, e.Route = mended(e.Method), mended(strings.ToValidUTF8(e.Path[:min(len(e.Path), store.MaxPath)], "")), mended(e.Route)
	e.ParentID, e.RootID = mended(e.ParentID), mended(e.RootID)
	e.StartedAt = cut(e.StartedAt)
	for i := range e.Lines {
		line := &e.Lines[i]
		lines[i] = store.LogLine{
			ExecutionID: e.ID,
			Seq:         i,
			At:          cut(line.At),
			Level:       levels[levelNumber(line.Level)],
			Message:     mended(line.Message),
			Data:        line.Data,
		}
		if len(line.Data) > 0 {
			lines[i].Data = []byte(mended(string(line.Data)))
		}
	}
	e.Lines = lines
}

func (e executions) Get(ctx context.Context, id string) (store.Execution, error) {
	if !storable([]any{id}) {
		return store.Execution{}, notFound("execution")
	}
	var row segment.Row
	err := e.atOnce(ctx, func(e executions) error {
		list, err := e.find(ctx, e.s.reader(), []string{id})
		if err != nil {
			return err
		}
		f, there := list[id]
		if !there {
			return notFound("execution")
		}
		row, err = f.whole(f.row)
		return err
	})
	if err != nil {
		return store.Execution{}, failed(ctx, "read execution", err)
	}
	names, err := e.texts(ctx, e.s.reader(), liveScripts, []string{row.ScriptID})
	if err != nil {
		return store.Execution{}, err
	}
	name, live := names[row.ScriptID]
	if !live {
		return store.Execution{}, notFound("execution")
	}
	row.ScriptName = name
	return row.Execution, nil
}

// found is an execution in its segment.
type found struct {
	*stored
	row int
}

// find returns those executions that there are of the given ids. The index says in which segments ids begin alike, and few of those
// have one in their range, most often one.
func (e executions) find(ctx context.Context, q queryer, ids []string) (map[string]found, error) {
	list, err := e.findRows(ctx, q, ids) // before segments: rows become those
	if err != nil {
		return nil, err
	}
	wanted, keys := make(map[string]bool, len(ids)), make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id], keys[idKey(id)] = true, true
	}
	query, of := strings.ReplaceAll(segmentsOfIDs, "{texts}", e.s.db.Dialect.OneOfTexts), e.s.db.Dialect.Texts(slices.Collect(maps.Keys(keys)))
	const attempts = 3
	for range attempts {
		ranges, err := many(ctx, q, "segments", scanRange, query, of)
		if err != nil {
			return nil, err
		}
		moved := false // by whoever joins segments
		for _, r := range ranges {
			if !slices.ContainsFunc(ids, r.has) {
				continue
			}
			s, err := one(ctx, q, "segment", e.scanStored, segmentRead, r.first)
			if missing(err) {
				moved = true
				continue
			}
			if err != nil {
				return nil, err
			}
			for i := range s.Len() {
				if id := s.ID(i); wanted[id] {
					list[id] = found{s, i}
				}
			}
		}
		if !moved {
			break
		}
	}
	return list, nil
}

// idRange is between which ids those of a segment are.
type idRange struct {
	first    int64
	from, to string
}

func scanRange(row scanner) (r idRange, err error) {
	err = row.Scan(&r.first, &r.from, &r.to)
	return r, err
}

func (r idRange) has(id string) bool { return r.from <= id && id <= r.to }

const segmentRead = `SELECT first, last, started_from, body, rest FROM segments WHERE first = $1`

// stored is a segment that was read. One that is damaged has no rows, or its rows have no lines and traces.
type stored struct {
	*segment.Segment
	first, last int64         // positions: it has all that there are between
	startedFrom int64         // when the first of them began
	bytes       []byte        // of the rest
	rest        *segment.Rest // once it was wanted
	damage      *damage       // where to tell of it
}

// scanStored reads first, last, started_from, body and rest.
func (e executions) scanStored(row scanner) (*stored, error) {
	var body []byte
	s := &stored{damage: &e.s.db.damage}
	if err := row.Scan(&s.first, &s.last, &s.startedFrom, &body, &s.bytes); err != nil {
		return nil, err
	}
	var err error
	if s.Segment, err = segment.Decode(body); err != nil {
		s.damage.found(s.first)
		s.Segment, s.bytes = new(segment.Segment), nil
	}
	return s, nil
}

// more reads the rest.
func (s *stored) more() *segment.Rest {
	if s.rest == nil {
		var err error
		if s.rest, err = segment.DecodeRest(s.bytes, s.Len()); err != nil {
			s.damage.found(s.first)
			s.rest, _ = segment.DecodeRest(nil, s.Len())
		}
	}
	return s.rest
}

// whole makes a row with its lines and its trace.
func (s *stored) whole(i int) (r segment.Row, err error) {
	r = s.Row(i)
	s.more().Lines(i, &r)
	return r, s.more().Trace(i, &r)
}

// A search is what segments are looked for.
type search struct {
	of                string // what the key is the id of: rowsOfApp, rowsOfScript or rowsOfRoot
	key               string
	after, before     int64 // positions, none of them included
	oldestFirst       bool
	rest              bool  // is wanted
	failed, succeeded int   // how many of those there are at least
	level             int   // that a line has at least; -1: there need not be any
	linesFrom         int64 // when a line was written at the earliest
	from, to          int64 // when one started, to not included
}

// all looks for everything of a key.
func all(of, key string) search {
	return search{of: of, key: key, before: math.MaxInt64, level: -1, linesFrom: math.MinInt64, from: math.MinInt64, to: math.MaxInt64}
}

// visit is told of a segment, and of those rows of it that a search is for, in its order.
type visit func(s *stored, rows []int) (enough bool, err error)

// pass tells of a segment, and leaves it behind.
func (w *search) pass(s *stored, each visit) (enough bool, err error) {
	rows := make([]int, 0, s.Len())
	for i := range s.Len() {
		if at := s.Position(i); at > w.after && at < w.before {
			rows = append(rows, i)
		}
	}
	if w.oldestFirst {
		w.after = max(w.after, s.end(true))
	} else {
		slices.Reverse(rows)
		w.before = s.end(false)
	}
	return each(s, rows)
}

// end is the position in a segment that a search comes to last.
func (s *stored) end(oldestFirst bool) int64 {
	if oldestFirst {
		return s.last
	}
	return s.first
}

// walk calls each with segments in which there may be what a search is for, and their rows between its positions, in its order, until
// it is enough. What is recorded or joined meanwhile is seen once or not at all.
func (e executions) walk(ctx context.Context, w search, each visit) error {
	return e.atOnce(ctx, func(e executions) error {
		steps := []func(context.Context, *search, visit) (bool, error){e.walkSegments, e.walkRows}
		if w.oldestFirst {
			slices.Reverse(steps)
		}
		for _, step := range steps {
			if enough, err := step(ctx, &w, each); err != nil || enough {
				return err
			}
		}
		return nil
	})
}

func (e executions) walkSegments(ctx context.Context, w *search, each visit) (enough bool, err error) {
	query, rest := searchNewestFirst, "NULL"
	if w.oldestFirst {
		query = searchOldestFirst
	}
	most := 32 // segments read at once
	if w.rest {
		rest, most = "s.rest", 16
	}
	query = strings.Replace(query, "{rest}", rest, 1)
	for limit := 1; ; limit = min(4*limit, most) {
		found, err := many(ctx, e.s.reader(), "executions", e.scanStored, query,
			w.key, w.before, w.after, w.failed, w.succeeded, w.level, w.linesFrom, w.from, w.to, limit)
		if err != nil {
			return false, err
		}
		for _, s := range found {
			if enough, err := w.pass(s, each); err != nil || enough {
				return enough, err
			}
		}
		if len(found) < limit {
			return false, nil
		}
	}
}

// scriptNames are the names of scripts that are not deleted, as far as they were asked for; of the others it has "".
type scriptNames map[string]string

// learn asks for the scripts of rows.
func (e executions) learn(ctx context.Context, names scriptNames, s *stored, rows []int) error {
	var unknown []string
	for _, i := range rows {
		id := s.Script(i)
		if _, known := names[id]; !known {
			names[id] = ""
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	found, err := e.texts(ctx, e.s.reader(), liveScripts, unknown)
	maps.Copy(names, found)
	return err
}

// searchedPerSegment is how many executions reading a segment counts for at least.
const searchedPerSegment = 20

func (e executions) List(ctx context.Context, q store.ExecutionQuery) (page store.ExecutionPage, err error) {
	limit, err := pageSize(q.Page)
	if err != nil {
		return page, err
	}
	c, err := chosenExecutions(q)
	if err != nil {
		return page, err
	}
	// Whatever is recorded from here on comes after the page.
	newest, err := e.newest(ctx, rowsOfApp, q.AppID)
	if err != nil {
		return page, err
	}
	var (
		more     bool // there are others behind the page
		full     bool // of lines
		bytes    int  // of lines
		searched int
		read     int   // bytes of lines, where those are looked at
		missed   int   // of those, also where nothing is looked for: of another app, or of a script that is deleted
		end      int64 // position of the last that was looked at, when as many were as may be
		last     int64 // of the last row of the page
		first    int64 // of its first
		names    = scriptNames{}
	)
	page.Items = []store.Execution{}
	ends := func(position int64, startedAt time.Time) bool {
		if c.searches > 0 && searched >= c.searches || missed >= store.MaxSearched || read >= store.MaxSearchedBytes {
			end, page.SearchedTo = position, startedAt
		}
		return end > 0
	}
	err = e.walk(ctx, c.search, func(s *stored, rows []int) (bool, error) {
		if s.Len() == 0 { // it is damaged
			searched, missed = searched+searchedPerSegment, missed+searchedPerSegment
			return ends(s.end(c.search.oldestFirst), time.UnixMicro(s.startedFrom).UTC()), nil
		}
		rows = slices.DeleteFunc(rows, func(i int) bool { return !c.places(s, i) })
		if err := e.learn(ctx, names, s, rows); err != nil {
			return false, err
		}
		for n, i := range rows {
			row := s.Row(i)
			row.ScriptName = names[row.ScriptID]
			if row.ScriptName == "" || !c.matches(s, i, &row) {
				missed++
			} else {
				if more = full || len(page.Items) == limit; more {
					return true, nil
				}
				if q.Lines {
					s.more().Lines(i, &row)
					bytes += store.LogBytes(row.Lines)
					full = bytes >= store.MaxPageLines
				}
				if len(page.Items) == 0 {
					first = row.Position
				}
				page.Items, last = append(page.Items, row.Execution), row.Position
			}
			searched++
			if n == len(rows)-1 {
				searched += max(0, searchedPerSegment-len(rows))
			}
			if c.lines {
				read += s.more().Bytes(i)
			}
			if ends(row.Position, row.StartedAt) {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		return store.ExecutionPage{}, failed(ctx, "list executions", err)
	}
	if end > 0 {
		last = end
	}
	if q.After != "" {
		if !more && end == 0 { // all were looked at that there were
			last = max(last, newest, c.search.after)
		}
		page.Newest = executionCursor(last)
		return page, nil
	}
	if more || end > 0 {
		page.Next = executionCursor(last)
	}
	page.Newest = executionCursor(max(newest, first))
	return page, nil
}

// newest returns the position of the last execution of an app or a script that there is, 0 if there is none.
func (e executions) newest(ctx context.Context, of, key string) (int64, error) {
	row, err := e.newestRow(ctx, all(of, key)) // before segments: rows become those
	if err != nil {
		return 0, err
	}
	last, err := one(ctx, e.s.reader(), "execution", scanNumber, executionLast, key)
	return max(row, last), unlessMissing(err)
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

// executionChoice is what an [store.ExecutionQuery] asks for.
type executionChoice struct {
	query    store.ExecutionQuery
	search   search
	failed   bool   // it asks for those that failed, or for some of them
	text     string // in lower case
	level    int    // that a line has at least, if lines of a level are asked for
	lines    bool   // it looks at lines
	searches int    // how many may be looked at; 0: there is nothing to look for
}

func chosenExecutions(q store.ExecutionQuery) (c executionChoice, err error) {
	c = executionChoice{query: q, search: all(rowsOfApp, q.AppID), text: lower(q.Text)}
	w := &c.search
	switch {
	case q.ScriptID != "":
		w.of, w.key = rowsOfScript, q.ScriptID
	case q.RootID != "":
		w.of, w.key = rowsOfRoot, q.RootID
	}
	w.oldestFirst, w.rest = q.After != "", q.Lines || q.Text != "" || q.MinLevel != ""
	if q.MinLevel != "" {
		if c.level, err = levelAsked(q.MinLevel); err != nil {
			return c, err
		}
		w.level = c.level
	}
	c.lines = q.Text != "" || q.MinLevel != ""
	switch q.Outcome {
	case "":
	case store.OutcomeSucceeded:
		w.succeeded = 1
	default:
		c.failed, w.failed = true, 1
	}
	if !q.From.IsZero() {
		w.from = q.From.UnixMicro()
	}
	if !q.To.IsZero() {
		w.to = q.To.UnixMicro()
	}
	if q.Page.Cursor != "" {
		if w.before, err = readExecutionCursor(q.Page.Cursor); err != nil {
			return c, err
		}
	}
	if q.After != "" {
		if w.after, err = readExecutionCursor(q.After); err != nil {
			return c, err
		}
	}
	looks := q.ScriptID != "" && q.RootID != "" || q.Outcome != "" && q.Outcome != store.OutcomeAnyError || q.Type != "" ||
		q.MinDuration > 0 || q.MaxDuration > 0 || !q.From.IsZero() || !q.To.IsZero()
	switch {
	case c.lines:
		c.searches = store.MaxSearchedText
	case looks:
		c.searches = store.MaxSearched
	}
	return c, nil
}

// places reports whether a row is one of those that are looked at.
func (c *executionChoice) places(s *stored, i int) bool {
	if c.failed && !s.Failed(i) {
		return false
	}
	switch q := &c.query; {
	case q.ScriptID != "":
		return s.Script(i) == q.ScriptID
	case q.RootID != "":
		return s.Root(i) == q.RootID
	default:
		return s.App(i) == q.AppID
	}
}

// matches reports whether a row that is looked at is asked for.
func (c *executionChoice) matches(s *stored, i int, r *segment.Row) bool {
	q := &c.query
	switch {
	case r.AppID != q.AppID,
		q.RootID != "" && r.RootID != q.RootID,
		q.Outcome == store.OutcomeSucceeded && r.Outcome != "",
		c.failed && q.Outcome != store.OutcomeAnyError && string(r.Outcome) != q.Outcome,
		q.Type != "" && r.InvocationType != q.Type,
		q.MinDuration > 0 && r.Duration < q.MinDuration.Truncate(time.Microsecond),
		q.MaxDuration > 0 && r.Duration > q.MaxDuration,
		!q.From.IsZero() && r.StartedAt.Before(cut(q.From)),
		!q.To.IsZero() && !r.StartedAt.Before(cut(q.To)):
		return false
	case !c.lines:
		return true
	}
	rest := s.more()
	if q.MinLevel != "" && !rest.HasLevel(i, func(level abi.LogLevel) bool { return levelNumber(level) >= c.level }) {
		return false
	}
	return c.text == "" || c.in(r.ErrorMessage) || rest.Has(i, c.in)
}

// in reports whether the text that is asked for is in another.
func (c *executionChoice) in(text string) bool { return strings.Contains(lower(text), c.text) }

// lower makes the ASCII letters of a text small, and leaves all others as they are.
func lower(text string) string {
	for i := range len(text) {
		if c := text[i]; c >= 'A' && c <= 'Z' {
			b := []byte(text)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return text
}

func (e executions) Callees(ctx context.Context, of store.Execution) ([]string, error) {
	ids, related := []string{}, 0
	w := all(rowsOfRoot, cmp.Or(of.RootID, of.ID))
	w.oldestFirst = true
	err := e.walk(ctx, w, func(s *stored, rows []int) (enough bool, err error) {
		for _, i := range rows {
			if s.Root(i) != w.key || s.App(i) != of.AppID {
				continue
			}
			if row := s.Row(i); row.ParentID == of.ID {
				ids = append(ids, row.ID)
			}
			if related++; related == store.MaxRelated || len(ids) == store.MaxCallees {
				return true, nil
			}
		}
		return false, nil
	})
	return ids, failed(ctx, "list executions", err)
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
	from := afterAll
	if query.Order == store.OldestFirst {
		from = beforeAll
	}
	if query.Page.Cursor != "" {
		if from, err = readPlace(query.Page.Cursor); err != nil {
			return store.LogPage{}, err
		}
	}
	// Whatever is recorded from here on comes after the page.
	newest, err := e.newest(ctx, rowsOfScript, query.ScriptID)
	if err != nil {
		return store.LogPage{}, err
	}
	rows, err := e.lines(ctx, query, from, level, limit+1)
	if err != nil {
		return store.LogPage{}, failed(ctx, "list log lines", err)
	}
	more := len(rows) > limit
	rows = rows[:min(len(rows), limit)]
	page := store.LogPage{Items: linesOf(rows)}
	if query.Order == store.OldestFirst {
		if n := len(rows); more {
			from = rows[n-1].place
		} else { // all were looked at that there were: a follower need not look at them again
			if n > 0 {
				newest = max(newest, rows[n-1].place.execution)
			}
			if end := behind(newest); end.compare(from) > 0 {
				from = end
			}
		}
		page.Next = from.cursor()
		page.Newest = page.Next
		return page, nil
	}
	if more {
		page.Next = rows[limit-1].place.cursor()
	}
	switch {
	case query.Page.Cursor == "":
		if len(rows) > 0 {
			newest = max(newest, rows[0].place.execution)
		}
		page.Newest = behind(newest).cursor()
	case len(rows) > 0:
		page.Newest = rows[0].place.cursor()
	default:
		page.Newest = query.Page.Cursor
	}
	return page, nil
}

// lines reads up to limit lines of a script behind a place.
func (e executions) lines(ctx context.Context, query store.LogQuery, from place, level, limit int) (list []placed, err error) {
	since := cut(query.Since)
	w := all(rowsOfScript, query.ScriptID)
	w.rest, w.level, w.linesFrom = true, level, since.UnixMicro()
	// The execution of the place is read again: it may have other lines. Behind all of its lines it is the next one's place.
	if w.oldestFirst = query.Order == store.OldestFirst; w.oldestFirst {
		w.after = from.execution - 1
	} else if from.execution < math.MaxInt64 {
		w.before = from.execution + 1
	}
	err = e.walk(ctx, w, func(s *stored, rows []int) (enough bool, err error) {
		for _, i := range rows {
			if s.Script(i) != query.ScriptID {
				continue
			}
			row := s.Row(i)
			s.more().Lines(i, &row)
			if !w.oldestFirst {
				slices.Reverse(row.Lines)
			}
			for _, line := range row.Lines {
				at := place{row.Position, line.Seq}
				if from.passed(at, w.oldestFirst) || levelNumber(line.Level) < level || line.At.Before(since) {
					continue
				}
				if list = append(list, placed{line, at}); len(list) == limit {
					return true, nil
				}
			}
		}
		return false, nil
	})
	return list, err
}
