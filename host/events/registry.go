package events

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/picloud/picloud/host/store"
)

// Deliver takes a change to those who listen to it, at least one, in the transaction of the change.
// What it promises is what [store.Audience] says of Tell.
type Deliver func(ctx context.Context, tx store.Store, change store.Change, to []Listener) error

// Registry is who listens to the changes of all apps, nobody at first. It is safe for concurrent
// use.
//
// The listeners of an app are replaced as a whole, and those who have entered before keep the old ones
// until they leave. Nobody waits on the way to a write; it is the one who brings new listeners that waits,
// for whoever is at the data of that app.
type Registry struct {
	deliver Deliver
	turn    chan struct{} // holds one value while nobody replaces listeners

	mu   sync.RWMutex
	apps map[string]*place // that have listeners, or were entered
}

var _ store.Listeners = (*Registry)(nil)

// place has the listeners of an app.
type place struct {
	current atomic.Pointer[generation]
	old     []*generation // that may still be entered; with turn
}

// NewRegistry makes a registry that hands changes to deliver.
func NewRegistry(deliver Deliver) *Registry {
	r := &Registry{deliver: deliver, turn: make(chan struct{}, 1), apps: map[string]*place{}}
	r.turn <- struct{}{}
	return r
}

// Enter returns who listens to an app's changes at present.
func (r *Registry) Enter(appID string) store.Audience {
	for {
		if g := r.of(appID).current.Load(); g.enter() {
			return g
		}
	}
}

// of returns the place of an app, which it makes if there is none.
func (r *Registry) of(appID string) *place {
	r.mu.RLock()
	p := r.apps[appID]
	r.mu.RUnlock()
	if p != nil {
		return p
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p = r.apps[appID]; p == nil {
		p = &place{}
		p.current.Store(newGeneration(r, appID, nil))
		r.apps[appID] = p
	}
	return p
}

// Reload replaces the listeners of an app by those that load returns. If it returns nil, each
// change of the app that commits from then on in this process is told to those, and to no others.
// One that commits meanwhile may be told to the ones before.
//
// load reads what has been committed. Loads run one after another, so that none replaces what
// another one has read later. Reload waits for the transactions under way that have changed data of
// the app: it must not be called inside one, but may be after its commit. If ctx ends before they
// do, the listeners are replaced and the error is that of ctx. An error of load is returned as it
// is, and nothing is replaced.
func (r *Registry) Reload(ctx context.Context, appID string, load func(context.Context) ([]Listener, error)) error {
	return r.replace(ctx, func() ([]*generation, error) {
		listeners, err := load(ctx)
		if err != nil {
			return nil, err
		}
		return r.publish(appID, listeners), nil
	})
}

// ReloadAll is Reload for all apps: load returns the listeners by the id of their app.
func (r *Registry) ReloadAll(ctx context.Context, load func(context.Context) (map[string][]Listener, error)) error {
	return r.replace(ctx, func() (old []*generation, err error) {
		all, err := load(ctx)
		if err != nil {
			return nil, err
		}
		for id, listeners := range all {
			old = append(old, r.publish(id, listeners)...)
		}
		for _, id := range r.known() {
			if len(all[id]) == 0 {
				old = append(old, r.publish(id, nil)...)
			}
		}
		return old, nil
	})
}

// known returns the apps that have a place.
func (r *Registry) known() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Collect(maps.Keys(r.apps))
}

// replace has change publish listeners when it is its turn, and waits until all have left that it returns.
func (r *Registry) replace(ctx context.Context, change func() ([]*generation, error)) error {
	select {
	case <-r.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	old, err := change()
	r.turn <- struct{}{}
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

// publish makes listeners the present ones of an app, and returns the generations that may still be
// entered. A place that nobody needs is forgotten. The caller has its turn.
func (r *Registry) publish(appID string, listeners []Listener) []*generation {
	p := r.of(appID)
	before := p.current.Load()
	p.old = slices.DeleteFunc(p.old, (*generation).empty)
	if len(listeners) == 0 && len(p.old) == 0 && before.end() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.apps, appID)
		return nil
	}
	p.current.Store(newGeneration(r, appID, newApp(listeners)))
	before.Leave() // which the registry had entered for as long as it was the present one
	p.old = append(p.old, before)
	return slices.Clone(p.old)
}

// generation is who listens to an app for as long as nobody comes or goes. It is entered by transactions,
// and by the registry while it is the present one. Once all have left nobody enters again.
type generation struct {
	registry *Registry
	appID    string
	app      *app // nil: nobody listens
	inside   atomic.Int64
	left     chan struct{} // closed when all have left
}

func newGeneration(r *Registry, appID string, listeners *app) *generation {
	g := &generation{registry: r, appID: appID, app: listeners, left: make(chan struct{})}
	g.inside.Store(1)
	return g
}

// end ends a generation that nobody but the registry has entered, and reports whether it could.
func (g *generation) end() bool {
	ended := g.inside.CompareAndSwap(1, 0)
	if ended {
		close(g.left)
	}
	return ended
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
	heard := g.of(appID, source)
	return heard != nil && heard.has(collection)
}

// of returns who listens to changes of a source. Of another app nobody does, in this generation.
func (g *generation) of(appID string, source store.ChangeSource) *collections {
	if appID != g.appID {
		return nil
	}
	return g.app.of(source)
}

// Tell hands a change to those who listen to it, if there are any.
func (g *generation) Tell(ctx context.Context, tx store.Store, change store.Change) error {
	heard := g.of(change.AppID, change.Source)
	if heard == nil {
		return nil
	}
	to := heard.of(change)
	if len(to) == 0 {
		return nil
	}
	return g.registry.deliver(ctx, tx, change, to)
}
