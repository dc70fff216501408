package storetest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// compact brings together what there is, and returns how many executions that were.
func (s subject) compact(t testing.TB) (moved int) {
	t.Helper()
	for {
		n, err := s.Executions().Compact(s.ctx)
		require.NoError(t, err)
		if moved += n; n == 0 {
			return moved
		}
	}
}

// told is what an app's executions and a script's log tell, page by page.
func (s subject) told(t testing.TB, script store.Script) (told []string) {
	t.Helper()
	for _, limit := range []int{7, 1000} {
		for _, q := range []store.ExecutionQuery{{}, {ScriptID: script.ID}, {Outcome: store.OutcomeAnyError}, {Text: "line 1"}} {
			q.AppID, q.Page.Limit = script.AppID, limit
			for {
				page, err := s.Executions().List(s.ctx, q)
				require.NoError(t, err)
				for _, e := range page.Items {
					told = append(told, fmt.Sprintf("%d %s %s %+v", limit, q.ScriptID, q.Outcome, e))
				}
				if q.Page.Cursor = page.Next; page.Next == "" {
					break
				}
			}
		}
		for _, q := range []store.LogQuery{{}, {Order: store.OldestFirst}, {MinLevel: abi.LogError}} {
			q.ScriptID, q.Page.Limit = script.ID, limit
			for {
				page, err := s.Executions().Logs(s.ctx, q)
				require.NoError(t, err)
				for _, line := range page.Items {
					told = append(told, fmt.Sprintf("%d %s %+v", limit, q.MinLevel, line))
				}
				if q.Page.Cursor = page.Next; page.Next == "" || len(page.Items) < limit {
					break
				}
			}
		}
	}
	return told
}

// What is brought together tells the same as before.
func testCompaction(t *testing.T, s subject) {
	app := s.app(t, "small")
	script, other := s.script(t, app, "s"), s.script(t, app, "other")
	require.Zero(t, s.compact(t))
	n := 0
	record := func(times, together int) {
		t.Helper()
		require.NoError(t, s.InTx(s.ctx, func(tx store.Store) error { // one commit
			for range times {
				var batch []store.Execution
				for range together {
					n++
					of := script
					if n%3 == 0 {
						of = other
					}
					e := execution(of, uuid.Must(uuid.NewV7()).String(), start.Add(time.Duration(n)*time.Second), fmt.Sprint("line ", n))
					if n%100 == 0 {
						e.Outcome, e.ErrorMessage, e.Lines[0].Level = abi.CodeScriptError, "no", abi.LogError
						e.Trace = &store.Trace{More: n}
					}
					batch = append(batch, e)
				}
				if err := tx.Executions().Record(s.ctx, batch); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	record(1100, 1)
	before := s.told(t, script)
	require.NotEmpty(t, before)
	page, err := s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID, Page: store.PageRequest{Limit: 10}})
	require.NoError(t, err)
	follow, err := s.Executions().Logs(s.ctx, store.LogQuery{ScriptID: script.ID, Order: store.OldestFirst, Page: store.PageRequest{Limit: 300}})
	require.NoError(t, err)
	whole, err := s.Executions().Get(s.ctx, page.Items[0].ID)
	require.NoError(t, err)

	require.Equal(t, store.MaxBatch, s.compact(t), "the last hundred may have others beside them yet")
	require.Equal(t, before, s.told(t, script))
	got, err := s.Executions().Get(s.ctx, whole.ID)
	require.NoError(t, err)
	require.Equal(t, whole, got)
	next, err := s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID, Page: store.PageRequest{Limit: 10, Cursor: page.Next}})
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint("line ", n-10), s.lineOf(t, next.Items[0]))
	lines, err := s.Executions().Logs(s.ctx, store.LogQuery{ScriptID: script.ID, Order: store.OldestFirst, Page: store.PageRequest{Limit: 1, Cursor: follow.Next}})
	require.NoError(t, err)
	require.Equal(t, "line 451", lines.Items[0].Message, "of three one is the other's")

	record(1, 700) // which is large enough, and ends the hundred
	record(3, 1)
	before = s.told(t, script)
	require.Equal(t, 100, s.compact(t))
	require.Equal(t, before, s.told(t, script))
	require.Zero(t, s.compact(t))

	t.Run("recorded again", func(t *testing.T) {
		again := whole
		again.Lines = nil
		require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{again}))
		require.Equal(t, before, s.told(t, script))
	})
	t.Run("what is deleted leaves the others", func(t *testing.T) {
		require.NoError(t, s.Scripts().Delete(s.ctx, other.ID))
		rows, _ := s.remove(t, store.MaxBatch, nil)
		require.Equal(t, n/3+2, rows)
		left := slices.DeleteFunc(before, func(line string) bool { return strings.Contains(line, other.ID) })
		require.Equal(t, left, s.told(t, script))
		c, err := s.Apps().Contents(s.ctx, app.ID)
		require.NoError(t, err)
		require.EqualValues(t, n-n/3, c.Executions)
	})
	t.Run("retention", func(t *testing.T) {
		removed, err := store.InBatches(s.ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
			return s.Executions().DeleteBefore(ctx, start.Add(1234*time.Second), limit)
		})
		require.NoError(t, err)
		require.Equal(t, 1233-1233/3, removed)
		page, err := s.Executions().Logs(s.ctx, store.LogQuery{ScriptID: script.ID, Order: store.OldestFirst})
		require.NoError(t, err)
		require.Equal(t, "line 1234", page.Items[0].Message)
	})
}

// An execution is found by its id, whatever that is and whenever it was made.
func testExecutionIDs(t *testing.T, s subject) {
	script := s.script(t, s.app(t, "ids"), "s")
	known := []string{"x", "eleven byte", "eleven byte and more", "ten bytes äöü", "ten bytes äöü and more", strings.Repeat("ü", 20), uuid.NewString()}
	for range 3 {
		known = append(known, uuid.Must(uuid.NewV7()).String())
	}
	old := uuid.Must(uuid.NewV7())
	copy(old[:6], []byte{0x01, 0x80, 0, 0, 0, 1}) // as of a call that was delayed for long
	known = append(known, old.String())
	var batch []store.Execution
	for _, id := range known {
		batch = append(batch, execution(script, id, start, id))
	}
	require.NoError(t, s.Executions().Record(s.ctx, batch))
	near := old
	near[15]++
	for range 2 {
		for _, e := range batch {
			require.Equal(t, e.ID, s.lineOf(t, e))
		}
		for _, id := range []string{"", "y", "eleven bytes", "ten bytes ä", strings.Repeat("ü", 5), near.String(), uuid.NewString(), "\xff", "a\x00"} {
			_, err := s.Executions().Get(s.ctx, id)
			notFound(t, err, "execution")
		}
		require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{execution(script, uuid.Must(uuid.NewV7()).String(), start)}))
		s.compact(t)
	}
}

// Who follows a log while others record, and while what they recorded is joined, has each line once.
func testCompactionTogether(t *testing.T, s subject) {
	const recorders, batches, together = 3, 20, 30
	script := s.script(t, s.app(t, "followed"), "s")
	done := make(chan error, 2)
	recording, recorded := context.WithCancel(s.ctx)
	defer recorded()
	go func() {
		defer recorded()
		done <- errors.Join(all(recorders, func(i int) error {
			for j := range batches {
				var batch []store.Execution
				for k := range together {
					id := uuid.Must(uuid.NewV7()).String()
					batch = append(batch, execution(script, id, start, fmt.Sprint(i, " ", j, " ", k)))
				}
				if err := s.Executions().Record(s.ctx, batch); err != nil {
					return errors.Join(err, errors.Unwrap(err))
				}
			}
			return nil
		})...)
	}()
	go func() {
		var err error
		for err == nil && recording.Err() == nil {
			_, err = s.Executions().Compact(s.ctx)
		}
		done <- errors.Join(err, errors.Unwrap(err))
	}()
	seen := map[string]int{}
	executions := map[string]int{}
	logs := store.LogQuery{ScriptID: script.ID, Order: store.OldestFirst, Page: store.PageRequest{Limit: 70}}
	list := store.ExecutionQuery{AppID: script.AppID, ScriptID: script.ID, Page: store.PageRequest{Limit: 70}}
	first, err := s.Executions().List(s.ctx, store.ExecutionQuery{AppID: "nobody"})
	require.NoError(t, err)
	list.After = first.Newest
	for {
		ended := recording.Err() != nil
		lines, err := s.Executions().Logs(s.ctx, logs)
		require.NoError(t, err)
		for _, line := range lines.Items {
			seen[line.Message]++
		}
		page, err := s.Executions().List(s.ctx, list)
		require.NoError(t, err)
		for _, e := range page.Items {
			executions[e.ID]++
		}
		logs.Page.Cursor, list.After = lines.Next, page.Newest
		if ended && len(lines.Items) == 0 && len(page.Items) == 0 {
			break
		}
	}
	require.NoError(t, errors.Join(<-done, <-done))
	s.compact(t)
	for _, times := range []map[string]int{seen, executions} {
		require.Len(t, times, recorders*batches*together)
		for what, n := range times {
			require.Equal(t, 1, n, what)
		}
	}
}

// What nodes record is there once, whatever is joined, removed and aged out of the same segments meanwhile, and of what is
// deleted nothing stays.
func testSegmentsTogether(t *testing.T, fresh func(testing.TB) Opener) {
	const batches, together = 60, 40
	open := fresh(t)
	var nodes []subject
	for range 2 {
		opened := open.mustOpen(t, time.Now)
		t.Cleanup(func() { require.NoError(t, opened.Close()) })
		nodes = append(nodes, subject{Store: opened, changes: &changes{}, ctx: t.Context()})
	}
	s := nodes[0]
	app, gone := s.app(t, "kept"), s.app(t, "gone")
	script, old := s.script(t, app, "s"), s.script(t, app, "old")
	deleted, other := s.script(t, app, "deleted"), s.script(t, gone, "other")
	var (
		begun      = make(chan struct{}, 2*len(nodes))
		stop       = make(chan struct{})
		recorders  = make(chan error, len(nodes))
		background = make(chan error, 2*len(nodes))
	)
	record := func(node, n int) error {
		batch := make([]store.Execution, 0, together)
		for i := range together {
			of := []store.Script{script, old, deleted, other}[i%4]
			e := execution(of, uuid.Must(uuid.NewV7()).String(), start, fmt.Sprint(node, " ", n, " ", i))
			if of.ID == old.ID {
				e.StartedAt = start.Add(-time.Hour)
			}
			batch = append(batch, e)
		}
		return nodes[node].Executions().Record(s.ctx, batch)
	}
	until := func(run func() error) {
		var err error
		for err == nil {
			select {
			case <-stop:
				background <- nil
				return
			default:
				err = run()
			}
		}
		background <- errors.Join(err, errors.Unwrap(err))
	}
	for _, node := range nodes {
		go until(func() error {
			_, err := node.Executions().Compact(s.ctx)
			return err
		})
		go until(func() error {
			if _, err := node.Executions().DeleteBefore(s.ctx, start, 50); err != nil {
				return err
			}
			_, err := node.Deletions().Remove(s.ctx, 30)
			return err
		})
	}
	for node := range nodes {
		go func() {
			var err error
			for n := 0; n < batches && err == nil; n++ {
				if n == batches/4 {
					begun <- struct{}{}
				}
				err = record(node, n)
			}
			begun <- struct{}{}
			recorders <- errors.Join(err, errors.Unwrap(err))
		}()
	}
	for range nodes {
		<-begun
	}
	require.NoError(t, s.Scripts().Delete(s.ctx, deleted.ID))
	require.NoError(t, s.Apps().Delete(s.ctx, gone.ID))
	for range nodes {
		require.NoError(t, <-recorders)
	}
	close(stop)
	for range cap(background) {
		require.NoError(t, <-background)
	}
	for removed := 1; removed > 0; {
		r, err := s.Deletions().Remove(s.ctx, store.MaxBatch)
		require.NoError(t, err)
		removed = r.Rows
	}
	_, err := store.InBatches(s.ctx, store.MaxBatch, func(ctx context.Context, limit int) (int, error) {
		return s.Executions().DeleteBefore(ctx, start, limit)
	})
	require.NoError(t, err)
	s.compact(t)

	list := collect(t, store.MaxPageSize, func(page store.PageRequest) (store.Page[store.Execution], error) {
		list, err := s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID, Page: page, Lines: true})
		return store.Page[store.Execution]{Items: list.Items, Next: list.Next}, err
	})
	lines := map[string]bool{}
	for _, e := range list {
		require.Equal(t, script.ID, e.ScriptID)
		require.Len(t, e.Lines, 1)
		lines[e.Lines[0].Message] = true
	}
	require.Len(t, list, len(nodes)*batches*together/4)
	require.Len(t, lines, len(list))
	nothing, err := s.Executions().Logs(s.ctx, store.LogQuery{ScriptID: "nobody"})
	require.NoError(t, err)
	for _, of := range []store.Script{old, deleted, other} {
		log, err := s.Executions().Logs(s.ctx, store.LogQuery{ScriptID: of.ID})
		require.NoError(t, err)
		require.Equal(t, nothing, log, "no segment has any, or it would not begin where nothing was")
	}
}

// lineOf is the one line of an execution.
func (s subject) lineOf(t testing.TB, e store.Execution) string {
	t.Helper()
	whole, err := s.Executions().Get(s.ctx, e.ID)
	require.NoError(t, err)
	require.Len(t, whole.Lines, 1)
	return whole.Lines[0].Message
}

// ExecutionsOfBefore tests that executions are there which a version before has recorded, before they become segments, while they do and
// afterwards. Statements that insert them are run by exec, and a time in them is what at makes of it.
func ExecutionsOfBefore(t *testing.T, db store.Store, exec func(statement string, args ...any), at func(time.Time) any) {
	s := subject{Store: db, ctx: t.Context()}
	app := s.app(t, "old")
	script := s.script(t, app, "s")
	const old = 300   // more than are moved at once
	var want []string // the newest first
	for i := 1; i <= old; i++ {
		id := uuid.Must(uuid.NewV7()).String()
		want = append([]string{id}, want...)
		exec(`INSERT INTO executions (id, app_id, script_id, script_version, request_id, invocation_type, event_id, outcome, status, error_message,
			error_line, error_column, started_at, duration_us, operations, response_bytes, method, path, route, parent_id, root_id, trace)
			VALUES ($1, $2, $3, 4, 'r', 'http', 'e', 'timeout', 504, 'late', 1, 2, $4, 1234, 5, 6, 'GET', '/a', '/:b', 'p', 'q', '{"calls":null,"more":7}')`,
			id, app.ID, script.ID, at(start.Add(time.Duration(i)*time.Second)))
		exec(`INSERT INTO log_lines (script_id, execution, seq, at, level, message, data)
			SELECT script_id, position, 0, $2, 3, 'first', '{"a":1}' FROM executions WHERE id = $1`, id, at(start))
		exec(`INSERT INTO log_lines (script_id, execution, seq, at, level, message, data)
			SELECT script_id, position, 1, $2, 4, 'second', NULL FROM executions WHERE id = $1`, id, at(start))
	}
	exec(`UPDATE meta SET value = (SELECT MAX(position) FROM executions) WHERE name = 'executions'`) // as the migration does

	oldest := store.Execution{
		ID: want[old-2], AppID: app.ID, ScriptID: script.ID, ScriptName: "s", ScriptVersion: 4, RequestID: "r", InvocationType: abi.InvocationHTTP, EventID: "e",
		Outcome: abi.CodeTimeout, Status: 504, ResponseBytes: 6, Method: "GET", Path: "/a", Route: "/:b", ParentID: "p", RootID: "q",
		ErrorMessage: "late", ErrorLine: 1, ErrorColumn: 2, StartedAt: kept(start.Add(2 * time.Second)), Duration: 1234 * time.Microsecond, Operations: 5,
		Lines: []store.LogLine{
			{ExecutionID: want[old-2], ScriptVersion: 4, Seq: 0, At: kept(start), Level: abi.LogWarn, Message: "first", Data: json.RawMessage(`{"a":1}`)},
			{ExecutionID: want[old-2], ScriptVersion: 4, Seq: 1, At: kept(start), Level: abi.LogError, Message: "second"},
		},
		Trace: &store.Trace{More: 7},
	}
	calls := slices.Clone(want[old-store.MaxCallees:])
	slices.Reverse(calls)
	there := func() []string {
		t.Helper()
		list := collect(t, 100, func(page store.PageRequest) (store.Page[store.Execution], error) {
			list, err := s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID, Page: page})
			return store.Page[store.Execution]{Items: list.Items, Next: list.Next}, err
		})
		require.Equal(t, want, project(list, func(e store.Execution) string { return e.ID }))
		got, err := s.Executions().Get(s.ctx, oldest.ID)
		require.NoError(t, err)
		require.Equal(t, oldest, got)
		got, err = s.Executions().Get(s.ctx, want[1])
		require.NoError(t, err)
		require.Len(t, got.Lines, 2)
		ids, err := s.Executions().Callees(s.ctx, store.Execution{ID: "p", RootID: "q", AppID: app.ID})
		require.NoError(t, err)
		require.Equal(t, calls, ids)
		c, err := s.Apps().Contents(s.ctx, app.ID)
		require.NoError(t, err)
		require.EqualValues(t, len(want), c.Executions)
		return s.told(t, script)
	}
	page, err := s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID, Text: "nowhere"})
	require.NoError(t, err)
	fresh := execution(script, uuid.Must(uuid.NewV7()).String(), start, "fresh")
	require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{fresh}))
	want = append([]string{fresh.ID}, want...)
	following, err := s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID, After: page.Newest})
	require.NoError(t, err)
	require.Equal(t, []string{fresh.ID}, project(following.Items, func(e store.Execution) string { return e.ID }), "what was there is not new")

	before := there()
	for moved := 1; moved > 0; {
		moved, err = s.Executions().Compact(s.ctx)
		require.NoError(t, err)
		require.Equal(t, before, there(), "%d were moved just now", moved)
	}
}

// DamagedSegments tests that a segment of which a part is damaged hides no others, is told of, and goes with its app or with
// time. db is the database of the store.
func DamagedSegments(t *testing.T, of store.Store, db *sql.DB) {
	s := subject{Store: of, ctx: t.Context()}
	app, beside := s.app(t, "damaged"), s.app(t, "beside")
	script, other := s.script(t, app, "s"), s.script(t, beside, "other")
	names := []string{"before", "damaged-body", "damaged-rest", "behind"}
	for i, name := range names { // a segment each
		at := start.Add(time.Duration(2*i) * time.Hour)
		require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{
			execution(script, name+" ours", at, name), execution(other, name+" other", at.Add(time.Hour), name),
		}))
	}
	var many []store.Execution
	for i := range 300 { // so that those before are to be joined
		many = append(many, execution(other, fmt.Sprint("many ", i), start.Add(10*time.Hour)))
	}
	require.NoError(t, s.Executions().Record(s.ctx, many))
	require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{execution(other, "last", start.Add(11*time.Hour))}))
	for column, key := range map[string]string{"body": "damaged-bod", "rest": "damaged-res"} {
		result, err := db.Exec(`UPDATE segments SET `+column+` = $1 WHERE first IN (SELECT segment FROM segment_index WHERE key = $2)`, []byte("damaged"), key)
		require.NoError(t, err)
		n, err := result.RowsAffected()
		require.NoError(t, err)
		require.EqualValues(t, 1, n)
	}
	there := func(want ...string) {
		t.Helper()
		q := store.ExecutionQuery{AppID: app.ID, ScriptID: script.ID, Lines: true, Page: store.PageRequest{Limit: 1}}
		told := collect(t, 1, func(page store.PageRequest) (store.Page[store.Execution], error) {
			q.Page = page
			list, err := s.Executions().List(s.ctx, q)
			return store.Page[store.Execution]{Items: list.Items, Next: list.Next}, err
		})
		slices.Reverse(told)
		require.Equal(t, want, project(told, func(e store.Execution) string { return fmt.Sprint(e.ID, " ", len(e.Lines)) }))
		first, err := s.Executions().List(s.ctx, store.ExecutionQuery{AppID: "nobody"})
		require.NoError(t, err)
		followed := []string{}
		for q.Page.Cursor, q.After = "", first.Newest; ; {
			page, err := s.Executions().List(s.ctx, q)
			require.NoError(t, err)
			for _, e := range page.Items {
				followed = append(followed, fmt.Sprint(e.ID, " ", len(e.Lines)))
			}
			if page.Newest == q.After {
				break
			}
			q.After = page.Newest
		}
		require.Equal(t, want, followed)
		for _, order := range []store.LogOrder{store.NewestFirst, store.OldestFirst} {
			page, err := s.Executions().Logs(s.ctx, store.LogQuery{ScriptID: script.ID, Order: order})
			require.NoError(t, err)
			require.Len(t, page.Items, len(slices.DeleteFunc(slices.Clone(want), func(e string) bool { return strings.HasSuffix(e, " 0") })))
		}
	}
	all := []string{"before ours 1", "damaged-rest ours 0", "behind ours 1"}
	there(all...)
	_, err := s.Executions().Get(s.ctx, "damaged-body ours")
	notFound(t, err, "execution")
	got, err := s.Executions().Get(s.ctx, "damaged-rest ours")
	require.NoError(t, err)
	require.Empty(t, got.Lines)

	_, err = s.Executions().Compact(s.ctx)
	require.ErrorContains(t, errors.Unwrap(err), "damaged: those that begin at the positions [", "it is told of")
	for range len(names) {
		_, err := s.Executions().Compact(s.ctx)
		require.NoError(t, err, "once")
		there(all...)
	}

	count := func() (n int) {
		require.NoError(t, db.QueryRow(`SELECT COUNT(*) FROM segments`).Scan(&n))
		return n
	}
	segments := count()
	_, err = s.Executions().DeleteBefore(s.ctx, start.Add(150*time.Minute), 100) // the one of the second is before that
	require.NoError(t, err)
	require.Equal(t, segments-2, count(), "what cannot be read goes with the oldest of it")
	there("damaged-rest ours 0", "behind ours 1")
	require.NoError(t, s.Apps().Delete(s.ctx, beside.ID))
	s.remove(t, store.MaxBatch, nil)
	there("damaged-rest ours 0", "behind ours 1")

	const damaged = store.MaxSearched/20 + 5 // more than a page passes over
	before, err := s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID})
	require.NoError(t, err)
	require.NoError(t, s.InTx(s.ctx, func(tx store.Store) error {
		for i := range damaged {
			one := execution(script, fmt.Sprint("damaged ", i), start.Add(20*time.Hour+time.Duration(i)*time.Second))
			if err := tx.Executions().Record(s.ctx, []store.Execution{one}); err != nil {
				return err
			}
		}
		return nil
	}))
	_, err = db.Exec(`UPDATE segments SET body = $1 WHERE started_from >= $2`, []byte("damaged"), start.Add(20*time.Hour).UnixMicro())
	require.NoError(t, err)
	for text, want := range map[string]int{"": 2, "behind": 11} { // pages
		q := store.ExecutionQuery{AppID: app.ID, Text: text}
		first, err := s.Executions().List(s.ctx, q)
		require.NoError(t, err)
		require.Empty(t, first.Items)
		last, pages := first, 1
		for ; last.Next != ""; pages++ {
			require.NotZero(t, last.SearchedTo)
			q.Page.Cursor = last.Next
			last, err = s.Executions().List(s.ctx, q)
			require.NoError(t, err)
		}
		require.Equal(t, want, pages)
		require.Equal(t, "behind ours", last.Items[0].ID)
	}
	q := store.ExecutionQuery{AppID: app.ID, After: before.Newest}
	page, err := s.Executions().List(s.ctx, q)
	require.NoError(t, err)
	require.Equal(t, start.Add(20*time.Hour+(store.MaxSearched/20-1)*time.Second).UnixMicro(), page.SearchedTo.UnixMicro())
	q.After = page.Newest
	page, err = s.Executions().List(s.ctx, q)
	require.NoError(t, err)
	require.Zero(t, page.SearchedTo, "the last five")
	_, err = db.Exec(`UPDATE segments SET body = $1`, []byte("damaged"))
	require.NoError(t, err)
	require.NoError(t, s.Apps().Delete(s.ctx, app.ID))
	s.remove(t, store.MaxBatch, nil)
	require.Zero(t, count())
}
