package ending_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/host/background/ending"
)

type key struct{}

var errWhy = errors.New("why")

// derivations are the ways in which another context may come of one.
var derivations = map[string]func(context.Context) (context.Context, func()){
	"itself": func(ctx context.Context) (context.Context, func()) { return ctx, func() {} },
	"ending": func(ctx context.Context) (context.Context, func()) {
		c := ending.Under(ctx)
		return c, func() { c.End(context.Canceled) }
	},
	"with a value": func(ctx context.Context) (context.Context, func()) { return ending.WithValue(ctx, key{}, 1), func() {} },
	"with a value of context": func(ctx context.Context) (context.Context, func()) {
		return context.WithValue(ctx, key{}, 1), func() {}
	},
	"context.WithCancel": func(ctx context.Context) (context.Context, func()) { c, end := context.WithCancel(ctx); return c, end },
	"context.WithTimeout": func(ctx context.Context) (context.Context, func()) {
		c, end := context.WithTimeout(ctx, time.Hour)
		return c, end
	},
	"ending, of one of package context": func(ctx context.Context) (context.Context, func()) {
		within, end := context.WithCancel(ctx)
		return ending.Under(within), end
	},
}

// Whatever is derived, in two steps, ends when the first one does, whether somebody waits for its channel, by AfterFunc, or looks.
func TestDerivedEnd(t *testing.T) {
	for first, derive := range derivations {
		for second, again := range derivations {
			t.Run(first+"/"+second, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := ending.Under(ending.WithValue(t.Context(), "name", "value"))
					one, endOne := derive(c)
					two, endTwo := again(one)
					told, stopped := 0, 0
					context.AfterFunc(two, func() { told++ })
					stop := context.AfterFunc(two, func() { stopped++ })
					assert.True(t, stop())
					assert.False(t, stop())
					synctest.Wait()
					assert.NoError(t, two.Err())
					select {
					case <-two.Done():
						t.Error("has ended")
					default:
					}
					assert.Equal(t, "value", two.Value("name"))

					c.End(errWhy)
					c.End(errors.New("not again"))
					<-two.Done()
					synctest.Wait()
					assert.Equal(t, context.Canceled, two.Err())
					assert.Equal(t, errWhy, c.Cause())
					assert.Equal(t, 1, told)
					assert.Zero(t, stopped)
					late := make(chan struct{})
					assert.False(t, context.AfterFunc(two, func() { close(late) })())
					<-late
					endTwo()
					endOne()
				})
			})
		}
	}
}

// One ends by its parent's cause, and its own end is not its parent's.
func TestCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, end := context.WithCancelCause(t.Context())
		child := ending.Under(parent)
		grandchild := ending.Under(ending.WithValue(child, key{}, 2))
		other := ending.Under(child)
		other.End(context.Canceled)
		assert.NoError(t, child.Cause())
		assert.Equal(t, 2, grandchild.Value(key{}))
		end(errWhy)
		synctest.Wait()
		assert.Equal(t, errWhy, child.Cause())
		assert.Equal(t, errWhy, grandchild.Cause())
		assert.Equal(t, context.Canceled, other.Cause())
		assert.Equal(t, errWhy, func() error {
			late := ending.Under(child)
			synctest.Wait()
			return late.Cause()
		}())
	})
}

// Who looks sees a parent's end at once.
func TestEndsAtOnce(t *testing.T) {
	for range 1000 {
		parent, end := context.WithCancelCause(t.Context())
		one := ending.Under(ending.WithValue(ending.Under(parent), key{}, 2))
		two := ending.Under(parent)
		end(errWhy)
		assert.Equal(t, errWhy, one.Cause())
		assert.Equal(t, context.Canceled, two.Err())
		<-one.Done()
		<-two.Done()
	}
}

// What package context derives from one tells of its parent's cause, and of none that is its own.
func TestCauseOfDerived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, own := range []bool{false, true} {
			parent, endParent := context.WithCancelCause(t.Context())
			c := ending.Under(ending.WithValue(parent, key{}, 2))
			derived, end := context.WithTimeout(c, time.Hour)
			want := errWhy
			if own {
				want = context.Canceled
				c.End(errors.New("own"))
				<-derived.Done()
			}
			endParent(errWhy)
			<-derived.Done()
			assert.Equal(t, want, context.Cause(derived))
			end()
		}
	})
}

// The deadline of a parent is that of whoever is below.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, end := context.WithTimeout(t.Context(), time.Minute)
		defer end()
		c := ending.Under(ending.WithValue(parent, key{}, 3))
		until, bounded := c.Deadline()
		assert.True(t, bounded)
		assert.Equal(t, time.Minute, time.Until(until))
		<-c.Done()
		assert.Equal(t, context.DeadlineExceeded, c.Cause())
	})
}

// BenchmarkExecution is what an execution makes of contexts: a request's, of it one with two values, its own, and of it what
// interrupts the guest.
func BenchmarkExecution(b *testing.B) {
	b.Run("ending", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			request := ending.Under(context.Background())
			execution := ending.Under(ending.WithValue(ending.WithValue(request, key{}, request), errWhy, request))
			stop := execution.AfterFunc(func() {})
			stop()
			execution.End(errWhy)
			request.End(errWhy)
		}
	})
	b.Run("context", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			request, end := context.WithCancel(context.Background())
			execution, cancel := context.WithCancelCause(context.WithValue(context.WithValue(request, key{}, request), errWhy, request))
			stop := context.AfterFunc(execution, func() {})
			stop()
			cancel(errWhy)
			end()
		}
	})
}
