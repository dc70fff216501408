package turns

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	waitLong = 10 * time.Second
	tick     = time.Millisecond
)

// An app that asks first and often does not get every place, and others come in between.
func TestTheQueueIsFair(t *testing.T) {
	q := New(2, 1)
	var order []string
	leaves := map[string][]func(){}
	served := make(chan string)
	ask := func(app string) {
		entered := make(chan struct{})
		go func() {
			close(entered)
			leave, err := q.Enter(context.Background(), app)
			require.NoError(t, err)
			q.mu.Lock()
			leaves[app] = append(leaves[app], leave)
			q.mu.Unlock()
			served <- app
		}()
		<-entered
	}
	waiting := func(app string, n int) {
		require.Eventually(t, func() bool {
			return q.Waiting(app) == n
		}, waitLong, tick)
	}
	next := func() string {
		app := <-served
		order = append(order, app)
		return app
	}
	leave := func(app string) {
		q.mu.Lock()
		l := leaves[app][0]
		leaves[app] = leaves[app][1:]
		q.mu.Unlock()
		l()
		l() // the second time does nothing
	}
	for range 4 {
		ask("greedy")
	}
	assert.Equal(t, "greedy", next())
	waiting("greedy", 3) // though there is a place

	ask("b")
	assert.Equal(t, "b", next())
	ask("b")
	ask("c")
	waiting("b", 1)
	waiting("c", 1)
	leave("greedy")
	assert.Equal(t, "c", next(), "who has none, and was not served yet")
	leave("b")
	assert.Equal(t, "greedy", next(), "of those who have none, who was served least recently")
	leave("c")
	assert.Equal(t, "b", next())
	leave("b")
	leave("greedy")
	assert.Equal(t, "greedy", next())
	leave("greedy")
	assert.Equal(t, "greedy", next())
	leave("greedy")
	assert.Empty(t, q.apps)
	assert.Equal(t, 2, q.free)
	assert.Equal(t, []string{"greedy", "b", "c", "greedy", "b", "greedy", "greedy"}, order)
}

// Who gives up leaves the line.
func TestGivingUp(t *testing.T) {
	q := New(1, 1)
	leave, err := q.Enter(t.Context(), "a")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		_, err = q.Enter(ctx, "b")
		assert.ErrorIs(t, err, context.Canceled)
	}
	leave()
	assert.Empty(t, q.apps)
	leave, err = q.Enter(t.Context(), "c")
	require.NoError(t, err)
	leave()
}
