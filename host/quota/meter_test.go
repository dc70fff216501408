package quota

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
)

// database is what apps have by the database.
type database struct {
	mu    sync.Mutex
	bytes map[string]int64
	reads int
	fails error
}

func (d *database) read(_ context.Context, appID string) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads++
	return d.bytes[appID], d.fails
}

func (d *database) write(appID string, bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bytes[appID] += bytes
}

// of is a quota of every app.
func of(quota int64) func(string) int64 { return func(string) int64 { return quota } }

func TestMeter(t *testing.T) {
	d := &database{bytes: map[string]int64{"a": 50}}
	m := NewMeter("documents", of(100), d.read)
	now := time.Now()
	m.now = func() time.Time { return now }
	admit := func(app string, bytes int) error { return m.Admit(t.Context(), app, bytes) }

	require.NoError(t, admit("a", 20))
	require.NoError(t, admit("a", 30))
	assert.Equal(t, 1, d.reads, "it is read once")
	require.NoError(t, admit("b", 100), "another app has bytes of its own")

	d.write("a", 50) // as was admitted
	now = now.Add(rereadPause)
	err := admit("a", 1)
	assert.Equal(t, fault.Quota, fault.Of(err))
	assert.EqualError(t, err, "the documents of the app may have 100 bytes in all: they have 100, and 1 more were to come")
	d.write("a", -10)
	m.Forget()
	require.NoError(t, admit("a", 10), "it is read anew at once")
	now = now.Add(rereadPause)
	require.NoError(t, admit("a", 10), "deleting makes room")
	reads := d.reads
	for range 10 {
		require.Error(t, admit("a", 1))
	}
	assert.Equal(t, reads, d.reads, "who is refused costs nothing")

	d.write("b", 100)
	d.write("b", -100)
	require.NoError(t, admit("b", 1), "what was overwritten does not count")
	d.write("b", 100) // by another node
	now = now.Add(rereadAfter)
	assert.Error(t, admit("b", 1), "is seen in time")

	d.fails = errors.New("down")
	assert.ErrorIs(t, admit("c", 1), d.fails)
}

func TestNoQuota(t *testing.T) {
	require.NoError(t, (*Meter)(nil).Admit(t.Context(), "a", 1))
	require.NoError(t, NewMeter("documents", of(0), nil).Admit(t.Context(), "a", 1<<40))
}

// Whoever writes at the same time, no more is admitted than there is room for.
func TestMeterIsNotOutrun(t *testing.T) {
	d := &database{bytes: map[string]int64{}}
	m := NewMeter("documents", of(1000), d.read)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if m.Admit(t.Context(), "a", 1) == nil {
					d.write("a", 1)
				}
			}
		})
	}
	all.Wait()
	assert.LessOrEqual(t, d.bytes["a"], int64(1000+8), "but for what was under way when it was read")
	assert.GreaterOrEqual(t, d.bytes["a"], int64(1000))
}

func BenchmarkAdmit(b *testing.B) {
	m := NewMeter("documents", of(1<<60), func(context.Context, string) (int64, error) { return 0, nil })
	for b.Loop() {
		if err := m.Admit(b.Context(), "a", 100); err != nil {
			b.Fatal(err)
		}
	}
}

// Processor time is refused until the day is over, and counted as soon as an execution has had it.
func TestCPU(t *testing.T) {
	had, quota := 900*time.Millisecond, int64(1000)
	c := NewCPU(func(string) int64 { return quota }, func(context.Context, string) (time.Duration, error) { return had, nil })
	now := time.Date(2026, 1, 2, 23, 30, 0, 0, time.UTC)
	c.meter.now = func() time.Time { return now }
	require.NoError(t, c.Admit(t.Context(), "a"))
	c.Add("a", 50*time.Millisecond)
	require.NoError(t, c.Admit(t.Context(), "a"))
	c.Add("a", 50*time.Millisecond)
	had = time.Second
	now = now.Add(rereadPause)
	err := c.Admit(t.Context(), "a")
	require.Equal(t, fault.RateLimited, fault.Of(err))
	assert.Equal(t, 30*time.Minute-rereadPause, fault.From(err).RetryAfter)
	assert.EqualError(t, err, "the executions of the app have had the 1s of processor time that they may have on a day (UTC)")
	quota = 1100
	require.NoError(t, c.Admit(t.Context(), "a"), "an administrator allows more")
	quota = 1000
	had, now = 0, now.Add(31*time.Minute)
	require.NoError(t, c.Admit(t.Context(), "a"), "on the next day")
	quota = 0
	c.Add("a", time.Hour)
	require.NoError(t, c.Admit(t.Context(), "a"))
	require.NoError(t, (*CPU)(nil).Admit(t.Context(), "a"))
	(*CPU)(nil).Add("a", time.Hour)
}
