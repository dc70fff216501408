package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// counts are of one execution of a kind, with an outcome, that took so long.
func counts(kind abi.InvocationType, outcome abi.ErrorCode, took time.Duration) (c store.Counts) {
	c.Count(&store.Execution{InvocationType: kind, Outcome: outcome, Duration: took, CPU: took / 2, Status: 200}, 7)
	return c
}

func testSeries(t *testing.T, s subject) {
	app, other := s.app(t, "counted"), s.app(t, "other")
	script, gone, foreign := s.script(t, app, "a"), s.script(t, app, "gone"), s.script(t, other, "a")
	require.NoError(t, s.Scripts().Delete(s.ctx, gone.ID))
	minute := time.Date(2026, 7, 1, 11, 59, 0, 0, time.UTC)
	ok, failed := counts(abi.InvocationHTTP, "", time.Millisecond), counts(abi.InvocationTrigger, abi.CodeTimeout, time.Second)
	sum := ok
	sum.Add(&failed)
	add := func(of store.Script, at time.Time, c store.Counts) {
		t.Helper()
		require.NoError(t, s.Series().Add(s.ctx, []store.Counted{{AppID: of.AppID, ScriptID: of.ID, At: at, Counts: c}}))
	}
	add(script, minute.Add(3*time.Second), ok)
	add(script, minute.Add(59*time.Second), failed)
	add(script, minute.Add(time.Minute), ok)
	add(foreign, minute, ok)
	add(gone, minute, ok)
	elsewhere := script
	elsewhere.AppID = other.ID
	add(elsewhere, minute, ok)
	require.NoError(t, s.Series().Add(s.ctx, []store.Counted{{AppID: "nothing", ScriptID: "nothing", At: minute, Counts: ok}}))
	require.NoError(t, s.Series().Add(s.ctx, nil))

	query := store.SeriesQuery{AppID: app.ID, ScriptID: script.ID, From: minute.Add(30 * time.Second), To: minute.Add(time.Hour), Kept: store.Minute, Step: store.Minute}
	list := func(change func(q *store.SeriesQuery)) []store.Piece {
		t.Helper()
		q := query
		if change != nil {
			change(&q)
		}
		pieces, err := s.Series().List(s.ctx, q)
		require.NoError(t, err)
		return pieces
	}
	require.Equal(t, []store.Piece{{At: minute, Counts: sum}, {At: minute.Add(time.Minute), Counts: ok}}, list(nil), "counts add up; the first piece is whole")
	require.Equal(t, []store.Piece{{At: minute, Counts: sum}}, list(func(q *store.SeriesQuery) { q.To = minute.Add(time.Minute) }), "before the end")

	all := sum
	all.Add(&ok)
	hourly := func(q *store.SeriesQuery) { q.Kept, q.Step = store.Hour, store.Hour }
	require.Equal(t, []store.Piece{{At: minute.Truncate(time.Hour), Counts: sum}, {At: minute.Add(time.Minute), Counts: ok}}, list(hourly))
	require.Equal(t, []store.Piece{{At: minute.Truncate(24 * time.Hour), Counts: all}}, list(func(q *store.SeriesQuery) { q.Kept, q.Step = store.Hour, 24*time.Hour }))
	require.Equal(t, []store.Piece{{At: minute.Add(-4 * time.Minute), Counts: sum}, {At: minute.Add(time.Minute), Counts: ok}},
		list(func(q *store.SeriesQuery) { q.Step = 5 * time.Minute }))

	ofApp := sum
	ofApp.Add(&ok) // of the script that is gone
	whole := func(q *store.SeriesQuery) { q.ScriptID = "" }
	require.Equal(t, []store.Piece{{At: minute, Counts: ofApp}, {At: minute.Add(time.Minute), Counts: ok}}, list(whole), "what an app did, it did")
	require.Empty(t, list(func(q *store.SeriesQuery) { q.ScriptID = gone.ID }))

	byScript := func(change func(q *store.SeriesQuery)) []store.ScriptCounts {
		t.Helper()
		q := query
		q.ScriptID = ""
		change(&q)
		scripts, err := s.Series().ByScript(s.ctx, q)
		require.NoError(t, err)
		return scripts
	}
	for _, change := range []func(q *store.SeriesQuery){
		func(*store.SeriesQuery) {},
		func(q *store.SeriesQuery) { q.ScriptID = script.ID },
		func(q *store.SeriesQuery) { q.To = minute.Add(90 * time.Minute) }, // with a full hour
		func(q *store.SeriesQuery) { q.From = minute.Add(-3 * time.Hour) },
		hourly,
	} {
		require.Equal(t, []store.ScriptCounts{{ScriptID: script.ID, ScriptName: "a", Counts: all}}, byScript(change))
	}
	require.Empty(t, byScript(func(q *store.SeriesQuery) { q.ScriptID = gone.ID }))
	many := s.app(t, "many")
	var counted []store.Counted
	for i := range store.MaxBusiest + 2 {
		of := s.script(t, many, fmt.Sprintf("s%03d", i))
		c := counts(abi.InvocationHTTP, "", time.Duration(i+1)*time.Millisecond)
		for range i {
			more := counts(abi.InvocationHTTP, "", time.Duration(i+1)*time.Millisecond)
			c.Add(&more)
		}
		counted = append(counted, store.Counted{AppID: many.ID, ScriptID: of.ID, At: minute, Counts: c})
	}
	require.NoError(t, s.Series().Add(s.ctx, counted))
	busiest := byScript(func(q *store.SeriesQuery) { q.AppID = many.ID })
	require.Len(t, busiest, store.MaxBusiest)
	for i, of := range busiest {
		require.Equal(t, fmt.Sprintf("s%03d", store.MaxBusiest+1-i), of.ScriptName)
		require.EqualValues(t, store.MaxBusiest+2-i, of.Executions())
	}

	// Whoever adds to the same pieces at once waits for the others.
	const writers, times = 4, 10
	together := minute.Add(10 * time.Minute)
	require.NoError(t, errors.Join(repeated(writers, times, func() error {
		return s.Series().Add(s.ctx, []store.Counted{{AppID: app.ID, ScriptID: script.ID, At: together, Counts: ok}, {AppID: other.ID, ScriptID: foreign.ID, At: together, Counts: ok}})
	})...))
	pieces := list(func(q *store.SeriesQuery) { q.From = together })
	require.Len(t, pieces, 1)
	require.EqualValues(t, writers*times, pieces[0].Executions())
	require.EqualValues(t, 7*writers*times, pieces[0].Counts[store.CountLogBytes])

	// Old ones go by their length, and with what they are of.
	remove := func(kept time.Duration, before time.Time) (n int) {
		n, err := s.Series().DeleteBefore(s.ctx, kept, before, 100)
		require.NoError(t, err)
		return n
	}
	require.NoError(t, s.Apps().Delete(s.ctx, many.ID))
	for n := 1; n > 0; {
		removed, err := s.Deletions().Remove(s.ctx, 1000)
		require.NoError(t, err)
		n = removed.Rows
	}
	require.Equal(t, 4, remove(store.Minute, minute.Add(time.Minute)), "of two scripts and two apps")
	require.Equal(t, 0, remove(store.Minute, minute.Add(time.Minute)))
	require.Len(t, list(nil), 2)
	require.Len(t, list(hourly), 2)
	_, err := s.Series().DeleteBefore(s.ctx, store.Minute, minute, 0)
	invalid(t, err, "limit", "must be between 1 and 1000, got 0")

	require.NoError(t, s.Scripts().Delete(s.ctx, script.ID))
	removed, err := s.Deletions().Remove(s.ctx, 1000)
	require.NoError(t, err)
	require.NotZero(t, removed.Rows)
	require.Empty(t, list(hourly))
	require.NotEmpty(t, list(whole))
	require.NoError(t, s.Apps().Delete(s.ctx, app.ID))
	_, err = s.Deletions().Remove(s.ctx, 1000)
	require.NoError(t, err)
	require.Empty(t, list(whole))
	require.NotEmpty(t, list(func(q *store.SeriesQuery) { q.AppID, q.ScriptID = other.ID, foreign.ID; q.From = together }))
}

// repeated has so many goroutines do something so many times each.
func repeated(n, times int, do func() error) []error {
	return all(n, func(int) error {
		for range times {
			if err := do(); err != nil {
				return errors.Join(err, errors.Unwrap(err))
			}
		}
		return nil
	})
}
