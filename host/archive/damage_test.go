package archive

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/catalog"
	"github.com/picloud/picloud/host/sites"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/eachtest"
)

// Damaged files keep nothing else from an archive, however many they are: they are told of in it, and by who imports it. What
// leads to them does without.
func TestDamagedFiles(t *testing.T) {
	eachtest.Run(t, func(t *testing.T, open eachtest.Opener) {
		n := newNode(t, open)
		app, err := n.catalog.CreateApp(t.Context(), "shop", "Shop")
		require.NoError(t, err)
		file := func(collection, name, content string) store.File {
			made, err := n.config.Files.Create(t.Context(), app.ID, collection, name, "text/plain", strings.NewReader(content))
			require.NoError(t, err)
			opened, err := n.config.Files.Open(t.Context(), app.ID, collection, made.ID) // so that it is known to be whole
			require.NoError(t, err)
			require.NoError(t, opened.Close())
			return made
		}
		damaged := map[string]store.File{"missing": {}, "short": {}, "turned": {}}
		for name := range damaged {
			damaged[name] = file("c", name, strings.Repeat(name, 1000))
		}
		good := file("c", "good", "as it was")
		page, lost := file(sites.Collection, "index.html", "<h1>hello</h1>"), file(sites.Collection, "404.html", "lost")
		damaged["404.html"] = lost
		source, err := json.Marshal(sites.Site{Files: map[string]string{"index.html": page.ID, "404.html": lost.ID}, NotFound: "404.html"})
		require.NoError(t, err)
		_, err = n.catalog.CreateScript(t.Context(), store.Script{AppID: app.ID, Name: "pages", Kind: abi.KindStatic, Source: string(source)})
		require.NoError(t, err)

		at := func(name string) string {
			blob := damaged[name].Blob
			return filepath.Join(n.root, blob[:2], blob[2:4], blob)
		}
		require.NoError(t, os.Remove(at("missing")))
		require.NoError(t, os.Remove(at("404.html")))
		require.NoError(t, os.Truncate(at("short"), 10))
		// As a disk does it: nobody has written to the file.
		info, err := os.Stat(at("turned"))
		require.NoError(t, err)
		content, err := os.ReadFile(at("turned"))
		require.NoError(t, err)
		content[4000] ^= 1
		require.NoError(t, os.WriteFile(at("turned"), content, 0o600))
		require.NoError(t, os.Chtimes(at("turned"), info.ModTime(), info.ModTime()))

		archive := n.export(t, app.ID)
		told := 0
		for _, row := range unpacked(t, archive) {
			if strings.HasPrefix(row, kindFile) && strings.Contains(row, `"damaged":true`) {
				told++
			}
		}
		require.Equal(t, 4, told)

		report, err := n.Import(t.Context(), n.into(t, "copy"), bytes.NewReader(archive))
		require.NoError(t, err)
		var want []catalog.Left
		for name, file := range damaged {
			want = append(want, catalog.Left{Kind: "file", Name: file.Collection + "/" + file.ID, Reason: `the bytes of "` + name + `" were damaged when it was exported`})
		}
		assert.ElementsMatch(t, want, report.Left)
		opened, err := n.config.Files.Open(t.Context(), report.App.ID, "c", good.ID)
		require.NoError(t, err)
		text, err := io.ReadAll(opened)
		require.NoError(t, err)
		assert.Equal(t, "as it was", string(text))
		require.NoError(t, opened.Close())
		listed, err := n.config.Files.List(t.Context(), report.App.ID, "c", store.PageRequest{})
		require.NoError(t, err)
		assert.Len(t, listed.Items, 1)
		scripts, err := n.store.Scripts().List(t.Context(), report.App.ID, store.PageRequest{})
		require.NoError(t, err)
		require.Len(t, scripts.Items, 1)
		copied, err := n.store.Scripts().Get(t.Context(), scripts.Items[0].ID)
		require.NoError(t, err)
		site, err := sites.Parse(copied.Source)
		require.NoError(t, err)
		assert.Equal(t, map[string]string{"index.html": page.ID}, site.Files)
		assert.Empty(t, site.NotFound)
	})
}
