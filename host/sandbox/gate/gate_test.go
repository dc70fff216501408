package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
)

func newGate(places int) *Gate { return New(places, slog.New(slog.DiscardHandler)) }

func request(app string) Request { return Request{App: app, Limits: abi.DefaultLimits} }

// TestShares enters for one app after the other, all of whose executions go on for ever. Capitals
// are refused.
func TestShares(t *testing.T) {
	for _, c := range []struct {
		places, share int
		apps          string
	}{
		{1, 0, "aBA"},           // one place is anybody's
		{2, 0, "aAbB"},          // a half is one
		{3, 0, "aaAbB"},         // rounded up; the last is for an app without any
		{4, 0, "aaAbBcC"},       //
		{4, 1, "aAbBcCdD"},      // an app with a share of its own
		{4, 4, "aaaAbBC"},       // that does not get what is kept for others
		{4, 100, "aaaAbBC"},     // nor if its share is more than there is
		{8, 0, "aaaaAbbBcdEAC"}, // two apps that want all leave two places
		{8, 0, "abcdefghIAB"},   // as many apps as places
		{32, 0, strings.Repeat("a", 16) + "A" + strings.Repeat("b", 8) + "B" + "cdefghijKC"},
	} {
		g := newGate(c.places)
		for i, letter := range c.apps {
			app := strings.ToLower(string(letter))
			r := request(app)
			r.Share = c.share
			_, err := g.Enter(t.Context(), r)
			if admitted := string(letter) == app; admitted != (err == nil) {
				t.Errorf("%d places, share %d: number %d of %q: %v", c.places, c.share, i+1, c.apps, err)
				break
			}
			if refused := new(abi.ScriptError); err != nil {
				require.ErrorAs(t, err, &refused)
				assert.Equal(t, abi.CodeOverloaded, refused.Code)
			}
		}
	}
}

// What may have more than its app's share comes in beside it, not into what is kept for others.
func TestBeyondAShare(t *testing.T) {
	g := newGate(8)
	beyond := request("a")
	beyond.Beyond = 1
	for range 4 {
		_, err := g.Enter(t.Context(), request("a"))
		require.NoError(t, err)
	}
	_, err := g.Enter(t.Context(), request("a"))
	require.Error(t, err)
	e, err := g.Enter(t.Context(), beyond)
	require.NoError(t, err)
	_, err = g.Enter(t.Context(), beyond)
	require.Error(t, err, "two more than its share")
	g.Leave(e)
	_, err = g.Enter(t.Context(), request("b"))
	require.NoError(t, err)
	_, err = g.Enter(t.Context(), request("b"))
	require.NoError(t, err)
	_, err = g.Enter(t.Context(), beyond)
	require.Error(t, err, "into the quarter that is kept")
}

// TestAnAppIsSureOfAPlace has greedy apps and small ones come and go at random. There are never more
// executions than places, nor more of an app than its share, and an app that runs nothing is only
// refused when every place is taken, the kept ones by as many apps.
func TestAnAppIsSureOfAPlace(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		g := newGate(1 + r.IntN(40))
		running := map[string][]*Execution{}
		total := 0
		for range 400 {
			app := fmt.Sprint("greedy ", r.IntN(3))
			if r.IntN(3) == 0 {
				app = fmt.Sprint("small ", r.IntN(6))
			}
			if r.IntN(5) < 2 && len(running[app]) > 0 {
				g.Leave(running[app][0])
				running[app] = running[app][1:]
				total--
				continue
			}
			e, err := g.Enter(t.Context(), request(app))
			if err == nil {
				running[app] = append(running[app], e)
				total++
			}
			require.LessOrEqual(t, total, g.places)
			require.LessOrEqual(t, len(running[app]), max(1, (g.places+1)/2), "seed %d: %s", seed, app)
			require.Equal(t, total, g.Count())
			apps := 0
			for _, executions := range running {
				if len(executions) > 0 {
					apps++
				}
			}
			if err != nil && len(running[app]) == 0 {
				require.Equal(t, g.places, total, "seed %d: %s is refused though there is a place", seed, app)
				require.GreaterOrEqual(t, apps, g.kept, "seed %d: kept places are taken by fewer apps", seed)
			}
		}
		for _, executions := range running {
			for _, e := range executions {
				g.Leave(e)
			}
		}
		require.Zero(t, g.Count())
		require.Empty(t, g.apps)
	}
}

// An execution that another asked for has that one's place, whatever else runs.
func TestInvokedExecutionsTakeTheirCallersPlace(t *testing.T) {
	g := newGate(1)
	var inner error
	r := request("app")
	r.World = NewWorld(performer(func(ctx context.Context, _ abi.Op, _ []byte) ([]byte, error) {
		e, err := g.Enter(ctx, request("app"))
		if inner = err; err == nil {
			assert.Same(t, e, Admitted(e.Context()))
			g.Leave(e)
		}
		return nil, nil
	}))
	e, err := g.Enter(t.Context(), r)
	require.NoError(t, err)
	_, failed := e.Perform(abi.OpInvoke, nil)
	assert.Nil(t, failed)
	assert.NoError(t, inner)
	_, err = g.Enter(t.Context(), request("app"))
	assert.Error(t, err)
	g.Leave(e)
}

type performer func(ctx context.Context, op abi.Op, request []byte) ([]byte, error)

func (f performer) Perform(ctx context.Context, op abi.Op, request []byte) ([]byte, error) {
	return f(ctx, op, request)
}

// Why an execution ended is told from its context.
func TestEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end     func(g *Gate, cancel func())
		word    uint32
		code    abi.ErrorCode
		message string
	}{
		"its time is over":    {func(*Gate, func()) { time.Sleep(11 * time.Second) }, abi.InterruptTimeout, abi.CodeTimeout, "time limit exceeded: 10000 ms"},
		"its caller goes":     {func(_ *Gate, cancel func()) { cancel() }, abi.InterruptCancel, abi.CodeCancelled, "cancelled"},
		"the host shuts down": {func(g *Gate, _ func()) { go g.Close(context.Background()) }, abi.InterruptShutdown, abi.CodeCancelled, "the host shuts down"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(2)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				e, err := g.Enter(ctx, request("app"))
				require.NoError(t, err)
				assert.Equal(t, abi.InterruptNone, e.InterruptWord())
				c.end(g, cancel)
				synctest.Wait()
				assert.Error(t, e.Context().Err())
				assert.Equal(t, c.word, e.InterruptWord())
				assert.Equal(t, &abi.ScriptError{Code: c.code, Message: c.message}, e.Interruption())
				g.Leave(e)
			})
		})
	}
}

// Time that an execution is paused for is not its own.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1)
		e, err := g.Enter(t.Context(), request("app")) // of 10 s
		require.NoError(t, err)
		defer g.Leave(e)
		for range 3 {
			time.Sleep(3 * time.Second)
			resume := e.Pause()
			time.Sleep(time.Hour)
			resume()
		}
		synctest.Wait()
		assert.NoError(t, e.Context().Err(), "after 9 s")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Error(t, e.Context().Err(), "after 11 s")
		e.Pause()()
		assert.Equal(t, abi.InterruptTimeout, e.InterruptWord())
	})
}

// Close waits for what runs, and nothing is admitted after it.
func TestClose(t *testing.T) {
	g := newGate(2)
	e, err := g.Enter(t.Context(), request("app"))
	require.NoError(t, err)
	short, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, g.Close(short), context.Canceled)
	closed := make(chan error)
	go func() { closed <- g.Close(context.Background()) }()
	<-e.Context().Done()
	g.Leave(e)
	assert.NoError(t, <-closed)
	_, err = g.Enter(t.Context(), request("app"))
	assert.EqualError(t, err, "the host shuts down")
	assert.NoError(t, g.Close(context.Background()))
}

// What an operation's failure may tell its guest.
func TestPerform(t *testing.T) {
	for name, c := range map[string]struct {
		operations Performer
		want       *abi.OpError
	}{
		"nothing there": {nil, &abi.OpError{Code: abi.OpCodeDenied, Message: "not available while a script is loaded"}},
		"an error for it": {performer(func(context.Context, abi.Op, []byte) ([]byte, error) {
			return nil, fmt.Errorf("wrapped: %w", &abi.OpError{Code: "c", Message: "m"})
		}), &abi.OpError{Code: "c", Message: "m"}},
		"an error of ours":     {performer(func(context.Context, abi.Op, []byte) ([]byte, error) { return nil, errors.New("10.0.0.1") }), &abi.OpError{Code: abi.OpCodeInternal, Message: "internal error"}},
		"a panic":              {performer(func(context.Context, abi.Op, []byte) ([]byte, error) { panic("defect") }), &abi.OpError{Code: abi.OpCodeInternal, Message: "internal error"}},
		"what it is asked for": {performer(func(_ context.Context, _ abi.Op, r []byte) ([]byte, error) { return r, nil }), nil},
	} {
		g := newGate(1)
		r := request("app")
		r.World = NewWorld(c.operations)
		e, err := g.Enter(t.Context(), r)
		require.NoError(t, err)
		response, failed := e.Perform(abi.OpKVGet, []byte("request"))
		assert.Equal(t, c.want, failed, name)
		if failed == nil {
			assert.Equal(t, "request", string(response))
		}
		g.Leave(e)
	}
}

// Worlds have nothing in common but the clock.
func TestNewWorld(t *testing.T) {
	seen := map[[32]byte]bool{}
	var last time.Time
	for range 100 {
		w := NewWorld(nil)
		assert.False(t, seen[w.Entropy])
		seen[w.Entropy] = true
		assert.False(t, w.Started.Before(last))
		assert.False(t, w.Now().Before(w.Started))
		last = w.Now()
	}
}

// Entering and leaving from many goroutines.
func TestAtTheSameTime(t *testing.T) {
	g := newGate(8)
	var all sync.WaitGroup
	for worker := range 16 {
		all.Go(func() {
			for range 500 {
				if e, err := g.Enter(t.Context(), request(fmt.Sprint(worker%5))); err == nil {
					g.Leave(e)
				}
			}
		})
	}
	all.Wait()
	assert.Zero(t, g.Count())
	assert.Empty(t, g.apps)
}

// BenchmarkEnter is what being admitted and leaving cost.
func BenchmarkEnter(b *testing.B) {
	g := newGate(32)
	r := request("app")
	for b.Loop() {
		e, err := g.Enter(b.Context(), r)
		if err != nil {
			b.Fatal(err)
		}
		g.Leave(e)
	}
}
