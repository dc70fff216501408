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
	"sync/atomic"
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
	n, err = openEmpty(ctx, place, open)
	if err != nil {
		return nil, err
	}
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

// joinNode opens a node with an app that another node has made.
func joinNode(ctx context.Context, place string, open openStore, appID string) (n *node, err error) {
	n, err = openEmpty(ctx, place, open)
	if err != nil {
		return nil, err
	}
	var triggers []store.Trigger
	if n.app, err = n.store.Apps().Get(ctx, appID); err == nil {
		triggers, err = n.store.Triggers().ByApp(ctx, appID)
	}
	if err != nil {
		return nil, errors.Join(err, n.store.Close())
	}
	n.table.Set(appID, triggers, false)
	return n, nil
}

// openEmpty opens a node that has no app.
func openEmpty(ctx context.Context, place string, open openStore) (n *node, err error) {
	n = &node{table: events.NewTable()}
	n.emitter = events.NewEmitter(events.Config{Table: n.table, MaxDepth: 8, MaxPending: func(string) int { return 10_000_000 }, Log: slog.New(slog.DiscardHandler)})
	n.listeners = n.emitter.Registry()
	if n.store, err = open(ctx, place, n.listeners); err != nil {
		return nil, errors.Join(err, errors.Unwrap(err)) // which it does not say itself
	}
	n.emitter.Bind(n.store)
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
	n.run(runner(handler), 0)
	return nil
}

// run starts a dispatcher, of whose places an app has so many; 0: all.
func (n *node) run(handler dispatch.Runner, perApp int) {
	n.dispatch = dispatch.New(dispatch.Config{
		Store: n.store, Table: n.table, Emitter: n.emitter, Runner: handler,
		Concurrency: eventWorkers, PerApp: perApp, CallConcurrency: 1, Log: slog.New(slog.DiscardHandler),
		Registrant: func(context.Context, string, string) ([]abi.Capability, error) { return nil, nil },
	})
	n.dispatch.Start()
}

func (n *node) stop(ctx context.Context) error { return n.dispatch.Stop(ctx) }

func (n *node) empty(ctx context.Context) (bool, error) {
	count, err := n.store.Outbox().Count(ctx, n.app.ID, 1)
	return count == 0, err
}

func (n *node) close(context.Context) error { return n.store.Close() }

// eventsNodeCommand starts this program as a node that delivers events and says what memory it took.
const eventsNodeCommand = "events-node"

// startEventsNode makes and delivers n events in a process of its own, or delivers n of those that wait in an app, and
// returns the most memory that it has held, in MiB.
func startEventsNode(ctx context.Context, where, place string, n int, app string) (peak float64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	c := exec.CommandContext(ctx, self, eventsNodeCommand, where, place, strconv.Itoa(n), app)
	c.Stderr = os.Stderr
	said, err := c.Output()
	if err != nil {
		return 0, fmt.Errorf("a process that delivers events: %w", err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(said)), 64)
}

// eventsNode is that process. Its arguments are the name of a database or of a peer, its place, how many events it
// delivers, and the app in which they wait; "": it makes them.
func eventsNode(ctx context.Context, args []string) (err error) {
	if len(args) != 4 {
		return fmt.Errorf("usage: bench %s NAME PLACE N APP", eventsNodeCommand)
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	q, err := openQueue(ctx, args[0], args[1], args[3])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, q.close(ctx)) }()
	if args[3] == "" {
		_, err = drain(ctx, q, n)
	} else {
		err = deliverSome(ctx, q, n)
	}
	if err != nil {
		return err
	}
	var kB float64
	if _, err := fmt.Sscanf(process.ProcField("/proc/self/status", "VmHWM"), "%f kB", &kB); err != nil {
		return fmt.Errorf("read the memory of this process: %w", err)
	}
	fmt.Println(kB / 1024)
	return nil
}

// openQueue opens a queue of the name of a database or of a peer; app is "", or one that is there.
func openQueue(ctx context.Context, name, place, app string) (queue, error) {
	for database, open := range map[string]openStore{"SQLite": openSQLite, "PostgreSQL": openPostgres} {
		switch {
		case database != name:
		case app == "":
			return openNode(ctx, place, open)
		default:
			return joinNode(ctx, place, open, app)
		}
	}
	for _, peer := range riverPeers {
		if peer.name == name {
			return openRiver(ctx, place, peer.fetchEvery)
		}
	}
	return nil, fmt.Errorf("there is no %q", name)
}

// deliverSome delivers n of the messages that wait, or a few more.
func deliverSome(ctx context.Context, q queue, n int) error {
	enough := make(chan struct{})
	var handled atomic.Int64
	err := q.start(ctx, func(string) {
		if handled.Add(1) == int64(n) {
			close(enough)
		}
	})
	if err != nil {
		return err
	}
	select {
	case <-enough:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return errors.Join(err, q.stop(context.WithoutCancel(ctx)))
}

// measureWaiting measures the memory of a process that delivers events while very many others of their lane wait.
func measureWaiting(ctx context.Context, s settings, r *report, place eventPlace) error {
	where, err := place.make()
	if err != nil {
		return err
	}
	n, err := openNode(ctx, where, place.open)
	if err != nil {
		return err
	}
	of := s.executions / 2 // that are delivered
	filler := &claimer{node: n, lane: events.QueueLane(n.app.ID, eventTopic)}
	if err := errors.Join(filler.fill(ctx, s.waiting+(s.rounds+1)*of), n.close(ctx)); err != nil {
		return err
	}
	var peaks samples
	for round := range s.rounds + 1 { // the first warms up
		peak, err := startEventsNode(ctx, place.name, where, of, n.app.ID)
		if err != nil {
			return err
		}
		if round > 0 {
			peaks = append(peaks, peak)
		}
	}
	r.add(groupMemory, fmt.Sprintf("%s, %d waiting", place.name, s.waiting), "MiB", "", peaks)
	return nil
}

func openSQLite(ctx context.Context, path string, l store.Listeners) (store.Store, error) {
	return sqlite.Open(ctx, sqlite.Config{Path: path, Listeners: l})
}

func openPostgres(ctx context.Context, url string, l store.Listeners) (store.Store, error) {
	return postgres.Open(ctx, postgres.Config{URL: url, Listeners: l})
}
