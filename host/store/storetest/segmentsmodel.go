package storetest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// modelLevels are the levels in their order.
var modelLevels = []abi.LogLevel{abi.LogTrace, abi.LogDebug, abi.LogInfo, abi.LogWarn, abi.LogError}

// executionModel is what executions are there, as a list.
type executionModel struct {
	subject
	random  *rand.Rand
	ids     *rand.ChaCha8
	scripts []store.Script
	rows    []store.Execution // as they were recorded
	n       int               // recorded so far
}

func modelTime(n int) time.Time { return kept(start).Add(time.Duration(n) * time.Second) }

// made makes an execution at random.
func (m *executionModel) made() store.Execution {
	m.n++
	script := m.scripts[m.random.IntN(len(m.scripts))]
	id := uuid.Must(uuid.NewV7FromReader(m.ids)).String()
	if m.random.IntN(10) == 0 {
		id = fmt.Sprint("no uuid ", m.n)
	}
	e := execution(script, id, modelTime(m.n-m.random.IntN(20)))
	e.ScriptName = script.Name
	e.Duration = time.Duration(m.random.IntN(5000)) * time.Microsecond
	if m.random.IntN(15) == 0 {
		e.Outcome, e.ErrorMessage = []abi.ErrorCode{abi.CodeTimeout, abi.CodeScriptError}[m.random.IntN(2)], fmt.Sprint("Needle ", m.n)
	}
	if m.random.IntN(3) == 0 {
		e.InvocationType = abi.InvocationTrigger
	}
	if len(m.rows) > 0 && m.random.IntN(4) == 0 {
		if root := m.rows[max(0, len(m.rows)-1-m.random.IntN(40))]; root.AppID == e.AppID {
			e.RootID, e.ParentID = cmp.Or(root.RootID, root.ID), root.ID
		}
	}
	e.Lines = []store.LogLine{}
	for seq := range m.random.IntN(4) {
		line := store.LogLine{
			ExecutionID: id, ScriptVersion: e.ScriptVersion, Seq: seq, At: e.StartedAt.Add(time.Duration(seq) * time.Minute),
			Level: modelLevels[m.random.IntN(3)], Message: fmt.Sprintf("line %d of %d", seq, m.n),
		}
		if m.random.IntN(40) == 0 {
			line.Level, line.Data = abi.LogError, json.RawMessage(fmt.Sprintf(`{"needle":%d}`, m.n))
		}
		e.Lines = append(e.Lines, line)
	}
	if m.random.IntN(9) == 0 {
		e.Trace = &store.Trace{Calls: []store.Call{{Name: "kv.get", Outcome: "ok"}}, More: m.n}
	}
	return e
}

// wanted are the executions that a query asks for, in its order.
func (m *executionModel) wanted(q store.ExecutionQuery) (list []store.Execution) {
	for _, e := range m.rows {
		text := func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(q.Text)) }
		switch {
		case e.AppID != q.AppID, q.ScriptID != "" && e.ScriptID != q.ScriptID, q.RootID != "" && e.RootID != q.RootID,
			q.Outcome == store.OutcomeSucceeded && e.Outcome != "", q.Outcome == store.OutcomeAnyError && e.Outcome == "",
			q.Outcome == string(abi.CodeTimeout) && string(e.Outcome) != q.Outcome, q.Type != "" && e.InvocationType != q.Type,
			e.Duration < q.MinDuration, q.MaxDuration > 0 && e.Duration > q.MaxDuration,
			!q.From.IsZero() && e.StartedAt.Before(q.From), !q.To.IsZero() && !e.StartedAt.Before(q.To),
			q.Text != "" && !text(e.ErrorMessage) && !slices.ContainsFunc(e.Lines, func(l store.LogLine) bool { return text(l.Message) || text(string(l.Data)) }):
			continue
		case q.MinLevel != "" && !slices.ContainsFunc(e.Lines, func(l store.LogLine) bool {
			return slices.Index(modelLevels, l.Level) >= slices.Index(modelLevels, q.MinLevel)
		}):
			continue
		}
		e.Trace = nil
		if !q.Lines {
			e.Lines = nil
		}
		list = append(list, e)
	}
	if q.After == "" {
		slices.Reverse(list)
	}
	return list
}

// query makes a query at random.
func (m *executionModel) query() (q store.ExecutionQuery) {
	some := func() bool { return m.random.IntN(4) == 0 }
	q.AppID = m.scripts[m.random.IntN(len(m.scripts))].AppID
	if some() {
		q.ScriptID = m.scripts[m.random.IntN(len(m.scripts))].ID
	}
	if some() && len(m.rows) > 0 {
		q.RootID = m.rows[m.random.IntN(len(m.rows))].RootID
	}
	if some() {
		q.Outcome = []string{store.OutcomeSucceeded, store.OutcomeAnyError, string(abi.CodeTimeout)}[m.random.IntN(3)]
	}
	if some() {
		q.Type = abi.InvocationTrigger
	}
	if some() {
		q.MinDuration = time.Duration(m.random.IntN(5000)) * time.Microsecond
	}
	if some() {
		q.MaxDuration = time.Duration(1+m.random.IntN(5000)) * time.Microsecond
	}
	if some() {
		q.From = modelTime(m.random.IntN(m.n + 1))
	}
	if some() {
		q.To = modelTime(m.random.IntN(m.n + 1))
	}
	if some() {
		q.Text = []string{"nEEdle", fmt.Sprint("of ", m.random.IntN(m.n+1))}[m.random.IntN(2)]
	}
	if some() {
		q.MinLevel = modelLevels[m.random.IntN(len(modelLevels))]
	}
	q.Lines = some()
	q.Page.Limit = 20 + m.random.IntN(store.MaxPageSize-20)
	return q
}

// ask compares what a query tells with what there is, page by page; what change does comes between two pages.
func (m *executionModel) ask(t *testing.T, q store.ExecutionQuery, change func()) {
	t.Helper()
	var got []store.Execution
	asked := q
	for {
		page, err := m.Executions().List(m.ctx, q)
		require.NoError(t, err)
		got = append(got, page.Items...)
		if q.After != "" {
			if page.Newest == q.After {
				break
			}
			q.After = page.Newest
		} else if q.Page.Cursor = page.Next; page.Next == "" {
			break
		}
		change()
	}
	want := m.wanted(asked)
	ids := func(e store.Execution) string { return e.ID }
	require.Equal(t, project(want, ids), project(got, ids), "%+v", asked)
	for i := range want {
		require.Equal(t, want[i], got[i], "%+v", asked)
	}
}

// askLogs compares a log with what there is, page by page.
func (m *executionModel) askLogs(t *testing.T, q store.LogQuery, change func()) {
	t.Helper()
	var got, want []store.LogLine
	for asked := q; ; {
		page, err := m.Executions().Logs(m.ctx, asked)
		require.NoError(t, err)
		got = append(got, page.Items...)
		if asked.Page.Cursor = page.Next; page.Next == "" || len(page.Items) < q.Page.Limit {
			break
		}
		change()
	}
	for _, e := range m.rows {
		for _, line := range e.Lines {
			if e.ScriptID == q.ScriptID && !line.At.Before(q.Since) &&
				slices.Index(modelLevels, line.Level) >= slices.Index(modelLevels, cmp.Or(q.MinLevel, abi.LogTrace)) {
				want = append(want, line)
			}
		}
	}
	if q.Order == store.NewestFirst {
		slices.Reverse(want)
	}
	require.Equal(t, len(want), len(got), "%+v", q)
	for i := range want {
		require.Equal(t, want[i], got[i], "%+v", q)
	}
}

// check asks at random.
func (m *executionModel) check(t *testing.T, change func()) {
	t.Helper()
	for range 6 {
		m.ask(t, m.query(), change)
	}
	from, err := m.Executions().List(m.ctx, store.ExecutionQuery{AppID: "nobody"})
	require.NoError(t, err)
	q := m.query()
	q.After = from.Newest
	m.ask(t, q, change)
	for _, order := range []store.LogOrder{store.NewestFirst, store.OldestFirst} {
		m.askLogs(t, store.LogQuery{
			ScriptID: m.scripts[m.random.IntN(len(m.scripts))].ID, MinLevel: modelLevels[m.random.IntN(len(modelLevels))], Order: order,
			Since: modelTime(m.random.IntN(m.n + 1)), Page: store.PageRequest{Limit: 20 + m.random.IntN(200)},
		}, change)
	}
	for range min(10, len(m.rows)) {
		want := m.rows[m.random.IntN(len(m.rows))]
		got, err := m.Executions().Get(m.ctx, want.ID)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// Whatever is recorded, joined, and removed: what is told is what a list of the executions would tell.
func testExecutionModel(t *testing.T, s subject) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := &executionModel{subject: s, random: rand.New(rand.NewPCG(seed, 0)), ids: rand.NewChaCha8([32]byte{byte(seed)})}
			apps := []store.App{s.app(t, fmt.Sprint("model-", seed)), s.app(t, fmt.Sprint("other-", seed))}
			for i := range 4 { // three and one
				m.scripts = append(m.scripts, s.script(t, apps[i/3], fmt.Sprint("s", i)))
			}
			var last []store.Execution
			for range 25 {
				switch m.random.IntN(12) {
				case 0:
					s.compact(t)
				case 1: // what has failed, or seemed to, comes again
					require.NoError(t, s.Executions().Record(s.ctx, last))
				case 2:
					before := modelTime(m.random.IntN(m.n/3 + 1))
					removed, err := store.InBatches(s.ctx, 1+m.random.IntN(store.MaxBatch), func(ctx context.Context, limit int) (int, error) {
						return s.Executions().DeleteBefore(ctx, before, limit)
					})
					require.NoError(t, err)
					old := func(e store.Execution) bool { return e.StartedAt.Before(before) }
					require.Equal(t, len(m.rows)-len(slices.DeleteFunc(slices.Clone(m.rows), old)), removed)
					m.rows, last = slices.DeleteFunc(m.rows, old), nil
				default:
					last = nil
					for range 1 + m.random.IntN([]int{3, 200, store.MaxBatch}[m.random.IntN(3)]) {
						last = append(last, m.made())
					}
					require.NoError(t, s.Executions().Record(s.ctx, last))
					m.rows = append(m.rows, last...)
				}
				m.check(t, func() {})
			}
			m.check(t, func() { s.compact(t) })

			gone := m.scripts[0]
			require.NoError(t, s.Scripts().Delete(s.ctx, gone.ID))
			of := func(e store.Execution) bool { return e.ScriptID == gone.ID }
			m.rows = slices.DeleteFunc(m.rows, of)
			m.scripts = m.scripts[1:]
			m.check(t, func() {})
			s.remove(t, 1+m.random.IntN(store.MaxBatch), nil)
			m.check(t, func() {})
			require.NoError(t, s.Apps().Delete(s.ctx, m.scripts[0].AppID))
			app := m.scripts[0].AppID
			m.rows = slices.DeleteFunc(m.rows, func(e store.Execution) bool { return e.AppID == app })
			m.scripts = m.scripts[2:]
			s.remove(t, 1+m.random.IntN(store.MaxBatch), nil)
			m.check(t, func() {})
			require.NoError(t, s.Apps().Delete(s.ctx, m.scripts[0].AppID)) // what is left is not the next seed's
			s.remove(t, store.MaxBatch, nil)
		})
	}
}
