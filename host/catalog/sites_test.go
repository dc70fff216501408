package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/sites"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// uploaded makes files of sites, and returns their ids by their names.
func (n node) uploaded(t *testing.T, app store.App, names ...string) map[string]string {
	t.Helper()
	ids := map[string]string{}
	for _, name := range names {
		file, err := n.store.Files().Create(t.Context(), store.File{
			AppID: app.ID, Collection: sites.Collection, Name: name, ContentType: "text/plain", Size: 10, Blob: uuid.NewString(),
		}, 0)
		require.NoError(t, err)
		ids[name] = file.ID
	}
	return ids
}

// names lists the files of sites that there are.
func (n node) names(t *testing.T, app store.App) (names []string) {
	t.Helper()
	listed, err := n.store.Files().List(t.Context(), app.ID, sites.Collection, store.PageRequest{Limit: store.MaxPageSize})
	require.NoError(t, err)
	for _, file := range listed.Items {
		names = append(names, file.Name)
	}
	slices.Sort(names)
	return names
}

func siteSource(t *testing.T, files, previous map[string]string) string {
	t.Helper()
	text, err := json.Marshal(sites.Site{Files: files, Previous: previous})
	require.NoError(t, err)
	return string(text)
}

func onEach(t *testing.T, test func(t *testing.T, n node)) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		db, err := open(nil)
		require.NoError(t, err)
		test(t, newNode(t, db))
	})
}

// The files of a site are there for as long as the site or the one after it leads to them.
func TestFilesOfSites(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		app := n.app(t, "shop")
		files := n.uploaded(t, app, "a1", "b1", "a2", "a3", "other", "shared")
		create := func(name string, files map[string]string) store.Script {
			script, err := n.CreateScript(t.Context(), store.Script{AppID: app.ID, Name: name, Kind: abi.KindStatic, Source: siteSource(t, files, nil)})
			require.NoError(t, err)
			return script
		}
		update := func(script store.Script, files, previous map[string]string) store.Script {
			script, err := n.UpdateScript(t.Context(), script, store.ScriptChange{Source: new(siteSource(t, files, previous))})
			require.NoError(t, err)
			return script
		}
		other := create("other", map[string]string{"o": files["other"], "s": files["shared"]})
		site := create("static", map[string]string{"a": files["a1"], "b": files["b1"], "s": files["shared"]})
		site = update(site, map[string]string{"a": files["a2"], "b": files["b1"]}, map[string]string{"a": files["a1"]})
		assert.Equal(t, []string{"a1", "a2", "a3", "b1", "other", "shared"}, n.names(t, app), "the version before is kept")
		site = update(site, map[string]string{"a": files["a3"], "b": files["b1"]}, map[string]string{"a": files["a2"]})
		assert.Equal(t, []string{"a2", "a3", "b1", "other", "shared"}, n.names(t, app), "and for no longer than the next")
		require.NoError(t, n.DeleteScript(t.Context(), site))
		assert.Equal(t, []string{"other", "shared"}, n.names(t, app))
		used, err := n.store.Files().Usage(t.Context(), app.ID)
		require.NoError(t, err)
		assert.EqualValues(t, 20, used)

		_, err = n.UpdateScript(t.Context(), other, store.ScriptChange{Kind: new(abi.KindEndpoint), Source: new("1")})
		require.NoError(t, err)
		assert.Empty(t, n.names(t, app), "a site that becomes a script has no files")
	})
}

// A site that leads to what is not there is refused whole: nobody sees it.
func TestSiteOfMissingFiles(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		app, other := n.app(t, "shop"), n.app(t, "other")
		files := n.uploaded(t, app, "a", "b")
		theirs := n.uploaded(t, other, "c")
		refused := func(err error, id string) {
			t.Helper()
			assert.Equal(t, fault.Invalid, fault.Of(err))
			assert.EqualError(t, err, fmt.Sprintf(`source: files: "c" must be the id of a file in @static, and there is no %s`, id))
		}
		create := store.Script{AppID: app.ID, Name: "static", Kind: abi.KindStatic}
		create.Source = siteSource(t, map[string]string{"a": files["a"], "c": theirs["c"]}, nil)
		_, err := n.CreateScript(t.Context(), create)
		refused(err, theirs["c"])
		_, err = n.store.Scripts().GetByName(t.Context(), app.ID, "static")
		assert.Equal(t, fault.NotFound, fault.Of(err))

		create.Source = siteSource(t, map[string]string{"a": files["a"]}, nil)
		site, err := n.CreateScript(t.Context(), create)
		require.NoError(t, err)
		_, err = n.store.Files().Delete(t.Context(), app.ID, sites.Collection, files["b"], "")
		require.NoError(t, err)
		_, err = n.UpdateScript(t.Context(), site, store.ScriptChange{Source: new(siteSource(t, map[string]string{"c": files["b"]}, nil))})
		refused(err, files["b"])
		now, err := n.store.Scripts().Get(t.Context(), site.ID)
		require.NoError(t, err)
		assert.Equal(t, site.Source, now.Source)
		assert.Equal(t, []string{"a"}, n.names(t, app))
	})
}

// What a deploy has uploaded and never made a site of is deleted when no deploy can still be at it.
func TestSweepSites(t *testing.T) {
	onEach(t, func(t *testing.T, n node) {
		app, other := n.app(t, "shop"), n.app(t, "other")
		var many []string
		for i := range 450 { // which takes several steps
			many = append(many, fmt.Sprintf("left%03d", i))
		}
		n.uploaded(t, app, many...)
		n.uploaded(t, other, "left")
		files := n.uploaded(t, app, "a", "b")
		_, err := n.CreateScript(t.Context(), store.Script{
			AppID: app.ID, Name: "static", Kind: abi.KindStatic,
			Source: siteSource(t, map[string]string{"a": files["a"]}, map[string]string{"b": files["b"]}),
		})
		require.NoError(t, err)
		_, err = n.store.Files().Create(t.Context(), store.File{AppID: app.ID, Collection: "static", Name: "a user's", ContentType: "text/plain", Blob: uuid.NewString()}, 0)
		require.NoError(t, err)

		deleted, err := n.SweepSites(t.Context(), time.Now().Add(30*time.Minute))
		require.NoError(t, err)
		assert.Zero(t, deleted, "a deploy may be at it")
		deleted, err = n.SweepSites(t.Context(), time.Now().Add(2*time.Hour))
		require.NoError(t, err)
		assert.Equal(t, 451, deleted)
		assert.Equal(t, slices.Sorted(maps.Keys(files)), n.names(t, app))
		assert.Empty(t, n.names(t, other))
		listed, err := n.store.Files().List(t.Context(), app.ID, "static", store.PageRequest{})
		require.NoError(t, err)
		assert.Len(t, listed.Items, 1)
	})
}
