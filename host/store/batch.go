package store

import (
	"context"
	"time"
)

// MaxBatch is how many rows a method removes at most that removes some at a time.
const MaxBatch = 1000

const (
	// firstBatch is how many rows the first batch has: nobody knows yet how long a row takes.
	firstBatch = 32
	// batchTime is how long a batch should take: for about as long others wait for it.
	batchTime = 20 * time.Millisecond
	// longestRest bounds the rest after a batch.
	longestRest = 100 * time.Millisecond
)

// InBatches calls remove until it removes less than it may, and returns how many it removed in all.
// Each batch is a transaction of its own, of limit rows at most, and of fewer when they take longer
// than 20 ms; and after each there is as long a rest. So other writers get their turn in between.
func InBatches(ctx context.Context, limit int, remove func(ctx context.Context, limit int) (int, error)) (removed int, err error) {
	for batch := min(limit, firstBatch); ; {
		began := time.Now()
		n, err := remove(ctx, batch)
		took := time.Since(began)
		removed += n
		if err != nil || n < batch {
			return removed, err
		}
		batch = nextBatch(batch, limit, took)
		rest := time.NewTimer(min(took, longestRest))
		select {
		case <-rest.C:
		case <-ctx.Done():
			rest.Stop()
			return removed, Failed("remove rows", ctx.Err())
		}
	}
}

// nextBatch is how many rows come after a batch that took so long: twice as many, or as many as
// would have taken batchTime.
func nextBatch(batch, limit int, took time.Duration) int {
	if took < batchTime {
		return min(2*batch, limit)
	}
	return max(int(int64(batch)*int64(batchTime)/int64(took)), 1)
}
