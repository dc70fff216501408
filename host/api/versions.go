package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountVersions(admin huma.API) {
	operation(a, admin, http.MethodGet, "/scripts/{id}/versions", "list-script-versions", "List the versions of a script that are kept, without their sources, the newest first", http.StatusOK, a.listVersions)
	operation(a, admin, http.MethodGet, "/scripts/{id}/versions/{n}", "get-script-version", "Show a version of a script", http.StatusOK, a.getVersion)
	operation(a, admin, http.MethodGet, "/scripts/{id}/versions/{n}/wasm", "download-version-wasm", "Download the WebAssembly module of a version of a plugin; If-None-Match is honoured", http.StatusOK, a.downloadVersionWasm, sendsBytes(typeWasm, false))
	operation(a, admin, http.MethodPost, "/scripts/{id}/versions/{n}:restore", "restore-script-version", "Make what a script was in a version its newest one; it must compile", http.StatusOK, a.restoreVersion)
}

// VersionPath is the path parameters of a version of a script.
type VersionPath struct {
	ScriptPath
	N int64 `path:"n" minimum:"1" doc:"Number of the version"`
}

func (a *API) listVersions(ctx context.Context, in *struct {
	ScriptPath
	Paging
}) (*body[wire.Page[wire.ScriptVersion]], error) {
	script, err := a.findScript(ctx, in.ID, authz.ScriptRead)
	if err != nil {
		return nil, err
	}
	page, err := a.store.Scripts().Versions(ctx, script.ID, in.request())
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.ScriptVersion]]{wirePage(page, wireVersion)}, nil
}

// findVersion finds a version of a script, for a caller who may read that.
func (a *API) findVersion(ctx context.Context, at VersionPath) (store.ScriptVersion, error) {
	script, err := a.findScript(ctx, at.ID, authz.ScriptRead)
	if err != nil {
		return store.ScriptVersion{}, err
	}
	return a.store.Scripts().Version(ctx, script.ID, at.N)
}

func (a *API) getVersion(ctx context.Context, in *VersionPath) (*body[wire.ScriptVersion], error) {
	version, err := a.findVersion(ctx, *in)
	if err != nil {
		return nil, err
	}
	return &body[wire.ScriptVersion]{wireVersion(version)}, nil
}

func (a *API) downloadVersionWasm(ctx context.Context, in *struct {
	VersionPath
	IfNoneMatch string `header:"If-None-Match"`
}) (*wasmDownload, error) {
	version, err := a.findVersion(ctx, in.VersionPath)
	if err != nil {
		return nil, err
	}
	if version.Kind != abi.KindPlugin {
		return nil, problem.New(http.StatusNotFound, fault.NotFound, fmt.Sprintf("%q has no module, being of kind %s", version.Name, version.Kind))
	}
	return sendWasm(version.Name, version.WasmSHA256, in.IfNoneMatch, func() (store.WasmModule, error) {
		return a.store.Scripts().VersionWasm(ctx, version.ScriptID, version.Version)
	})
}

func (a *API) restoreVersion(ctx context.Context, in *struct {
	VersionPath
	IfMatch
	Body *wire.ScriptRestore
}) (*scriptBody, error) {
	script, err := a.findScript(ctx, in.ID, authz.ScriptWrite)
	if err != nil {
		return nil, err
	}
	var at wire.ScriptRestore
	if in.Body != nil {
		at = *in.Body
	}
	return changed(in.IfMatch, at.Version, func(expect int64) (store.Script, error) {
		restored, err := a.catalog.RestoreScript(ctx, script, in.N, expect)
		if err != nil {
			// What is wrong is wrong with the version. Where it does not compile only err itself tells.
			err = errors.Join(problem.At(err, "name", "path.n.name", "kind", "path.n.kind", "source", "path.n.source", "wasm", "path.n.wasm", "limits", "path.n.limits"), err)
		}
		return restored, err
	})
}

func wireVersion(v store.ScriptVersion) wire.ScriptVersion {
	return wire.ScriptVersion{
		Version: v.Version, Name: v.Name, Kind: v.Kind, Source: v.Source, Size: v.Size, SHA256: v.WasmSHA256, Limits: v.Limits, ReadOnly: v.ReadOnly,
		CreatedAt: v.CreatedAt, CreatedBy: v.Username, APIKey: v.KeyID, RestoredFrom: v.RestoredFrom,
	}
}
