package catalog

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sites"
	"github.com/picloud/picloud/host/store"
)

// RestoreScript makes a new version of a script as it was read by the caller, with all that a kept
// version had: name, kind, source or module, limits, and whether it is read-only. A static site keeps the files of
// the version that it takes the place of. It is refused as [Catalog.UpdateScript] refuses any change: a version that compiled once need not compile now. expect,
// unless 0, is the version that the script must be at. A version that is not kept is [fault.NotFound].
func (c *Catalog) RestoreScript(ctx context.Context, script store.Script, version, expect int64) (store.Script, error) {
	was, err := c.store.Scripts().Version(ctx, script.ID, version)
	if err != nil {
		return store.Script{}, err
	}
	change := store.ScriptChange{
		Name: &was.Name, Kind: &was.Kind, Limits: &was.Limits, ReadOnly: &was.ReadOnly, ExpectVersion: expect, RestoredFrom: was.Version,
	}
	switch was.Kind {
	case abi.KindPlugin:
		module, err := c.store.Scripts().VersionWasm(ctx, script.ID, version)
		if err != nil {
			return store.Script{}, err
		}
		change.Wasm = module.Data
	case abi.KindStatic:
		source, err := sourceAfter(script, was.Source)
		if err != nil {
			return store.Script{}, err
		}
		change.Source = &source
	default:
		change.Source = &was.Source
	}
	return c.UpdateScript(ctx, script, change)
}

// sourceAfter returns the source of a static site with which it comes back after what the script is now: as after
// any change the files of the version before are kept, not those that were kept when it was new.
func sourceAfter(now store.Script, source string) (string, error) {
	var site sites.Site // without defaults in it, so that a deploy finds what it made
	if err := json.Unmarshal([]byte(source), &site); err != nil {
		return "", fmt.Errorf("the source of a version of the static site %s cannot be read: %w", now.ID, err)
	}
	site.Previous = nil
	if present := siteOf(now); present != nil {
		site.Previous = present.Replaced(site.Files)
	}
	text, err := json.Marshal(site) // maps are written in order
	return string(text), err
}
