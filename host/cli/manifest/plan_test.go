package manifest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/sites"
)

// remote is what a server holds of one app, and what is done to it.
type remote struct {
	app      *wire.App
	secrets  []string
	hidden   bool // which secrets there are
	scripts  []wire.Script
	routes   []wire.Route
	triggers []wire.Trigger
	domains  []wire.Domain
	topics   []wire.Topic
	indexes  []wire.Index
	imports  map[string]string // ids of scripts, by that of the module that they import
	modules  map[string][]byte // that were uploaded, by ids of files
	entries  []wire.KVEntry
	contents wire.AppDeletion // of the app that was made
	done     []string
}

func refused(status int) error {
	return &client.Error{Problem: wire.Problem{Status: status, Detail: http.StatusText(status)}}
}

func listing[T any](items []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

func (r *remote) did(format string, args ...any) {
	r.done = append(r.done, fmt.Sprintf(format, args...))
}

func (r *remote) App(_ context.Context, ref string) (wire.App, error) {
	if r.app == nil || r.app.Slug != ref {
		return wire.App{}, refused(http.StatusNotFound)
	}
	return *r.app, nil
}

func (r *remote) Scripts(context.Context, string) iter.Seq2[wire.Script, error] {
	bare := slices.Clone(r.scripts)
	for i := range bare {
		bare[i].Source = ""
	}
	return listing(bare)
}

func (r *remote) Script(_ context.Context, id string) (wire.Script, error) {
	for _, script := range r.scripts {
		if script.ID == id {
			return script, nil
		}
	}
	return wire.Script{}, refused(http.StatusNotFound)
}

func (r *remote) AppRoutes(context.Context, string) iter.Seq2[wire.Route, error] {
	return listing(r.routes)
}

func (r *remote) Domains(context.Context, string) iter.Seq2[wire.Domain, error] {
	return listing(r.domains)
}

func (r *remote) CreateDomain(_ context.Context, app string, domain wire.DomainCreate) (wire.Domain, error) {
	r.did("claim %s for %s", domain.Host, app)
	return wire.Domain{ID: "made", Host: domain.Host}, nil
}

func (r *remote) DeleteDomain(_ context.Context, app, id string) error {
	r.did("give back %s of %s", id, app)
	return nil
}

// parts are what a deploy is made of.
type parts interface {
	UpdateApp(ctx context.Context, ref string, change wire.AppUpdate) (wire.App, error)
	CreateScript(ctx context.Context, app string, script wire.ScriptCreate) (wire.Script, error)
	UpdateScript(ctx context.Context, id string, change wire.ScriptUpdate) (wire.Script, error)
	CreatePlugin(ctx context.Context, app string, plugin wire.ScriptCreate, module io.Reader) (wire.Script, error)
	UpdatePlugin(ctx context.Context, id string, change wire.ScriptUpdate, module io.Reader) (wire.Script, error)
	DeleteScript(ctx context.Context, id string) error
	CreateRoute(ctx context.Context, script string, route wire.RouteCreate) (wire.Route, error)
	UpdateRoute(ctx context.Context, id string, change wire.RouteUpdate) (wire.Route, error)
	DeleteRoute(ctx context.Context, id string) error
	CreateDomain(ctx context.Context, app string, domain wire.DomainCreate) (wire.Domain, error)
	DeleteDomain(ctx context.Context, app, id string) error
	CreateIndex(ctx context.Context, app string, index wire.IndexCreate) (wire.Index, error)
	DeleteIndex(ctx context.Context, app, id string) error
	CreateTrigger(ctx context.Context, app, kind string, trigger wire.TriggerUpdate) (wire.Trigger, error)
	UpdateTrigger(ctx context.Context, id string, change wire.TriggerUpdate) (wire.Trigger, error)
	DeleteTrigger(ctx context.Context, id string) error
	SetTopic(ctx context.Context, app, topic string, set wire.TopicSet) (wire.Topic, error)
	DeleteTopic(ctx context.Context, app, topic string) error
	DeleteSecret(ctx context.Context, app, name string) error
	SetKV(ctx context.Context, app, collection, key string, set wire.KVSet) (wire.KVEntry, error)
	CreateDoc(ctx context.Context, app, collection string, data json.RawMessage) (wire.Document, error)
	PutDoc(ctx context.Context, app, collection, id string, data json.RawMessage) (wire.Document, error)
	KeepFile(ctx context.Context, app, upload, collection, instead string) error
}

func (r *remote) Deploy(ctx context.Context, app string, deploy wire.Deploy) (wire.Deployed, error) {
	return deployParts(ctx, r, r.modules, app, deploy)
}

// deployParts does the parts of a deploy, as the server does, and tells which one failed.
func deployParts(ctx context.Context, to parts, modules map[string][]byte, app string, deploy wire.Deploy) (out wire.Deployed, err error) {
	out.Results = make([]wire.DeployResult, len(deploy.Changes))
	for i, c := range deploy.Changes {
		result, err := deployPart(ctx, to, modules, app, c)
		var refused *client.Error
		if errors.As(err, &refused) && refused.Status < 500 {
			located := *refused
			located.Errors = []wire.FieldError{{Location: fmt.Sprintf("body.changes[%d]", i), Message: refused.Detail}}
			err = &located
		}
		if err != nil {
			return wire.Deployed{}, err
		}
		out.Results[i] = result
	}
	return out, nil
}

func of[T any](c wire.DeployChange) (body T) {
	if err := json.Unmarshal(c.Body, &body); err != nil {
		panic(err)
	}
	return body
}

func deployPart(ctx context.Context, to parts, modules map[string][]byte, app string, c wire.DeployChange) (wire.DeployResult, error) {
	module := bytes.NewReader(modules[c.Module])
	switch c.Operation {
	case "update-app":
		made, err := to.UpdateApp(ctx, app, of[wire.AppUpdate](c))
		return wire.DeployResult{ID: made.ID}, err
	case "create-script":
		create := to.CreateScript
		if c.Module != "" {
			create = func(ctx context.Context, app string, s wire.ScriptCreate) (wire.Script, error) {
				return to.CreatePlugin(ctx, app, s, module)
			}
		}
		made, err := create(ctx, app, of[wire.ScriptCreate](c))
		return wire.DeployResult{ID: made.ID, Version: made.Version}, err
	case "update-script":
		update := to.UpdateScript
		if c.Module != "" {
			update = func(ctx context.Context, id string, s wire.ScriptUpdate) (wire.Script, error) {
				return to.UpdatePlugin(ctx, id, s, module)
			}
		}
		made, err := update(ctx, c.ID, of[wire.ScriptUpdate](c))
		return wire.DeployResult{ID: made.ID, Version: made.Version}, err
	case "delete-script":
		return wire.DeployResult{}, to.DeleteScript(ctx, c.ID)
	case "create-route":
		made, err := to.CreateRoute(ctx, c.ID, of[wire.RouteCreate](c))
		return wire.DeployResult{ID: made.ID, Warning: made.Warning}, err
	case "update-route":
		made, err := to.UpdateRoute(ctx, c.ID, of[wire.RouteUpdate](c))
		return wire.DeployResult{ID: made.ID, Warning: made.Warning}, err
	case "delete-route":
		return wire.DeployResult{}, to.DeleteRoute(ctx, c.ID)
	case "create-domain":
		made, err := to.CreateDomain(ctx, app, of[wire.DomainCreate](c))
		return wire.DeployResult{ID: made.ID}, err
	case "delete-domain":
		return wire.DeployResult{}, to.DeleteDomain(ctx, app, c.ID)
	case "create-trigger":
		made, err := to.CreateTrigger(ctx, app, c.Kind, of[wire.TriggerUpdate](c))
		return wire.DeployResult{ID: made.ID}, err
	case "update-trigger":
		made, err := to.UpdateTrigger(ctx, c.ID, of[wire.TriggerUpdate](c))
		return wire.DeployResult{ID: made.ID}, err
	case "delete-trigger":
		return wire.DeployResult{}, to.DeleteTrigger(ctx, c.ID)
	case "set-topic":
		_, err := to.SetTopic(ctx, app, c.ID, of[wire.TopicSet](c))
		return wire.DeployResult{}, err
	case "create-index":
		made, err := to.CreateIndex(ctx, app, of[wire.IndexCreate](c))
		return wire.DeployResult{ID: made.ID}, err
	case "delete-index":
		return wire.DeployResult{}, to.DeleteIndex(ctx, app, c.ID)
	case "delete-topic":
		return wire.DeployResult{}, to.DeleteTopic(ctx, app, c.ID)
	case "delete-secret":
		return wire.DeployResult{}, to.DeleteSecret(ctx, app, c.ID)
	case "set-kv":
		_, err := to.SetKV(ctx, app, c.Collection, c.ID, of[wire.KVSet](c))
		return wire.DeployResult{}, err
	case "create-doc":
		made, err := to.CreateDoc(ctx, app, c.Collection, of[wire.DocumentWrite](c).Data)
		return wire.DeployResult{ID: made.ID}, err
	case "put-doc":
		made, err := to.PutDoc(ctx, app, c.Collection, c.ID, of[wire.DocumentWrite](c).Data)
		return wire.DeployResult{ID: made.ID}, err
	case "keep-file":
		return wire.DeployResult{}, to.KeepFile(ctx, app, c.Upload, c.Collection, c.ID)
	}
	panic(c.Operation)
}

func (r *remote) AppDeletion(context.Context, string) (wire.AppDeletion, error) {
	return r.contents, nil
}

func (r *remote) DeleteApp(_ context.Context, ref string) error {
	r.did("delete app %s", ref)
	return nil
}

func (r *remote) Secrets(context.Context, string) iter.Seq2[wire.Secret, error] {
	if r.hidden {
		return func(yield func(wire.Secret, error) bool) { yield(wire.Secret{}, refused(http.StatusForbidden)) }
	}
	var listed []wire.Secret
	for _, name := range r.secrets {
		listed = append(listed, wire.Secret{Name: name})
	}
	return listing(listed)
}

func (r *remote) CreateApp(_ context.Context, app wire.AppCreate) (wire.App, error) {
	r.did("create app %s %q", app.Slug, app.Name)
	return wire.App{ID: "app", Slug: app.Slug}, nil
}

func (r *remote) UpdateApp(_ context.Context, ref string, change wire.AppUpdate) (wire.App, error) {
	if change.CORS != nil {
		r.did("app %s has cors for %s", ref, change.CORS.Origins)
	}
	if change.Name != nil {
		r.did("rename app %s to %q", ref, *change.Name)
	}
	return wire.App{ID: ref}, nil
}

func (r *remote) UpdateRoute(_ context.Context, id string, change wire.RouteUpdate) (wire.Route, error) {
	if change.Signature != nil {
		r.did("route %s demands %s %s %d", id, change.Signature.Scheme, change.Signature.Secret, change.Signature.Tolerance)
	}
	if change.CORS == nil {
		r.did("route %s has the app's cors", id)
	} else {
		r.did("route %s has cors for %s", id, change.CORS.Origins)
	}
	if change.RateLimit != nil {
		r.did("route %s has the limit %+v", id, *change.RateLimit)
	}
	return wire.Route{ID: id}, nil
}

func (r *remote) CreateScript(_ context.Context, _ string, s wire.ScriptCreate) (wire.Script, error) {
	if s.Source == "broken" {
		return wire.Script{}, &client.Error{Problem: wire.Problem{Status: 422, Script: &wire.ScriptSource{Line: 1, Column: 3, Message: "no"}}}
	}
	r.did("create %s %s: %s", s.Kind, s.Name, s.Source)
	return wire.Script{ID: "new-" + s.Name, Name: s.Name, Version: 1}, nil
}

func (r *remote) UpdateScript(_ context.Context, id string, change wire.ScriptUpdate) (wire.Script, error) {
	r.did("update script %s of version %d", id, change.Version)
	script, err := r.Script(context.Background(), id)
	script.Version++
	return script, err
}

func (r *remote) CreatePlugin(_ context.Context, _ string, s wire.ScriptCreate, module io.Reader) (wire.Script, error) {
	content, err := io.ReadAll(module)
	r.did("create plugin %s of %d bytes", s.Name, len(content))
	return wire.Script{ID: "new-" + s.Name, Name: s.Name, Version: 1}, err
}

func (r *remote) UpdatePlugin(_ context.Context, id string, change wire.ScriptUpdate, module io.Reader) (wire.Script, error) {
	content, err := io.ReadAll(module)
	r.did("update plugin %s of version %d with %d bytes", id, change.Version, len(content))
	script, _ := r.Script(context.Background(), id)
	return script, err
}

func (r *remote) DeleteScript(_ context.Context, id string) error {
	if r.imports[id] != "" {
		return refused(http.StatusConflict)
	}
	r.did("delete script %s", id)
	for module, importer := range r.imports {
		if importer == id {
			delete(r.imports, module)
		}
	}
	return nil
}

func (r *remote) CreateRoute(_ context.Context, scriptID string, route wire.RouteCreate) (wire.Route, error) {
	r.did("create route %s of %s", routeName(route), scriptID)
	return wire.Route{ID: "new", Warning: strings.TrimPrefix(route.Path, "/warn")}, nil
}

func (r *remote) DeleteRoute(_ context.Context, id string) error {
	r.did("delete route %s", id)
	return nil
}

func (r *remote) Triggers(context.Context, string) iter.Seq2[wire.Trigger, error] {
	return listing(r.triggers)
}

// asJSON writes the fields that are there.
func asJSON(trigger wire.TriggerUpdate) string {
	encoded, _ := json.Marshal(trigger)
	return string(encoded)
}

func (r *remote) CreateTrigger(_ context.Context, _, kind string, trigger wire.TriggerUpdate) (wire.Trigger, error) {
	r.did("create trigger of %s %s", kind, asJSON(trigger))
	return wire.Trigger{ID: "new-" + *trigger.Name}, nil
}

func (r *remote) UpdateTrigger(_ context.Context, id string, change wire.TriggerUpdate) (wire.Trigger, error) {
	r.did("update trigger %s %s", id, asJSON(change))
	return wire.Trigger{ID: id}, nil
}

func (r *remote) DeleteTrigger(_ context.Context, id string) error {
	r.did("delete trigger %s", id)
	return nil
}

func shop(scripts ...Script) App { return App{Ref: "shop", Name: "Shop", Scripts: scripts} }

// created and pruned are what a manifest and --prune say.
func created(app App) App { app.Create = true; return app }
func pruned(app App) App  { app.Prune = true; return app }

// released is pruned for good.
func released(app App) App { app.Prune, app.Release = true, true; return app }

func script(name, source string, kind abi.Kind, routes ...string) Script {
	s := Script{File: name + RhaiSuffix, Name: name, Source: source, Kind: &kind, ReadOnly: new(false), Limits: &abi.Limits{}, Routes: []wire.RouteCreate{}}
	for _, text := range routes {
		route, err := parseRoute(text)
		if err != nil {
			panic(err)
		}
		s.Routes = append(s.Routes, route)
	}
	return s
}

// deployed is an app with two endpoints, a route each, a plugin, and two modules: n imports m.
func deployed() *remote {
	return &remote{
		app: &wire.App{ID: "app", Slug: "shop", Name: "Shop"},
		scripts: []wire.Script{
			{ID: "a", Name: "a", Kind: abi.KindEndpoint, Source: "1", Version: 3},
			{ID: "b", Name: "b", Kind: abi.KindEndpoint, Source: "2", Version: 4},
			{ID: "m", Name: "m", Kind: abi.KindModule, Source: "3", Version: 1},
			{ID: "n", Name: "n", Kind: abi.KindModule, Source: "4", Version: 1},
			{ID: "p", Name: "p", Kind: abi.KindPlugin, Wasm: &wire.WasmModule{SHA256: "other"}, Version: 2},
		},
		routes: []wire.Route{
			{ID: "ra", ScriptID: "a", Method: "GET", Path: "/a"},
			{ID: "rb", ScriptID: "b", Method: "GET", Path: "/b"},
		},
		imports: map[string]string{"m": "n"},
	}
}

func TestPlan(t *testing.T) {
	const endpoint, module = abi.KindEndpoint, abi.KindModule
	plugin := Script{File: "p.wasm", Name: "p", Wasm: []byte("\x00asm"), Kind: new(abi.KindPlugin)}
	for _, test := range []struct {
		name  string
		there *remote
		want  App
		plan  []string
		done  []string
	}{
		{
			name: "all is new", there: &remote{},
			want: created(shop(script("m", "3", module), script("a", "1", endpoint, "GET /a"), plugin)),
			plan: []string{"app shop created", "script m created 1", "script a created 1", "script p created 1", "route GET /a created"},
			done: []string{`create app shop "Shop"`, "create module m: 3", "create endpoint a: 1", "create plugin p of 4 bytes", "create route GET /a of a"},
		},
		{
			name: "nothing has changed", there: deployed(),
			want: shop(script("a", "1", endpoint, "GET /a")),
			plan: []string{"script a unchanged 3", "route GET /a unchanged"},
		},
		{
			name: "fields change", there: deployed(),
			want: App{Ref: "shop", Name: "New", Scripts: []Script{script("b", "22", endpoint, "GET /b", "/c"), plugin}},
			plan: []string{"app shop updated name", "script b updated 5 source", "script p updated 3 module", "route GET /b unchanged", "route ANY /c created"},
			done: []string{`rename app shop to "New"`, "update script b of version 4", "update plugin p of version 2 with 4 bytes", "create route ANY /c of b"},
		},
		{
			name: "a route moves from one script to another", there: deployed(),
			want: shop(script("a", "1", endpoint), script("b", "2", endpoint, "GET /b", "GET /a")),
			plan: []string{"script a unchanged 3", "script b unchanged 4", "route GET /a deleted", "route GET /b unchanged", "route GET /a created"},
			done: []string{"delete route ra", "create route GET /a of b"},
		},
		{
			name: "a policy for a route that is there, and for the app", there: deployed(),
			want: with(shop(script("a", "1", endpoint, "GET /a"), script("b", "2", endpoint, "GET /b")), func(a *App) {
				a.CORS = &wire.CORS{Origins: []string{"*"}}
				a.Scripts[0].Routes[0].CORS = &wire.CORS{Origins: []string{"https://A.example"}}
			}),
			plan: []string{"app shop updated cors", "script a unchanged 3", "script b unchanged 4", "route GET /a updated cors", "route GET /b unchanged"},
			done: []string{"app shop has cors for [*]", "route ra has cors for [https://A.example]"},
		},
		{
			name: "limits of routes", there: changed(deployed(), func(r *remote) {
				r.routes[0].RateLimit = &wire.RateLimit{Requests: 5, PerSeconds: 1, By: "header:x-key"}
				r.routes[1].RateLimit = &wire.RateLimit{Requests: 5, PerSeconds: 1, By: "address"}
			}),
			want: with(shop(script("a", "1", endpoint, "GET /a"), script("b", "2", endpoint, "GET /b")), func(a *App) {
				a.Scripts[0].Routes[0].RateLimit = &wire.RateLimit{Requests: 5, By: "header:X-Key"}
			}),
			plan: []string{"script a unchanged 3", "script b unchanged 4", "route GET /a unchanged", "route GET /b updated rate_limit"},
			done: []string{"route rb has the app's cors", "route rb has the limit {Requests:0 PerSeconds:0 Burst:0 By:}"},
		},
		{
			name: "an endpoint with a route becomes a module", there: deployed(),
			want: shop(script("a", "1", module)),
			plan: []string{"route GET /a deleted", "script a updated 4 kind"},
			done: []string{"delete route ra", "update script a of version 3"},
		},
		{
			name: "a single script, whose routes stay", there: deployed(),
			want: App{Ref: "shop", Scripts: []Script{{File: "a.rhai", Name: "a", Source: "1"}}},
			plan: []string{"script a unchanged 3"},
		},
		{
			name: "domains go before the routes that need them, and after those that did", there: changed(deployed(), func(r *remote) {
				r.domains = []wire.Domain{{ID: "d1", Host: "kept.example"}, {ID: "d2", Host: "old.example"}}
				r.routes = append(r.routes, wire.Route{ID: "rh", ScriptID: "a", Method: "GET", Host: "old.example", Path: "/a"})
			}),
			want: with(shop(script("a", "1", endpoint, "GET /a", "GET *.new.example/a")), func(a *App) { a.Domains = []string{"*.new.example", "kept.example"} }),
			plan: []string{"script a unchanged 3", "route GET old.example/a deleted", "domain *.new.example created", "domain kept.example unchanged",
				"route GET /a unchanged", "route GET *.new.example/a created", "domain old.example deleted"},
			done: []string{"delete route rh", "claim *.new.example for shop", "create route GET *.new.example/a of a", "give back d2 of shop"},
		},
		{
			name: "domains that the manifest says nothing of", there: changed(deployed(), func(r *remote) { r.domains = []wire.Domain{{ID: "d", Host: "a.example"}} }),
			want: shop(script("a", "1", endpoint, "GET /a")),
			plan: []string{"script a unchanged 3", "route GET /a unchanged"},
		},
		{
			// Modules go last. The route of b is free then.
			name: "what is not wanted is pruned", there: changed(deployed(), func(r *remote) { r.imports = nil }),
			want: pruned(shop(script("a", "1", endpoint, "GET /a", "GET /b"))),
			plan: []string{"script a unchanged 3", "script b deleted", "script p deleted", "script m deleted", "script n deleted", "route GET /a unchanged", "route GET /b created"},
			done: []string{"delete script b", "delete script p", "delete script m", "delete script n", "create route GET /b of a"},
		},
		{
			name: "secrets that are not needed are released", there: changed(deployed(), func(r *remote) {
				r.secrets = []string{"key", "listed", "old"}
				r.scripts, r.routes, r.imports = r.scripts[:1], r.routes[:1], nil
			}),
			want: with(released(shop(demanding(script("a", "1", endpoint, "GET /a"), &wire.Signature{Scheme: "stripe", Secret: "key"}))),
				func(a *App) { a.Secrets = []string{"listed"} }),
			plan: []string{"secret listed unchanged", "script a unchanged 3", "route GET /a updated signature", "secret old deleted"},
			done: []string{"route ra demands stripe key 0", "route ra has the app's cors", "delete secret old"},
		},
		{
			name: "secrets and hosts that the manifest says nothing of stay", there: changed(deployed(), func(r *remote) {
				r.secrets, r.domains, r.imports = []string{"old"}, []wire.Domain{{ID: "d2", Host: "old.example"}}, nil
			}),
			want: released(shop(script("a", "1", endpoint, "GET /a"))),
			plan: []string{"script a unchanged 3", "script b deleted", "script p deleted", "script m deleted", "script n deleted", "route GET /a unchanged"},
			done: []string{"delete script b", "delete script p", "delete script m", "delete script n"},
		},
		{
			name: "signatures come, change and go", there: signed(),
			want: shop(demanding(script("a", "1", endpoint, "GET /a"), nil), demanding(script("b", "2", endpoint, "GET /b", "/new"), &wire.Signature{Scheme: "stripe", Secret: "key"})),
			plan: []string{"script a unchanged 3", "script b unchanged 4", "route GET /a updated signature", "route GET /b updated signature", "route ANY /new created"},
			done: []string{
				"route ra demands none  0", "route ra has the app's cors", "route rb demands stripe key 0", "route rb has the app's cors", "create route ANY /new of b",
			},
		},
		{
			name: "signatures are as wanted", there: signed(),
			want: shop(demanding(script("a", "1", endpoint, "GET /a"), &wire.Signature{Scheme: "github", Secret: "key"}),
				demanding(script("b", "2", endpoint, "GET /b"), &wire.Signature{Scheme: "stripe", Secret: "key", Tolerance: 60})),
			plan: []string{"script a unchanged 3", "script b unchanged 4", "route GET /a unchanged", "route GET /b unchanged"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			plan, err := Make(t.Context(), test.there, test.want)
			if err != nil {
				t.Fatal(err)
			}
			if len(test.there.done) > 0 {
				t.Errorf("planning did %q", test.there.done)
			}
			planned := plan.Changes()
			if got := lines(planned); !slices.Equal(got, test.plan) {
				t.Errorf("plan is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.plan, "\n"))
			}
			changes, err := plan.Apply(t.Context(), test.there)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(test.there.done, test.done) {
				t.Errorf("done is\n%s\nwant\n%s", strings.Join(test.there.done, "\n"), strings.Join(test.done, "\n"))
			}
			if len(changes) != len(planned) {
				t.Errorf("%d changes are told of, want %d", len(changes), len(planned))
			}
		})
	}
}

// plansAndDoes compares what a deploy plans, tells of and does, of the lines that have a word.
func plansAndDoes(t *testing.T, there *remote, want App, word string, planned, done []string) {
	t.Helper()
	plan, err := Make(t.Context(), there, want)
	if err != nil {
		t.Fatal(err)
	}
	isNot := func(line string) bool { return !strings.Contains(line, word) }
	if got := slices.DeleteFunc(lines(plan.Changes()), isNot); !slices.Equal(got, planned) {
		t.Errorf("plan is %q, want %q", got, planned)
	}
	changes, err := plan.Apply(t.Context(), there)
	if err != nil {
		t.Fatal(err)
	}
	if got := slices.DeleteFunc(lines(changes), isNot); !slices.Equal(got, planned) {
		t.Errorf("told of %q, want %q", got, planned)
	}
	if got := slices.DeleteFunc(there.done, isNot); !slices.Equal(got, done) {
		t.Errorf("done is %q, want %q", got, done)
	}
}

func changed(there *remote, change func(*remote)) *remote {
	change(there)
	return there
}

// signed is deployed, with routes that demand signatures.
func signed() *remote {
	there := deployed()
	there.routes[0].Signature = &wire.Signature{Scheme: "github", Secret: "key"}
	there.routes[1].Signature = &wire.Signature{Scheme: "stripe", Secret: "key", Tolerance: 60}
	return there
}

// demanding is a script whose routes all demand a signature.
func demanding(s Script, signature *wire.Signature) Script {
	for i := range s.Routes {
		s.Routes[i].Signature = signature
	}
	return s
}

// A deploy tells which of the secrets that the app needs are missing.
func TestSecretsAreLookedFor(t *testing.T) {
	there := deployed()
	there.secrets = []string{"there", "other"}
	hidden := deployed()
	hidden.hidden = true
	for _, test := range []struct {
		name  string
		there *remote
		want  string
	}{
		{"some", there, "secret missing missing: is not set, and the app needs it: picloud secrets set missing --app shop; secret there unchanged: "},
		{"may not be seen", hidden, "secret missing unchanged: you may not see whether it is set; secret there unchanged: you may not see whether it is set"},
		{"of a new app", &remote{}, "secret missing missing: is not set, and the app needs it: picloud secrets set missing --app shop; " +
			"secret there missing: is not set, and the app needs it: picloud secrets set there --app shop"},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := created(shop())
			want.Secrets = []string{"missing", "there"}
			plan, err := Make(t.Context(), test.there, want)
			if err != nil {
				t.Fatal(err)
			}
			changes, err := plan.Apply(t.Context(), test.there)
			if err != nil {
				t.Fatal(err)
			}
			var told []string
			for _, c := range changes {
				if c.What == "secret" {
					told = append(told, fmt.Sprintf("%s %s %s: %s", c.What, c.Name, c.Result, c.Warning))
				}
			}
			if got := strings.Join(told, "; "); got != test.want {
				t.Errorf("told of\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

func with(app App, change func(*App)) App {
	change(&app)
	return app
}

// lines writes changes one a line: what, name, result, version and fields.
func lines(changes []Change) []string {
	var lines []string
	for _, c := range changes {
		line := fmt.Sprintf("%s %s %s", c.What, c.Name, c.Result)
		if c.Version > 0 {
			line += fmt.Sprint(" ", c.Version)
		}
		lines = append(lines, strings.TrimSpace(line+" "+strings.Join(c.Fields, ",")))
	}
	return lines
}

func TestPlanRefuses(t *testing.T) {
	for _, test := range []struct {
		name  string
		there *remote
		want  App
		err   string
	}{
		{"an app that is not there", &remote{}, shop(), "there is no app shop"},
		{"a route in the way", deployed(), shop(script("a", "1", abi.KindEndpoint, "GET /b")),
			"route GET /b of a conflicts with GET /b of b, which is deployed and not in this manifest: delete it, or deploy with --prune"},
		{"a script where a plugin is", deployed(), shop(script("p", "1", abi.KindEndpoint)),
			"script p is deployed as a plugin, and a plugin has no source: delete it first, with its routes and log, or choose another name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Make(t.Context(), test.there, test.want)
			if err == nil || err.Error() != test.err {
				t.Errorf("error = %v, want %s", err, test.err)
			}
		})
	}
}

// What fails leaves nothing behind, not even the app, and shows the place in the file.
func TestApplyFails(t *testing.T) {
	there := &remote{}
	plan, err := Make(t.Context(), there, created(shop(script("a", "1", abi.KindEndpoint, "/a"), script("b", "broken", abi.KindEndpoint))))
	if err != nil {
		t.Fatal(err)
	}
	done, err := plan.Apply(t.Context(), there)
	if want := "b.rhai:1:3: no\n  1 | broken\n    |   ^"; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
	if got := strings.Join(lines(done), "; "); got != "" {
		t.Errorf("told of %s", got)
	}
	if last := there.done[len(there.done)-1]; last != "delete app app" {
		t.Errorf("it ended with %q, want the app that was made for it deleted", last)
	}
}

// The app that was made for a deploy goes with it when it was refused, by its id. It stays when nobody knows
// whether the deploy was done, or when somebody else has put something into it.
func TestAppOfAFailedDeploy(t *testing.T) {
	answer := func(status int, code string) error {
		return &client.Error{Problem: wire.Problem{Status: status, Code: code, Detail: "no"}}
	}
	for _, test := range []struct {
		name     string
		err      error
		contents wire.AppDeletion
		deleted  bool
	}{
		{"the line broke", io.ErrUnexpectedEOF, wire.AppDeletion{}, false},
		{"refused", answer(http.StatusForbidden, "forbidden"), wire.AppDeletion{}, true},
		{"too much at once", answer(http.StatusServiceUnavailable, "overloaded"), wire.AppDeletion{}, true},
		{"a proxy has no server", answer(http.StatusServiceUnavailable, ""), wire.AppDeletion{}, true},
		{"the storage failed", answer(http.StatusServiceUnavailable, "unavailable"), wire.AppDeletion{}, false},
		{"a quota", answer(http.StatusInsufficientStorage, "quota_exceeded"), wire.AppDeletion{}, true},
		{"a proxy waited too long", answer(http.StatusGatewayTimeout, ""), wire.AppDeletion{}, false},
		{"not empty any more", answer(http.StatusForbidden, "forbidden"), wire.AppDeletion{Documents: 1}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			there := &broken{&remote{contents: test.contents}, test.err}
			plan, err := Make(t.Context(), there, created(shop(script("a", "1", abi.KindEndpoint))))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := plan.Apply(t.Context(), there); !errors.Is(err, test.err) {
				t.Errorf("error = %v, want %v", err, test.err)
			}
			if deleted := slices.Contains(there.done, "delete app app"); deleted != test.deleted {
				t.Errorf("it did %q, want the app deleted: %t", there.done, test.deleted)
			}
		})
	}
}

type broken struct {
	*remote
	err error
}

func (b *broken) Deploy(context.Context, string, wire.Deploy) (wire.Deployed, error) {
	return wire.Deployed{}, b.err
}

func TestWarningsAreTold(t *testing.T) {
	there := deployed()
	plan, err := Make(t.Context(), there, shop(script("a", "1", abi.KindEndpoint, "GET /a", "/warn-of-another-app")))
	if err != nil {
		t.Fatal(err)
	}
	changes, err := plan.Apply(t.Context(), there)
	if err != nil || changes[len(changes)-1].Warning != "-of-another-app" {
		t.Errorf("changes = %+v, %v, want the warning of the last", changes, err)
	}
}

func TestStateFails(t *testing.T) {
	there := &failing{deployed()}
	if _, err := Make(t.Context(), there, created(shop())); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error = %v, want that of the state", err)
	}
}

type failing struct{ *remote }

func (f *failing) App(context.Context, string) (wire.App, error) {
	return wire.App{}, io.ErrUnexpectedEOF
}

func (r *remote) Files(context.Context, string, string) iter.Seq2[wire.File, error] {
	return func(func(wire.File, error) bool) {}
}

func (r *remote) UploadFile(_ context.Context, _, collection, name, _ string, content io.Reader) (wire.File, error) {
	text, err := io.ReadAll(content)
	if collection != sites.Collection {
		return wire.File{}, fmt.Errorf("%s is uploaded to %s", name, collection)
	}
	if r.modules == nil {
		r.modules = map[string][]byte{}
	}
	r.modules[name] = text
	return wire.File{ID: name}, err
}

func (r *remote) KeepFile(_ context.Context, _, upload, collection, instead string) error {
	r.did("keep %s in %s for %q: %s", upload, collection, instead, r.modules[upload])
	delete(r.modules, upload)
	return nil
}

func (r *remote) DeleteSecret(_ context.Context, _, name string) error {
	r.did("delete secret %s", name)
	return nil
}

func (r *remote) DeleteFile(_ context.Context, _, _, id string) error {
	delete(r.modules, id)
	return nil
}

func (r *remote) KV(context.Context, string, string, string) iter.Seq2[wire.KVEntry, error] {
	return listing(r.entries)
}

func (r *remote) Docs(context.Context, string, string, string, string) iter.Seq2[wire.Document, error] {
	return listing([]wire.Document{})
}

func (r *remote) SetKV(_ context.Context, _, collection, key string, set wire.KVSet) (wire.KVEntry, error) {
	r.did("set %s of %s to %s", key, collection, set.Value)
	return wire.KVEntry{Key: key}, nil
}

func (r *remote) CreateDoc(_ context.Context, _, collection string, data json.RawMessage) (wire.Document, error) {
	r.did("document of %s: %s", collection, data)
	return wire.Document{}, nil
}

func (r *remote) PutDoc(_ context.Context, _, collection, id string, data json.RawMessage) (wire.Document, error) {
	r.did("document %s of %s: %s", id, collection, data)
	return wire.Document{ID: id}, nil
}
