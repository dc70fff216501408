package catalog

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/quota"
	"github.com/picloud/picloud/host/store"
)

// What is set of an app's shares on one node bounds it on another within a second, also one that starts
// later, and goes with the app.
func TestQuotasOnTwoNodes(t *testing.T) {
	nodes := onPostgres(t, 2)
	follow := func(n *node) *quota.Apps {
		apps := quota.NewApps(quota.Limits{KVBytes: 100})
		c, err := New(t.Context(), Config{Store: n.store, Executions: n.executions, Logger: slog.New(slog.DiscardHandler), Quotas: apps})
		require.NoError(t, err)
		n.Catalog = c
		return apps
	}
	here, there := follow(&nodes[0]), follow(&nodes[1])
	watcher := nodes[1].Watcher()
	watcher.Start()
	defer func() { require.NoError(t, watcher.Stop(context.Background())) }()
	app, other := nodes[0].app(t, "app"), nodes[0].app(t, "other")
	for _, want := range []int64{5, 100, 7} {
		set := store.Quota{KVBytes: new(want)}
		if want == 100 {
			set = store.Quota{} // by default
		}
		require.NoError(t, nodes[0].SetQuota(t.Context(), app.ID, set))
		require.Equal(t, want, here.Of(app.ID).KVBytes)
		require.Eventually(t, func() bool { return there.Of(app.ID).KVBytes == want }, 10*time.Second, time.Millisecond)
		assert.EqualValues(t, 100, there.Of(other.ID).KVBytes)
	}
	assert.EqualValues(t, 7, follow(&nodes[0]).Of(app.ID).KVBytes, "after a start")
	require.NoError(t, nodes[0].DeleteApp(t.Context(), app.ID))
	require.Eventually(t, func() bool { return there.Of(app.ID).KVBytes == 100 }, 10*time.Second, time.Millisecond)

	assert.Equal(t, fault.NotFound, fault.Of(nodes[0].SetQuota(t.Context(), app.ID, store.Quota{})))
	assert.Equal(t, fault.Invalid, fault.Of(nodes[0].SetQuota(t.Context(), other.ID, store.Quota{KVBytes: new(int64(-1))})))
}
