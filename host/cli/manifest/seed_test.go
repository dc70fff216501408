package manifest

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
)

var seeded = map[string]string{
	"picloud.yaml": "app: shop\nseed:\n  kv: {settings: seed/settings.json, more: seed/more.jsonl}\n" +
		"  docs: {products: seed/products.json, orders: seed/orders.jsonl}\n  files: {pictures: seed/pictures}\n",
	"seed/settings.json":    `{"motd": "Welcome", "limit": 3}`,
	"seed/more.jsonl":       "{\"key\":\"a\",\"value\":[1]}\n\n{\"key\":\"b\",\"value\":null}\n",
	"seed/products.json":    `[{"name": "apple"}, {"name": "pear"}]`,
	"seed/orders.jsonl":     `{"id":"01890a5d-ac96-774b-bcce-b302099a8057","data":{"n":1},"version":7}`,
	"seed/pictures/a.png":   "png",
	"seed/pictures/.hidden": "no",
}

var sown = []string{
	`document 01890a5d-ac96-774b-bcce-b302099a8057 of orders: {"n":1}`,
	`document of products: {"name":"apple"}`, `document of products: {"name":"pear"}`,
	`keep a.png in pictures for "": png`,
	"set a of more to [1]", "set b of more to null",
	"set limit of settings to 3", `set motd of settings to "Welcome"`,
}

func TestSeed(t *testing.T) {
	want, err := Read(folder(t, seeded), "")
	require.NoError(t, err)
	deploy := func(there *remote, reseed bool) []string {
		t.Helper()
		want.Reseed = reseed
		plan, err := Make(t.Context(), there, want)
		require.NoError(t, err)
		planned := lines(plan.Changes())
		done, err := plan.Apply(t.Context(), there)
		require.NoError(t, err)
		assert.Equal(t, planned, lines(done))
		return planned
	}
	made := &remote{}
	assert.Equal(t, []string{
		"app shop created", "seed docs orders created 1 from seed/orders.jsonl", "seed docs products created 2 from seed/products.json",
		"seed files pictures created 1 from seed/pictures", "seed kv more created 2 from seed/more.jsonl", "seed kv settings created 2 from seed/settings.json",
	}, deploy(made, false))
	assert.Equal(t, append([]string{`create app shop ""`}, sown...), made.done)

	// A collection that has something is left alone, unless it is told otherwise.
	there := deployed()
	there.entries = []wire.KVEntry{{Key: "motd", Value: []byte(`"Mine"`)}}
	assert.Equal(t, "seed kv more unchanged", deploy(there, false)[3])
	assert.Equal(t, sown[:4], there.done)
	there.done = nil
	assert.Equal(t, "seed kv more created 2 from seed/more.jsonl", deploy(there, true)[3])
	assert.Equal(t, sown, there.done)
}

// When the server refuses an entry of a seed nothing is done, and nothing of what was uploaded is left.
func TestSeedIsRefused(t *testing.T) {
	want, err := Read(folder(t, seeded), "")
	require.NoError(t, err)
	there := &refusing{remote: &remote{}}
	plan, err := Make(t.Context(), there, want)
	require.NoError(t, err)
	done, err := plan.Apply(t.Context(), there)
	assert.Equal(t, "seed kv more: the key a of seed/more.jsonl: Bad Request", err.Error())
	assert.Empty(t, done)
	assert.Empty(t, there.modules)
	assert.Equal(t, []string{`create app shop ""`, "delete app app"}, there.done)
}

// refusing is a server that refuses the deploys of a key.
type refusing struct{ *remote }

func (r *refusing) Deploy(ctx context.Context, app string, deploy wire.Deploy) (wire.Deployed, error) {
	return deployParts(ctx, r, r.modules, app, deploy)
}

func (r *refusing) SetKV(_ context.Context, _, collection, key string, set wire.KVSet) (wire.KVEntry, error) {
	r.done = r.done[:1] // the server undoes the rest
	return wire.KVEntry{}, refused(http.StatusBadRequest)
}

// More than a deploy takes is refused before anything is done.
func TestSeedIsTooLarge(t *testing.T) {
	files := maps.Clone(seeded)
	files["seed/products.json"] = "[" + strings.Repeat("{},", maxSeedItems) + "{}]"
	want, err := Read(folder(t, files), "")
	require.NoError(t, err)
	_, err = Make(t.Context(), &remote{}, want)
	assert.EqualError(t, err, "seed: has 8007 entries, documents and files to write, and a deploy writes 8000 at most: picloud kv import and docs import take any number")
}

func TestSeedIsWrong(t *testing.T) {
	for says, c := range map[string]struct{ file, content string }{
		"seed.kv.settings: seed/settings.json: cannot unmarshal array":   {"seed/settings.json", "[1]"},
		"seed.kv.more: seed/more.jsonl line 2: key and value are needed": {"seed/more.jsonl", "\n{\"value\":1}"},
		"seed.docs.orders: seed/orders.jsonl line 1: data is missing":    {"seed/orders.jsonl", "{}"},
		"seed.files.pictures: openat nowhere":                            {"picloud.yaml", "app: shop\nseed: {files: {pictures: nowhere}}"},
		"field queues is not known here":                                 {"picloud.yaml", "app: shop\nseed: {queues: {}}"},
	} {
		files := map[string]string{}
		for name, content := range seeded {
			files[name] = content
		}
		files[c.file] = c.content
		_, err := Read(folder(t, files), "")
		if assert.Error(t, err, says) {
			assert.Contains(t, err.Error(), says)
		}
	}
}
