// Package catalog has the rules about apps, their scripts, modules and routes: what may be created,
// changed and deleted, and what has to be true of all of it together. Whoever changes any of it
// comes through a [Catalog], be it an administrator over HTTP or the first start.
//
// What a node keeps in memory of the catalog, the routing table and the scripts ready to run, follows
// the database's revisions (see [store.Revisions]): after a change of its own at once, after one of
// another node as soon as [Catalog.Watcher] hears of it.
package catalog

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/quota"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

// Config is what a [Catalog] is made of.
type Config struct {
	Store      store.Store
	Executions *executions.Service // compiles scripts, and keeps them ready to run
	Logger     *slog.Logger

	// Registry and Triggers follow the triggers; nil: nobody asks them.
	Registry *events.Registry
	Triggers *events.Table
	// TriggersChanged is called after Triggers has changed; nil: nothing is.
	TriggersChanged func()
	// TopicChanged is called after a topic has changed, or is gone: with "" for its name after all of an
	// app's, and with "" for the app too after all that there are; nil: nothing is.
	TopicChanged func(appID, topic string)
	// SecretsChanged is called after secrets of an app have changed, or are gone: with "" after all that
	// there are; nil: nothing is.
	SecretsChanged func(appID string)
	// IndexesChanged is called after indexes of documents of an app have changed, with "" after all that there
	// are; nil: nothing is.
	IndexesChanged func(appID string)
	// RightsChanged is called when another node may have changed what users may do; nil: nothing is.
	RightsChanged func()

	// Quotas follow what is set; nil: nobody asks them.
	Quotas *quota.Apps

	// Discard removes the bytes of files of deleted apps; nil: they are left to the sweep of files.
	Discard func(blobs []string)

	// UnclaimedHosts is whose routes answer on hosts that no app has claimed: [UnclaimedDefault], or all
	// apps'.
	UnclaimedHosts string
}

// Catalog decides about apps, scripts and routes. It is safe for concurrent use.
type Catalog struct {
	store      store.Store
	executions compiler
	routes     *routing.Table
	log        *slog.Logger

	mu         sync.Mutex // held by whoever changes the catalog, or what is in memory of it
	generation int64      // the newest revision that memory has seen

	registry        *events.Registry
	triggers        *events.Table
	triggersChanged func()
	topicChanged    func(appID, topic string)
	unclaimedHosts  string
	quotas          *quota.Apps
	secretsChanged  func(appID string)
	indexesChanged  func(appID string)
	rightsChanged   func()
	imports         sync.Map // tokens of those that go on in this process
	discard         func(blobs []string)
	remover         *background.Sweep
	removeSoon      func()          // what was deleted
	stale           map[string]bool // apps whose triggers have to be read again
	staleAll        bool            // those of all apps
	within          time.Duration   // that changes made together may take

	// Of a part of a transaction, see Together, nobody is told of anything. What is later is done after the commit,
	// by the whole catalog: it may take long, and what fails can be made good.
	part    bool
	awaited bool // see AwaitUploads
	later   []func(ctx context.Context, whole *Catalog)
}

// togetherTime is how long changes made together may keep others who write waiting: as long as the leases of events last that
// were to be renewed when they began.
const togetherTime = 20 * time.Second

// New reads the routes. The error is the store's.
func New(ctx context.Context, config Config) (*Catalog, error) {
	c := &Catalog{
		store: config.Store, executions: config.Executions, log: config.Logger, routes: routing.NewTable(nil),
		registry: config.Registry, triggers: config.Triggers, triggersChanged: config.TriggersChanged, stale: map[string]bool{},
		topicChanged: config.TopicChanged, secretsChanged: config.SecretsChanged, indexesChanged: config.IndexesChanged, rightsChanged: config.RightsChanged, discard: config.Discard, unclaimedHosts: config.UnclaimedHosts, quotas: config.Quotas,
		within: togetherTime,
	}
	if c.registry == nil {
		c.registry = events.NewRegistry(nil)
	}
	if c.triggers == nil {
		c.triggers = events.NewTable()
	}
	if c.triggersChanged == nil {
		c.triggersChanged = func() {}
	}
	if c.topicChanged == nil {
		c.topicChanged = func(string, string) {}
	}
	if c.secretsChanged == nil {
		c.secretsChanged = func(string) {}
	}
	if c.indexesChanged == nil {
		c.indexesChanged = func(string) {}
	}
	if c.rightsChanged == nil {
		c.rightsChanged = func() {}
	}
	if c.discard == nil {
		c.discard = func([]string) {}
	}
	c.remover = c.newRemover()
	c.removeSoon = c.remover.Wake
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reload(ctx, config.Store); err != nil {
		return nil, err
	}
	c.tellStranded()
	if err := c.tellTaken(ctx); err != nil {
		return nil, err
	}
	return c, c.loadTriggers(ctx)
}

// Routes is the table of all routes, always as the catalog is. It is for reading.
func (c *Catalog) Routes() *routing.Table { return c.routes }

// change runs fn in a transaction, to the exclusion of every other change on any node. What is in
// memory is the database's state before fn, and has the change when change returns.
func (c *Catalog) change(ctx context.Context, fn func(tx store.Store) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.store.InTx(ctx, func(tx store.Store) error {
		if err := c.catchUp(ctx, tx); err != nil {
			return err
		}
		return fn(tx)
	})
	if err != nil {
		return err
	}
	if c.part {
		return c.catchUp(ctx, c.store)
	}
	// The change is made. If memory cannot follow it now, the watcher makes it.
	ctx = context.WithoutCancel(ctx)
	if err := errors.Join(c.catchUp(ctx, c.store), c.loadTriggers(ctx)); err != nil {
		c.log.Error("the catalog was changed, but cannot be read", "error", err)
	}
	return nil
}

// Together makes several changes as one: fn makes them by part, a catalog within the transaction tx, and
// if it returns an error none is made. Nobody else changes the catalog meanwhile, so what may take long, as
// compiling a plugin, is to be done before, and what fn may do be checked. fn's context ends after twenty
// seconds: then none is made either, which is [fault.Overloaded]. part must not be used after fn.
func (c *Catalog) Together(ctx context.Context, fn func(ctx context.Context, tx store.Store, part *Catalog) error) error {
	tooLong := fault.New(fault.Overloaded, "the changes take longer than %v together, so none was made: make fewer at once", c.within)
	var part *Catalog
	err := c.change(ctx, func(tx store.Store) error {
		ctx, cancel := context.WithTimeoutCause(ctx, c.within, tooLong)
		defer cancel()
		part = &Catalog{
			store: tx, executions: quiet{c.executions}, routes: c.routes.Clone(), generation: c.generation, log: c.log,
			registry: events.NewRegistry(nil), triggers: events.NewTable(), triggersChanged: func() {},
			topicChanged: func(string, string) {}, secretsChanged: func(string) {}, indexesChanged: func(string) {}, rightsChanged: func() {},
			unclaimedHosts: c.unclaimedHosts, removeSoon: func() { tx.AfterCommit(c.remover.Wake) }, stale: map[string]bool{}, part: true,
		}
		err := fn(ctx, tx, part)
		if err != nil && context.Cause(ctx) == tooLong {
			return tooLong
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, do := range part.later {
		do(ctx, c)
	}
	return nil
}

// Recorded runs fn, a part of the transaction of [Catalog.Together] that the catalog is of. What fn changes, of whatever
// kind, is recorded as the deed of ctx.
func (c *Catalog) Recorded(ctx context.Context, fn func() error) error {
	return c.store.InTx(ctx, func(store.Store) error { return fn() })
}

// A compiler compiles scripts, and is told when some that it keeps have changed: [*executions.Service].
type compiler interface {
	Validate(ctx context.Context, db store.Store, script store.Script) (imports []string, err error)
	Changed(appID string)
	ChangedAll()
}

// quiet is a compiler that is told of no changes: outside of the transaction there are none yet.
type quiet struct{ compiler }

func (quiet) Changed(string) {}
func (quiet) ChangedAll()    {}

// catchUp brings memory up to the newest revision. The caller holds the lock.
func (c *Catalog) catchUp(ctx context.Context, s store.Store) error {
	revisions, complete, err := s.Revisions().After(ctx, c.generation)
	if err != nil {
		return err
	}
	if !complete {
		return c.reload(ctx, s)
	}
	last := map[store.Revision]int64{} // of what was changed several times
	for _, revision := range revisions {
		last[about(revision)] = revision.Generation
	}
	for _, revision := range revisions {
		if revision.Generation == last[about(revision)] { // what it is about is read as it is now
			if err := c.follow(ctx, s, revision); err != nil {
				return err
			}
		}
		c.generation = revision.Generation
	}
	return nil
}

// about is what a revision has in common with others of the same.
func about(revision store.Revision) store.Revision {
	revision.Generation = 0
	return revision
}

// follow reads again what a revision is about.
func (c *Catalog) follow(ctx context.Context, s store.Store, revision store.Revision) error {
	switch revision.Resource {
	case store.ResourceApp:
		c.stale[revision.ID] = true
		if err := c.readUnclaimed(ctx, s); err != nil {
			return err
		}
		_, err := s.Apps().Get(ctx, revision.ID)
		if fault.Of(err) == fault.NotFound {
			c.routes.ReleaseApp(revision.ID)
			c.quotas.Remove(revision.ID)
			c.routes.RemoveIf(func(r store.Route) bool { return r.AppID == revision.ID })
			c.executions.Changed(revision.ID)
			c.topicChanged(revision.ID, "")
			c.secretsChanged(revision.ID)
			c.rightsChanged() // of keys that were bound to it
			return nil
		}
		if err != nil || c.part { // which answers no requests
			return err
		}
		routes, err := s.Routes().ByApp(ctx, revision.ID) // which have the app's CORS policy
		for _, route := range routes {
			c.routes.Add(route)
		}
		return err
	case store.ResourceScript:
		c.executions.Changed(revision.AppID) // others may import it
		_, err := s.Scripts().Get(ctx, revision.ID)
		if fault.Of(err) == fault.NotFound {
			c.routes.RemoveIf(func(r store.Route) bool { return r.ScriptID == revision.ID })
			c.stale[revision.AppID] = true // its triggers went with it
			return nil
		}
		return err
	case store.ResourceTrigger:
		c.stale[revision.AppID] = true
	case store.ResourceUser:
		c.rightsChanged()
	case store.ResourceTopic:
		c.topicChanged(revision.AppID, revision.ID)
	case store.ResourceQuota:
		set, err := s.Quotas().Get(ctx, revision.AppID)
		if err != nil {
			return err
		}
		c.quotas.Set(revision.AppID, set)
	case store.ResourceDomain:
		claim, err := s.Domains().Get(ctx, revision.ID)
		switch {
		case fault.Of(err) == fault.NotFound:
			c.routes.Release(revision.ID)
		case err != nil:
			return err
		default:
			c.routes.Claim(claim)
		}
	case store.ResourceSecret:
		c.secretsChanged(revision.AppID)
	case store.ResourceIndex:
		c.indexesChanged(revision.AppID)
	case store.ResourceRoute:
		route, err := s.Routes().Get(ctx, revision.ID)
		switch {
		case fault.Of(err) == fault.NotFound:
			c.routes.Remove(revision.ID)
		case err != nil:
			return err
		default:
			c.routes.Add(route)
		}
	}
	return nil // of what is not kept in memory here
}

// reload reads everything again. The caller holds the lock.
func (c *Catalog) reload(ctx context.Context, s store.Store) error {
	generation, err := s.Revisions().Generation(ctx) // first: what comes later is followed later
	if err != nil {
		return err
	}
	routes, err := s.Routes().All(ctx)
	if err != nil {
		return err
	}
	claims, err := s.Domains().All(ctx)
	if err != nil {
		return err
	}
	if err := c.readUnclaimed(ctx, s); err != nil {
		return err
	}
	quotas, err := s.Quotas().All(ctx)
	if err != nil {
		return err
	}
	c.routes.Replace(routes, claims)
	c.quotas.Replace(quotas)
	c.executions.ChangedAll()
	c.topicChanged("", "")
	c.secretsChanged("")
	c.indexesChanged("")
	c.rightsChanged()
	c.staleAll = true
	c.generation = generation
	return nil
}
