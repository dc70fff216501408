package background_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/background"
)

// services makes one of each kind, and says how often it has worked.
var services = []struct {
	name string
	make func(worked *atomic.Int64) background.Service
}{
	{"task", func(worked *atomic.Int64) background.Service {
		return background.NewTask(background.TaskConfig{Name: "task", Every: time.Hour, Run: func(context.Context) error { worked.Add(1); return nil }})
	}},
	{"sweep", func(worked *atomic.Int64) background.Service {
		return background.NewSweep("old", "things", time.Hour, slog.New(slog.DiscardHandler), func(context.Context) (int, error) { return int(worked.Add(1)), nil })
	}},
	{"batch", func(worked *atomic.Int64) background.Service {
		b := background.NewBatch(background.BatchConfig[int]{
			Name: "batch", Size: 1,
			Write:  func(_ context.Context, items []int) error { worked.Add(int64(len(items))); return nil },
			GaveUp: func([]int, error) {},
		})
		b.Add(1)
		return b
	}},
	{"group", func(worked *atomic.Int64) background.Service {
		return background.Group{background.NewTask(background.TaskConfig{Name: "member", Every: time.Hour,
			Run: func(context.Context) error { worked.Add(1); return nil }})}
	}},
}

// The lifecycle is the same for every kind of service.
func TestLifecycle(t *testing.T) {
	for _, c := range []struct {
		name   string
		do     func(t *testing.T, s background.Service)
		worked int64
	}{
		{"nothing happens before Start", func(*testing.T, background.Service) {}, 0},
		{"it works once started", func(_ *testing.T, s background.Service) { s.Start() }, 1},
		{"a second Start does nothing", func(_ *testing.T, s background.Service) { s.Start(); s.Start() }, 1},
		{"after a Stop it never starts", func(t *testing.T, s background.Service) { require.NoError(t, s.Stop(t.Context())); s.Start() }, 0},
		{"what was stopped stays stopped", func(t *testing.T, s background.Service) {
			s.Start()
			synctest.Wait()
			require.NoError(t, s.Stop(t.Context()))
			s.Start()
			time.Sleep(48 * time.Hour)
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, kind := range services {
				t.Run(kind.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						var worked atomic.Int64
						s := kind.make(&worked)
						c.do(t, s)
						synctest.Wait()
						assert.Equal(t, c.worked, worked.Load())
						require.NoError(t, s.Stop(t.Context()))
						require.NoError(t, s.Stop(t.Context()), "a second Stop finds nothing to do")
						ended, cancel := context.WithCancel(t.Context())
						cancel()
						require.NoError(t, s.Stop(ended), "whatever its context")
					})
				})
			}
		})
	}
}

func TestManyMayStartAndStop(t *testing.T) {
	for _, kind := range services {
		t.Run(kind.name, func(t *testing.T) {
			var worked atomic.Int64
			s := kind.make(&worked)
			var all sync.WaitGroup
			for range 8 {
				all.Go(s.Start)
				all.Go(func() { assert.NoError(t, s.Stop(context.Background())) })
			}
			all.Wait()
			assert.LessOrEqual(t, worked.Load(), int64(1))
		})
	}
}

// One service that does not end keeps no other from its end, and is named.
func TestGroupStopsAllAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		takes := func(name string, d time.Duration) *background.Task {
			return background.NewTask(background.TaskConfig{Name: name, Run: func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(d)
				return nil
			}})
		}
		slow, slower, stuck := takes("slow", 4*time.Second), takes("slower", 5*time.Second), takes("stuck", time.Hour)
		group := background.Group{stuck, slow, background.Group{slower}}
		group.Start()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		err := group.Stop(ctx)
		require.EqualError(t, err, "stuck did not stop in time: context deadline exceeded")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		<-slow.Done()
		<-slower.Done()
		require.NoError(t, group.Stop(t.Context()), "one who has more time waits on")
	})
}

func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, text := transcript()
		round := 0
		s := background.NewSweep("old", "things", time.Hour, log, func(context.Context) (int, error) {
			if round++; round == 2 {
				return 1, errors.New("no reply")
			}
			return 3 * (round % 2), nil
		})
		swept, ran := s.Swept(), s.Ran()
		s.Start()
		assert.EqualValues(t, 3, next(t, swept))
		require.NoError(t, next(t, ran))
		require.EqualError(t, next(t, ran), "no reply")
		assert.EqualValues(t, 3, next(t, swept), "the next one that succeeds")
		assert.EqualValues(t, 0, next(t, swept))
		require.NoError(t, s.Stop(t.Context()))
		assert.Contains(t, text.String(), `level=INFO msg="old things removed" things=3`)
		assert.Contains(t, text.String(), `level=INFO msg="old things removed" things=1`)
		assert.NotContains(t, text.String(), `things=0`)
		assert.Contains(t, text.String(), `level=ERROR msg="background task failed" task="sweep of old things" error="no reply"`)
	})
}

func TestSignal(t *testing.T) {
	var s background.Signal[string]
	s.Send("nobody listens")
	early := s.Subscribe()
	s.Send("one")
	late := s.Subscribe()
	s.Send("two")
	assert.Equal(t, "one", next(t, early))
	assert.Equal(t, "two", next(t, early))
	assert.Equal(t, "two", next(t, late), "not what was sent before")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := late.Next(ctx)
	require.ErrorIs(t, err, context.Canceled)

	var received sync.Map
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { received.Store(next(t, late), true) })
		all.Go(func() { s.Send(time.Now().String()) })
	}
	all.Wait() // nobody waits for what another took
}
