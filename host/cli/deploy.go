package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// DeployCmd makes the server hold what a file or folder says.
type DeployCmd struct {
	Remote
	InApp
	Path  string `arg:"" help:"A script, the WebAssembly module of a plugin, or a folder with a picloud.yaml (whose app wins over --app)."`
	Name  string `help:"Name of a single script or plugin; the file's name without .rhai or .wasm when absent."`
	Kind  string `enum:"endpoint,module,plugin," default:"" help:"Kind of a single script: endpoint or module (a new one is an endpoint); a WebAssembly module is a plugin."`
	Prune bool   `help:"Delete the app's scripts that the folder's picloud.yaml does not name."`
}

// Help is shown by --help.
func (DeployCmd) Help() string {
	return `Deploying again what has not changed changes nothing. A folder's routes are
made as picloud.yaml has them: a route of a named script that is not there any
more is deleted. When something fails, what was done before stays.`
}

// Run is `picloud deploy`.
func (cmd *DeployCmd) Run(ctx context.Context, r *Remote, in *InApp) error {
	p, err := cmd.plan(in)
	if err != nil {
		return &usageError{err}
	}
	c, err := r.connect()
	if err != nil {
		return err
	}
	d := deployment{remote: r, client: c, done: []change{}}
	failed := d.apply(ctx, p, cmd.Prune)
	if len(d.done) > 0 || failed == nil {
		if err := printAll(r, d.done, changeColumns); err != nil {
			return err
		}
	}
	return failed
}

// plan reads what to deploy.
func (cmd *DeployCmd) plan(in *InApp) (plan, error) {
	info, err := os.Stat(cmd.Path)
	if err != nil {
		return plan{}, err
	}
	if info.IsDir() {
		if cmd.Name != "" || cmd.Kind != "" {
			return plan{}, fmt.Errorf("--name and --kind are for a single script, %s is a folder", cmd.Path)
		}
		return readPlan(cmd.Path)
	}
	if cmd.Prune {
		return plan{}, fmt.Errorf("--prune is for a folder, %s is a file", cmd.Path)
	}
	content, err := readFile(cmd.Path)
	if err != nil {
		return plan{}, err
	}
	script, err := planScript(cmd.Path, content, abi.Kind(cmd.Kind))
	if err != nil {
		return plan{}, err
	}
	if script.Name = cmd.Name; script.Name == "" {
		script.Name = strings.TrimSuffix(strings.TrimSuffix(filepath.Base(cmd.Path), rhaiSuffix), wasmSuffix)
	}
	return plan{App: in.App, Scripts: []plannedScript{script}}, nil
}

// A change is one thing a deploy found or did.
type change struct {
	What    string `json:"what"` // app, script or route
	Name    string `json:"name"`
	Result  string `json:"result"` // created, updated, unchanged or deleted
	ID      string `json:"id"`
	Version int64  `json:"version,omitempty"` // of a script
}

var changeColumns = []column[change]{
	{"WHAT", func(c change) string { return c.What }},
	{"NAME", func(c change) string { return c.Name }},
	{"RESULT", func(c change) string {
		if c.Version > 0 && c.Result != "deleted" {
			return fmt.Sprintf("%s (version %d)", c.Result, c.Version)
		}
		return c.Result
	}},
}

// A deployment brings an app from what it is to what a plan says.
type deployment struct {
	remote *Remote // to show the progress on
	client *client.Client
	done   []change
}

func (d *deployment) note(what, name, result, id string, version int64) {
	d.done = append(d.done, change{what, name, result, id, version})
}

func (d *deployment) apply(ctx context.Context, p plan, prune bool) error {
	if err := d.app(ctx, p); err != nil {
		return err
	}
	present := map[string]wire.Script{}
	for script, err := range d.client.Scripts(ctx, p.App) {
		if err != nil {
			return err
		}
		present[script.Name] = script
	}
	ids := map[string]string{} // of the planned scripts, by name
	for _, planned := range p.Scripts {
		script, err := d.script(ctx, p.App, planned, present)
		if err != nil {
			return explainScript(planned, err)
		}
		ids[planned.Name] = script.ID
	}
	if err := d.routes(ctx, p, ids); err != nil {
		return err
	}
	if !prune {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(present)) {
		if ids[name] != "" {
			continue
		}
		if err := d.client.DeleteScript(ctx, present[name].ID); err != nil {
			return fmt.Errorf("delete script %s: %w", name, err)
		}
		d.note("script", name, "deleted", present[name].ID, 0)
	}
	return nil
}

// app makes sure that the app is there and has the plan's name.
func (d *deployment) app(ctx context.Context, p plan) error {
	app, err := d.client.App(ctx, p.App)
	switch {
	case client.HasStatus(err, http.StatusNotFound):
		app, err = d.client.CreateApp(ctx, wire.AppCreate{Slug: p.App, Name: p.AppName})
		if err != nil {
			return fmt.Errorf("create app %s: %w", p.App, err)
		}
		d.note("app", app.Slug, "created", app.ID, 0)
	case err != nil:
		return err
	case p.AppName != "" && p.AppName != app.Name:
		app, err = d.client.UpdateApp(ctx, app.ID, wire.AppUpdate{Name: &p.AppName})
		if err != nil {
			return fmt.Errorf("rename app %s: %w", p.App, err)
		}
		d.note("app", app.Slug, "updated", app.ID, 0)
	}
	return nil
}

// script creates or updates one script, unless it is as planned already.
func (d *deployment) script(ctx context.Context, app string, planned plannedScript, present map[string]wire.Script) (wire.Script, error) {
	listed, exists := present[planned.Name]
	if !exists {
		create := wire.ScriptCreate{Name: planned.Name, Kind: abi.KindEndpoint, Source: planned.Source, Limits: planned.Limits}
		if planned.Kind != nil {
			create.Kind = *planned.Kind
		}
		if planned.ReadOnly != nil {
			create.ReadOnly = *planned.ReadOnly
		}
		script, err := d.create(ctx, app, planned, create)
		if err == nil {
			d.note("script", script.Name, "created", script.ID, script.Version)
		}
		return script, err
	}
	script, err := d.client.Script(ctx, listed.ID) // the listing has no sources
	if err != nil {
		return script, err
	}
	change := wire.ScriptUpdate{Version: script.Version}
	changed := planned.hasOtherWasm(script)
	if planned.Wasm == nil && script.Source != planned.Source {
		change.Source, changed = &planned.Source, true
	}
	if planned.Kind != nil && script.Kind != *planned.Kind {
		change.Kind, changed = planned.Kind, true
	}
	if planned.ReadOnly != nil && script.ReadOnly != *planned.ReadOnly {
		change.ReadOnly, changed = planned.ReadOnly, true
	}
	if planned.Limits != nil && script.Limits != *planned.Limits {
		change.Limits, changed = planned.Limits, true
	}
	if !changed {
		d.note("script", script.Name, "unchanged", script.ID, script.Version)
		return script, nil
	}
	script, err = d.update(ctx, planned, script, change)
	if err == nil {
		d.note("script", script.Name, "updated", script.ID, script.Version)
	}
	return script, err
}

func (d *deployment) create(ctx context.Context, app string, planned plannedScript, create wire.ScriptCreate) (wire.Script, error) {
	if planned.Wasm == nil {
		return d.client.CreateScript(ctx, app, create)
	}
	bar := d.remote.progressBytes(planned.Name, int64(len(planned.Wasm)))
	defer bar.Close()
	return d.client.CreatePlugin(ctx, app, create, counted(bytes.NewReader(planned.Wasm), bar))
}

func (d *deployment) update(ctx context.Context, planned plannedScript, script wire.Script, change wire.ScriptUpdate) (wire.Script, error) {
	if !planned.hasOtherWasm(script) {
		return d.client.UpdateScript(ctx, script.ID, change)
	}
	bar := d.remote.progressBytes(planned.Name, int64(len(planned.Wasm)))
	defer bar.Close()
	return d.client.UpdatePlugin(ctx, script.ID, change, counted(bytes.NewReader(planned.Wasm), bar))
}

// hasOtherWasm tells whether the module of a planned plugin is another than that
// of the script as it is.
func (p *plannedScript) hasOtherWasm(script wire.Script) bool {
	if p.Wasm == nil {
		return false
	}
	sum := sha256.Sum256(p.Wasm)
	return script.Wasm == nil || script.Wasm.SHA256 != hex.EncodeToString(sum[:])
}

// routes makes the routes of the planned scripts as planned. What is not wanted
// goes first: it may be in the way of what is.
func (d *deployment) routes(ctx context.Context, p plan, ids map[string]string) error {
	type key struct{ script, method, host, path string }
	wanted := map[key]bool{}
	ours := map[string]bool{} // scripts whose routes the plan is about
	for _, planned := range p.Scripts {
		if planned.Routes == nil {
			continue
		}
		id := ids[planned.Name]
		ours[id] = true
		for _, route := range planned.Routes {
			wanted[key{id, route.Method, route.Host, route.Path}] = true
		}
	}
	if len(ours) == 0 {
		return nil
	}
	present := map[key]wire.Route{}
	routes, err := client.Collect(d.client.AppRoutes(ctx, p.App))
	if err != nil {
		return err
	}
	for _, route := range routes {
		k := key{route.ScriptID, route.Method, route.Host, route.Path}
		if !ours[route.ScriptID] || wanted[k] {
			present[k] = route
			continue
		}
		if err := d.client.DeleteRoute(ctx, route.ID); err != nil {
			return fmt.Errorf("delete route %s: %w", pattern(route.Method, route.Host, route.Path), err)
		}
		d.note("route", pattern(route.Method, route.Host, route.Path), "deleted", route.ID, 0)
	}
	for _, planned := range p.Scripts {
		for _, route := range planned.Routes {
			name := pattern(route.Method, route.Host, route.Path)
			if there, ok := present[key{ids[planned.Name], route.Method, route.Host, route.Path}]; ok {
				d.note("route", name, "unchanged", there.ID, 0)
				continue
			}
			made, err := d.client.CreateRoute(ctx, ids[planned.Name], route)
			if err != nil {
				return fmt.Errorf("route %s of %s: %w", name, planned.Name, err)
			}
			d.note("route", name, "created", made.ID, 0)
		}
	}
	return nil
}

// explainScript turns the refusal of a script into one that shows the place in
// the file.
func explainScript(planned plannedScript, err error) error {
	var refused *client.Error
	if errors.As(err, &refused) && refused.Script != nil {
		return &scriptError{
			Name: planned.File, Line: refused.Script.Line, Column: refused.Script.Column,
			Message: refused.Script.Message, SourceLine: lineOf(planned.Source, refused.Script.Line),
		}
	}
	return fmt.Errorf("script %s: %w", planned.Name, err)
}
