package events

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// waiting is a store with so many events, which takes 10 ms to count them.
type waiting struct {
	store.Store
	n, counts int
}

func (w *waiting) Outbox() store.Outbox { return waitingOutbox{of: w} }

type waitingOutbox struct {
	store.Outbox
	of *waiting
}

func (w waitingOutbox) Count(_ context.Context, _ string, most int) (int, error) {
	time.Sleep(10 * time.Millisecond)
	w.of.counts++
	return min(w.of.n, most), nil
}

// An app at its bound is refused without a count each time, one that is below is let through up to it, and what has been
// handled is seen by the next count.
func TestTheBacklogIsNotCountedEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 100
		w := &waiting{n: 90}
		b := &backlog{most: func(string) int { return most }, apps: map[string]*counted{}}
		admit := func(n int) bool {
			err := b.admit(t.Context(), w, "a", n)
			if err == nil {
				w.n += n
			} else {
				require.Equal(t, fault.LimitExceeded, fault.Of(err))
			}
			return err == nil
		}
		admitted := 0
		for range 1000 {
			if admit(1) {
				admitted++
			}
		}
		assert.Equal(t, 10, admitted)
		assert.Equal(t, 1, w.counts)

		time.Sleep(countRest * 10 * time.Millisecond)
		for range 100 {
			require.False(t, admit(1))
		}
		assert.Equal(t, 2, w.counts)

		w.n = 60 // the others were handled
		time.Sleep(countRest * 10 * time.Millisecond)
		require.False(t, admit(41))
		require.True(t, admit(40))
		require.False(t, admit(1))
		assert.Equal(t, 3, w.counts)

		w.n = 0
		time.Sleep(time.Hour)
		for range most / 4 {
			require.True(t, admit(1))
		}
		assert.Equal(t, 4, w.counts)
		time.Sleep(time.Hour)
		require.True(t, admit(1))
		assert.Equal(t, 5, w.counts, "a part of the room is given out between two counts")
	})
}
