// Package server is what `picloud serve` does: it opens the store, makes the services, listens, and
// stops in order. The first start makes the first admin and the default app.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/picloud/picloud/host/api"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/budget"
	"github.com/picloud/picloud/host/catalog"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/fetch"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/front/edge"
	"github.com/picloud/picloud/host/hostcalls"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/sandbox"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
	"github.com/picloud/picloud/host/sweep"
)

// How long the steps of a stop may take after the grace for what runs.
const (
	interruptGrace = 2 * time.Second  // for interrupted executions to be answered
	closeGrace     = 30 * time.Second // for the last records to be written
)

// Serve runs a server of a version until ctx ends, then stops it in order. What a
// person must see, the address and a generated password, goes to out; the log goes
// to stderr.
func Serve(ctx context.Context, c *config.Config, version string, out io.Writer) (err error) {
	log := c.Logger()
	log.Info("starting", "version", version, "config", c)
	defer func() {
		if fault.Cause(err) != nil { // which whoever reads the error does not see
			log.Error("serve", "error", err)
		}
	}()
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	db, err := OpenStore(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	box, err := sandbox.New(ctx, sandbox.Config{
		CacheDir:        filepath.Join(c.Data, "cache"),
		ScriptCacheSize: c.ScriptCacheSize,
		MaxConcurrent:   c.MaxConcurrentExecutions,
		Logger:          log,
		Registerer:      registry,
	})
	if err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	services, err := newServices(c, db, version, log)
	if err != nil {
		return err
	}
	defer services.HTTP.Close()
	dispatcher := hostcalls.New(hostcalls.Config{Services: services, Log: log, Registerer: registry})
	runs := executions.New(executions.Config{
		Store: db, Sandbox: box, Dispatcher: dispatcher, Ceiling: c.Ceiling(),
		ScriptCacheSize: c.ScriptCacheSize, Logger: log, Registerer: registry,
	})
	password, err := firstStart(ctx, db, c)
	if err != nil {
		return fmt.Errorf("first start: %w", err)
	}
	apps, err := catalog.New(ctx, catalog.Config{Store: db, Executions: runs, Logger: log})
	if err != nil {
		return err
	}
	authority := authz.New(db, c.SessionTTL)
	admin := api.New(api.Config{
		Store: db, Authority: authority, Executions: runs,
		KV: services.KV, Docs: services.Docs, Files: services.Files,
		Catalog: apps, MaxBodyBytes: c.MaxBodyBytes, MaxPluginBytes: c.MaxPluginBytes,
		Version: version, Logger: log,
	})
	proxies, err := c.Proxies()
	if err != nil {
		return err
	}
	server := front.New(front.Config{
		Store: db, Authority: authority, Executions: runs, Routes: apps.Routes(),
		MaxBodyBytes: c.MaxBodyBytes, Budget: budget.New(c.MaxBufferedBytes), Proxies: proxies,
		Limits:  edge.Limits{Connections: c.MaxConnections, PerAddress: c.MaxConnectionsPerAddress},
		Version: version, Logger: log, Registry: registry,
		Mount: admin.Mount, Streams: api.Streams,
	})
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("addr: %w", err)
	}
	if password != "" {
		fmt.Fprintf(out, "\n  First start. Log in as %s with this password, which is shown only now:\n\n      %s\n\n", c.AdminUsername, password)
	}
	fmt.Fprintf(out, "  PiCloud %s listens on http://%s (try http://%s/hello)\n", version, listener.Addr(), listener.Addr())

	defer sweep.Start("expired", "sessions", time.Hour, log, func(ctx context.Context) (int64, error) {
		return db.Sessions().DeleteExpired(ctx, time.Now())
	}).Stop()
	if c.LogRetention > 0 {
		defer executions.Retain(db.Executions(), c.LogRetention, log).Stop()
	}
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWatching()
	go apps.Watch(watching)
	services.KV.Start()
	defer services.KV.Stop()
	services.Files.Start()
	defer services.Files.Stop()

	// Closing the sandbox interrupts what still runs.
	interrupt := sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
		defer cancel()
		return box.Close(ctx)
	})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		log.Info("stopping", "grace", c.ShutdownGrace)
		err = stop(server, interrupt, c.ShutdownGrace, log)
	}
	closing, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	return errors.Join(err, interrupt(), runs.Close(closing))
}

// stop lets running requests finish for as long as grace, then interrupts the
// executions and lets those requests be answered.
func stop(server *front.Server, interrupt func() error, grace time.Duration, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace+interruptGrace)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- server.Shutdown(ctx) }()
	patience := time.NewTimer(grace)
	defer patience.Stop()
	select {
	case err := <-stopped:
		return err
	case <-patience.C:
	}
	log.Warn("interrupting executions that did not finish in time", "grace", grace)
	err := interrupt()
	if late := <-stopped; errors.Is(late, context.DeadlineExceeded) {
		log.Warn("connections were still open at the end")
	} else {
		err = errors.Join(err, late)
	}
	return err
}

// OpenStore opens the database that the settings name, and brings its schema up to date.
func OpenStore(ctx context.Context, c *config.Config) (store.Store, error) {
	var db store.Store
	var err error
	if c.DatabaseURL != "" {
		db, err = postgres.Open(ctx, postgres.Config{URL: c.DatabaseURL})
	} else {
		db, err = sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(c.Data, sqlite.FileName)})
	}
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return db, nil
}

// newServices makes what scripts work with.
func newServices(c *config.Config, db store.Store, version string, log *slog.Logger) (hostcalls.Services, error) {
	stored, err := files.New(files.Config{
		Store: db.Files(), Root: c.FilesDir(), MaxFileSize: c.MaxFileBytes, Quota: c.FilesQuota, Log: log,
	})
	if err != nil {
		return hostcalls.Services{}, fmt.Errorf("files_root: %w", err)
	}
	if c.HTTPAllowPrivate {
		log.Warn("scripts may send HTTP requests to private addresses and to this machine: http_allow_private is for development")
	}
	return hostcalls.Services{
		KV:    kv.New(kv.Config{Store: db.KV(), Log: log}),
		Docs:  docs.New(docs.Config{Store: db.Docs()}),
		Files: stored,
		HTTP: fetch.New(fetch.Config{
			Version: version, AllowPrivate: c.HTTPAllowPrivate, Timeout: c.HTTPTimeout,
			MaxRequestBytes: c.HTTPMaxRequestBytes, MaxResponseBytes: c.HTTPMaxResponseBytes,
		}),
	}, nil
}
