package server

import (
	"context"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/apptest/bench"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/dispatch"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// tests is what a server has that is for tests of apps.
type tests struct {
	bench      *bench.Bench // nil: the server is one like others
	cover      bool
	rewinder   sqlite.Rewinder
	dispatcher *dispatch.Dispatcher
	forget     []func() // have what is counted in memory begin anew
}

// now is the clock of what scripts see; nil: the machine's.
func (t *tests) now() func() time.Time {
	if t.bench == nil {
		return nil
	}
	return t.bench.Now
}

func (t *tests) observe() func(store.Script, executions.Invocation, *executions.Outcome) {
	if t.bench == nil {
		return nil
	}
	return t.bench.Observe
}

// openStore opens a database that can be brought back to what it was.
func (t *tests) openStore(ctx context.Context, at *config.Location, listeners store.Listeners) (store.Store, error) {
	return sqlite.Open(ctx, sqlite.Config{Path: databaseFile(at), Now: t.now(), Listeners: listeners, Rewinder: &t.rewinder})
}

// BindBench gives the bench of the server's Config what it works with. token is of a session of an owner.
func (s *Server) BindBench(token string) error {
	url := "http://" + s.Addr().String()
	c, err := client.New(url, token)
	if err != nil {
		return err
	}
	s.tests.bench.Bind(bench.Config{
		Client: c, URL: url, Store: s.store, Executions: s.executions, Dispatcher: s.tests.dispatcher,
		Capabilities: func(context.Context, string) ([]abi.Capability, error) { return authz.AppExecution, nil },
		Mark:         s.tests.rewinder.Mark, Rewind: s.tests.rewinder.Rewind, Sweep: s.services.KV.Sweep,
		Hold: s.holdFiles, Forget: s.forget,
	})
	return nil
}

// holdFiles has the bytes of files outlast whoever deletes them.
func (s *Server) holdFiles() (release func() error, err error) {
	hold, err := s.services.Files.Hold()
	if err != nil {
		return nil, err
	}
	return hold.Release, nil
}

// forget has what is counted in memory begin anew: requests, and what apps have of their quotas.
func (s *Server) forget() {
	s.quotas.Limiter().Forget()
	s.emitter.Forget()
	for _, forget := range s.tests.forget {
		forget()
	}
}

// now is the time of day, as scripts see it.
func (s *Server) now() time.Time {
	if now := s.tests.now(); now != nil {
		return now()
	}
	return time.Now()
}
