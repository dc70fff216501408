package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/bench/process"
	"github.com/picloud/picloud/host/dispatch"
	"github.com/picloud/picloud/host/events"
	service "github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// eventBody is what each message says. The payloads of both sides have it under "message".
var eventBody = json.RawMessage(`{"n":1,"text":"` + strings.Repeat("x", 100) + `"}`)

const eventTopic = "bench"

type openStore func(ctx context.Context, place string, listeners store.Listeners) (store.Store, error)

// node is a server as far as events go: one app, whose script consumes a topic and does nothing.
type node struct {
	store     store.Store
	emitter   *events.Emitter
	table     *events.Table
	listeners *events.Registry
	dispatch  *dispatch.Dispatcher // nil: none runs
	app       store.App
	user      store.User
}

// openNode opens a node with an app of its own in the database at a place, which may have others. Its
// dispatcher is not started.
func openNode(ctx context.Context, place string, open openStore) (n *node, err error) {
	n = &node{table: events.NewTable()}
	n.emitter = events.NewEmitter(events.Config{Table: n.table, MaxDepth: 8, MaxPending: func(string) int { return 10_000_000 }, Log: slog.New(slog.DiscardHandler)})
	n.listeners = n.emitter.Registry()
	if n.store, err = open(ctx, place, n.listeners); err != nil {
		return nil, errors.Join(err, errors.Unwrap(err)) // which it does not say itself
	}
	n.emitter.Bind(n.store)
	name := strings.ToLower(rand.Text())
	if n.user, err = n.store.Users().Create(ctx, store.User{Username: name, Role: store.RoleOwner}); err == nil {
		n.app, err = n.addApp(ctx, name, &store.Trigger{
			Kind: store.TriggerQueue, Concurrency: eventWorkers, Queue: &store.QueueTrigger{Topic: eventTopic, MaxBatch: 1},
		})
	}
	if err != nil {
		return nil, errors.Join(err, n.store.Close())
	}
	return n, nil
}

// addApp makes an app with a script and one trigger of it; nil: without.
func (n *node) addApp(ctx context.Context, slug string, trigger *store.Trigger) (store.App, error) {
	app, err := n.store.Apps().Create(ctx, store.App{Slug: slug, Name: slug})
	if err != nil || trigger == nil {
		return app, err
	}
	script, err := n.store.Scripts().Create(ctx, store.Script{AppID: app.ID, Name: "nothing", Kind: abi.KindEndpoint, Source: "()"})
	if err != nil {
		return app, err
	}
	t := *trigger
	t.AppID, t.ScriptID, t.Name, t.Enabled, t.RegisteredBy = app.ID, script.ID, "bench", true, n.user.ID
	t.Retry = store.Retry{MaxAttempts: 1, Backoff: store.BackoffConstant, Base: time.Second, Max: time.Second}
	if t, err = n.store.Triggers().Create(ctx, t); err != nil {
		return app, err
	}
	n.table.Set(app.ID, []store.Trigger{t}, false)
	return app, n.listeners.Reload(ctx, app.ID, func(context.Context) ([]events.Listener, error) {
		return events.Listeners([]store.Trigger{t}), nil
	})
}

func (n *node) push(ctx context.Context, count int) (string, error) {
	messages := make([]events.Message, count)
	for i := range messages {
		messages[i].Body = eventBody
	}
	ids, err := n.emitter.Push(ctx, n.app.ID, eventTopic, messages)
	if err != nil {
		return "", err
	}
	return ids[0], nil
}

// runner is a handler in the place of the scripts.
type runner func(id string)

func (r runner) Run(_ context.Context, in service.Invocation) (*service.Outcome, error) {
	r(in.EventID)
	return &service.Outcome{}, nil
}

func (n *node) start(_ context.Context, handler func(id string)) error {
	n.dispatch = dispatch.New(dispatch.Config{
		Store: n.store, Table: n.table, Emitter: n.emitter, Runner: runner(handler),
		Concurrency: eventWorkers, CallConcurrency: 1, Log: slog.New(slog.DiscardHandler),
		Registrant: func(context.Context, string, string) ([]abi.Capability, error) { return nil, nil },
	})
	n.dispatch.Start()
	return nil
}

func (n *node) stop(ctx context.Context) error { return n.dispatch.Stop(ctx) }

func (n *node) empty(ctx context.Context) (bool, error) {
	count, err := n.store.Outbox().Count(ctx, n.app.ID, 1)
	return count == 0, err
}

func (n *node) close(context.Context) error { return n.store.Close() }

// eventsNodeCommand starts this program as a node that delivers events and says what memory it took.
const eventsNodeCommand = "events-node"

// startEventsNode delivers n events in a process of its own and returns the most memory that it has
// held, in MiB.
func startEventsNode(ctx context.Context, where, place string, n int) (peak float64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	c := exec.CommandContext(ctx, self, eventsNodeCommand, where, place, strconv.Itoa(n))
	c.Stderr = os.Stderr
	said, err := c.Output()
	if err != nil {
		return 0, fmt.Errorf("a process that delivers events: %w", err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(said)), 64)
}

// eventsNode is that process. Its arguments are the name of a database or of a peer, its place, and how
// many events it makes and delivers.
func eventsNode(ctx context.Context, args []string) (err error) {
	if len(args) != 3 {
		return fmt.Errorf("usage: bench %s NAME PLACE N", eventsNodeCommand)
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	var q queue
	switch args[0] {
	case "SQLite":
		q, err = openNode(ctx, args[1], openSQLite)
	case "PostgreSQL":
		q, err = openNode(ctx, args[1], openPostgres)
	default:
		for _, peer := range riverPeers {
			if peer.name == args[0] {
				q, err = openRiver(ctx, args[1], peer.fetchEvery)
			}
		}
		if q == nil && err == nil {
			return fmt.Errorf("there is no %q", args[0])
		}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.close(ctx)) }()
	if _, err := drain(ctx, q, n); err != nil {
		return err
	}
	var kB float64
	if _, err := fmt.Sscanf(process.ProcField("/proc/self/status", "VmHWM"), "%f kB", &kB); err != nil {
		return fmt.Errorf("read the memory of this process: %w", err)
	}
	fmt.Println(kB / 1024)
	return nil
}

func openSQLite(ctx context.Context, path string, l store.Listeners) (store.Store, error) {
	return sqlite.Open(ctx, sqlite.Config{Path: path, Listeners: l})
}

func openPostgres(ctx context.Context, url string, l store.Listeners) (store.Store, error) {
	return postgres.Open(ctx, postgres.Config{URL: url, Listeners: l})
}
