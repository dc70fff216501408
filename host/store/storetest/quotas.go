package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
)

func testQuotas(t *testing.T, s subject) {
	app, other := s.app(t, "a"), s.app(t, "b")
	got, err := s.Quotas().Get(s.ctx, app.ID)
	require.NoError(t, err)
	require.Zero(t, got)
	generation, err := s.Revisions().Generation(s.ctx)
	require.NoError(t, err)
	for _, set := range []store.Quota{
		{KVBytes: new(int64(0)), CPUMillis: new(int64(1 << 50))},
		{
			RequestsPerSecond: new(int64(1)), RequestBurst: new(int64(2)), Executions: new(int64(3)), CPUMillis: new(int64(4)), KVBytes: new(int64(5)),
			DocsBytes: new(int64(6)), FilesBytes: new(int64(7)), LogBytes: new(int64(8)), PendingEvents: new(int64(9)),
		},
		{},
		{DocsBytes: new(int64(7))},
	} {
		require.NoError(t, s.Quotas().Set(s.ctx, app.ID, set))
		got, err = s.Quotas().Get(s.ctx, app.ID)
		require.NoError(t, err)
		require.Equal(t, set, got, "the one before is replaced")
	}
	revisions, _, err := s.Revisions().After(s.ctx, generation)
	require.NoError(t, err)
	require.Len(t, revisions, 4)
	require.Equal(t, store.Revision{Generation: generation + 4, Resource: store.ResourceQuota, AppID: app.ID, ID: app.ID}, revisions[3])
	notFound(t, s.Quotas().Set(s.ctx, "nothing", store.Quota{}), "app")

	require.NoError(t, s.Quotas().Set(s.ctx, other.ID, store.Quota{Executions: new(int64(3))}))
	all, err := s.Quotas().All(s.ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]store.Quota{app.ID: {DocsBytes: new(int64(7))}, other.ID: {Executions: new(int64(3))}}, all)
	require.NoError(t, s.Apps().Delete(s.ctx, app.ID))
	all, err = s.Quotas().All(s.ctx)
	require.NoError(t, err)
	require.Len(t, all, 1)
}

// testCPUUsage: processor time is counted by app and day, and what all apps use is listed as of each.
func testCPUUsage(t *testing.T, s subject) {
	script, quiet := s.script(t, s.app(t, "busy"), "s"), s.app(t, "quiet")
	_, err := s.KV().Set(s.ctx, script.AppID, "c", store.KVEntry{Key: "k", Value: []byte(`1`)}, false)
	require.NoError(t, err)
	record := func(id string, cpu time.Duration) {
		e := execution(script, id, s.clock.Now())
		e.CPU = cpu
		require.NoError(t, s.Executions().Record(s.ctx, []store.Execution{e}))
	}
	usage := func() store.AppUsage {
		used, err := s.Apps().Usage(s.ctx, script.AppID, s.clock.Now())
		require.NoError(t, err)
		all, err := s.Quotas().Usage(s.ctx, s.clock.Now())
		require.NoError(t, err)
		require.Equal(t, store.WholeUsage{AppUsage: used}, all[script.AppID])
		require.Zero(t, all[quiet.ID])
		require.Len(t, all, 2)
		return used
	}
	record("one", 2*time.Millisecond)
	record("two", 1500*time.Microsecond)
	record("none", 0)
	require.Equal(t, 3500*time.Microsecond, usage().CPU)
	require.EqualValues(t, 2, usage().KV)
	s.clock.advance(24 * time.Hour)
	require.Zero(t, usage().CPU, "on another day")
	record("three", time.Second)
	require.Equal(t, time.Second, usage().CPU)
	require.NoError(t, s.Scripts().Delete(s.ctx, script.ID))
	require.Equal(t, time.Second, usage().CPU, "what was used was used")
}
