package catalog

import (
	"context"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// RestoreScript makes a new version of a script as it was read by the caller, with all that a kept
// version had: name, kind, source or module, limits, and whether it is read-only. It is refused as
// [Catalog.UpdateScript] refuses any change: a version that compiled once need not compile now. expect,
// unless 0, is the version that the script must be at. A version that is not kept is [fault.NotFound].
func (c *Catalog) RestoreScript(ctx context.Context, script store.Script, version, expect int64) (store.Script, error) {
	was, err := c.store.Scripts().Version(ctx, script.ID, version)
	if err != nil {
		return store.Script{}, err
	}
	change := store.ScriptChange{
		Name: &was.Name, Kind: &was.Kind, Limits: &was.Limits, ReadOnly: &was.ReadOnly, ExpectVersion: expect, RestoredFrom: was.Version,
	}
	if was.Kind == abi.KindPlugin {
		module, err := c.store.Scripts().VersionWasm(ctx, script.ID, version)
		if err != nil {
			return store.Script{}, err
		}
		change.Wasm = module.Data
	} else {
		change.Source = &was.Source
	}
	return c.UpdateScript(ctx, script, change)
}
