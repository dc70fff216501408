package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/store"
)

// MaxSourceBytes is the size of the largest script.
const MaxSourceBytes = 1 << 20

func (a *API) mountScripts(admin huma.API) {
	operation(a, admin, http.MethodGet, "/apps/{app}/scripts", "list-scripts", "List an app's scripts, without their sources", http.StatusOK, a.listScripts)
	operation(a, admin, http.MethodPost, "/apps/{app}/scripts", "create-script", "Upload a script or a plugin; it must compile", http.StatusCreated, a.createScript, a.takesModule)
	operation(a, admin, http.MethodGet, "/scripts/{id}", "get-script", "Show a script", http.StatusOK, a.getScript)
	operation(a, admin, http.MethodPut, "/scripts/{id}", "update-script", "Change a script or a plugin; it must compile", http.StatusOK, a.updateScript, a.takesModule)
	operation(a, admin, http.MethodDelete, "/scripts/{id}", "delete-script", "Delete a script with its routes and logs; not a module that is imported", http.StatusNoContent, a.deleteScript)
	operation(a, admin, http.MethodPost, "/scripts/{id}/validate", "validate-script", "Compile a script without storing it", http.StatusOK, a.validateScript)
	a.mountModules(admin)
}

// ScriptPath is the path parameter of everything below a script.
type ScriptPath struct {
	ID string `path:"id"`
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
}) (*body[wire.Script], error) {
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
	imports, err := a.compile(ctx, script)
	if err != nil {
		return nil, err
	}
	err = a.store.InTx(ctx, func(tx store.Store) error {
		if script, err = tx.Scripts().Create(ctx, script); err != nil {
			return err
		}
		return setImports(ctx, tx, script, imports)
	})
	if err != nil {
		return nil, err
	}
	a.executions.Changed(app.ID) // others may import it
	return &body[wire.Script]{wireScript(script)}, nil
}

func (a *API) getScript(ctx context.Context, in *ScriptPath) (*body[wire.Script], error) {
	script, err := a.findScript(ctx, in.ID, authz.ScriptRead)
	if err != nil {
		return nil, err
	}
	return &body[wire.Script]{wireScript(script)}, nil
}

func (a *API) updateScript(ctx context.Context, in *struct {
	ScriptPath
	ModuleChange
	Body wire.ScriptUpdate
}) (*body[wire.Script], error) {
	script, err := a.findScript(ctx, in.ID, authz.ScriptWrite)
	if err != nil {
		return nil, err
	}
	change := store.ScriptChange{
		Name: in.Body.Name, Kind: in.Body.Kind, Source: in.Body.Source, Wasm: moduleOf(ctx), Limits: in.Body.Limits, ReadOnly: in.Body.ReadOnly,
		// What is compiled below is the script at this version.
		ExpectVersion: script.Version,
	}
	if v := in.Body.Version; v != 0 && v != script.Version {
		return nil, &store.VersionError{Resource: "script", Expected: v, Current: script.Version}
	}
	if err := checkModule(script, change); err != nil {
		return nil, err
	}
	candidate := changed(script, change)
	if candidate.Kind == abi.KindModule && script.Kind != abi.KindModule {
		routes, err := a.store.Routes().ByScript(ctx, script.ID)
		if err != nil {
			return nil, err
		}
		if len(routes) > 0 {
			p := problem.New(http.StatusConflict, problem.CodeConflict, "a script with routes cannot become a module",
				wire.FieldError{Location: "body.kind", Message: "the script has routes", Value: string(abi.KindModule)})
			p.Other = routes[0].ID
			return nil, p
		}
	}
	imports, err := a.compile(ctx, candidate)
	if err != nil {
		return nil, err
	}
	err = a.store.InTx(ctx, func(tx store.Store) error {
		if candidate.Kind != script.Kind {
			if err := notImported(ctx, tx, script, "body.kind"); err != nil {
				return err
			}
		}
		if candidate.Name != script.Name {
			if err := notImported(ctx, tx, script, "body.name"); err != nil {
				return err
			}
		}
		updated, err := tx.Scripts().Update(ctx, script.ID, change)
		if err != nil {
			return err
		}
		script = updated
		return setImports(ctx, tx, script, imports)
	})
	if err != nil {
		return nil, err
	}
	a.executions.Changed(script.AppID)
	return &body[wire.Script]{wireScript(script)}, nil
}

func changed(script store.Script, change store.ScriptChange) store.Script {
	if change.Name != nil {
		script.Name = *change.Name
	}
	if change.Kind != nil {
		script.Kind = *change.Kind
	}
	if change.Source != nil {
		script.Source = *change.Source
	}
	if change.Wasm != nil {
		script.Wasm = change.Wasm
	}
	if change.Limits != nil {
		script.Limits = *change.Limits
	}
	return script
}

func (a *API) deleteScript(ctx context.Context, in *ScriptPath) (*none, error) {
	script, err := a.findScript(ctx, in.ID, authz.ScriptDelete)
	if err != nil {
		return nil, err
	}
	return nil, a.changes.do(func() error {
		err := a.store.InTx(ctx, func(tx store.Store) error {
			if err := notImported(ctx, tx, script, "path.id"); err != nil {
				return err
			}
			return tx.Scripts().Delete(ctx, script.ID)
		})
		if err != nil {
			return err
		}
		a.routes.RemoveIf(func(r store.Route) bool { return r.ScriptID == script.ID })
		a.executions.Changed(script.AppID)
		return nil
	})
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
		change := store.ScriptChange{Source: in.Body.Source, Limits: in.Body.Limits}
		if err := checkModule(script, change); err != nil {
			return nil, err
		}
		script = changed(script, change)
	}
	imports, err := a.compile(ctx, script)
	var refused *invalidScript
	if errors.As(err, &refused) {
		return &body[wire.Validation]{wire.Validation{Imports: []string{}, Error: refused.cause, Line: refused.Script.SourceLine}}, nil
	}
	if err != nil {
		return nil, err
	}
	return &body[wire.Validation]{wire.Validation{Valid: true, Imports: append([]string{}, imports...)}}, nil
}

// invalidScript is the problem of a script or plugin that does not compile.
type invalidScript struct {
	*problem.Problem
	cause *abi.ScriptError
}

// Unwrap lets the problem be found.
func (e *invalidScript) Unwrap() error { return e.Problem }

// compile checks a script's size and limits, and that it compiles. The error is
// a [*problem.Problem]: an [*invalidScript] when it does not compile.
func (a *API) compile(ctx context.Context, script store.Script) (imports []string, err error) {
	if n := len(script.Source); n > MaxSourceBytes {
		return nil, problem.InvalidField("body.source", fmt.Sprintf("must not be larger than %d bytes, got %d", MaxSourceBytes, n), nil)
	}
	if i := strings.IndexByte(script.Source, 0); i >= 0 {
		return nil, problem.InvalidField("body.source", fmt.Sprintf("must not contain NUL (byte %d)", i), nil)
	}
	imports, err = a.executions.Validate(ctx, script)
	var cause *abi.ScriptError
	if !errors.As(err, &cause) {
		return imports, err
	}
	switch cause.Code {
	case abi.CodeScriptInvalid, abi.CodeLimitExceeded, abi.CodeTimeout:
	case abi.CodeOverloaded:
		return nil, problem.New(http.StatusServiceUnavailable, string(cause.Code), "too many executions at once, try again")
	default:
		return nil, err
	}
	if script.Kind == abi.KindPlugin {
		p := problem.New(http.StatusUnprocessableEntity, string(abi.CodeScriptInvalid), cause.Message,
			wire.FieldError{Location: "body", Message: cause.Message})
		return nil, &invalidScript{p, cause}
	}
	line := sourceLine(script.Source, cause.Line)
	p := problem.New(http.StatusUnprocessableEntity, string(abi.CodeScriptInvalid), cause.Message,
		wire.FieldError{Location: "body.source", Message: cause.Message})
	p.Script = &wire.ScriptSource{Line: cause.Line, Column: cause.Column, Message: cause.Message, SourceLine: line}
	return nil, &invalidScript{p, cause}
}

// sourceLine is a line of a source, counted from 1, cut to a reasonable length.
func sourceLine(source string, line int) string {
	for ; line > 0; line-- {
		text, rest, _ := strings.Cut(source, "\n")
		if line == 1 {
			text = strings.TrimSuffix(text, "\r")
			if len(text) > 1000 {
				text = strings.ToValidUTF8(text[:1000], "")
			}
			return text
		}
		source = rest
	}
	return ""
}

func wireScript(s store.Script) wire.Script {
	out := wire.Script{
		ID: s.ID, AppID: s.AppID, Name: s.Name, Kind: s.Kind, Source: s.Source, Limits: s.Limits, ReadOnly: s.ReadOnly,
		Version: s.Version, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
	if s.WasmSHA256 != "" {
		out.Wasm = &wire.WasmModule{SHA256: s.WasmSHA256, Size: s.WasmSize}
	}
	return out
}
