// Package budget bounds the memory that everything in flight holds together: bodies of requests,
// answers that are being sent, records that wait to be written. Who needs more than there is waits
// its turn, briefly, and is refused then.
package budget

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/picloud/picloud/host/fault"
)

// Small is the size up to which something has a part of every budget to itself, so that it is served
// when large things have taken all else: 64 KiB.
const Small = 64 << 10

// patience is how long anything waits for its turn.
const patience = 2 * time.Second

// Budget is a number of bytes. It is safe for use by several goroutines.
type Budget struct {
	size, kept int64
	common     *semaphore.Weighted
	small      *semaphore.Weighted // kept for what is small
	waiting    *semaphore.Weighted // what is in memory already, and waits for its turn
	patience   time.Duration
}

// New makes a budget of a size in bytes, an eighth of which is kept for what is small. 0 is an
// eighth of the memory that the process may use.
func New(size int64) *Budget {
	if size == 0 {
		size = memory() / 8
	}
	kept := size / 8
	return &Budget{
		size: size, kept: kept, patience: patience,
		common: semaphore.NewWeighted(size - kept), small: semaphore.NewWeighted(kept), waiting: semaphore.NewWeighted(size / 2),
	}
}

// Size returns the size in bytes.
func (b *Budget) Size() int64 { return b.size }

// Reserve takes n bytes for good, for what has a bound of its own. Call it before the first Share;
// n must be less than seven eighths of the size.
func (b *Budget) Reserve(n int64) {
	if !b.common.TryAcquire(n) {
		panic(fmt.Sprintf("budget: no %d of %d bytes to reserve", n, b.size))
	}
}

// A Share is what one request, answer or record holds of a budget. It is for one goroutine at a
// time.
type Share struct {
	budget        *Budget
	isSmall       bool
	common, small int64
}

// Share returns an empty share of something that will have a size of up to most bytes, or of a size
// that is not known: -1.
func (b *Budget) Share(most int64) *Share {
	return &Share{budget: b, isSmall: most >= 0 && most <= Small}
}

// Grow takes n bytes more. If there are none it waits for its turn, for two seconds at most. The
// error is a [fault.Overloaded], which says when to try again, or that of ctx.
func (s *Share) Grow(ctx context.Context, n int64) error {
	b := s.budget
	switch {
	case b.common.TryAcquire(n):
		s.common += n
		return nil
	case s.isSmall && b.small.TryAcquire(n):
		s.small += n
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, b.patience)
	defer cancel()
	if b.common.Acquire(waiting, n) == nil {
		s.common += n
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return refusal()
}

func refusal() error {
	return &fault.Error{
		Code: fault.Overloaded, Text: "the server holds as much of requests and answers as it may: try again later",
		RetryAfter: time.Second,
	}
}

// Adopt takes n bytes for what is in memory already. Waiting, it would hold what it waits for: so
// all that waits like this may have half of the budget's size, and what is beyond is refused at once.
func (s *Share) Adopt(ctx context.Context, n int64) error {
	if s.budget.common.TryAcquire(n) {
		s.common += n
		return nil
	}
	if !s.budget.waiting.TryAcquire(n) {
		return refusal()
	}
	defer s.budget.waiting.Release(n)
	return s.Grow(ctx, n)
}

// Held returns how many bytes the share holds.
func (s *Share) Held() int64 { return s.common + s.small }

// Release gives everything back. The share is empty then.
func (s *Share) Release() {
	if s.common > 0 {
		s.budget.common.Release(s.common)
	}
	if s.small > 0 {
		s.budget.small.Release(s.small)
	}
	s.common, s.small = 0, 0
}

// fallback is the memory of a machine that does not tell: 4 GiB.
const fallback = 4 << 30
