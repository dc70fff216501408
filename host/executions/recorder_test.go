package executions

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
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

func (a *archive) recorder() *Recorder {
	r := NewRecorder(a.Executions(), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	a.t.Cleanup(func() { _ = r.Close(context.Background()) })
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
		got, err := a.Executions().ListByScript(context.Background(), a.script.ID, page)
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

func TestCloseWritesEverything(t *testing.T) {
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
	require.NoError(t, r.Close(context.Background()))
	require.NoError(t, r.Close(context.Background()), "twice does no harm")
	assert.Equal(t, 4*each, a.recorded())
	r.Add(a.execution())
	require.NoError(t, r.Flush(context.Background()))
	assert.Equal(t, 4*each, a.recorded())
	assert.EqualValues(t, 1, testutil.ToFloat64(r.droppedExecutions), "what comes after Close is counted")
}

func TestWithoutFlushItIsWrittenSoon(t *testing.T) {
	a := newArchive(t)
	r := a.recorder()
	r.Add(a.execution("line"))
	require.Eventually(t, func() bool { return a.recorded() == 1 }, 5*time.Second, 5*time.Millisecond)
}

// trickle is a store during each of whose first writes another execution ends.
type trickle struct {
	store.Executions
	more   func() // adds one
	mu     sync.Mutex
	writes []time.Time
}

const trickleWrites = 3

func (s *trickle) Record(ctx context.Context, batch []store.Execution) error {
	s.mu.Lock()
	s.writes = append(s.writes, time.Now())
	more := len(s.writes) < trickleWrites
	s.mu.Unlock()
	if more {
		s.more()
	}
	return s.Executions.Record(ctx, batch)
}

func TestFewAreNotWrittenAtOnce(t *testing.T) {
	a := newArchive(t)
	s := &trickle{Executions: a.Executions()}
	r := NewRecorder(s, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	s.more = func() { r.Add(a.execution()) }
	s.more()
	require.Eventually(t, func() bool { return a.recorded() == trickleWrites }, 5*time.Second, 5*time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, write := range s.writes[1:] {
		assert.GreaterOrEqual(t, write.Sub(s.writes[i]), linger, "what ended during a write waits for more")
	}
}

func TestSlowStoreNeitherBlocksNorGrows(t *testing.T) {
	a := newArchive(t)
	r := a.recorder()
	r.maxQueued, r.maxBytes = 100, 10_000
	release := a.block()
	r.Add(a.execution()) // the writer takes it and waits
	require.Eventually(t, func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.queue) == 0
	}, 5*time.Second, time.Millisecond)

	first, last := a.execution(strings.Repeat("x", 1000)), a.execution(strings.Repeat("y", 1000))
	r.Add(first)
	for range 19 {
		r.Add(a.execution(strings.Repeat("z", 1000)))
	}
	r.Add(last)
	for i := range 2 * 100 { // more executions than it holds, without lines
		r.Add(a.execution())
		if i == 50 {
			r.mu.Lock()
			assert.Len(t, r.queue, 21+51)
			assert.LessOrEqual(t, r.bytes, 10_000)
			assert.Empty(t, r.queue[0].Lines, "the oldest lines go first")
			assert.NotEmpty(t, r.queue[20].Lines, "the newest stay")
			r.mu.Unlock()
		}
	}
	r.mu.Lock()
	assert.Len(t, r.queue, 100)
	assert.Zero(t, r.bytes)
	r.mu.Unlock()
	release()
	require.NoError(t, r.Flush(context.Background()))
	assert.Equal(t, 101, a.recorded())
	assert.EqualValues(t, 21+200-100, testutil.ToFloat64(r.droppedExecutions))
	assert.EqualValues(t, 21, testutil.ToFloat64(r.droppedLines))
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
	a := newArchive(t)
	r := a.recorder()
	r.firstPause = time.Millisecond
	require.NoError(t, a.Close())
	r.Add(a.execution("line"))
	require.NoError(t, r.Flush(context.Background()))
	assert.EqualValues(t, writeAttempts, testutil.ToFloat64(r.failures))
	assert.EqualValues(t, 1, testutil.ToFloat64(r.droppedExecutions))
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
	n, err := removeOlder(ctx, a.Executions(), time.Now().Add(-24*time.Hour))
	require.NoError(t, err)
	assert.EqualValues(t, len(old), n)
	assert.Equal(t, 1, a.recorded())
}

func BenchmarkRecorderAdd(b *testing.B) {
	r := &Recorder{maxQueued: maxQueued, maxBytes: maxQueuedBytes,
		wake: make(chan struct{}, 1), full: make(chan struct{}, 1),
		droppedLines:      prometheus.NewCounter(prometheus.CounterOpts{Name: "l"}),
		droppedExecutions: prometheus.NewCounter(prometheus.CounterOpts{Name: "e"})}
	e := store.Execution{Lines: []store.LogLine{{Message: "hello"}}}
	b.ReportAllocs()
	for b.Loop() {
		r.Add(e)
	}
}
