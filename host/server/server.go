// Package server is what `picloud serve` does: [New] makes a server's parts, one after the other,
// [Server.Run] serves, and [Server.Stop] takes the parts away in reverse. The first start makes the
// first admin and the default app.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/picloud/picloud/host/api"
	"github.com/picloud/picloud/host/apptest/bench"
	"github.com/picloud/picloud/host/archive"
	"github.com/picloud/picloud/host/audit"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/backup"
	"github.com/picloud/picloud/host/catalog"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/dashboard"
	"github.com/picloud/picloud/host/dispatch"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/domains"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/fetch"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/front/budget"
	"github.com/picloud/picloud/host/front/edge"
	"github.com/picloud/picloud/host/hostcalls"
	"github.com/picloud/picloud/host/identity"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/quota"
	"github.com/picloud/picloud/host/realtime"
	"github.com/picloud/picloud/host/relay"
	"github.com/picloud/picloud/host/sandbox"
	"github.com/picloud/picloud/host/sandbox/compiler"
	"github.com/picloud/picloud/host/sandbox/gate"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/store"
)

// How long the steps of a stop may take after the grace for what runs.
const (
	interruptGrace = 2 * time.Second  // for interrupted executions to be answered
	closeGrace     = 30 * time.Second // for the last records to be written
)

// reclaimEvery is how often disk that is not used any more is given back.
const reclaimEvery = time.Minute

// maxRecordBytes is how much memory of the budget records have that wait to be written, at most.
const maxRecordBytes = 64 << 20

// maxRoom is how much room there is for garbage, at most: 64 MiB. Of a machine with less than 2 GiB it is a thirty-second of that.
const maxRoom = 64 << 20

// Config is what a [Server] is made of.
type Config struct {
	Settings *config.Config
	Version  string
	Out      io.Writer    // for what a person must see: the address, and a generated password
	Log      *slog.Logger // nil: as the settings say

	// Answered is told of requests to apps, by their goroutines; nil: nobody is.
	Answered func(Answered)

	// Bench has the server be one for tests of apps, see [Server.BindBench]: it keeps data for as long as it runs,
	// shows the bench's time, sends it the requests of scripts to other servers, and delivers events only when the
	// bench says so. nil: it is one like others.
	Bench *bench.Bench
	// Cover has a bench know which lines of scripts are reached.
	Cover bool

	// Compile is a program and its arguments that call [Compile] in another process. Without one,
	// plugins are compiled in this process, and nothing bounds that.
	Compile []string
}

// Answered is a request to an app that has been answered.
type Answered = front.Answered

// Server is a whole PiCloud server on its data directory. It serves once.
type Server struct {
	settings *config.Config
	version  string
	compile  []string
	answered func(Answered)
	tests    tests
	out      io.Writer
	log      *slog.Logger
	metrics  *prometheus.Registry

	// The parts, in the order in which New makes them.
	triggers   *events.Table
	quotas     *quota.Apps
	emitter    *events.Emitter
	listeners  *events.Registry
	store      store.Store
	audit      *audit.Service
	services   hostcalls.Services
	sandbox    *sandbox.Sandbox
	budget     *budget.Budget
	room       background.Room
	asker      *relay.Asker // nil: scripts run here
	executions *executions.Service
	authority  *authz.Authority
	deliverers background.Group // of events, and of requests of other nodes
	realtime   *realtime.Hub
	catalog    *catalog.Catalog
	listener   net.Listener
	dashboard  *dashboardListener // nil: there is none
	admin      *generatedAdmin    // nil: nobody has to be told a password
	front      *front.Server
	backup     *backup.Service
	schedule   *backup.Schedule // nil: no backups but those that somebody asks for
	background background.Group

	triggersChanged func()                    // tells who delivers events; nil: nobody does here
	queueRate       func(lane string) float64 // see [api.Config]
	closeSandbox    func() error              // once; it interrupts the executions

	undo []func(context.Context) error // what Stop does, in reverse
	stop func() error                  // once
}

// New makes a server that listens and does not answer yet: connections wait for [Server.Run]. When a
// part cannot be made, those made before are taken away again; the error names the setting to look
// at.
func New(ctx context.Context, c Config) (*Server, error) {
	s := &Server{settings: c.Settings, version: c.Version, compile: c.Compile, answered: c.Answered, out: c.Out, log: c.Log, metrics: prometheus.NewRegistry()}
	s.tests = tests{bench: c.Bench, cover: c.Cover}
	if s.log == nil {
		s.log = c.Settings.Logger()
	}
	s.stop = sync.OnceValue(s.stopInOrder)
	gate.SpareProcessor()
	s.budget = budget.New(s.settings.MaxBufferedBytes)
	s.room = background.NewRoom(min(s.budget.Size()/4, maxRoom)) // before memory is used and left: Go would clear it, for 40 ms
	s.log.Info("starting", "version", s.version, "config", s.settings)
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	for _, step := range []struct {
		blames string
		make   func(context.Context) error
	}{
		{"data", s.takeDirectory},
		{"database", s.openStore},
		{"audit", s.makeAudit},
		{"files_root", s.makeServices},
		{"sandbox", s.makeSandbox},
		{"executions", s.makeExecutions},
		{"dispatcher", s.makeDispatcher},
		{"realtime", s.makeRealtime},
		{"catalog", s.makeCatalog},
		{"addr", s.listen}, // before anything is done that only a first start does
		{"dashboard_addr", s.listenDashboard},
		{"first start", s.firstStart},
		{"backup", s.makeBackup},
		{"front", s.makeFront},
		{"background", s.makeBackground},
	} {
		if err := step.make(ctx); err != nil {
			if fault.Cause(err) != nil { // which whoever reads the error does not see
				s.log.Error("start", "error", err)
			}
			return nil, errors.Join(fmt.Errorf("%s: %w", step.blames, err), s.Stop())
		}
	}
	return s, nil
}

// OpenSession makes a session of an owner for whoever has started the server in its own process, and so
// could set the owner's password, too. It returns the session's token.
func (s *Server) OpenSession(ctx context.Context) (token string, err error) {
	owner, err := s.owner(ctx)
	if err != nil {
		return "", err
	}
	login, err := s.authority.OpenLocal(s.audit.System(ctx, "open-session"), owner.ID, authz.Place{UserAgent: "picloud dev"})
	return login.Token, err
}

// owner finds an active owner.
func (s *Server) owner(ctx context.Context) (store.User, error) {
	for page := (store.PageRequest{Limit: store.MaxPageSize}); ; {
		users, err := s.store.Users().List(ctx, page)
		if err != nil {
			return store.User{}, err
		}
		for _, user := range users.Items {
			if user.Role == store.RoleOwner && user.Active() {
				return user, nil
			}
		}
		if page.Cursor = users.Next; page.Cursor == "" {
			return store.User{}, errors.New("there is no active owner")
		}
	}
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx ends, Stop is called or serving fails, and returns when the server has stopped
// in order.
func (s *Server) Run(ctx context.Context) error {
	s.executions.Start()
	if s.asker != nil {
		s.asker.Start()
	}
	s.background.Start()
	s.greet()
	served := make(chan error, 1)
	go func() { served <- s.serve() }()
	select {
	case err := <-served: // it failed, or Stop was called
		return errors.Join(err, s.Stop())
	case <-ctx.Done():
		return errors.Join(s.Stop(), <-served)
	}
}

// serve answers on both listeners until the public one fails or is closed, or that of the dashboard fails.
func (s *Server) serve() error {
	served := make(chan error, 2)
	go func() { served <- s.front.Serve(s.listener) }()
	if s.dashboard != nil {
		go func() {
			if err := s.serveDashboard(); err != nil {
				served <- err
			}
		}()
	}
	return <-served
}

// Stop stops the server, one part after the other, and returns when nothing of it is left. It refuses
// new requests and lets those that run finish, for as long as the setting shutdown_grace says; it
// interrupts the executions that still run then; it writes the last records, and closes the rest.
// Several may stop a server: all get the same error.
func (s *Server) Stop() error { return s.stop() }

func (s *Server) stopInOrder() error {
	var failed []error
	ctx, cancel := context.WithTimeout(context.Background(), s.settings.ShutdownGrace+interruptGrace+closeGrace)
	defer cancel()
	for _, undo := range slices.Backward(s.undo) {
		failed = append(failed, undo(ctx))
	}
	return errors.Join(failed...)
}

// onStop adds what is to be done before everything added earlier.
func (s *Server) onStop(undo func(context.Context) error) { s.undo = append(s.undo, undo) }

// takeDirectory makes sure that the data directory is this server's alone and can be written.
func (s *Server) takeDirectory(context.Context) error {
	if err := prepare(s.settings.Data); err != nil {
		return fmt.Errorf("%w, or choose another directory with --data", err)
	}
	lock, err := lock(s.settings.Data)
	if err != nil {
		return err
	}
	s.onStop(func(context.Context) error { return lock.Close() })
	if err := prepare(s.cache()); err != nil {
		return fmt.Errorf("%w, or choose another data directory with --data", err)
	}
	s.tellMetrics()
	return nil
}

// cache is the directory of what is compiled for the sandbox.
func (s *Server) cache() string { return filepath.Join(s.settings.Data, "cache") }

func (s *Server) openStore(ctx context.Context) (err error) {
	c := s.settings
	s.quotas = quota.NewApps(quota.Limits{
		RequestsPerSecond: c.RequestRate, RequestBurst: c.RequestBurst, Executions: int64(c.AppPlaces()), CPUMillis: c.CPUQuota.Milliseconds(),
		KVBytes: c.KVQuota, DocsBytes: c.DocsQuota, FilesBytes: c.FilesQuota, LogBytes: c.LogQuota, PendingEvents: int64(c.MaxPendingEvents),
	})
	if s.tests.bench != nil {
		s.quotas.Limiter().Follow(s.tests.bench.Now)
	}
	s.triggers = events.NewTable()
	s.emitter = events.NewEmitter(events.Config{
		MaxPending: func(appID string) int { return int(s.quotas.Of(appID).PendingEvents) },
		Table:      s.triggers, MaxDepth: s.settings.MaxTriggerDepth, Now: s.tests.now(), Log: s.log, Registerer: s.metrics,
	})
	s.listeners = s.emitter.Registry()
	if s.tests.bench != nil {
		s.store, err = s.tests.openStore(ctx, &s.settings.Location, s.listeners)
	} else {
		s.store, err = OpenStore(ctx, &s.settings.Location, s.listeners)
	}
	if err != nil {
		return err
	}
	s.emitter.Bind(s.store)
	s.onStop(func(context.Context) error { return s.store.Close() })
	return nil
}

// makeAudit makes the record of changes. What it has counted is written when all else has stopped.
func (s *Server) makeAudit(context.Context) error {
	s.audit = audit.New(audit.Config{Store: s.store, Show: api.Shown, Retention: s.settings.AuditRetention, Log: s.log})
	s.onStop(s.audit.Flush)
	return nil
}

// makeServices makes what scripts work with.
func (s *Server) makeServices(ctx context.Context) error {
	c := s.settings
	if err := prepare(c.FilesDir()); err != nil {
		return fmt.Errorf("%w, or choose another directory with --files-root", err)
	}
	stored, err := files.New(files.Config{
		Store: s.store.Files(), Root: c.FilesDir(), MaxFileSize: c.MaxFileBytes, Log: s.log,
		Quota: func(appID string) int64 { return s.quotas.Of(appID).FilesBytes },
	})
	if err != nil {
		return err
	}
	if err := stored.Claim(ctx); err != nil {
		return err
	}
	kept, err := secrets.New(ctx, secrets.Config{Store: s.store.Secrets(), Factors: s.store.SecondFactors(), Keys: c.SecretKey, File: s.secretFile(), Log: s.log})
	if err != nil {
		return fmt.Errorf("secret_key: %w", err)
	}
	if err := kept.SealFactors(s.audit.System(ctx, "seal-second-factors")); err != nil {
		return fmt.Errorf("secret_key: %w", err)
	}
	if c.HTTPAllowPrivate {
		s.log.Warn("scripts may send HTTP requests to private addresses and to this machine: http_allow_private is for development")
	}
	requests := fetch.New(fetch.Config{
		Version: s.version, AllowPrivate: c.HTTPAllowPrivate, Timeout: c.HTTPTimeout,
		MaxRequestBytes: c.HTTPMaxRequestBytes, MaxResponseBytes: c.HTTPMaxResponseBytes,
	})
	s.onStop(func(context.Context) error { requests.Close(); return nil })
	s.services = hostcalls.Services{
		KV: kv.New(kv.Config{
			Store: s.store.KV(), Log: s.log, Now: s.tests.now(),
			Admit: s.meter("kv entries", func(l quota.Limits) int64 { return l.KVBytes }, func(u store.AppUsage) int64 { return u.KV }),
		}),
		Docs: docs.New(docs.Config{
			Store: s.store.Docs(),
			Admit: s.meter("documents", func(l quota.Limits) int64 { return l.DocsBytes }, func(u store.AppUsage) int64 { return u.Docs }),
			Quota: func(appID string) int64 { return s.quotas.Of(appID).DocsBytes },
			Log:   s.log,
		}),
		Files: stored, Events: s.emitter,
		HTTP: requests, Transactions: s.store, Secrets: kept,
	}
	s.services.Docs.Follow(s.store.Revisions())
	if s.tests.bench != nil {
		s.services.HTTP = s.tests.bench
	}
	if n, err := s.services.Docs.Reindex(ctx); err != nil {
		return err
	} else if n > 0 {
		s.log.Info("documents were indexed anew", "documents", n)
	}
	return nil
}

// secretFile is the path of the generated key of secrets; "" where other nodes could not read it.
func (s *Server) secretFile() string {
	if s.settings.DatabaseURL != "" {
		return ""
	}
	return filepath.Join(s.settings.Data, secrets.FileName)
}

// meter bounds what each app has of something.
func (s *Server) meter(what string, may func(quota.Limits) int64, of func(store.AppUsage) int64) func(context.Context, string, int) error {
	m := quota.NewMeter(what, func(appID string) int64 { return may(s.quotas.Of(appID)) }, func(ctx context.Context, appID string) (int64, error) {
		usage, err := s.store.Apps().Usage(ctx, appID, s.now())
		return of(usage), err
	})
	s.tests.forget = append(s.tests.forget, m.Forget)
	return m.Admit
}

func (s *Server) makeSandbox(ctx context.Context) (err error) {
	s.sandbox, err = sandbox.New(ctx, sandbox.Config{
		CacheDir:        s.cache(),
		CacheBytes:      s.settings.CacheBytes,
		CompileCommand:  s.compile,
		CompileBounds:   compiler.Bounds{CPU: s.settings.CompileTime, MemoryMB: s.settings.CompileMemoryMB},
		ScriptCacheSize: s.settings.ScriptCacheSize,
		MaxConcurrent:   s.settings.MaxConcurrentExecutions,
		Logger:          s.log,
		Registerer:      s.metrics,
	})
	if err != nil {
		return err
	}
	s.closeSandbox = sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
		defer cancel()
		return s.sandbox.Close(ctx)
	})
	s.onStop(func(context.Context) error { return s.closeSandbox() })
	return nil
}

func (s *Server) makeExecutions(context.Context) error {
	records := int(min(s.budget.Size()/8, maxRecordBytes))
	s.budget.Reserve(int64(records))
	var elsewhere executions.Elsewhere
	if s.settings.Role == config.RoleAPI {
		s.asker = relay.NewAsker(relay.AskerConfig{Store: s.store.Relay(), Hold: s.hold, Log: s.log, Registerer: s.metrics})
		s.onStop(s.asker.Stop) // after the requests, which wait for answers
		elsewhere = s.asker.Run
	}
	cpu := quota.NewCPU(
		func(appID string) int64 { return s.quotas.Of(appID).CPUMillis },
		func(ctx context.Context, appID string) (time.Duration, error) {
			usage, err := s.store.Apps().Usage(ctx, appID, s.now())
			return usage.CPU, err
		},
	)
	s.tests.forget = append(s.tests.forget, cpu.Forget)
	s.executions = executions.New(executions.Config{
		Now: s.tests.now(), Cover: s.tests.cover, Observe: s.tests.observe(),
		Store: s.store, Elsewhere: elsewhere, Sandbox: s.sandbox,
		Dispatcher: hostcalls.New(hostcalls.Config{Services: s.services, Log: s.log, Registerer: s.metrics}),
		Ceiling:    s.settings.Ceiling(), ScriptCacheSize: s.settings.ScriptCacheSize, Logger: s.log, Registerer: s.metrics,
		MaxRecordBytes: records, TraceSlow: s.settings.TraceSlow,
		AdmitLog: s.meter("log lines of a day", func(l quota.Limits) int64 { return l.LogBytes }, func(u store.AppUsage) int64 { return u.Log }),
		Share: func(appID string) int {
			return cmp.Or(int(s.quotas.Of(appID).Executions), s.settings.MaxConcurrentExecutions)
		},
		CPU: cpu,
	})
	s.onStop(s.executions.Stop)
	return nil
}

// triggerRetry is the policy of triggers that have none of their own.
func (s *Server) triggerRetry() store.Retry {
	c := s.settings
	return store.Retry{
		MaxAttempts: c.TriggerMaxAttempts, Backoff: store.Backoff(c.TriggerBackoff), Base: c.TriggerBase, Max: c.TriggerMaxPause, Jitter: c.TriggerJitter,
	}
}

// makeDispatcher makes what delivers events, and what runs the requests of nodes that run no scripts. It
// begins when the server runs.
func (s *Server) makeDispatcher(context.Context) error {
	c := s.settings
	s.authority = authz.New(s.store, c.SessionTTL, authz.SessionIdle(c.SessionIdle), authz.Sealing(s.services.Secrets))
	if c.Role == config.RoleAPI {
		s.deliverers = background.Group{dispatch.NewAnnouncer(s.store, s.emitter, s.log)}
		s.queueRate = func(string) float64 { return 0 } // none is handled here
		return nil
	}
	dispatcher := dispatch.New(dispatch.Config{
		Store: s.store, Table: s.triggers, Emitter: s.emitter, Runner: s.executions, Registrant: s.authority.Registrant,
		Concurrency: c.EventPlaces(), PerApp: max(c.MaxConcurrentExecutions/4, 1), CallConcurrency: c.TriggerConcurrency, CallRetry: s.triggerRetry(),
		Now: s.tests.now(), Log: s.log, Registerer: s.metrics,
	})
	if s.tests.bench != nil {
		s.tests.dispatcher = dispatcher // which it calls, and which does nothing by itself
		s.queueRate = dispatcher.QueueRate
		return nil
	}
	s.deliverers, s.triggersChanged, s.queueRate = background.Group{dispatcher}, dispatcher.Changed, dispatcher.QueueRate
	if s.store.Relay().Shared() {
		s.deliverers = append(s.deliverers, relay.NewWorker(relay.WorkerConfig{
			Store: s.store.Relay(), Runner: s.executions, Places: c.MaxConcurrentExecutions, Hold: s.hold, Retention: c.LogRetention,
			Log: s.log, Registerer: s.metrics,
		}))
	}
	return nil
}

// hold counts what is passed on between nodes, as a [relay.Hold].
func (s *Server) hold(ctx context.Context, bytes int) (release func(), err error) {
	share := s.budget.Share(int64(bytes))
	if err := share.Adopt(ctx, int64(bytes)); err != nil {
		return nil, err
	}
	return share.Release, nil
}

// makeRealtime makes what tells subscribers. It begins when the server runs.
func (s *Server) makeRealtime(context.Context) error {
	s.realtime = realtime.New(realtime.Config{Store: s.store, MaxSubscribers: s.settings.MaxSubscribers, Log: s.log, Registerer: s.metrics})
	s.emitter.OnPublish(s.realtime.Published)
	return nil
}

func (s *Server) makeCatalog(ctx context.Context) (err error) {
	s.catalog, err = catalog.New(ctx, catalog.Config{
		Store: s.store, Executions: s.executions, Logger: s.log,
		Registry: s.listeners, Triggers: s.triggers, TriggersChanged: s.triggersChanged, TopicChanged: s.realtime.Changed,
		SecretsChanged: s.services.Secrets.Changed, IndexesChanged: s.services.Docs.IndexesChanged, RightsChanged: s.authority.Changed,
		Discard: s.services.Files.Discard, UnclaimedHosts: s.settings.UnclaimedHosts, Quotas: s.quotas,
	})
	return err
}

func (s *Server) listen(ctx context.Context) (err error) {
	var c net.ListenConfig
	if s.listener, err = c.Listen(ctx, "tcp", s.settings.Addr); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("%w: stop what listens there, or choose another address with --addr", err)
		}
		return err
	}
	s.onStop(func(context.Context) error { return s.closeListener() })
	return nil
}

// makeFront makes what answers requests.
func (s *Server) makeFront(context.Context) error {
	c := s.settings
	var reserved []string
	for _, host := range c.ReservedHosts {
		name, err := domains.ParseClaim(host)
		if err != nil {
			return &config.FieldError{Field: "reserved_hosts", Value: host, Reason: "must be names of hosts, or *.example.com"}
		}
		reserved = append(reserved, name)
	}
	for _, host := range dashboardHosts(c) {
		if name, err := domains.ParseClaim(host); err == nil { // an address is nobody's to claim
			reserved = append(reserved, name)
		}
	}
	recent := front.NewRecent()
	admin := api.New(api.Config{
		Archive: archive.New(archive.Config{
			Store: s.store, Catalog: s.catalog, KV: s.services.KV, Docs: s.services.Docs, Files: s.services.Files,
			MaxBytes: c.MaxArchiveBytes, MaxPluginBytes: c.MaxPluginBytes, Version: s.version, Log: s.log,
		}),
		Store: s.store, Authority: s.authority, Executions: s.executions, Audit: s.audit, Backup: s.backup,
		Identity: identity.New(identity.Config{Store: s.store, Authority: s.authority, InviteTTL: c.InviteTTL}),
		KV:       s.services.KV, Docs: s.services.Docs, Files: s.services.Files, Secrets: s.services.Secrets,
		Events: s.emitter, QueueRate: s.queueRate, TriggerRetry: s.triggerRetry(), TriggerConcurrency: c.TriggerConcurrency,
		Requests: recent, Catalog: s.catalog, MaxBodyBytes: c.MaxBodyBytes, MaxPluginBytes: c.MaxPluginBytes,
		Quotas: s.quotas, ReservedHosts: reserved, DashboardURL: c.DashboardURL,
		Metrics: s.metrics, Version: s.version, Logger: s.log,
	})
	proxies, err := c.Proxies()
	if err != nil {
		return err
	}
	s.front = front.New(front.Config{
		Store: s.store, Authority: s.authority, Executions: s.executions, Files: s.services.Files, Routes: s.catalog.Routes(), Quotas: s.quotas, Events: s.emitter, Realtime: s.realtime,
		Secrets: s.services.Secrets, Audit: s.audit, MaxBodyBytes: c.MaxBodyBytes, Budget: s.budget, Proxies: proxies, MetricsToken: c.MetricsToken,
		Limits:  edge.Limits{Connections: c.MaxConnections, PerAddress: c.MaxConnectionsPerAddress},
		Version: s.version, Logger: s.log, Registry: s.metrics,
		Mount: admin.Mount, Streams: api.Streams, Answered: s.answered, Recent: recent,
	})
	if s.dashboard != nil {
		s.dashboard.front = dashboard.New(front.Config{
			MaxBodyBytes: c.MaxBodyBytes, Budget: s.budget, Proxies: proxies,
			Limits:  edge.Limits{Connections: maxDashboardConnections},
			Version: s.version, Logger: s.log, Mount: admin.Mount, Streams: api.Streams,
		}, dashboard.Place{Hosts: dashboardHosts(c), Passing: s.dashboard.passing, Site: s.listener.Addr()})
	}
	return nil
}

// makeBackground lists what runs beside requests. It stops as they do.
func (s *Server) makeBackground(context.Context) error {
	s.background = background.Group{
		s.catalog.Watcher(),
		s.catalog.Remover(),
		s.deliverers,
		s.realtime,
		dispatch.NewRetention(s.store, s.settings.DeadLetterRetention, s.log),
		s.authority.SessionSweeper(s.log),
		s.audit.Background(),
		s.services.KV.Sweeper(),
		s.services.Docs.Indexer(),
		s.services.Files.Sweeper(),
		s.executions.CodeSweeper(s.log),
		s.catalog.SiteSweeper(),
		s.catalog.ImportSweeper(),
		quota.NewWatch(quota.WatchConfig{Apps: s.quotas, Usage: s.store.Quotas().Usage, Log: s.log, Registerer: s.metrics}),
		executions.NewSeriesRetention(s.store.Series(), s.log),
		executions.NewCompaction(s.store.Executions(), s.log),
		background.NewMemoryReturn(s.log),
		background.NewSweep("unused", "bytes of disk", reclaimEvery, s.log, s.store.Reclaim),
	}
	if age := s.settings.LogRetention; age > 0 {
		s.background = append(s.background, executions.NewRetention(s.store.Executions(), age, s.log))
	}
	if s.schedule != nil {
		s.background = append(s.background, s.schedule)
	}
	s.onStop(s.drain)
	return nil
}

// greet tells whoever started the server where it is, and the password that only now is known.
func (s *Server) greet() {
	if s.admin != nil {
		fmt.Fprintf(s.out, "\n  Log in as %s with this password, which is new at each start until it was used:\n\n      %s\n\n", s.admin.username, s.admin.password)
	}
	if s.dashboard != nil {
		fmt.Fprintf(s.out, "  Dashboard: http://%s\n", s.dashboard.listener.Addr())
	}
	fmt.Fprintf(s.out, "  PiCloud %s listens on http://%s (try http://%s/hello)\n", s.version, s.Addr(), s.Addr())
}

// drain refuses new requests, ends what runs in the background, and waits until the requests are
// answered and the work has ended. After the grace it interrupts the executions, so that those who
// wait for them are answered.
func (s *Server) drain(context.Context) error {
	grace := s.settings.ShutdownGrace
	s.log.Info("stopping", "grace", grace)
	ctx, cancel := context.WithTimeout(context.Background(), grace+interruptGrace)
	defer cancel()
	refused := s.closeListener()
	answered, managed, ended := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() { answered <- s.front.Shutdown(ctx) }()
	go func() { managed <- s.dashboard.shutdown(ctx) }()
	go func() { ended <- s.background.Stop(ctx) }()
	interrupt := time.AfterFunc(grace, func() {
		s.log.Warn("interrupting executions that did not finish in time", "grace", grace)
		_ = s.closeSandbox() // Stop looks at its error
		if s.asker != nil {
			s.asker.Interrupt()
		}
	})
	defer interrupt.Stop()
	failed := []error{refused}
	for _, late := range []error{<-answered, <-managed} {
		if errors.Is(late, context.DeadlineExceeded) {
			s.log.Warn("connections were still open at the end")
		} else {
			failed = append(failed, closed(late)) // the front closes its listener, too
		}
	}
	return errors.Join(append(failed, <-ended)...)
}

func (s *Server) closeListener() error { return closed(s.listener.Close()) }

// closed is the error of closing what may be closed already.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
