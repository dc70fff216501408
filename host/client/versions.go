package client

import (
	"context"
	"io"
	"iter"
	"net/http"
	"strconv"

	"github.com/picloud/picloud/host/api/wire"
)

// ScriptVersions lists the versions of a script that are kept, without their sources, the newest first.
func (c *Client) ScriptVersions(ctx context.Context, scriptID string) iter.Seq2[wire.ScriptVersion, error] {
	return list[wire.ScriptVersion](ctx, c, "scripts", scriptID, "versions")
}

// ScriptVersion returns a version of a script.
func (c *Client) ScriptVersion(ctx context.Context, scriptID string, n int64) (wire.ScriptVersion, error) {
	return call[wire.ScriptVersion](ctx, c, http.MethodGet, versionPath(scriptID, n), nil, nil)
}

// DownloadVersionModule returns the WebAssembly module of a version of a plugin, to be read and closed by
// the caller. A transfer that breaks off is an error of the last read.
func (c *Client) DownloadVersionModule(ctx context.Context, scriptID string, n int64) (io.ReadCloser, error) {
	return c.download(ctx, nil, append(versionPath(scriptID, n), "wasm")...)
}

// RestoreScript makes what a script was in a version its newest one, if it is at the version that restore
// names, or that names none.
func (c *Client) RestoreScript(ctx context.Context, scriptID string, n int64, restore wire.ScriptRestore) (wire.Script, error) {
	path := versionPath(scriptID, n)
	path[len(path)-1] += ":restore"
	return call[wire.Script](ctx, c, http.MethodPost, path, nil, restore)
}

func versionPath(scriptID string, n int64) []string {
	return []string{"scripts", scriptID, "versions", strconv.FormatInt(n, 10)}
}
