package storetest

import (
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

func testExecutions(t *testing.T, s subject) {
	app := s.app(t, "running")
	script := s.script(t, app, "run")

	t.Run("record and find", func(t *testing.T) {
		failed := store.Execution{
			ID: "failed", AppID: app.ID, ScriptID: script.ID, ScriptVersion: 3, RequestID: "r", InvocationType: abi.InvocationExecute, EventID: "e",
			Outcome: abi.CodeScriptError, Status: 502, ErrorMessage: "Variable not found: x", ErrorLine: 7, ErrorColumn: 12,
			ResponseBytes: 5_000_000_000, Method: "POST", Path: "/a/b", Route: "/a/:b", ParentID: "p", RootID: "r",
			Trace:     &store.Trace{Calls: []store.Call{{Name: "kv.get", StartUS: 1, DurationUS: 2, RequestBytes: 3, ResponseBytes: 4, Outcome: "ok"}}, More: 5},
			StartedAt: start, Duration: 1234567 * time.Nanosecond, Operations: 5_000_000_000,
			Lines: []store.LogLine{
				{At: start.Add(time.Millisecond), Level: abi.LogTrace, Message: "", Data: json.RawMessage(`{"b":1,"a":[null, 1e400]}`)},
				{At: start, Level: abi.LogError, Message: "line one\nline two 🐛"},
			},
		}
		require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{failed, execution(script, "fine", start)}))
		got, err := s.Executions().Get(s.ctx, "failed")
		require.NoError(t, err)
		want := failed
		want.StartedAt, want.Duration, want.ScriptName = kept(start), 1234*time.Microsecond, "run"
		want.Lines = []store.LogLine{
			{ExecutionID: "failed", ScriptVersion: 3, Seq: 0, At: kept(start.Add(time.Millisecond)), Level: abi.LogTrace, Data: json.RawMessage(`{"b":1,"a":[null, 1e400]}`)},
			{ExecutionID: "failed", ScriptVersion: 3, Seq: 1, At: kept(start), Level: abi.LogError, Message: "line one\nline two 🐛"},
		}
		require.Equal(t, want, got)
		got, err = s.Executions().Get(s.ctx, "fine")
		require.NoError(t, err)
		require.Empty(t, got.Outcome)
		require.Empty(t, got.Lines)
		require.Nil(t, got.Trace)
		asked := execution(script, "asked nothing", start)
		asked.Trace = &store.Trace{Calls: []store.Call{}}
		require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{asked}))
		got, err = s.Executions().Get(s.ctx, asked.ID)
		require.NoError(t, err)
		require.Equal(t, asked.Trace, got.Trace, "which is not none")
		_, err = s.Executions().Get(s.ctx, "nothing")
		notFound(t, err, "execution")
	})

	t.Run("nothing", func(t *testing.T) { require.NoError(t, s.Executions().Record(s.ctx, nil)) })

	t.Run("a batch again, or half of it", func(t *testing.T) {
		batch := []store.Execution{execution(script, "again-1", start, "a", "b"), execution(script, "again-2", start, "c")}
		require.NoError(t, s.Executions().Record(s.ctx, batch[:1]))
		require.NoError(t, s.Executions().Record(s.ctx, batch))
		require.NoError(t, s.Executions().Record(s.ctx, append(batch, batch...)))
		for id, lines := range map[string]int{"again-1": 2, "again-2": 1} {
			got, err := s.Executions().Get(s.ctx, id)
			require.NoError(t, err)
			require.Len(t, got.Lines, lines, id)
		}
	})

	t.Run("a call's by another node", func(t *testing.T) {
		call := execution(script, uuid.Must(uuid.NewV7()).String(), start, "first")
		call.EventID = call.ID
		require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{call}))
		var others []store.Execution
		for i := range 40_000 { // more than a store remembers
			others = append(others, execution(script, fmt.Sprint("other-", i), start))
		}
		for some := range slices.Chunk(others, store.MaxBatch) {
			require.NoError(t, s.Executions().Record(s.ctx, some))
		}
		again := call
		again.Lines = []store.LogLine{{At: start, Level: abi.LogInfo, Message: "second"}}
		require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{again, execution(script, "beside it", start)}))
		got, err := s.Executions().Get(s.ctx, call.ID)
		require.NoError(t, err)
		require.Equal(t, "first", got.Lines[0].Message)
		page, err := s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID, ScriptID: script.ID, Page: store.PageRequest{Limit: 2}})
		require.NoError(t, err)
		require.Equal(t, []string{"beside it", "other-39999"}, project(page.Items, func(e store.Execution) string { return e.ID }))
	})

	t.Run("of a script that is gone", func(t *testing.T) {
		gone := s.script(t, app, "gone")
		require.NoError(t, s.Scripts().Delete(s.ctx, gone.ID))
		elsewhere := script
		elsewhere.AppID = s.app(t, "elsewhere").ID
		require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{
			execution(gone, "of-gone", start, "x"), execution(elsewhere, "of-elsewhere", start, "x"), execution(script, "of-this", start, "x")}))
		_, err := s.Executions().Get(s.ctx, "of-gone")
		notFound(t, err, "execution")
		_, err = s.Executions().Get(s.ctx, "of-elsewhere")
		notFound(t, err, "execution")
		_, err = s.Executions().Get(s.ctx, "of-this")
		require.NoError(t, err)
	})

	t.Run("texts no database takes", func(t *testing.T) {
		odd := execution(script, "odd", start, "a\x00b", "\xff\xfe")
		odd.ErrorMessage = "nul \x00"
		odd.Lines[0].Data = json.RawMessage("\"\xff\"")
		odd.Lines[1].Level = "shout"
		require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{odd}))
		got, err := s.Executions().Get(s.ctx, "odd")
		require.NoError(t, err)
		require.Equal(t, "nul \uFFFD", got.ErrorMessage)
		require.Equal(t, "a\uFFFDb", got.Lines[0].Message)
		require.Equal(t, "\"\uFFFD\"", string(got.Lines[0].Data))
		require.Equal(t, "\uFFFD", got.Lines[1].Message)
		require.Equal(t, abi.LogInfo, got.Lines[1].Level)
		require.Equal(t, "a\x00b", odd.Lines[0].Message, "the caller's batch is changed")

		invalid(t, s.Executions().Record(s.ctx, []store.Execution{execution(script, "", start)}), "id", "must not be empty")
	})

	t.Run("listing, whenever they started", func(t *testing.T) {
		script := s.script(t, app, "tied")
		var batch []store.Execution
		for i := range 10 {
			batch = append(batch, execution(script, fmt.Sprintf("tied-%d", i), start.Add(time.Duration(i%4/2)*time.Second), "x"))
		}
		require.NoError(t, s.Executions().Record(s.ctx, batch))
		want := project(batch, func(e store.Execution) string { return e.ID })
		slices.Reverse(want)
		for _, limit := range []int{1, 2, 3, 4, 10, 11} {
			list := collect(t, limit, func(page store.PageRequest) (store.Page[store.Execution], error) {
				list, err := s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID, ScriptID: script.ID, Page: page})
				return store.Page[store.Execution]{Items: list.Items, Next: list.Next}, err
			})
			require.Equal(t, want, project(list, func(e store.Execution) string { return e.ID }), "pages of %d", limit)
			require.Empty(t, list[0].Lines)
		}
	})

	t.Run("while scripts are deleted", func(t *testing.T) {
		var doomed []store.Script
		for i := range 20 {
			doomed = append(doomed, s.script(t, app, fmt.Sprint("doomed-", i)))
		}
		require.NoError(t, errors.Join(all(4, func(i int) error {
			if i == 0 {
				for _, script := range doomed {
					if err := s.Scripts().Delete(s.ctx, script.ID); err != nil {
						return err
					}
				}
				return nil
			}
			for j := range 20 {
				batch := []store.Execution{execution(script, fmt.Sprintf("safe-%d-%d", i, j), start, "x")}
				for k, script := range doomed {
					batch = append(batch, execution(script, fmt.Sprintf("doomed-%d-%d-%d", i, j, k), start, "x"))
				}
				if err := s.Executions().Record(s.ctx, batch); err != nil {
					return errors.Join(err, errors.Unwrap(err))
				}
			}
			return nil
		})...))
		for i := 1; i < 4; i++ {
			_, err := s.Executions().Get(s.ctx, fmt.Sprintf("safe-%d-19", i))
			require.NoError(t, err)
			_, err = s.Executions().Get(s.ctx, fmt.Sprintf("doomed-%d-0-19", i))
			notFound(t, err, "execution")
		}
	})

	t.Run("retention", func(t *testing.T) {
		script := s.script(t, app, "old")
		long := start.AddDate(-10, 0, 0)
		var batch []store.Execution
		for i := range 5 {
			batch = append(batch, execution(script, fmt.Sprintf("old-%d", i), long.Add(time.Duration(i)*time.Second), "x"))
		}
		require.NoError(t, s.Executions().Record(s.ctx, batch))
		remove := func(limit int) int {
			n, err := s.Executions().DeleteBefore(s.ctx, long.Add(4*time.Second), limit)
			require.NoError(t, err)
			return n
		}
		require.Equal(t, 3, remove(3))
		_, err := s.Executions().Get(s.ctx, "old-3")
		require.NoError(t, err, "the oldest go first")
		require.Equal(t, 1, remove(3))
		require.Equal(t, 0, remove(3))
		_, err = s.Executions().Get(s.ctx, "old-4")
		require.NoError(t, err, "started at the very time")
		logs, err := s.Executions().Logs(s.ctx, store.LogQuery{ScriptID: script.ID})
		require.NoError(t, err)
		require.Len(t, logs.Items, 1)
		_, err = s.Executions().DeleteBefore(s.ctx, start, 0)
		invalid(t, err, "limit", "must be between 1 and 1000, got 0")
	})
}

func testExecutionQueries(t *testing.T, s subject) {
	app, other := s.app(t, "asked"), s.app(t, "not-asked")
	a, b, foreign := s.script(t, app, "a"), s.script(t, app, "b"), s.script(t, other, "a")
	record := func(executions ...store.Execution) {
		t.Helper()
		require.NoError(t, s.Executions().Record(s.ctx, executions))
	}
	ids := func(list []store.Execution) string {
		return strings.Join(project(list, func(e store.Execution) string { return e.ID }), " ")
	}
	list := func(q store.ExecutionQuery) store.ExecutionPage {
		t.Helper()
		q.AppID = app.ID
		page, err := s.Executions().List(s.ctx, q)
		require.NoError(t, err)
		return page
	}
	empty := list(store.ExecutionQuery{})
	require.Empty(t, empty.Items)
	require.Empty(t, empty.Next)

	one := execution(a, "one", start, "the first LINE")
	two := execution(b, "two", start.Add(time.Minute), "100% of it")
	two.Lines[0].Level = abi.LogWarn
	two.Outcome, two.ErrorMessage, two.Duration, two.InvocationType = abi.CodeScriptError, "Boom at noon", time.Second, abi.InvocationTrigger
	three := execution(a, "three", start.Add(2*time.Minute))
	three.Outcome, three.RootID, three.ParentID, three.InvocationType = abi.CodeTimeout, "one", "one", abi.InvocationInvoke
	three.Lines = []store.LogLine{{At: start, Level: abi.LogInfo, Data: json.RawMessage(`{"order":"x_1"}`)}}
	four := execution(b, "four", start.Add(3*time.Minute), "100 of it")
	four.RootID, four.ParentID = "one", "three"
	record(one, execution(foreign, "foreign", start, "the first line"), two)
	record(three, four)

	for _, c := range []struct {
		query store.ExecutionQuery
		want  string
	}{
		{store.ExecutionQuery{}, "four three two one"},
		{store.ExecutionQuery{ScriptID: a.ID}, "three one"},
		{store.ExecutionQuery{ScriptID: foreign.ID}, ""},
		{store.ExecutionQuery{Outcome: store.OutcomeSucceeded}, "four one"},
		{store.ExecutionQuery{Outcome: store.OutcomeAnyError}, "three two"},
		{store.ExecutionQuery{Outcome: string(abi.CodeTimeout)}, "three"},
		{store.ExecutionQuery{Outcome: store.OutcomeAnyError, ScriptID: b.ID}, "two"},
		{store.ExecutionQuery{Type: abi.InvocationTrigger}, "two"},
		{store.ExecutionQuery{MinDuration: 2 * time.Millisecond}, "two"},
		{store.ExecutionQuery{MaxDuration: 2 * time.Millisecond}, "four three one"},
		{store.ExecutionQuery{From: start.Add(time.Minute)}, "four three two"},
		{store.ExecutionQuery{To: start.Add(time.Minute)}, "one"},
		{store.ExecutionQuery{From: start.Add(time.Minute), To: start.Add(3 * time.Minute)}, "three two"},
		{store.ExecutionQuery{From: start.Add(-24 * time.Hour), To: start.Add(24 * time.Hour)}, "four three two one"},
		{store.ExecutionQuery{From: start.Add(24 * time.Hour)}, ""},
		{store.ExecutionQuery{To: start.Add(-24 * time.Hour)}, ""},
		{store.ExecutionQuery{RootID: "one"}, "four three"},
		{store.ExecutionQuery{RootID: "one", ScriptID: a.ID}, "three"},
		{store.ExecutionQuery{Text: "Line"}, "one"},
		{store.ExecutionQuery{MinLevel: abi.LogInfo}, "four three two one"},
		{store.ExecutionQuery{MinLevel: abi.LogWarn}, "two"},
		{store.ExecutionQuery{MinLevel: abi.LogError}, ""},
		{store.ExecutionQuery{MinLevel: abi.LogWarn, ScriptID: a.ID}, ""},
		{store.ExecutionQuery{MinLevel: abi.LogWarn, Text: "of it"}, "two"},
		{store.ExecutionQuery{MinLevel: abi.LogWarn, After: empty.Newest}, "two"},
		{store.ExecutionQuery{Text: "boom AT"}, "two"},
		{store.ExecutionQuery{Text: "100%"}, "two"},
		{store.ExecutionQuery{Text: "x_1"}, "three"},
		{store.ExecutionQuery{Text: "o_t"}, ""},
		{store.ExecutionQuery{Text: "nowhere"}, ""},
		{store.ExecutionQuery{After: empty.Newest}, "one two three four"},
		{store.ExecutionQuery{After: empty.Newest, Outcome: store.OutcomeAnyError}, "two three"},
	} {
		page := list(c.query)
		require.Equal(t, c.want, ids(page.Items), "%+v", c.query)
		require.Empty(t, page.Next, "%+v", c.query)
		require.NotEmpty(t, page.Newest)
		for _, e := range page.Items {
			require.Equal(t, map[string]string{a.ID: "a", b.ID: "b"}[e.ScriptID], e.ScriptName)
			require.Nil(t, e.Lines)
		}
	}
	callees, err := s.Executions().Callees(s.ctx, one)
	require.NoError(t, err)
	require.Equal(t, []string{"three"}, callees)
	callees, err = s.Executions().Callees(s.ctx, three)
	require.NoError(t, err)
	require.Equal(t, []string{"four"}, callees)

	t.Run("page by page", func(t *testing.T) {
		for _, q := range []store.ExecutionQuery{{}, {Outcome: store.OutcomeSucceeded}} {
			for limit := 1; limit < 6; limit++ {
				q.Page = store.PageRequest{Limit: limit}
				var all []store.Execution
				for {
					page := list(q)
					all = append(all, page.Items...)
					if q.Page.Cursor = page.Next; page.Next == "" {
						break
					}
				}
				want := "four three two one"
				if q.Outcome != "" {
					want = "four one"
				}
				require.Equal(t, want, ids(all), "pages of %d", limit)
			}
		}
	})

	t.Run("following", func(t *testing.T) {
		for _, q := range []store.ExecutionQuery{{}, {Outcome: store.OutcomeSucceeded}, {Text: "nowhere"}, {ScriptID: b.ID}} {
			q.After = list(q).Newest
			require.Empty(t, list(q).Items)
			require.NotEmpty(t, list(q).Newest)
		}
		q := store.ExecutionQuery{After: list(store.ExecutionQuery{Page: store.PageRequest{Limit: 1}}).Newest, Page: store.PageRequest{Limit: 1}}
		record(execution(a, "five", start.Add(-time.Hour)), execution(b, "six", start))
		page := list(q)
		require.Equal(t, "five", ids(page.Items))
		q.After = page.Newest
		page = list(q)
		require.Equal(t, "six", ids(page.Items))
		q.After = page.Newest
		require.Empty(t, list(q).Items)
	})

	t.Run("as far as may be", func(t *testing.T) {
		app := s.app(t, "long")
		script := s.script(t, app, "s")
		needle := execution(script, "needle", start, "needle")
		needle.Outcome = abi.CodeTimeout
		record(needle)
		for i := range store.MaxSearchedText/100 + 1 {
			var batch []store.Execution
			for j := range 100 {
				batch = append(batch, execution(script, fmt.Sprintf("hay-%d-%d", i, j), start.Add(time.Second), "hay"))
			}
			record(batch...)
		}
		q := store.ExecutionQuery{AppID: app.ID, Text: "needle"}
		page, err := s.Executions().List(s.ctx, q)
		require.NoError(t, err)
		require.Empty(t, page.Items)
		require.Equal(t, kept(start.Add(time.Second)), page.SearchedTo)
		q.Page.Cursor = page.Next
		page, err = s.Executions().List(s.ctx, q)
		require.NoError(t, err)
		require.Equal(t, "needle", ids(page.Items))
		require.Empty(t, page.Next)
		require.Zero(t, page.SearchedTo)
		page, err = s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID, Outcome: store.OutcomeAnyError})
		require.NoError(t, err)
		require.Equal(t, "needle", ids(page.Items), "without a text it looks further")
		q = store.ExecutionQuery{AppID: app.ID, Text: "needle", After: empty.Newest}
		page, err = s.Executions().List(s.ctx, q)
		require.NoError(t, err)
		require.Equal(t, "needle", ids(page.Items))
		q.After = page.Newest
		page, err = s.Executions().List(s.ctx, q)
		require.NoError(t, err)
		require.Empty(t, page.Items)
		require.NotEqual(t, q.After, page.Newest, "what was looked at is not looked at again")
	})

	t.Run("as many bytes as may be", func(t *testing.T) {
		app := s.app(t, "wordy")
		script := s.script(t, app, "s")
		pin := execution(script, "pin", start, "needle")
		pin.Lines[0].Level = abi.LogError
		record(pin)
		const size = 256 << 10
		for i := range store.MaxSearchedBytes/size + 2 {
			record(execution(script, fmt.Sprintf("straw-%d", i), start.Add(time.Second), strings.Repeat("hay ", size/4)))
		}
		page, err := s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID, MinLevel: abi.LogError})
		require.NoError(t, err)
		require.Equal(t, "pin", ids(page.Items), "what has no such line is not looked at")
		require.Zero(t, page.SearchedTo)
		for _, q := range []store.ExecutionQuery{{Text: "needle"}, {Text: "needle", MinLevel: abi.LogInfo}} {
			q.AppID = app.ID
			page, err := s.Executions().List(s.ctx, q)
			require.NoError(t, err)
			require.Empty(t, page.Items)
			require.Equal(t, kept(start.Add(time.Second)), page.SearchedTo)
			q.Page.Cursor = page.Next
			page, err = s.Executions().List(s.ctx, q)
			require.NoError(t, err)
			require.Equal(t, "pin", ids(page.Items))
			require.Zero(t, page.SearchedTo)
			q.Page.Cursor, q.After = "", empty.Newest
			page, err = s.Executions().List(s.ctx, q)
			require.NoError(t, err)
			require.Equal(t, "pin", ids(page.Items), "the oldest first")
			require.NotZero(t, page.SearchedTo)
		}
		_, err = s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID, MinLevel: "loud"})
		invalid(t, err, "level", `must be one of ["trace" "debug" "info" "warn" "error"], got "loud"`)
	})

	t.Run("with lines", func(t *testing.T) {
		app := s.app(t, "talking")
		script := s.script(t, app, "s")
		record(execution(script, "quiet", start), execution(script, "talks", start, "a", "b"),
			execution(script, "long", start, strings.Repeat("x", store.MaxPageLines)), execution(script, "last", start, "c"))
		q := store.ExecutionQuery{AppID: app.ID, Lines: true}
		var pages []string
		for {
			page, err := s.Executions().List(s.ctx, q)
			require.NoError(t, err)
			pages = append(pages, ids(page.Items))
			for _, e := range page.Items {
				whole, err := s.Executions().Get(s.ctx, e.ID)
				require.NoError(t, err)
				require.Equal(t, whole, e)
			}
			if q.Page.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		require.Equal(t, []string{"last long", "talks quiet"}, pages)
	})

	t.Run("of what is deleted", func(t *testing.T) {
		require.NoError(t, s.Scripts().Delete(s.ctx, b.ID))
		require.Equal(t, "five three one", ids(list(store.ExecutionQuery{}).Items))
	})

	for _, cursor := range []string{"x", "WyJleGVjdXRpb25zIiwieCJd"} {
		_, err = s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID, After: cursor})
		require.Equal(t, store.ErrInvalidCursor, err)
		_, err = s.Executions().List(s.ctx, store.ExecutionQuery{AppID: app.ID, Page: store.PageRequest{Cursor: cursor}})
		require.Equal(t, store.ErrInvalidCursor, err)
	}
}

func testLogs(t *testing.T, s subject) {
	app := s.app(t, "logging")
	script, other := s.script(t, app, "talker"), s.script(t, app, "other")
	record := func(t *testing.T, executions ...store.Execution) {
		t.Helper()
		require.NoError(t, s.Executions().Record(s.ctx, executions))
	}
	messages := func(lines []store.LogLine) string {
		return strings.Join(project(lines, func(l store.LogLine) string { return l.Message }), " ")
	}
	read := func(t *testing.T, query store.LogQuery) store.LogPage {
		t.Helper()
		query.ScriptID = script.ID
		page, err := s.Executions().Logs(s.ctx, query)
		require.NoError(t, err)
		return page
	}

	empty := read(t, store.LogQuery{})
	require.Empty(t, empty.Items)
	require.Empty(t, empty.Next)

	// The second execution started earlier and ended later.
	record(t, execution(script, "1", start, "a", "b", "c"), execution(other, "x", start, "noise"))
	record(t, execution(script, "2", start.Add(-time.Hour), "d", "e"))

	t.Run("in both orders, page by page", func(t *testing.T) {
		for _, direction := range []struct {
			order store.LogOrder
			want  string
		}{{store.OldestFirst, "a b c d e"}, {store.NewestFirst, "e d c b a"}} {
			for limit := 1; limit <= 6; limit++ {
				var lines []store.LogLine
				query := store.LogQuery{Order: direction.order, Page: store.PageRequest{Limit: limit}}
				for {
					page := read(t, query)
					lines = append(lines, page.Items...)
					query.Page.Cursor = page.Next
					if len(page.Items) < limit || page.Next == "" {
						break
					}
				}
				require.Equal(t, direction.want, messages(lines), "pages of %d", limit)
			}
		}
	})

	t.Run("whole lines", func(t *testing.T) {
		page := read(t, store.LogQuery{Page: store.PageRequest{Limit: 1}})
		require.Equal(t, []store.LogLine{{ExecutionID: "2", ScriptVersion: 1, Seq: 1, At: kept(start.Add(-time.Hour + time.Millisecond)),
			Level: abi.LogInfo, Message: "e"}}, page.Items)
	})

	t.Run("following", func(t *testing.T) {
		last := read(t, store.LogQuery{Page: store.PageRequest{Limit: 2}})
		require.Equal(t, "e d", messages(last.Items))
		follow := store.LogQuery{Order: store.OldestFirst, Page: store.PageRequest{Cursor: last.Newest}}
		page := read(t, follow)
		require.Empty(t, page.Items)
		require.Equal(t, last.Newest, page.Next)
		record(t, execution(script, "3", start.Add(-2*time.Hour), "f", "g"))
		follow.Page.Cursor = page.Next
		page = read(t, follow)
		require.Equal(t, "f g", messages(page.Items))
		follow.Page.Cursor = page.Next
		require.Empty(t, read(t, follow).Items)

		quiet := store.LogQuery{Order: store.OldestFirst, MinLevel: abi.LogError, Page: store.PageRequest{Cursor: last.Newest}}
		page = read(t, quiet)
		require.Empty(t, page.Items)
		require.Equal(t, read(t, store.LogQuery{}).Newest, page.Next, "what was looked at is not looked at again")

		follow.Page.Cursor = empty.Newest
		require.Equal(t, "a b c d e f g", messages(read(t, follow).Items), "from when there was nothing")
	})

	t.Run("following while several record", func(t *testing.T) {
		const recorders, batches = 4, 10
		busy := s.script(t, app, "busy")
		done := make(chan error)
		go func() {
			done <- errors.Join(all(recorders, func(i int) error {
				for j := range batches {
					id := fmt.Sprintf("busy-%d-%d", i, j)
					if err := s.Executions().Record(s.ctx, []store.Execution{execution(busy, id, start, id+"a", id+"b")}); err != nil {
						return err
					}
				}
				return nil
			})...)
		}()
		seen := map[string]int{}
		query := store.LogQuery{ScriptID: busy.ID, Order: store.OldestFirst, Page: store.PageRequest{Limit: 3}}
		for ended := false; ; {
			page, err := s.Executions().Logs(s.ctx, query)
			require.NoError(t, err)
			for _, line := range page.Items {
				seen[line.Message]++
			}
			query.Page.Cursor = page.Next
			if len(page.Items) > 0 {
				continue
			}
			if ended {
				break
			}
			select {
			case err := <-done:
				require.NoError(t, err)
				ended = true
			default:
			}
		}
		require.Len(t, seen, recorders*batches*2)
		for message, times := range seen {
			require.Equal(t, 1, times, message)
		}
	})

	t.Run("since", func(t *testing.T) {
		page := read(t, store.LogQuery{Order: store.OldestFirst, Since: start.Add(time.Millisecond)})
		require.Equal(t, "b c", messages(page.Items))
	})

	t.Run("by level", func(t *testing.T) {
		loud := execution(script, "4", start)
		for _, level := range []abi.LogLevel{abi.LogError, abi.LogTrace, abi.LogWarn, abi.LogInfo, abi.LogDebug} {
			loud.Lines = append(loud.Lines, store.LogLine{At: start.Add(time.Hour), Level: level, Message: string(level)})
		}
		record(t, loud)
		for level, want := range map[abi.LogLevel]string{
			"":           "error trace warn info debug",
			abi.LogTrace: "error trace warn info debug",
			abi.LogDebug: "error warn info debug",
			abi.LogInfo:  "error warn info",
			abi.LogWarn:  "error warn",
			abi.LogError: "error",
		} {
			page := read(t, store.LogQuery{Order: store.OldestFirst, Since: start.Add(time.Hour), MinLevel: level})
			require.Equal(t, want, messages(page.Items), "level %q", level)
		}
		_, err := s.Executions().Logs(s.ctx, store.LogQuery{ScriptID: script.ID, MinLevel: "loud"})
		invalid(t, err, "level", `must be one of ["trace" "debug" "info" "warn" "error"], got "loud"`)
	})

	t.Run("positions are not used again", func(t *testing.T) {
		end := read(t, store.LogQuery{}).Newest
		n, err := s.Executions().DeleteBefore(s.ctx, start.AddDate(1, 0, 0), 100)
		require.NoError(t, err)
		require.NotZero(t, n)
		record(t, execution(script, "5", start, "new"))
		page := read(t, store.LogQuery{Order: store.OldestFirst, Page: store.PageRequest{Cursor: end}})
		require.Equal(t, "new", messages(page.Items))
	})
}
