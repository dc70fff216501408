package executions

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// archive is a real store with a script to record executions of.
type archive struct {
	store.Store
	t      *testing.T
	script store.Script
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	ctx := context.Background()
	db, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	app, err := db.Apps().Create(ctx, store.App{Slug: "app", Name: "App"})
	require.NoError(t, err)
	script, err := db.Scripts().Create(ctx, store.Script{AppID: app.ID, Name: "s", Kind: abi.KindEndpoint, Source: "1"})
	require.NoError(t, err)
	return &archive{db, t, script}
}

// recorder makes a recorder that has begun.
func (a *archive) recorder() *Recorder {
	return a.started(NewRecorder(a.Executions(), slog.New(slog.DiscardHandler), prometheus.NewRegistry(), 0))
}

func (a *archive) started(r *Recorder) *Recorder {
	r.Start()
	a.t.Cleanup(func() { _ = r.Stop(context.Background()) })
	return r
}

func (a *archive) execution(lines ...string) store.Execution {
	e := store.Execution{
		ID: uuid.Must(uuid.NewV7()).String(), AppID: a.script.AppID, ScriptID: a.script.ID, ScriptVersion: 1,
		InvocationType: abi.InvocationHTTP, Status: 200, StartedAt: time.Now().UTC(),
	}
	for i, line := range lines {
		e.Lines = append(e.Lines, store.LogLine{Seq: i, At: time.Now().UTC(), Level: abi.LogInfo, Message: line})
	}
	return e
}

func (a *archive) recorded() (n int) {
	a.t.Helper()
	page := store.PageRequest{Limit: store.MaxPageSize}
	for {
		got, err := a.Executions().List(context.Background(), store.ExecutionQuery{AppID: a.script.AppID, ScriptID: a.script.ID, Page: page})
		require.NoError(a.t, err)
		n += len(got.Items)
		if page.Cursor = got.Next; page.Cursor == "" {
			return n
		}
	}
}

// block keeps the store from writing until the answer is called.
func (a *archive) block() (release func()) {
	a.t.Helper()
	began, end, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- a.InTx(context.Background(), func(tx store.Store) error {
			close(began)
			<-end
			return nil
		})
	}()
	<-began
	return func() {
		close(end)
		require.NoError(a.t, <-done)
	}
}

func TestFlushShowsWhatWasAdded(t *testing.T) {
	a := newArchive(t)
	r := a.recorder()
	e := a.execution("one", "two")
	r.Add(e)
	require.NoError(t, r.Flush(context.Background()))
	got, err := a.Executions().Get(context.Background(), e.ID)
	require.NoError(t, err)
	require.Len(t, got.Lines, 2)
	assert.Equal(t, "two", got.Lines[1].Message)
	require.NoError(t, r.Flush(context.Background()), "nothing waits")
}

func TestStopWritesEverything(t *testing.T) {
	a := newArchive(t)
	r := a.recorder()
	const each = 3 * batchSize / 4
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range each {
				r.Add(a.execution("line"))
			}
		})
	}
	wg.Wait()
	require.NoError(t, r.Stop(context.Background()))
	assert.Equal(t, 4*each, a.recorded())
	r.Add(a.execution())
	require.NoError(t, r.Flush(context.Background()))
	assert.Equal(t, 4*each, a.recorded())
	assert.EqualValues(t, 1, testutil.ToFloat64(r.droppedExecutions), "what comes after Stop is counted")
}

func TestWithoutFlushItIsWrittenSoon(t *testing.T) {
	a := newArchive(t)
	r := a.recorder()
	written := r.Written()
	began := time.Now()
	r.Add(a.execution("line"))
	n, err := written.Next(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	assert.Equal(t, 1, a.recorded())
	assert.GreaterOrEqual(t, time.Since(began), linger)
}

// announced is a store that tells when a write begins.
type announced struct {
	store.Executions
	began chan struct{}
}

func (s announced) Record(ctx context.Context, batch []store.Execution) error {
	s.began <- struct{}{}
	return s.Executions.Record(ctx, batch)
}

func TestSlowStoreNeitherBlocksNorGrows(t *testing.T) {
	a := newArchive(t)
	s := announced{a.Executions(), make(chan struct{}, 10)}
	r := a.started(newRecorder(s, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), 100, 101*recordBytes+10_000))
	release := a.block()
	r.Add(a.execution()) // the writer takes it and waits
	<-s.began

	var added []store.Execution
	for range 120 {
		e := a.execution(strings.Repeat("x", 1000))
		added = append(added, e)
		r.Add(e)
		assert.LessOrEqual(t, r.Waiting(), 100)
	}
	release()
	require.NoError(t, r.Flush(context.Background()))
	assert.Equal(t, 101, a.recorded())
	assert.EqualValues(t, 20, testutil.ToFloat64(r.droppedExecutions), "the oldest go last")
	const keep = 10_000 / (1000 + 64)
	assert.EqualValues(t, 120-keep, testutil.ToFloat64(r.droppedLines), "their lines go first")
	for i, e := range added[20:] {
		got, err := a.Executions().Get(t.Context(), e.ID)
		require.NoError(t, err)
		assert.Equal(t, i >= 100-keep, len(got.Lines) == 1, "lines of execution %d", i)
	}
}

func TestFlushEndsWithItsContext(t *testing.T) {
	a := newArchive(t)
	r := a.recorder()
	release := a.block()
	r.Add(a.execution())
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, r.Flush(ctx), context.DeadlineExceeded)
	release()
	require.NoError(t, r.Flush(context.Background()))
	assert.Equal(t, 1, a.recorded())
}

func TestFailingStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that the pauses between attempts take no time
		a := newArchive(t)
		r := a.recorder()
		require.NoError(t, a.Close())
		r.Add(a.execution("line"))
		require.NoError(t, r.Flush(context.Background()))
		assert.EqualValues(t, 4, testutil.ToFloat64(r.failures))
		assert.EqualValues(t, 1, testutil.ToFloat64(r.droppedExecutions))
		require.NoError(t, r.Stop(context.Background()))
	})
}

func TestRetention(t *testing.T) {
	a := newArchive(t)
	ctx := context.Background()
	var old []store.Execution
	for i := range store.MaxBatch + 5 {
		e := a.execution(fmt.Sprint(i))
		e.StartedAt = e.StartedAt.Add(-48 * time.Hour)
		old = append(old, e)
	}
	require.NoError(t, a.Executions().Record(ctx, append(old, a.execution("young"))))
	retention := NewRetention(a.Executions(), 24*time.Hour, slog.New(slog.DiscardHandler))
	swept := retention.Swept()
	retention.Start()
	n, err := swept.Next(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, len(old), n)
	assert.Equal(t, 1, a.recorded())
	require.NoError(t, retention.Stop(ctx))
}

func BenchmarkRecorderAdd(b *testing.B) {
	r := NewRecorder(nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry(), 0) // never started
	e := store.Execution{Lines: []store.LogLine{{Message: "hello"}}}
	b.ReportAllocs()
	for b.Loop() {
		r.Add(e)
	}
}

func BenchmarkSeriesCount(b *testing.B) {
	c := newSeries(nil, slog.New(slog.DiscardHandler), prometheus.NewRegistry()) // never started
	e := store.Execution{AppID: uuid.NewString(), ScriptID: uuid.NewString(), InvocationType: abi.InvocationHTTP, Status: 200, Duration: time.Millisecond,
		Lines: []store.LogLine{{Message: "hello"}}}
	b.ReportAllocs()
	for b.Loop() {
		c.count(&e)
	}
}
