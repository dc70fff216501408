package manifest

import (
	"context"
	"iter"
	"strings"
	"testing"

	"github.com/picloud/picloud/host/api/wire"
)

func (r *remote) Indexes(context.Context, string) iter.Seq2[wire.Index, error] {
	return listing(r.indexes)
}

func (r *remote) CreateIndex(_ context.Context, app string, index wire.IndexCreate) (wire.Index, error) {
	r.did("index %s of %s in %s", index.Path, index.Collection, app)
	return wire.Index{ID: "1", Collection: index.Collection, Path: index.Path}, nil
}

func (r *remote) DeleteIndex(_ context.Context, app, id string) error {
	r.did("delete index %s of %s", id, app)
	return nil
}

// withIndexes reads a manifest of the app shop with indexes.
func withIndexes(t *testing.T, indexes string) (App, error) {
	t.Helper()
	return Read(folder(t, map[string]string{"picloud.yaml": "app: shop\nindexes:\n" + indexes}), "")
}

func TestReadIndexes(t *testing.T) {
	for _, test := range []struct{ name, indexes, want string }{
		{"no collection", "  - path: a\n", "indexes[0]: collection is missing"},
		{"no path", "  - collection: c\n", "indexes[0]: path is missing"},
		{"twice", "  - {collection: c, path: a}\n  - {collection: c, path: a}\n", "indexes[1]: c a is named twice"},
		{"twice, written otherwise", "  - {collection: c, path: 'price\\$'}\n  - {collection: c, path: price$}\n", "indexes[1]: c price$ is named twice"},
		{"a field too many", "  - {collection: c, path: a, unique: true}\n", "unique is not known here"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := withIndexes(t, test.indexes); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

// The server compares paths by their keys.
func TestPathAsKept(t *testing.T) {
	for written, kept := range map[string]string{
		`a.b`: `a.b`, `price\$`: `price$`, `\$ref`: `\$ref`, `a.\$ref`: `a.\$ref`, `a\.\$b`: `a\.$b`, `a\\\$`: `a\\$`, `a\\.\$b`: `a\\.\$b`, `a\`: `a\`,
	} {
		if got := asKept(written); got != kept {
			t.Errorf("%s is kept as %s, want %s", written, got, kept)
		}
	}
}

func TestPlanIndexes(t *testing.T) {
	there := func() *remote {
		return &remote{app: &wire.App{ID: "app", Slug: "shop"}, indexes: []wire.Index{{ID: "7", Collection: "c", Path: "a"}, {ID: "8", Collection: "c", Path: "b"}}}
	}
	for _, test := range []struct {
		name       string
		there      *remote
		indexes    string
		prune      bool
		plan, done []string // of indexes
	}{
		{
			name: "a new app", there: &remote{}, indexes: "  - {collection: c, path: a}\n",
			plan: []string{"index c a created"}, done: []string{"index a of c in shop"},
		},
		{
			name: "what is not named stays", there: there(), indexes: "  - {collection: c, path: b}\n  - {collection: d, path: b}\n",
			plan: []string{"index c b unchanged", "index d b created"}, done: []string{"index b of d in shop"},
		},
		{
			name: "what is not named is pruned first", there: there(), indexes: "  - {collection: c, path: e}\n  - {collection: c, path: b}\n", prune: true,
			plan: []string{"index c a deleted", "index c e created", "index c b unchanged"}, done: []string{"delete index 7 of shop", "index e of c in shop"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			want, err := withIndexes(t, test.indexes)
			if err != nil {
				t.Fatal(err)
			}
			want.Prune = test.prune
			plansAndDoes(t, test.there, want, "index ", test.plan, test.done)
		})
	}
}
