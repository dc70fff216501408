package catalog

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/fetch"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/hostcalls"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/sandbox"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

var box *sandbox.Sandbox // shared: compiling the guest takes longer than the tests

func TestMain(m *testing.M) {
	os.Exit(func() int {
		ctx := context.Background()
		var err error
		if box, err = sandbox.New(ctx, sandbox.Config{MaxConcurrent: 4, Logger: slog.New(slog.DiscardHandler)}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer box.Close(ctx)
		return m.Run()
	}())
}

// A node is one server's catalog, with what runs its scripts and knows its callers.
type node struct {
	*Catalog
	authority  *authz.Authority
	store      store.Store
	executions *executions.Service
}

func newNode(t *testing.T, db store.Store) node {
	t.Helper()
	stored, err := files.New(files.Config{Store: db.Files(), Root: t.TempDir()})
	require.NoError(t, err)
	runs := executions.New(executions.Config{
		Store: db, Sandbox: box, Ceiling: abi.DefaultCeiling, ScriptCacheSize: 8,
		Dispatcher: hostcalls.New(hostcalls.Config{Services: hostcalls.Services{
			KV: kv.New(kv.Config{Store: db.KV()}), Docs: docs.New(docs.Config{Store: db.Docs()}),
			Files: stored, HTTP: fetch.New(fetch.Config{}),
		}}),
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	runs.Start()
	t.Cleanup(func() {
		require.NoError(t, runs.Stop(context.Background()))
		require.NoError(t, db.Close())
	})
	authority := authz.New(db, time.Hour)
	c, err := New(t.Context(), Config{Store: db, Executions: runs, Logger: slog.New(slog.DiscardHandler), RightsChanged: authority.Changed})
	require.NoError(t, err)
	return node{c, authority, db, runs}
}

func onSQLite(t *testing.T) node {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
	require.NoError(t, err)
	return newNode(t, db)
}

// onPostgres makes nodes that share one database.
func onPostgres(t *testing.T, nodes int) []node {
	t.Helper()
	url := pgtest.URL(t)
	var all []node
	for range nodes {
		db, err := postgres.Open(t.Context(), postgres.Config{URL: url})
		require.NoError(t, err)
		all = append(all, newNode(t, db))
	}
	return all
}

func (n node) app(t *testing.T, slug string) store.App {
	t.Helper()
	app, err := n.CreateApp(t.Context(), slug, "")
	require.NoError(t, err)
	return app
}

func (n node) script(t *testing.T, app store.App, name, source string) store.Script {
	t.Helper()
	script, err := n.CreateScript(t.Context(), store.Script{AppID: app.ID, Name: name, Kind: abi.KindEndpoint, Source: source})
	require.NoError(t, err)
	return script
}

func (n node) module(t *testing.T, app store.App, name, source string) store.Script {
	t.Helper()
	script, err := n.CreateScript(t.Context(), store.Script{AppID: app.ID, Name: name, Kind: abi.KindModule, Source: source})
	require.NoError(t, err)
	return script
}

func (n node) route(t *testing.T, script store.Script, method, path string) (store.Route, error) {
	t.Helper()
	route, err := routing.Parse(method, "", "", path, "")
	require.NoError(t, err)
	route.Dispatch = store.DispatchSync
	created, _, err := n.CreateRoute(t.Context(), script, route)
	return created, err
}

// answer is what the node's route for GET path answers, or "none".
func (n node) answer(t *testing.T, path string) string {
	t.Helper()
	match, ok := n.Routes().Match("GET", "", path)
	if !ok {
		return "none"
	}
	out, err := n.executions.Run(t.Context(), executions.Invocation{
		ScriptID: match.Route.ScriptID, Type: abi.InvocationHTTP, Request: &abi.Request{Method: "GET", Path: path},
		Capabilities: authz.AppExecution,
	})
	if err != nil {
		return err.Error()
	}
	if out.Error != nil {
		return out.Error.Message
	}
	return string(out.Response.Body)
}

// TestOtherNodesFollow: what one node changes, the other serves within a second of its own accord.
func TestOtherNodesFollow(t *testing.T) {
	nodes := onPostgres(t, 2)
	here, there := nodes[0], nodes[1]
	watcher := there.Watcher()
	watcher.Start()
	defer func() { require.NoError(t, watcher.Stop(context.Background())) }()

	var app store.App
	var script, module store.Script
	var route store.Route
	for _, step := range []struct {
		name string
		do   func() error
		want string // what GET /x answers afterwards
	}{
		{"an app with a script and a route", func() (err error) {
			app = here.app(t, "app")
			module = here.module(t, app, "words", `fn word() { "one" }`)
			script = here.script(t, app, "s", `import "words" as w; w::word()`)
			route, err = here.route(t, script, "GET", "/x")
			return err
		}, "one"},
		{"the module is changed", func() (err error) {
			module, err = here.UpdateScript(t.Context(), module, store.ScriptChange{Source: new(`fn word() { "two" }`)})
			return err
		}, "two"},
		{"the script is changed", func() (err error) {
			script, err = here.UpdateScript(t.Context(), script, store.ScriptChange{Source: new(`"three"`)})
			return err
		}, "three"},
		{"the script is again as it was", func() (err error) {
			script, err = here.RestoreScript(t.Context(), script, 1, 0)
			return err
		}, "two"},
		{"and as it was then", func() (err error) {
			script, err = here.RestoreScript(t.Context(), script, 2, 3)
			return err
		}, "three"},
		{"the route is deleted", func() error { return here.DeleteRoute(t.Context(), route.ID) }, "none"},
		{"the route is made again", func() (err error) { _, err = here.route(t, script, "", "/x"); return err }, "three"},
		{"the script is deleted", func() error { return here.DeleteScript(t.Context(), script) }, "none"},
		{"another script takes its place", func() (err error) {
			script = here.script(t, app, "s", `"four"`)
			_, err = here.route(t, script, "GET", "/x")
			return err
		}, "four"},
		{"the app is deleted", func() error { return here.DeleteApp(t.Context(), app.ID) }, "none"},
	} {
		require.NoError(t, step.do(), step.name)
		require.Equal(t, step.want, here.answer(t, "/x"), "on the node itself: %s", step.name)
		require.Eventually(t, func() bool { return there.answer(t, "/x") == step.want },
			10*time.Second, time.Millisecond, "on the other node: %s", step.name)
	}
}

// TestOtherNodesForgetRights: what a user may do no longer by one node, the other refuses as soon as it
// hears of it.
func TestOtherNodesForgetRights(t *testing.T) {
	nodes := onPostgres(t, 2)
	here, there := nodes[0], nodes[1]
	heard := make(chan struct{}, 100)
	there.rightsChanged = func() { there.authority.Changed(); heard <- struct{}{} }
	watcher := there.Watcher()
	watcher.Start()
	defer func() { require.NoError(t, watcher.Stop(context.Background())) }()

	app := here.app(t, "app")
	user, err := here.store.Users().Create(t.Context(), store.User{Username: "user", Role: store.RoleMember})
	require.NoError(t, err)
	key := func(appID string) (string, store.APIKey) {
		key, row, err := here.authority.CreateKey(t.Context(), user.ID, "k", authz.Scopes, appID, time.Time{})
		require.NoError(t, err)
		return key, row
	}
	free, row := key("")
	bound, _ := key(app.ID)
	knows := func(n node, token string) func() bool {
		return func() bool { _, err := n.authority.Authenticate(t.Context(), token); return err == nil }
	}
	may := func(n node, c authz.Capability) func() bool {
		return func() bool {
			may, err := n.authority.MayIn(t.Context(), &authz.Principal{User: user}, app.ID, c)
			require.NoError(t, err)
			return may
		}
	}
	is := func(n node, role store.InstanceRole) func() bool {
		return func() bool {
			p, err := n.authority.Authenticate(t.Context(), bound)
			return err == nil && p.User.Role == role
		}
	}
	setMember := func(role store.AppRole) func() error {
		return func() error { return here.store.Apps().SetMember(t.Context(), app.ID, user.ID, role) }
	}
	for _, step := range []struct {
		name        string
		do          func() error
		here, there func() bool // which is so then
	}{
		{"a member is made", setMember(store.RoleEditor), may(here, authz.ScriptWrite), may(there, authz.ScriptWrite)},
		{"the role is less", setMember(store.RoleViewer), not(may(here, authz.ScriptWrite)), not(may(there, authz.ScriptWrite))},
		{"the member is removed", func() error { return here.store.Apps().RemoveMember(t.Context(), app.ID, user.ID) },
			not(may(here, authz.AppRead)), not(may(there, authz.AppRead))},
		{"the key is revoked", func() error { return here.store.APIKeys().Delete(t.Context(), row.ID) }, not(knows(here, free)), not(knows(there, free))},
		{"the user's role changes", func() error {
			_, err := here.store.Users().Update(t.Context(), user.ID, store.UserChange{Role: new(store.RoleAdmin)})
			return err
		}, is(here, store.RoleAdmin), is(there, store.RoleAdmin)},
		{"the app of a key is deleted", func() error { return here.DeleteApp(t.Context(), app.ID) }, not(knows(here, bound)), not(knows(there, bound))},
	} {
		require.False(t, step.here(), "before %s", step.name)
		require.False(t, step.there(), "before %s", step.name) // which it remembers now
		for len(heard) > 0 {
			<-heard
		}
		require.NoError(t, step.do(), step.name)
		require.True(t, step.here(), "on the node itself: %s", step.name)
		select {
		case <-heard:
		case <-time.After(time.Minute):
			t.Fatal("the other node has not heard of it: " + step.name)
		}
		require.Eventually(t, step.there, 10*time.Second, time.Millisecond, "on the other node: %s", step.name)
	}
}

func not(is func() bool) func() bool { return func() bool { return !is() } }

// TestNodesDecideTogether: of two nodes that make routes in each other's way at the same time, one is refused.
func TestNodesDecideTogether(t *testing.T) {
	nodes := onPostgres(t, 2)
	app := nodes[0].app(t, "app")
	script := nodes[0].script(t, app, "s", `1`)
	for round := range 20 {
		errs := make([]error, len(nodes))
		var making sync.WaitGroup
		for i, path := range []string{fmt.Sprintf("/%d/:a", round), fmt.Sprintf("/%d/:b", round)} {
			making.Go(func() { _, errs[i] = nodes[i].route(t, script, "GET", path) })
		}
		making.Wait()
		refused := 0
		for _, err := range errs {
			if err != nil {
				require.Equal(t, fault.Conflict, fault.Of(err))
				refused++
			}
		}
		require.Equal(t, 1, refused, "round %d: %v", round, errs)
	}
	// The one that was refused has seen why.
	require.Equal(t, 20, max(nodes[0].Routes().Len(), nodes[1].Routes().Len()))
}

// TestReloadAfterALongAbsence: a node that missed more than is kept of revisions reads everything again.
func TestReloadAfterALongAbsence(t *testing.T) {
	nodes := onPostgres(t, 2)
	here, there := nodes[0], nodes[1]
	app := here.app(t, "app")
	_, err := here.route(t, here.script(t, app, "s", `"answer"`), "GET", "/x")
	require.NoError(t, err)
	require.NoError(t, here.store.InTx(t.Context(), func(tx store.Store) error {
		for range store.KeptRevisions {
			if _, err := tx.Apps().Update(t.Context(), app.ID, store.AppChange{}); err != nil {
				return err
			}
		}
		return nil
	}))
	require.Equal(t, "none", there.answer(t, "/x"))
	require.NoError(t, there.look(t.Context()))
	require.Equal(t, "answer", there.answer(t, "/x"))
}

func TestRules(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		app := n.app(t, "app")
		module := n.module(t, app, "lib", `fn f() { 1 }`)
		bound := n.script(t, app, "bound", `2`)
		_, err := n.route(t, bound, "GET", "/users/:id")
		require.NoError(t, err)
		n.script(t, app, "importer", `import "lib" as l; l::f()`)
		started := n.script(t, app, "started", `3`)
		_, err = n.CreateTrigger(t.Context(), store.Trigger{
			AppID: app.ID, ScriptID: started.ID, Kind: store.TriggerPubSub, Name: "news", Concurrency: 1,
			Retry:  store.Retry{MaxAttempts: 1, Backoff: store.BackoffConstant, Base: time.Second, Max: time.Second},
			PubSub: &store.PubSubTrigger{Topic: "news"},
		})
		require.NoError(t, err)
		update := func(script store.Script, change store.ScriptChange) func() error {
			return func() error { _, err := n.UpdateScript(t.Context(), script, change); return err }
		}
		create := func(script store.Script) func() error {
			return func() error {
				script.AppID = app.ID
				_, err := n.CreateScript(t.Context(), script)
				return err
			}
		}

		for _, c := range []struct {
			name string
			do   func() error
			want string
		}{
			{"a slug like an id", func() error {
				_, err := n.CreateApp(t.Context(), "0193d0a8-5f0e-7000-8000-000000000000", "")
				return err
			}, `slug: must not look like an id`},
			{"a slug in use", func() error { _, err := n.CreateApp(t.Context(), "app", ""); return err }, `app slug "app" is already in use`},
			{"a script that does not compile", create(store.Script{Name: "x", Kind: abi.KindEndpoint, Source: `let`}), "Expecting name of a variable"},
			{"an import of nothing", create(store.Script{Name: "x", Kind: abi.KindEndpoint, Source: `import "none" as n; 1`}), `Module not found: none`},
			{"a source with NUL", create(store.Script{Name: "x", Kind: abi.KindEndpoint, Source: "1\x00"}), "source: must not contain NUL (byte 1)"},
			{"a name in use", create(store.Script{Name: "lib", Kind: abi.KindEndpoint, Source: `1`}), `script name "lib" is already in use`},
			{"deleting an imported module", func() error { return n.DeleteScript(t.Context(), module) }, `module "lib" is imported by importer`},
			{"renaming it", update(module, store.ScriptChange{Name: new("other")}), `module "lib" is imported by importer`},
			{"making an endpoint of it", update(module, store.ScriptChange{Kind: new(abi.KindEndpoint)}), `module "lib" is imported by importer`},
			{"making a module of a script with routes", update(bound, store.ScriptChange{Kind: new(abi.KindModule), Source: new("fn f() {}")}),
				"a script with routes cannot become a module"},
			{"making a module of a script with triggers", update(started, store.ScriptChange{Kind: new(abi.KindModule), Source: new("fn f() {}")}),
				`a script with triggers cannot become a module: "news"`},
			{"making a plugin of a script", update(bound, store.ScriptChange{Kind: new(abi.KindPlugin)}),
				`"bound" is of kind endpoint: a plugin stays one, and nothing becomes one`},
			{"giving a script a module", update(bound, store.ScriptChange{Wasm: []byte{0}}), `only a plugin has a module, "bound" is of kind endpoint`},
			{"another version", update(bound, store.ScriptChange{ExpectVersion: 7}), "script is at version 1, not at version 7"},
			{"a route of a module", func() error { _, err := n.route(t, module, "GET", "/lib"); return err }, "id: is a module, which cannot have routes"},
			{"a route in another's way", func() error { _, err := n.route(t, bound, "GET", "/users/:name"); return err },
				"the route GET /users/:id ("},
		} {
			t.Run(c.name, func(t *testing.T) {
				err := c.do()
				require.Error(t, err)
				assert.Contains(t, err.Error(), c.want)
			})
		}
		assert.Equal(t, "2", n.answer(t, "/users/7"), "what was refused has changed nothing")
	})
}

func TestLineOf(t *testing.T) {
	for _, c := range []struct {
		source string
		line   int
		want   string
	}{
		{"a\nb\r\nc", 1, "a"}, {"a\nb\r\nc", 2, "b"}, {"a\nb\r\nc", 3, "c"}, {"a", 2, ""}, {"a", 0, ""}, {"", 1, ""},
		{strings.Repeat("é", 600), 1, strings.Repeat("é", 500)},
	} {
		assert.Equal(t, c.want, lineOf(c.source, c.line), "%.20q line %d", c.source, c.line)
	}
}
