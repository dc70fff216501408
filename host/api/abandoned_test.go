package api_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/store"
)

func TestAbandonedExecutions(t *testing.T) {
	s := newSite(t)
	app, other := s.App("shop"), s.App("other")
	ctx, relay := context.Background(), s.DB.Relay()
	for _, id := range []string{"one", "two"} {
		require.NoError(t, relay.Ask(ctx, store.RelayedRequest{
			ID: id, AppID: app.ID, ScriptID: "s", RequestID: "r", ReplyTo: "node", Wait: time.Minute, Payload: json.RawMessage(`{}`),
		}))
		taken, err := relay.Take(ctx, id, 1, time.Minute)
		require.NoError(t, err)
		require.Len(t, taken, 1)
		_, err = relay.GiveUp(ctx, id, store.AbandonedInTime)
		require.NoError(t, err)
		_, abandoned, err := relay.Answer(ctx, store.RelayedAnswer{ID: id, Token: id, Outcome: "script_error", Status: 502, Payload: json.RawMessage(`{}`)})
		require.NoError(t, err)
		require.True(t, abandoned)
	}
	const path = "apps/shop/abandoned-executions"
	page := do[wire.Page[wire.AbandonedExecution]](s, "GET", path+"?limit=1", nil, 200)
	require.Len(t, page.Items, 1)
	got := page.Items[0]
	assert.WithinDuration(t, time.Now(), got.AskedAt, time.Minute)
	assert.False(t, got.AbandonedAt.Before(got.AskedAt))
	assert.Equal(t, wire.AbandonedExecution{
		ID: "two", AppID: app.ID, ScriptID: "s", RequestID: "r", Reason: "timeout", Outcome: "script_error", Status: 502,
		AskedAt: got.AskedAt, AbandonedAt: got.AbandonedAt,
	}, got)
	page = do[wire.Page[wire.AbandonedExecution]](s, "GET", path+"?limit=1&cursor="+page.Cursor, nil, 200)
	require.Len(t, page.Items, 1)
	assert.Equal(t, "one", page.Items[0].ID)
	assert.Empty(t, page.Cursor)
	assert.Empty(t, do[wire.Page[wire.AbandonedExecution]](s, "GET", "apps/other/abandoned-executions", nil, 200).Items)
	s.Refused(s.Admin(s.Token, "GET", path+"?cursor=x", ""), 422, "query.cursor", "")
	assert.Equal(t, 200, s.Admin(s.Member(app.ID, "viewer"), "GET", path, "").StatusCode, "who may read the log")
	s.Refused(s.Admin(s.Member(other.ID, "editor"), "GET", path, ""), 404, "", "app not found")
}
