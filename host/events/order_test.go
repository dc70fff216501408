//go:build unix

package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// A change and a listener that come at the same time have an order. These tests are about that
// order on the databases; how Reload waits is told by the tests of the registry.

// node is a server as far as these tests go.
type node struct {
	store.Store
	*events.Registry
	app string

	mu   sync.Mutex
	told map[string]bool // the values of changes that were told
}

func newNode(t *testing.T, open eachtest.Opener) *node {
	t.Helper()
	n := &node{told: map[string]bool{}}
	n.Registry = events.NewRegistry(n.deliver)
	n.open(t, open, n.Registry)
	return n
}

func (n *node) open(t *testing.T, open eachtest.Opener, listeners store.Listeners) {
	t.Helper()
	var err error
	n.Store, err = open(listeners)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	app, err := n.Apps().GetBySlug(t.Context(), "app")
	if fault.Of(err) == fault.NotFound {
		app, err = n.Apps().Create(t.Context(), store.App{Slug: "app"})
	}
	require.NoError(t, err)
	n.app = app.ID
}

func (n *node) deliver(_ context.Context, _ store.Store, change store.Change, _ []events.Listener) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told[string(change.New)] = true
	return nil
}

func (n *node) wasTold(value string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.told[value]
}

// listen has somebody listen to all data of the app, or nobody.
func (n *node) listen(ctx context.Context, on bool) error {
	return n.Reload(ctx, n.app, func(context.Context) (listeners []events.Listener, err error) {
		for _, source := range []store.ChangeSource{store.ChangeKV, store.ChangeDocs, store.ChangeFiles} {
			if on {
				listeners = append(listeners, events.Listener{Source: source, Collection: "*"})
			}
		}
		return listeners, nil
	})
}

func (n *node) set(ctx context.Context, tx store.Store, key, value string) error {
	_, err := tx.KV().Set(ctx, n.app, "c", store.KVEntry{Key: key, Value: json.RawMessage(value)}, false)
	return err
}

func (n *node) create(ctx context.Context, tx store.Store, id, value string) error {
	_, err := tx.Docs().Create(ctx, store.DocumentKey{AppID: n.app, Collection: "c", ID: id}, store.DocumentContent{Data: json.RawMessage(value)})
	return err
}

// What is known of the listener of TestChangesAndListeners.
const (
	changing int64 = iota // it comes or goes
	listening
	absent
)

// However many write at once while a listener comes and goes: a change that commits after the
// listener's coming was acknowledged is told, and one that commits after its going was acknowledged
// is not.
func TestChangesAndListeners(t *testing.T) {
	const writers, rounds, perRound = 6, 15, 8
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open)
		var known, written atomic.Int64
		known.Store(absent)
		for i := range writers {
			require.NoError(t, n.set(t.Context(), n, strconv.Itoa(i), `0`))
			require.NoError(t, n.create(t.Context(), n, strconv.Itoa(i), `0`))
		}
		// knows is called in the transaction, before its commit.
		write := func(i int, value string, knows func()) error {
			ctx, key := t.Context(), strconv.Itoa(i)
			switch i % 3 {
			case 0:
				return n.KV().Update(ctx, n.app, "c", key, func(json.RawMessage) (json.RawMessage, bool, error) {
					knows()
					return json.RawMessage(value), true, nil
				})
			case 1:
				_, err := n.Docs().Modify(ctx, store.DocumentKey{AppID: n.app, Collection: "c", ID: key}, nil,
					func(json.RawMessage) (store.DocumentContent, error) {
						knows()
						return store.DocumentContent{Data: json.RawMessage(value)}, nil
					})
				return err
			default:
				return n.InTx(ctx, func(tx store.Store) error {
					if err := n.set(ctx, tx, "of both", value); err != nil {
						return err
					}
					if err := n.create(ctx, tx, "", value); err != nil {
						return err
					}
					knows()
					return nil
				})
			}
		}
		var (
			before   = make([]map[string]int64, writers) // what was known before the commit, by value
			failures = make([]error, writers)
			failed   atomic.Bool
			wait     sync.WaitGroup
			stop     = make(chan struct{})
		)
		for i := range writers {
			before[i] = map[string]int64{}
			wait.Go(func() {
				random := rand.New(rand.NewPCG(1, uint64(i)))
				for count := 1; ; count++ {
					select {
					case <-stop:
						return
					default:
					}
					value := strconv.Itoa(count*writers + i)
					failures[i] = write(i, value, func() {
						for range random.IntN(3) {
							runtime.Gosched() // a listener may come right now
						}
						before[i][value] = known.Load()
					})
					if failures[i] != nil {
						failed.Store(true)
						return
					}
					written.Add(1)
				}
			})
		}
		for range rounds {
			for _, state := range []int64{listening, absent} {
				known.Store(changing)
				require.NoError(t, n.listen(t.Context(), state == listening))
				known.Store(state)
				for from := written.Load(); written.Load() < from+perRound && !failed.Load(); {
					runtime.Gosched()
				}
			}
		}
		close(stop)
		wait.Wait()
		require.NoError(t, errors.Join(failures...))
		counts := map[int64]int{}
		for i, values := range before {
			for value, state := range values {
				counts[state]++
				if state != changing {
					require.Equal(t, state == listening, n.wasTold(value), "writer %d, value %s", i, value)
				}
			}
		}
		require.NotZero(t, counts[listening])
		require.NotZero(t, counts[absent])
	})
}

// pausing lets nobody on who has been told that nobody listens, until it is released.
type pausing struct {
	*events.Registry
	asked, release chan struct{}
}

func (p *pausing) Enter(appID string) store.Audience {
	return pausedAudience{p.Registry.Enter(appID), p}
}

type pausedAudience struct {
	store.Audience
	*pausing
}

func (a pausedAudience) Listens(appID string, source store.ChangeSource, collection string) bool {
	heard := a.Audience.Listens(appID, source, collection)
	if !heard {
		a.asked <- struct{}{}
		<-a.release
	}
	return heard
}

// A write that has been told that nobody listens, and is but one statement, may commit late: the
// listener that comes meanwhile is acknowledged after it.
func TestListenerWaitsForAWriteUnderWay(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := &node{told: map[string]bool{}}
		n.Registry = events.NewRegistry(n.deliver)
		p := &pausing{n.Registry, make(chan struct{}), make(chan struct{})}
		n.open(t, open, p)
		ctx := t.Context()
		for i, write := range []struct {
			name string
			do   func(value string) error
		}{
			{"kv set", func(value string) error { return n.set(ctx, n, value, value) }},
			{"docs create", func(value string) error { return n.create(ctx, n, value, value) }},
			{"in a transaction", func(value string) error {
				return n.InTx(ctx, func(tx store.Store) error { return n.set(ctx, tx, value, value) })
			}},
		} {
			t.Run(write.name, func(t *testing.T) {
				defer func() { require.NoError(t, n.listen(ctx, false)) }()
				early, late := strconv.Itoa(10*i+1), strconv.Itoa(10*i+2)
				wrote, listened := make(chan error, 1), make(chan error, 1)
				go func() { wrote <- write.do(early) }()
				<-p.asked
				go func() { listened <- n.listen(ctx, true) }()
				for published := false; !published; runtime.Gosched() {
					audience := n.Registry.Enter(n.app)
					published = audience.Listens(n.app, store.ChangeKV, "c")
					audience.Leave()
				}
				missed := len(listened) > 0
				p.release <- struct{}{}
				require.False(t, missed, "the listener is acknowledged before a change that it misses")
				require.NoError(t, <-listened)
				require.NoError(t, <-wrote)
				require.False(t, n.wasTold(early))
				require.NoError(t, write.do(late))
				require.True(t, n.wasTold(late))
			})
		}
	})
}

// A listener that one node has made is heard of by another as soon as that reloads.
func TestNodes(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		ctx := t.Context()
		one, two := newNode(t, open), newNode(t, open)
		require.NoError(t, one.listen(ctx, true))
		for i, n := range []*node{one, two} {
			require.NoError(t, n.set(ctx, n, "k", fmt.Sprint(i)))
			require.Equal(t, n == one, n.wasTold(fmt.Sprint(i)))
		}
		require.NoError(t, two.listen(ctx, true))
		require.NoError(t, two.set(ctx, two, "k", `2`))
		require.True(t, two.wasTold(`2`))
	})
}
