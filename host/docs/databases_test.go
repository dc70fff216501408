//go:build unix

package docs_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// fixture is the service on a database of its own, with an app.
type fixture struct {
	*docs.Service
	store store.Store
	app   string
	ctx   context.Context
	heard *events.Registry // who listens to changes, nobody at first
}

// onBoth runs a test on each database.
func onBoth(t *testing.T, test func(t *testing.T, f fixture)) {
	for name, open := range databases {
		t.Run(name, func(t *testing.T) { test(t, newFixture(t, open)) })
	}
}

type opener func(tb testing.TB, listeners store.Listeners) (store.Store, error)

var databases = map[string]opener{
	"sqlite": func(tb testing.TB, listeners store.Listeners) (store.Store, error) {
		path := filepath.Join(tb.TempDir(), sqlite.FileName)
		return sqlite.Open(context.Background(), sqlite.Config{Path: path, Listeners: listeners})
	},
	"postgres": func(tb testing.TB, listeners store.Listeners) (store.Store, error) {
		return postgres.Open(context.Background(), postgres.Config{URL: pgtest.URL(tb), Listeners: listeners})
	},
}

func newFixture(tb testing.TB, open opener) fixture {
	heard := events.NewRegistry(func(context.Context, store.Store, store.Change, []events.Listener) error { return nil })
	opened, err := open(tb, heard)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, opened.Close()) })
	f := fixture{docs.New(docs.Config{Store: opened.Docs()}), opened, "", context.Background(), heard}
	f.app = f.newApp(tb, "app")
	return f
}

func (f fixture) newApp(tb testing.TB, slug string) string {
	tb.Helper()
	app, err := f.store.Apps().Create(f.ctx, store.App{Slug: slug})
	require.NoError(tb, err)
	return app.ID
}

// value is a value given as JSON.
func value(tb testing.TB, json string) msgp.Raw {
	tb.Helper()
	raw, err := abi.AppendFromJSON(nil, []byte(json))
	require.NoError(tb, err, json)
	return raw
}

func (f fixture) create(tb testing.TB, collection, data string) store.Document {
	tb.Helper()
	doc, err := f.Create(f.ctx, f.app, collection, value(tb, data))
	require.NoError(tb, err, data)
	return doc
}

// load creates a document for each line "name: value" and returns the names by id.
func (f fixture) load(tb testing.TB, collection, lines string) map[string]string {
	tb.Helper()
	names := map[string]string{}
	for line := range strings.Lines(lines) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, data, ok := strings.Cut(line, ": ")
		require.True(tb, ok, line)
		names[f.create(tb, collection, data).ID] = name
	}
	return names
}

// find returns the names of the documents that a query finds, in its order.
func (f fixture) find(tb testing.TB, collection string, names map[string]string, query docs.Query) string {
	tb.Helper()
	page, err := f.Find(f.ctx, f.app, collection, query)
	require.NoError(tb, err)
	require.Empty(tb, page.Next, "there are more")
	found := make([]string, len(page.Items))
	for i, doc := range page.Items {
		found[i] = names[doc.ID]
		require.NotEmpty(tb, found[i], "a document of another collection: %s", doc.ID)
	}
	return strings.Join(found, " ")
}

// refused fails the test unless err refuses a field for a reason that contains the text.
func refused(tb testing.TB, err error, field, reason string) {
	tb.Helper()
	require.Equal(tb, fault.Invalid, fault.Of(err), "%v", err)
	require.Equal(tb, field, fault.From(err).Field, "%v", err)
	require.Contains(tb, fault.From(err).Reason, reason)
}
