package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/catalog"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountScripts(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/scripts", "list-scripts", "List an app's scripts, without their sources", http.StatusOK, a.listScripts)
	operation(a, admin, http.MethodPost, "/apps/{app}/scripts", "create-script", "Upload a script or a plugin; it must compile", http.StatusCreated, a.createScript, a.takesModule)
	// Before the next: fiber takes the first that fits.
	operation(a, admin, http.MethodGet, "/scripts/{id}:deletion", "show-script-deletion", "Tell what deleting a script would delete", http.StatusOK, a.showScriptDeletion)
	operation(a, admin, http.MethodGet, "/scripts/{id}", "get-script", "Show a script", http.StatusOK, a.getScript)
	operation(a, admin, http.MethodPut, "/scripts/{id}", "update-script", "Change a script or a plugin; it must compile", http.StatusOK, a.updateScript, a.takesModule)
	operation(a, admin, http.MethodDelete, "/scripts/{id}", "delete-script",
		"Delete a script with its versions, routes, triggers and logs; not a module that is imported. It is gone when this is answered, and its logs are removed in the background",
		http.StatusNoContent, a.deleteScript)
	operation(a, admin, http.MethodPost, "/scripts/{id}/validate", "validate-script", "Compile a script without storing it", http.StatusOK, a.validateScript)
	operation(a, admin, http.MethodPost, "/apps/{app}/scripts:validate", "validate-source", "Compile a source that is no script of the app yet, with its modules", http.StatusOK, a.validateSource)
	a.mountVersions(admin)
	a.mountCases(admin)
	a.mountModules(admin)
}

// ScriptPath is the path parameter of everything below a script.
type ScriptPath struct {
	ID string `path:"id"`
}

// scriptBody is a script with its version as the entity tag.
type scriptBody struct {
	ETag string `header:"ETag"`
	Body wire.Script
}

func newScriptBody(script store.Script) *scriptBody {
	return &scriptBody{strconv.Quote(strconv.FormatInt(script.Version, 10)), wireScript(script)}
}

func (a *API) listScripts(ctx context.Context, in *struct {
	AppPath
	Paging
}) (*body[wire.Page[wire.Script]], error) {
	app, err := a.findApp(ctx, in.App, authz.ScriptRead)
	if err != nil {
		return nil, err
	}
	page, err := a.store.Scripts().List(ctx, app.ID, in.request())
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.Script]]{wirePage(page, wireScript)}, nil
}

func (a *API) createScript(ctx context.Context, in *struct {
	AppPath
	ModuleQuery
	Body wire.ScriptCreate
}) (*scriptBody, error) {
	app, err := a.findApp(ctx, in.App, authz.ScriptWrite)
	if err != nil {
		return nil, err
	}
	script := store.Script{
		AppID: app.ID, Name: in.Body.Name, Kind: in.Body.Kind, Source: in.Body.Source, Wasm: moduleOf(ctx), ReadOnly: in.Body.ReadOnly,
	}
	if in.Body.Limits != nil {
		script.Limits = *in.Body.Limits
	}
	script, err = a.catalog.CreateScript(ctx, script)
	if err != nil {
		return nil, err
	}
	return newScriptBody(script), nil
}

func (a *API) getScript(ctx context.Context, in *ScriptPath) (*scriptBody, error) {
	script, err := a.findScript(ctx, in.ID, authz.ScriptRead)
	if err != nil {
		return nil, err
	}
	return newScriptBody(script), nil
}

func (a *API) updateScript(ctx context.Context, in *struct {
	ScriptPath
	IfMatch
	ModuleChange
	Body wire.ScriptUpdate
}) (*scriptBody, error) {
	script, err := a.findScript(ctx, in.ID, authz.ScriptWrite)
	if err != nil {
		return nil, err
	}
	return changed(in.IfMatch, in.Body.Version, func(expect int64) (store.Script, error) {
		return a.catalog.UpdateScript(ctx, script, store.ScriptChange{
			Name: in.Body.Name, Kind: in.Body.Kind, Source: in.Body.Source, Wasm: moduleOf(ctx), Limits: in.Body.Limits, ReadOnly: in.Body.ReadOnly,
			ExpectVersion: expect,
		})
	})
}

// changed answers a change of a script that was made for a version: by If-Match, else the one that the
// body names, 0 for any.
func changed(match IfMatch, version int64, change func(expect int64) (store.Script, error)) (*scriptBody, error) {
	expected := match.version()
	switch {
	case expected != nil && version != 0:
		return nil, problem.InvalidField("body.version", "must not stand beside If-Match", version)
	case expected != nil:
		version = *expected
	}
	script, err := change(version)
	if expected != nil {
		err = located(err)
	}
	if err != nil {
		return nil, err
	}
	return newScriptBody(script), nil
}

func (a *API) showScriptDeletion(ctx context.Context, in *ScriptPath) (*body[wire.ScriptDeletion], error) {
	script, err := a.findScript(ctx, in.ID, authz.ScriptDelete)
	if err != nil {
		return nil, err
	}
	contents, err := a.store.Scripts().Contents(ctx, script.ID)
	if err != nil {
		return nil, err
	}
	return &body[wire.ScriptDeletion]{wire.ScriptDeletion(contents)}, nil
}

func (a *API) deleteScript(ctx context.Context, in *ScriptPath) (*none, error) {
	script, err := a.findScript(ctx, in.ID, authz.ScriptDelete)
	if err != nil {
		return nil, err
	}
	return nil, a.catalog.DeleteScript(ctx, script)
}

func (a *API) validateScript(ctx context.Context, in *struct {
	ScriptPath
	Body *wire.Validate
}) (*body[wire.Validation], error) {
	script, err := a.findScript(ctx, in.ID, authz.ScriptRead)
	if err != nil {
		return nil, err
	}
	if in.Body != nil {
		if script, err = catalog.Changed(script, store.ScriptChange{Source: in.Body.Source, Limits: in.Body.Limits}); err != nil {
			return nil, err
		}
	}
	return a.validation(ctx, script)
}

func (a *API) validateSource(ctx context.Context, in *struct {
	AppPath
	Body wire.ValidateNew
}) (*body[wire.Validation], error) {
	app, err := a.findApp(ctx, in.App, authz.ScriptRead)
	if err != nil {
		return nil, err
	}
	script := store.Script{AppID: app.ID, Name: in.Body.Name, Kind: cmp.Or(in.Body.Kind, abi.KindEndpoint), Source: in.Body.Source}
	if in.Body.Limits != nil {
		script.Limits = *in.Body.Limits
	}
	return a.validation(ctx, script)
}

// validation compiles a script and answers what came of it.
func (a *API) validation(ctx context.Context, script store.Script) (*body[wire.Validation], error) {
	imports, err := a.catalog.Compile(ctx, script)
	var refused *catalog.InvalidScript
	if errors.As(err, &refused) {
		return &body[wire.Validation]{wire.Validation{Imports: []string{}, Error: refused.ScriptError, Line: refused.SourceLine}}, nil
	}
	if err != nil {
		return nil, err
	}
	return &body[wire.Validation]{wire.Validation{Valid: true, Imports: append([]string{}, imports...)}}, nil
}

func wireScript(s store.Script) wire.Script {
	out := wire.Script{
		ID: s.ID, AppID: s.AppID, Name: s.Name, Kind: s.Kind, Source: s.Source, Size: s.SourceSize, Limits: s.Limits, ReadOnly: s.ReadOnly,
		Version: s.Version, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
	if s.WasmSHA256 != "" {
		out.Size = s.WasmSize
		out.Wasm = &wire.WasmModule{SHA256: s.WasmSHA256, Size: s.WasmSize}
	}
	return out
}
