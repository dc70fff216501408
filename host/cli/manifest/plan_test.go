package manifest

import (
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
)

// remote is what a server holds of one app, and what is done to it.
type remote struct {
	app      *wire.App
	secrets  []string
	hidden   bool // which secrets there are
	scripts  []wire.Script
	routes   []wire.Route
	triggers []wire.Trigger
	topics   []wire.Topic
	imports  map[string]string // ids of scripts, by that of the module that they import
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
			done: []string{`create app shop "Shop"`, "create module m: 3", "create endpoint a: 1", "create plugin p of 4 bytes", "create route GET /a of new-a"},
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
			done: []string{`rename app app to "New"`, "update script b of version 4", "update plugin p of version 2 with 4 bytes", "create route ANY /c of b"},
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
			done: []string{"app app has cors for [*]", "route ra has cors for [https://A.example]"},
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
			// Modules go last, and m after n, which imports it. The route of b is free then.
			name: "what is not wanted is pruned", there: deployed(),
			want: pruned(shop(script("a", "1", endpoint, "GET /a", "GET /b"))),
			plan: []string{"script a unchanged 3", "script b deleted", "script p deleted", "script m deleted", "script n deleted", "route GET /a unchanged", "route GET /b created"},
			done: []string{"delete script b", "delete script p", "delete script n", "create route GET /b of a", "delete script m"},
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

// What fails half-way tells what was done before it, and shows the place in the file.
func TestApplyFailsHalfWay(t *testing.T) {
	there := &remote{}
	plan, err := Make(t.Context(), there, created(shop(script("a", "1", abi.KindEndpoint, "/a"), script("b", "broken", abi.KindEndpoint))))
	if err != nil {
		t.Fatal(err)
	}
	done, err := plan.Apply(t.Context(), there)
	if want := "b.rhai:1:3: no\n  1 | broken\n    |   ^"; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
	if got := strings.Join(lines(done), "; "); got != "app shop created; script a created 1" {
		t.Errorf("told of %s", got)
	}
}

// Modules that import one another are not tried for ever.
func TestApplyGivesUpOnModules(t *testing.T) {
	there := deployed()
	there.imports["n"] = "m"
	plan, err := Make(t.Context(), there, pruned(shop()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = plan.Apply(t.Context(), there); !client.HasStatus(err, http.StatusConflict) {
		t.Errorf("error = %v, want the server's refusal", err)
	}
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

func (r *remote) UploadFile(context.Context, string, string, string, string, io.Reader) (wire.File, error) {
	return wire.File{}, errors.New("no files here")
}

func (r *remote) DeleteFile(context.Context, string, string, string) error {
	return errors.New("no files here")
}
