package catalog

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// present is a script as it is now, with the numbers of its kept versions.
func (n node) present(t *testing.T, id string) (script store.Script, versions []int64) {
	t.Helper()
	script, err := n.store.Scripts().Get(t.Context(), id)
	require.NoError(t, err)
	page, err := n.store.Scripts().Versions(t.Context(), id, store.PageRequest{})
	require.NoError(t, err)
	for _, v := range page.Items {
		versions = append(versions, v.Version)
	}
	return script, versions
}

func (n node) update(t *testing.T, script store.Script, change store.ScriptChange) store.Script {
	t.Helper()
	script, err := n.UpdateScript(t.Context(), script, change)
	require.NoError(t, err)
	return script
}

// A restored version is a new one with all that the old one had.
func TestRestore(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		app := n.app(t, "app")
		script := n.script(t, app, "first", `"one"`)
		_, err := n.route(t, script, "GET", "/x")
		require.NoError(t, err)
		changed := n.update(t, script, store.ScriptChange{Name: new("second"), Source: new(`"two"`), Limits: &abi.Limits{TimeoutMS: 500}, ReadOnly: new(true)})
		require.Equal(t, "two", n.answer(t, "/x"))
		restored, err := n.RestoreScript(t.Context(), changed, 1, 0)
		require.NoError(t, err)
		want := script
		want.Version, want.UpdatedAt = 3, restored.UpdatedAt
		require.Equal(t, want, restored)
		require.Equal(t, "one", n.answer(t, "/x"))
		now, versions := n.present(t, script.ID)
		require.Equal(t, want, now)
		require.Equal(t, []int64{3, 2, 1}, versions)
		version, err := n.store.Scripts().Version(t.Context(), script.ID, 3)
		require.NoError(t, err)
		require.EqualValues(t, 1, version.RestoredFrom)
	})
}

// What no change could make of a script restoring a version cannot, and then nothing is changed.
func TestRestoreIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		app := n.app(t, "app")
		lib := n.module(t, app, "lib", `fn f() { 1 }`)
		importer := n.script(t, app, "importer", `import "lib" as l; l::f()`)
		importer = n.update(t, importer, store.ScriptChange{Source: new(`2`)})
		renamed := n.script(t, app, "old", `1`)
		renamed = n.update(t, renamed, store.ScriptChange{Name: new("new")})
		n.script(t, app, "old", `1`)
		bound := n.module(t, app, "bound", `fn f() { 1 }`)
		bound = n.update(t, bound, store.ScriptChange{Kind: new(abi.KindEndpoint), Source: new(`1`)})
		_, err := n.route(t, bound, "GET", "/bound")
		require.NoError(t, err)
		used := n.module(t, app, "before", `fn f() { 1 }`)
		used = n.update(t, used, store.ScriptChange{Name: new("used")})
		n.script(t, app, "user", `import "used" as u; u::f()`)
		require.NoError(t, n.DeleteScript(t.Context(), lib))

		for _, c := range []struct {
			name      string
			script    store.Script
			n, expect int64
			code      fault.Code
			says      string
		}{
			{"a module that is gone", importer, 1, 0, fault.ScriptInvalid, "Module not found: lib"},
			{"a name in use", renamed, 1, 0, fault.Conflict, `script name "old" is already in use`},
			{"a module of a script with routes", bound, 1, 0, fault.Conflict, "a script with routes cannot become a module"},
			{"another name of an imported module", used, 1, 0, fault.Conflict, `module "used" is imported by user`},
			{"another version", importer, 1, 1, fault.Stale, "script is at version 2, not at version 1"},
			{"a version that is not there", importer, 99, 0, fault.NotFound, "version not found"},
		} {
			t.Run(c.name, func(t *testing.T) {
				_, err := n.RestoreScript(t.Context(), c.script, c.n, c.expect)
				require.Error(t, err)
				assert.Equal(t, c.code, fault.Of(err))
				assert.Contains(t, err.Error(), c.says)
				now, versions := n.present(t, c.script.ID)
				assert.Equal(t, c.script, now)
				assert.Equal(t, []int64{2, 1}, versions)
			})
		}
	})
}

// Of restores at the same time of the same version one is done.
func TestRestoreConcurrently(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		script := n.script(t, n.app(t, "app"), "s", `1`)
		script = n.update(t, script, store.ScriptChange{Source: new(`2`)})
		errs := make([]error, 4)
		var restoring sync.WaitGroup
		for i := range errs {
			restoring.Go(func() { _, errs[i] = n.RestoreScript(t.Context(), script, 1, 0) })
		}
		restoring.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
				continue
			}
			// The gate may have no place for one: that compiles it, too.
			require.Contains(t, []fault.Code{fault.Stale, fault.Overloaded}, fault.Of(err), "%v", err)
		}
		require.Equal(t, 1, done)
		now, versions := n.present(t, script.ID)
		require.Equal(t, `1`, now.Source)
		require.Equal(t, []int64{3, 2, 1}, versions)
	})
}

// A static site can be restored for as long as its files are there: those of the version before are, whichever it was.
func TestRestoreSite(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		app := n.app(t, "shop")
		files := n.uploaded(t, app, "a1", "a2", "a3", "a4")
		site, err := n.CreateScript(t.Context(), store.Script{AppID: app.ID, Name: "static", Kind: abi.KindStatic, Source: siteSource(t, map[string]string{"a": files["a1"]}, nil)})
		require.NoError(t, err)
		deploy := func(now, before string) {
			t.Helper()
			source := siteSource(t, map[string]string{"a": files[now]}, map[string]string{"a": files[before]})
			site = n.update(t, site, store.ScriptChange{Source: &source})
		}
		restore := func(version int64, now, before string, there ...string) {
			t.Helper()
			site, err = n.RestoreScript(t.Context(), site, version, 0)
			require.NoError(t, err)
			require.Equal(t, siteSource(t, map[string]string{"a": files[now]}, map[string]string{"a": files[before]}), site.Source)
			require.Equal(t, there, n.names(t, app))
		}
		deploy("a2", "a1")
		restore(1, "a1", "a2", "a1", "a2", "a3", "a4") // a version that had none before it
		restore(2, "a2", "a1", "a1", "a2", "a3", "a4") // it is undone
		deploy("a3", "a2")
		deploy("a4", "a3")
		require.Equal(t, []string{"a3", "a4"}, n.names(t, app))
		restore(5, "a3", "a4", "a3", "a4") // whose own version before is gone
		restore(7, "a3", "a4", "a3", "a4") // as it is
		restore(6, "a4", "a3", "a3", "a4")

		_, err = n.RestoreScript(t.Context(), site, 2, 0)
		require.Equal(t, fault.Invalid, fault.Of(err))
		require.Contains(t, err.Error(), "there is no "+files["a2"])
		now, _ := n.present(t, site.ID)
		require.Equal(t, site, now)
		require.Equal(t, []string{"a3", "a4"}, n.names(t, app))
	})
}

// What was a script for a while comes back as a site only with its files.
func TestRestoreSiteOfAnotherKind(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		app := n.app(t, "shop")
		files := n.uploaded(t, app, "a1", "other")
		source := siteSource(t, map[string]string{"a": files["a1"]}, nil)
		site, err := n.CreateScript(t.Context(), store.Script{AppID: app.ID, Name: "static", Kind: abi.KindStatic, Source: source})
		require.NoError(t, err)
		keeper, err := n.CreateScript(t.Context(), store.Script{AppID: app.ID, Name: "keeper", Kind: abi.KindStatic, Source: source})
		require.NoError(t, err)
		site = n.update(t, site, store.ScriptChange{Kind: new(abi.KindEndpoint), Source: new(`1`)})
		site, err = n.RestoreScript(t.Context(), site, 1, 0)
		require.NoError(t, err)
		require.Equal(t, source, site.Source)
		site = n.update(t, site, store.ScriptChange{Kind: new(abi.KindEndpoint), Source: new(`1`)})
		require.NoError(t, n.DeleteScript(t.Context(), keeper))
		_, err = n.RestoreScript(t.Context(), site, 1, 0)
		require.Equal(t, fault.Invalid, fault.Of(err))
		require.Contains(t, err.Error(), "there is no "+files["a1"])
	})
}
