package background_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/background"
)

// next takes what a subscription is told next.
func next[T any](t *testing.T, s *background.Subscription[T]) T {
	t.Helper()
	value, err := s.Next(t.Context())
	require.NoError(t, err)
	return value
}

// transcript is a log that a test reads afterwards.
func transcript() (*slog.Logger, *bytes.Buffer) {
	var text bytes.Buffer
	return slog.New(slog.NewTextHandler(&text, nil)), &text
}

func TestTaskRunsAtOnceAndThenEverySoOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		ran := make(chan time.Duration)
		task := background.NewTask(background.TaskConfig{Name: "work", Every: time.Hour, Run: func(context.Context) error {
			ran <- time.Since(begin)
			time.Sleep(time.Minute) // Every counts from the end of a run
			return nil
		}})
		task.Start()
		assert.Equal(t, 0*time.Minute, <-ran)
		assert.Equal(t, 61*time.Minute, <-ran)
		assert.Equal(t, 122*time.Minute, <-ran)
		require.NoError(t, task.Stop(t.Context()))
	})
}

func TestTaskWithoutEveryRunsUntilItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, text := transcript()
		attempts := 0
		task := background.NewTask(background.TaskConfig{Name: "work", Log: log, Run: func(context.Context) error {
			if attempts++; attempts < 3 {
				return errors.New("not yet")
			}
			return nil
		}})
		task.Start()
		<-task.Done()
		assert.Equal(t, 3, attempts)
		assert.Contains(t, text.String(), `msg="background task failed" task=work error="not yet" failures=2 again_in=2s`)
		require.NoError(t, task.Stop(t.Context()))
	})
}

// Failures in a row are followed by longer and longer pauses, whatever the task's own rhythm.
func TestFailuresBackOff(t *testing.T) {
	for _, c := range []struct {
		name       string
		every, max time.Duration
		after      []time.Duration // pauses between the runs
	}{
		{"a task that runs once", 0, 0, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute}},
		{"a hasty one", 100 * time.Millisecond, 0, []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}},
		{"one that must not wait for long", time.Second, 2 * time.Second, []time.Duration{time.Second, 2 * time.Second, 2 * time.Second}},
		{"one that must not wait at all longer", time.Second, time.Second, []time.Duration{time.Second, time.Second, time.Second}},
		{"an hourly one", time.Hour, 0, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second,
			64 * time.Second, 128 * time.Second, 256 * time.Second, 512 * time.Second, 1024 * time.Second, 2048 * time.Second, time.Hour, time.Hour}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				task := background.NewTask(background.TaskConfig{Name: "work", Every: c.every, MaxPause: c.max, Log: slog.New(slog.DiscardHandler),
					Run: func(context.Context) error { return errors.New("no reply") }})
				ran := task.Ran()
				task.Start()
				require.EqualError(t, next(t, ran), "no reply")
				for i, want := range c.after {
					before := time.Now()
					next(t, ran)
					assert.Equal(t, want, time.Since(before), "pause %d", i)
				}
				require.NoError(t, task.Stop(t.Context()))
			})
		})
	}
}

func TestSuccessEndsTheBackingOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outcomes := []error{errors.New("1"), errors.New("2"), nil, errors.New("4"), nil}
		begin, i := time.Now(), 0
		var at []time.Duration
		task := background.NewTask(background.TaskConfig{Name: "work", Every: time.Minute, Log: slog.New(slog.DiscardHandler), Run: func(context.Context) error {
			at = append(at, time.Since(begin))
			i++
			return outcomes[i-1]
		}})
		ran := task.Ran()
		task.Start()
		for range outcomes {
			next(t, ran)
		}
		require.NoError(t, task.Stop(t.Context()))
		assert.Equal(t, []time.Duration{0, time.Second, 3 * time.Second, 63 * time.Second, 64 * time.Second}, at)
	})
}

// An outage is told of by a few lines, however long it lasts, and so is its end.
func TestFailuresDoNotFloodTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, text := transcript()
		runs := 0
		task := background.NewTask(background.TaskConfig{Name: "poll", Every: time.Second, MaxPause: time.Second, Log: log, Run: func(context.Context) error {
			if runs++; runs > 3600 {
				return nil
			}
			return errors.New("no reply")
		}})
		task.Start()
		time.Sleep(2 * time.Hour)
		require.NoError(t, task.Stop(t.Context()))
		assert.Equal(t, 12, strings.Count(text.String(), `msg="background task failed" task=poll error="no reply"`), "1, 2, 4, ... 2048")
		assert.Equal(t, 1, strings.Count(text.String(), `level=INFO msg="background task works again" task=poll failures=3600`))
	})
}

// A task that did its work for long before it failed begins with short pauses again.
func TestLongRunEndsTheBackingOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		task := background.NewTask(background.TaskConfig{Name: "listen", Log: slog.New(slog.DiscardHandler), Run: func(context.Context) error {
			if runs++; runs == 5 {
				time.Sleep(time.Hour)
			}
			return errors.New("connection lost")
		}})
		ran := task.Ran()
		task.Start()
		for range 5 {
			next(t, ran)
		}
		before := time.Now()
		next(t, ran)
		assert.Equal(t, time.Second, time.Since(before))
		require.NoError(t, task.Stop(t.Context()))
	})
}

func TestPanicIsLoggedAndTheTaskGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, text := transcript()
		runs := 0
		task := background.NewTask(background.TaskConfig{Name: "work", Every: time.Hour, Log: log, Run: func(context.Context) error {
			if runs++; runs == 1 {
				panic("a defect")
			}
			return nil
		}})
		ran := task.Ran()
		task.Start()
		var defect *background.PanicError
		require.ErrorAs(t, next(t, ran), &defect)
		assert.Equal(t, "a defect", defect.Value)
		require.NoError(t, next(t, ran), "the next run, a second later")
		require.NoError(t, task.Stop(t.Context()))
		assert.Contains(t, text.String(), `level=ERROR msg="background task panicked" task=work error="panic: a defect" stack=`)
		assert.Contains(t, text.String(), "TestPanicIsLoggedAndTheTaskGoesOn", "the stack shows where")
	})
}

func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, fails := time.Now(), false
		running, goOn := make(chan time.Duration), make(chan struct{})
		task := background.NewTask(background.TaskConfig{Name: "work", Every: time.Hour, Log: slog.New(slog.DiscardHandler), Run: func(context.Context) error {
			running <- time.Since(begin)
			<-goOn
			if fails {
				return errors.New("no reply")
			}
			return nil
		}})
		task.Start()
		require.Zero(t, <-running)
		for range 3 {
			task.Wake() // during a run: it may have missed what we know of
		}
		goOn <- struct{}{}
		require.Zero(t, <-running, "once more, at once")
		goOn <- struct{}{}
		synctest.Wait()
		time.Sleep(time.Minute)
		task.Wake()
		require.Equal(t, time.Minute, <-running)
		fails = true
		goOn <- struct{}{}
		synctest.Wait()
		task.Wake()
		require.Equal(t, time.Minute+time.Second, <-running, "not before the pause after a failure")
		goOn <- struct{}{}
		require.NoError(t, task.Stop(t.Context()))
	})
}

func TestStopEndsTheContextOfARun(t *testing.T) {
	log, text := transcript()
	began := make(chan struct{})
	task := background.NewTask(background.TaskConfig{Name: "work", Every: time.Hour, Log: log, Run: func(ctx context.Context) error {
		close(began)
		<-ctx.Done()
		return ctx.Err()
	}})
	task.Start()
	<-began
	require.NoError(t, task.Stop(t.Context()))
	assert.Empty(t, text.String(), "being stopped is no failure")
}

// What must be finished is given until the context of Stop ends.
func TestGrace(t *testing.T) {
	for _, c := range []struct {
		name string
		work time.Duration // that is left to do
		err  error
	}{
		{"is enough", 9 * time.Second, nil},
		{"is not enough", 11 * time.Second, context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				finished := make(chan error, 1)
				task := background.NewTask(background.TaskConfig{Name: "work", Run: func(ctx context.Context) error {
					<-ctx.Done()
					select {
					case <-time.After(c.work):
						finished <- nil
					case <-background.Grace(ctx).Done():
						finished <- context.DeadlineExceeded
					}
					return nil
				}})
				task.Start()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				err := task.Stop(ctx)
				require.ErrorIs(t, err, c.err)
				if err != nil {
					assert.EqualError(t, err, "work did not stop in time: context deadline exceeded")
				}
				require.Equal(t, c.err, <-finished)
				<-task.Done()
			})
		})
	}
	ctx := t.Context()
	assert.Equal(t, ctx, background.Grace(ctx), "a context that is no run's has nothing more to give")
}
