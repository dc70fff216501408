package gate

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/background/turns"
)

// onProcessors is a gate whose guests have so many processors.
func onProcessors(n int) *Gate {
	g := newGate(100)
	g.processors = processors{turns.New(n, n), turns.New(100, n)}
	return g
}

func enter(t *testing.T, g *Gate, app string, operations Performer) *Execution {
	t.Helper()
	r := request(app)
	r.World = World{Operations: operations}
	e, err := g.Enter(t.Context(), r)
	require.NoError(t, err)
	return e
}

// However many executions of an app never end, another's is run at once, again and again.
func TestExecutionsTakeTurns(t *testing.T) {
	g := onProcessors(2)
	var at atomic.Int64 // that run
	var stop atomic.Bool
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			e := enter(t, g, fmt.Sprint("busy ", i%2), nil)
			defer g.Leave(e)
			for !stop.Load() {
				e.Yield()
				assert.LessOrEqual(t, at.Add(1), int64(2))
				time.Sleep(100 * time.Microsecond) // work that cannot be interrupted
				at.Add(-1)
			}
		})
	}
	for range 20 {
		e := enter(t, g, "another", nil)
		e.Yield()
		g.Leave(e)
	}
	stop.Store(true)
	all.Wait()
	for _, q := range []*turns.Queue{g.processors.scripts, g.processors.plugins} {
		for range 2 {
			leave, err := q.Enter(t.Context(), "a")
			require.NoError(t, err)
			defer leave()
		}
	}
}

// Who waits for an operation has no turn meanwhile, and who is told to end waits for none.
func TestOperationsGiveTheTurnBack(t *testing.T) {
	for name, begin := range map[string]func(*Execution){"a script": (*Execution).Yield, "a plugin": (*Execution).Occupy} {
		t.Run(name, func(t *testing.T) {
			g := onProcessors(1)
			waiting, answered := make(chan struct{}), make(chan struct{})
			e := enter(t, g, "app", performer(func(context.Context, abi.Op, []byte) ([]byte, error) {
				close(waiting)
				<-answered
				return nil, nil
			}))
			begin(e)
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, failed := e.Perform(abi.OpKVGet, nil)
				assert.Nil(t, failed)
			}()
			<-waiting
			other := enter(t, g, "app", nil)
			begin(other) // which would wait for ever if the turn were kept
			close(answered)
			g.Leave(other)
			<-done
			assert.True(t, e.hold.has(), "it has its turn again")

			late := enter(t, g, "app", nil)
			late.ctx.End(errTimeout)
			begin(late)
			assert.False(t, late.hold.has())
			g.Leave(late)
			g.Leave(e)
		})
	}
}

// An operation that knows that it is going to wait gives the turn back at once.
func TestAWaitGivesTheTurnBack(t *testing.T) {
	g := onProcessors(1)
	var e *Execution
	e = enter(t, g, "app", performer(func(ctx context.Context, _ abi.Op, _ []byte) ([]byte, error) {
		assert.True(t, e.hold.has())
		turns.Wait(ctx)
		assert.False(t, e.hold.has())
		turns.Wait(ctx)
		return nil, nil
	}))
	e.Yield()
	_, failed := e.Perform(abi.OpKVSet, nil)
	assert.Nil(t, failed)
	assert.True(t, e.hold.has(), "it has its turn again")
	g.Leave(e)
	turns.Wait(t.Context()) // nobody's
}

// Large work of ours takes its turn, small work does not.
func TestWorkTakesATurn(t *testing.T) {
	g := onProcessors(1)
	e := enter(t, g, "app", nil)
	e.Yield()
	did := 0
	g.Work(t.Context(), "app", many-1, func() { did++ })
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	g.Work(ctx, "app", many, func() { did++; assert.Error(t, ctx.Err(), "it has waited") })
	g.Leave(e)
	g.Work(t.Context(), "app", many, func() { did++ })
	assert.Equal(t, 3, did)
}

// Time on a processor is counted, in all turns together; time that an operation waits is not, nor is a turn
// waited for.
func TestProcessorTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := onProcessors(1)
		e := enter(t, g, "app", performer(func(context.Context, abi.Op, []byte) ([]byte, error) {
			time.Sleep(time.Second) // another server answers
			return nil, nil
		}))
		require.Equal(t, 1, g.CountOf("app"))
		time.Sleep(time.Minute) // before it begins
		e.Yield()
		time.Sleep(3 * time.Millisecond)
		_, failed := e.Perform(abi.OpKVGet, nil)
		require.Nil(t, failed)
		time.Sleep(5 * time.Millisecond)
		waiting := enter(t, g, "another", nil)
		go waiting.Yield()
		synctest.Wait()
		time.Sleep(time.Millisecond)
		g.Leave(e)
		synctest.Wait()
		assert.Equal(t, 9*time.Millisecond+waits, e.Processor())
		g.Leave(waiting)
		assert.Zero(t, waiting.Processor())
		assert.Zero(t, g.CountOf("app"))
	})
}
