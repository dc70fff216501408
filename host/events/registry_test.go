package events

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
)

// these are loaded as they are.
func these(listeners ...Listener) func(context.Context) ([]Listener, error) {
	return func(context.Context) ([]Listener, error) { return listeners, nil }
}

func orders(id string) Listener {
	return Listener{ID: id, Source: store.ChangeDocs, Collection: "orders"}
}

// listens reports whether anybody listens at present to documents of an app.
func (r *Registry) listens(appID, collection string) bool {
	audience := r.Enter(appID)
	defer audience.Leave()
	return audience.Listens(appID, store.ChangeDocs, collection)
}

func TestReload(t *testing.T) {
	r := NewRegistry(nil)
	require.False(t, r.listens("a", "orders"))
	require.NoError(t, r.Reload(t.Context(), "a", these(orders("1"))))
	require.True(t, r.listens("a", "orders"))
	require.False(t, r.listens("a", "other"))
	require.False(t, r.listens("b", "orders"))
	audience := r.Enter("a")
	require.False(t, audience.Listens("a", store.ChangeKV, "orders"))
	require.False(t, audience.Listens("a", store.ChangeFiles, "orders"))
	require.False(t, audience.Listens("a", "something new", "orders"))
	audience.Leave()

	require.NoError(t, r.Reload(t.Context(), "b", these(orders("2"))))
	require.True(t, r.listens("a", "orders"), "another app's stay")
	require.NoError(t, r.Reload(t.Context(), "a", these()))
	require.False(t, r.listens("a", "orders"))
	require.True(t, r.listens("b", "orders"))

	failure := errors.New("the database is away")
	require.Equal(t, failure, r.Reload(t.Context(), "b", func(context.Context) ([]Listener, error) { return nil, failure }))
	require.True(t, r.listens("b", "orders"))

	all := func(all map[string][]Listener, err error) error {
		return r.ReloadAll(t.Context(), func(context.Context) (map[string][]Listener, error) { return all, err })
	}
	require.Equal(t, failure, all(nil, failure))
	require.True(t, r.listens("b", "orders"))
	require.NoError(t, all(map[string][]Listener{"a": {orders("3")}, "c": {orders("4")}}, nil))
	require.True(t, r.listens("a", "orders"))
	require.False(t, r.listens("b", "orders"))
	require.True(t, r.listens("c", "orders"))
}

func TestTell(t *testing.T) {
	var told []string
	failure := errors.New("the outbox is full")
	r := NewRegistry(func(_ context.Context, _ store.Store, change store.Change, to []Listener) error {
		text := string(change.Operation) + " " + change.Key + ":"
		for _, l := range to {
			text += " " + l.ID
		}
		told = append(told, text)
		return failure
	})
	require.NoError(t, r.Reload(t.Context(), "a", these(
		orders("all"),
		Listener{ID: "prefix", Source: store.ChangeDocs, Collection: "ord*", Operations: []store.ChangeOperation{store.ChangeCreate, store.ChangeDelete}},
		Listener{ID: "kv", Source: store.ChangeKV, Collection: "*"},
		Listener{ID: "rare", Source: store.ChangeKV, Collection: "rare", Operations: []store.ChangeOperation{store.ChangeExpire}},
	)))
	audience := r.Enter("a")
	defer audience.Leave()
	for _, c := range []struct {
		change store.Change
		want   string // "": nobody is told
	}{
		{store.Change{AppID: "a", Source: store.ChangeDocs, Collection: "orders", Operation: store.ChangeCreate, Key: "1"}, "create 1: all prefix"},
		{store.Change{AppID: "a", Source: store.ChangeDocs, Collection: "orders", Operation: store.ChangeUpdate, Key: "2"}, "update 2: all"},
		{store.Change{AppID: "a", Source: store.ChangeDocs, Collection: "order", Operation: store.ChangeDelete, Key: "3"}, "delete 3: prefix"},
		{store.Change{AppID: "a", Source: store.ChangeDocs, Collection: "order", Operation: store.ChangeUpdate}, ""},
		{store.Change{AppID: "a", Source: store.ChangeDocs, Collection: "other", Operation: store.ChangeCreate}, ""},
		{store.Change{AppID: "a", Source: store.ChangeKV, Collection: "rare", Operation: store.ChangeExpire, Key: "4"}, "expire 4: kv rare"},
		{store.Change{AppID: "a", Source: store.ChangeFiles, Collection: "orders", Operation: store.ChangeCreate}, ""},
		{store.Change{AppID: "b", Source: store.ChangeDocs, Collection: "orders", Operation: store.ChangeCreate}, ""},
	} {
		told = nil
		err := audience.Tell(t.Context(), nil, c.change)
		if c.want == "" {
			require.NoError(t, err)
			require.Empty(t, told)
			continue
		}
		require.Equal(t, failure, err)
		require.Equal(t, []string{c.want}, told)
	}
}

// Reload ends when all have left who entered before it, and those alone.
func TestReloadWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(nil)
		reload := func(ctx context.Context, appID string) chan error {
			done := make(chan error, 1)
			go func() { done <- r.Reload(ctx, appID, these(orders("1"))) }()
			synctest.Wait()
			return done
		}
		waits := func(done chan error) {
			t.Helper()
			synctest.Wait()
			require.Empty(t, done)
		}
		first, second := r.Enter("a"), r.Enter("a")
		one := reload(t.Context(), "a")
		waits(one)
		require.False(t, first.Listens("a", store.ChangeDocs, "orders"), "who has entered keeps what was there")
		later := r.Enter("a")
		require.True(t, later.Listens("a", store.ChangeDocs, "orders"), "it is there before Reload returns")
		first.Leave()
		waits(one)

		// Another one waits for all who do not know of it, whoever they wait for themselves.
		two := reload(t.Context(), "a")
		impatient, stop := context.WithCancel(t.Context())
		three := reload(impatient, "a")
		last := r.Enter("a")
		stop()
		require.ErrorIs(t, <-three, context.Canceled)
		require.True(t, r.listens("a", "orders"), "it has happened all the same")

		// Whoever is at the data of another app is in nobody's way.
		other := r.Enter("b")
		require.NoError(t, <-reload(t.Context(), "c"))

		later.Leave()
		waits(one)
		waits(two)
		second.Leave()
		require.NoError(t, <-one)
		require.NoError(t, <-two)
		four := make(chan error, 1)
		go func() {
			four <- r.ReloadAll(t.Context(), func(context.Context) (map[string][]Listener, error) { return nil, nil })
		}()
		waits(four)
		last.Leave()
		waits(four)
		other.Leave()
		require.NoError(t, <-four)
	})
}

// An app that nobody listens to and nobody is at takes no room.
func TestPlacesAreForgotten(t *testing.T) {
	r := NewRegistry(nil)
	require.NoError(t, r.Reload(t.Context(), "a", these(orders("1"))))
	require.False(t, r.listens("b", "orders"))
	require.ElementsMatch(t, []string{"a", "b"}, r.known())
	require.NoError(t, r.Reload(t.Context(), "a", these()))
	require.NoError(t, r.Reload(t.Context(), "c", these()))
	require.Equal(t, []string{"b"}, r.known())

	inside := r.Enter("b")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, r.Reload(ctx, "b", these()), context.Canceled)
	require.Equal(t, []string{"b"}, r.known(), "a later Reload waits for who is inside")
	inside.Leave()
	require.NoError(t, r.Reload(t.Context(), "b", these()))
	require.Empty(t, r.known())
	require.NoError(t, r.Reload(t.Context(), "b", these(orders("2"))))
	require.True(t, r.listens("b", "orders"))
}

// Loads run one after another; one whose context ends while it waits for its turn does nothing.
func TestLoadsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(nil)
		release := make(chan struct{})
		slow := make(chan error, 1)
		go func() {
			slow <- r.Reload(t.Context(), "a", func(context.Context) ([]Listener, error) { <-release; return nil, nil })
		}()
		synctest.Wait()
		ctx, stop := context.WithCancel(t.Context())
		never := make(chan error, 1)
		go func() {
			never <- r.Reload(ctx, "a", func(context.Context) ([]Listener, error) { t.Error("loaded"); return nil, nil })
		}()
		synctest.Wait()
		stop()
		require.ErrorIs(t, <-never, context.Canceled)

		quick := make(chan error, 1)
		go func() { quick <- r.Reload(t.Context(), "a", these(orders("1"))) }()
		synctest.Wait()
		require.Empty(t, quick)
		close(release)
		require.NoError(t, <-slow)
		require.NoError(t, <-quick)
		require.True(t, r.listens("a", "orders"), "what was read later stays")
	})
}

// Many come and go while listeners change: nobody sees fewer than were there when a Reload
// returned.
func TestReloadUnderLoad(t *testing.T) {
	r := NewRegistry(nil)
	var loaded atomic.Int64 // listeners that a Reload has returned for
	stop := make(chan struct{})
	done := make(chan error, 8)
	for range cap(done) {
		go func() {
			for {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				// Had it entered before the listener came, that Reload would be waiting for it.
				audience := r.Enter("a")
				n := loaded.Load()
				heard := n == 0 || audience.Listens("a", store.ChangeDocs, strconv.FormatInt(n, 10))
				audience.Leave()
				if !heard {
					done <- fmt.Errorf("listener %d is missing", n)
					return
				}
				runtime.Gosched()
			}
		}()
	}
	var listeners []Listener
	for n := int64(1); n <= 100; n++ {
		listeners = append(listeners, Listener{Source: store.ChangeDocs, Collection: strconv.FormatInt(n, 10)})
		require.NoError(t, r.Reload(t.Context(), "a", these(listeners...)))
		loaded.Store(n)
	}
	close(stop)
	for range cap(done) {
		require.NoError(t, <-done)
	}
	require.LessOrEqual(t, len(r.of("a").old), 1+cap(done), "old generations are forgotten")
}

// crowded is a registry of many apps, one of which has listeners of all kinds.
func crowded(t testing.TB) *Registry {
	r := NewRegistry(nil)
	require.NoError(t, r.ReloadAll(t.Context(), func(context.Context) (map[string][]Listener, error) {
		all := map[string][]Listener{}
		for i := range 1000 {
			all["app-"+strconv.Itoa(i)] = []Listener{orders("1")}
		}
		for i := range 100 {
			all["app-7"] = append(all["app-7"],
				Listener{Source: store.ChangeKV, Collection: "name-" + strconv.Itoa(i)},
				Listener{Source: store.ChangeKV, Collection: "prefix-" + strconv.Itoa(i) + "-*"})
		}
		return all, nil
	}))
	return r
}

// asked are apps of crowded by who listens there, but not to the collection that is asked about.
var asked = map[string]string{"nobody in the app": "app-x", "others in the app": "app-7"}

func (r *Registry) ask(app string) {
	audience := r.Enter(app)
	audience.Listens(app, store.ChangeKV, "prefix-50")
	audience.Leave()
}

func TestAskingAllocatesNothing(t *testing.T) {
	r := crowded(t)
	for name, app := range asked {
		require.Zero(t, testing.AllocsPerRun(100, func() { r.ask(app) }), name)
	}
}

// BenchmarkAsking measures what a write costs more because somebody might listen.
func BenchmarkAsking(b *testing.B) {
	r := crowded(b)
	for name, app := range asked {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.ask(app)
			}
		})
		b.Run(name+" parallel", func(b *testing.B) {
			b.RunParallel(func(loop *testing.PB) {
				for loop.Next() {
					r.ask(app)
				}
			})
		})
	}
}
