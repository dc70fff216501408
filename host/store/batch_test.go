package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBatchesBecomeLargerUpToTheLimit(t *testing.T) {
	left, asked := 500, []int{}
	n, err := InBatches(t.Context(), 100, func(_ context.Context, limit int) (int, error) {
		asked = append(asked, limit)
		n := min(left, limit)
		left -= n
		return n, nil
	})
	require.NoError(t, err)
	assert.Equal(t, 500, n)
	assert.Equal(t, firstBatch, asked[0])
	for _, limit := range asked {
		assert.LessOrEqual(t, limit, 100)
	}
}

func TestABatchThatTakesLongIsFollowedByASmallerOne(t *testing.T) {
	for _, c := range []struct {
		batch int
		took  time.Duration
		want  int
	}{
		{32, time.Millisecond, 64},
		{64, 19 * time.Millisecond, 100},
		{100, 40 * time.Millisecond, 50},
		{100, time.Second, 2},
		{1, time.Hour, 1},
	} {
		assert.Equal(t, c.want, nextBatch(c.batch, 100, c.took), "%d in %v", c.batch, c.took)
	}
}

func TestBatchesEnd(t *testing.T) {
	broken := errors.New("broken")
	n, err := InBatches(t.Context(), 10, func(context.Context, int) (int, error) { return 3, broken })
	assert.Equal(t, 3, n)
	assert.Equal(t, broken, err)

	ctx, cancel := context.WithCancel(t.Context())
	n, err = InBatches(ctx, 10, func(_ context.Context, limit int) (int, error) { cancel(); return limit, nil })
	assert.Equal(t, 10, n)
	assert.ErrorIs(t, err, context.Canceled)
}
