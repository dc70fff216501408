package budget

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
)

func TestShares(t *testing.T) {
	b := New(8 << 20)
	large, other := b.Share(-1), b.Share(10<<20)
	require.NoError(t, large.Grow(t.Context(), 6<<20))
	require.NoError(t, large.Grow(t.Context(), 1<<20))
	assert.EqualValues(t, 7<<20, large.Held())

	small := b.Share(Small)
	require.NoError(t, small.Grow(t.Context(), Small), "a part is kept for what is small")
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		err := other.Grow(t.Context(), 1)
		assert.Equal(t, fault.Overloaded, fault.Of(err))
		assert.Equal(t, time.Second, fault.From(err).RetryAfter)
		assert.Equal(t, patience, time.Since(start))
		assert.Zero(t, other.Held())

		ctx, cancel := context.WithTimeout(t.Context(), patience/2)
		defer cancel()
		assert.ErrorIs(t, other.Grow(ctx, 1), context.DeadlineExceeded)
	})
	large.Release()
	require.NoError(t, other.Grow(t.Context(), 7<<20))
	small.Release()
	other.Release()
	require.NoError(t, b.Share(-1).Grow(t.Context(), 7<<20), "everything was given back")
}

// Whoever waits is served in turn: one that needs much is not passed over for ever.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(8 << 20)
		first := b.Share(-1)
		require.NoError(t, first.Grow(t.Context(), 7<<20))
		var order []string
		for _, want := range []struct {
			name string
			n    int64
		}{{"much", 7 << 20}, {"little", 1 << 20}} {
			go func() {
				if b.Share(-1).Grow(t.Context(), want.n) == nil {
					order = append(order, want.name)
				}
			}()
			synctest.Wait()
		}
		first.Release()
		synctest.Wait()
		assert.Equal(t, []string{"much"}, order)
	})
}

func TestDefault(t *testing.T) {
	assert.Greater(t, New(0).Size(), int64(16<<20))
}

// What is in memory already waits for its turn only while not too much of it does.
func TestAdopt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(1024)
		first := b.Share(-1)
		require.NoError(t, first.Adopt(t.Context(), 896)) // all but what is kept for what is small
		waiting := make(chan error, 1)
		go func() { waiting <- b.Share(-1).Adopt(t.Context(), 400) }()
		synctest.Wait()
		start := time.Now()
		require.Equal(t, fault.Overloaded, fault.Of(b.Share(-1).Adopt(t.Context(), 200)), "beside the 400 that wait")
		require.Zero(t, time.Since(start), "at once")
		first.Release()
		require.NoError(t, <-waiting)
	})
}
