package events

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/picloud/picloud/host/store"
)

// Deliver takes a change to those who listen to it, at least one, in the transaction of the change.
// What it promises is what [store.Audience] says of Tell.
type Deliver func(ctx context.Context, tx store.Store, change store.Change, to []Listener) error

// Registry is who listens to the changes of all apps, nobody at first. It is safe for concurrent
// use.
//
// The listeners are replaced as a whole, and those who have entered before keep the old ones until
// they leave. Nobody waits for a lock on the way to a write; it is the one who brings new listeners
// that waits.
type Registry struct {
	deliver Deliver
	only    bool // events are made of changes, and nothing else is done
	current atomic.Pointer[generation]
	turn    chan struct{} // holds one value while nobody replaces the listeners
	old     []*generation // that may still be entered; with turn
}

var _ store.Listeners = (*Registry)(nil)

// NewRegistry makes a registry that hands changes to deliver.
func NewRegistry(deliver Deliver) *Registry {
	r := &Registry{deliver: deliver, turn: make(chan struct{}, 1)}
	r.current.Store(newGeneration(r, map[string]*app{}))
	r.turn <- struct{}{}
	return r
}

// Enter returns who listens at present.
func (r *Registry) Enter() store.Audience {
	for {
		if g := r.current.Load(); g.enter() {
			return g
		}
	}
}

// Reload replaces the listeners of an app by those that load returns. If it returns nil, each
// change of the app that commits from then on in this process is told to those, and to no others.
// One that commits meanwhile may be told to the ones before.
//
// load reads what has been committed. Loads run one after another, so that none replaces what
// another one has read later. Reload waits for the transactions under way that have changed data of
// any app: it must not be called inside one, but may be after its commit. If ctx ends before they
// do, the listeners are replaced and the error is that of ctx. An error of load is returned as it
// is, and nothing is replaced.
func (r *Registry) Reload(ctx context.Context, appID string, load func(context.Context) ([]Listener, error)) error {
	return r.replace(ctx, func(present map[string]*app) (map[string]*app, error) {
		listeners, err := load(ctx)
		if err != nil {
			return nil, err
		}
		next := maps.Clone(present)
		delete(next, appID)
		if len(listeners) > 0 {
			next[appID] = newApp(listeners)
		}
		return next, nil
	})
}

// ReloadAll is Reload for all apps: load returns the listeners by the id of their app.
func (r *Registry) ReloadAll(ctx context.Context, load func(context.Context) (map[string][]Listener, error)) error {
	return r.replace(ctx, func(map[string]*app) (map[string]*app, error) {
		all, err := load(ctx)
		if err != nil {
			return nil, err
		}
		next := make(map[string]*app, len(all))
		for id, listeners := range all {
			next[id] = newApp(listeners)
		}
		return next, nil
	})
}

func (r *Registry) replace(ctx context.Context, change func(present map[string]*app) (map[string]*app, error)) error {
	old, err := r.publish(ctx, change)
	if err != nil {
		return err
	}
	for _, g := range old {
		select {
		case <-g.left:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// publish makes a new generation the present one, and returns those that may still be entered.
func (r *Registry) publish(ctx context.Context, change func(present map[string]*app) (map[string]*app, error)) ([]*generation, error) {
	select {
	case <-r.turn:
		defer func() { r.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	before := r.current.Load()
	apps, err := change(before.apps)
	if err != nil {
		return nil, err
	}
	r.current.Store(newGeneration(r, apps))
	before.Leave() // which the registry had entered for as long as it was the present one
	r.old = append(slices.DeleteFunc(r.old, (*generation).empty), before)
	return slices.Clone(r.old), nil
}

// generation is who listens for as long as nobody comes or goes. It is entered by transactions, and
// by the registry while it is the present one. Once all have left nobody enters again.
type generation struct {
	registry *Registry
	apps     map[string]*app
	inside   atomic.Int64
	left     chan struct{} // closed when all have left
}

func newGeneration(r *Registry, apps map[string]*app) *generation {
	g := &generation{registry: r, apps: apps, left: make(chan struct{})}
	g.inside.Store(1)
	return g
}

// enter reports whether it could.
func (g *generation) enter() bool {
	for {
		n := g.inside.Load()
		if n == 0 {
			return false
		}
		if g.inside.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (g *generation) empty() bool { return g.inside.Load() == 0 }

// Leave ends what Enter began.
func (g *generation) Leave() {
	if g.inside.Add(-1) == 0 {
		close(g.left)
	}
}

// Listens reports whether anybody listens to a collection.
func (g *generation) Listens(appID string, source store.ChangeSource, collection string) bool {
	heard := g.apps[appID].of(source)
	return heard != nil && heard.has(collection)
}

// EventsOnly implements [store.EventsOnly].
func (g *generation) EventsOnly() bool { return g.registry.only }

// Tell hands a change to those who listen to it, if there are any.
func (g *generation) Tell(ctx context.Context, tx store.Store, change store.Change) error {
	heard := g.apps[change.AppID].of(change.Source)
	if heard == nil {
		return nil
	}
	to := heard.of(change)
	if len(to) == 0 {
		return nil
	}
	return g.registry.deliver(ctx, tx, change, to)
}
