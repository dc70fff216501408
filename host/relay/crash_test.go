package relay

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
)

// A crash of the database takes the requests with it: whoever waits is told so in time, nothing is run twice,
// and what is asked later is answered.
func TestDatabaseCrashes(t *testing.T) {
	url := pgtest.URL(t) + "&synchronous_commit=on" // the app must survive it
	n := newNodes(t, func(t testing.TB) (store.Store, error) { return postgres.Open(t.Context(), postgres.Config{URL: url}) })
	var runs atomic.Int64
	began, release := make(chan struct{}, 9), make(chan struct{})
	n.worker(4, func(_ context.Context, in executions.Invocation) (*executions.Outcome, error) {
		runs.Add(1)
		began <- struct{}{}
		<-release
		return &executions.Outcome{ExecutionID: in.ExecutionID, AppID: n.app.ID}, nil
	})
	done := make(chan ended, 1)
	go func() {
		out, err := n.asker.Run(context.Background(), executions.Invocation{}, store.Script{ID: "script", AppID: n.app.ID}, abi.Limits{TimeoutMS: 1000})
		done <- ended{out, err}
	}()
	<-began
	pgtest.Stop(t)
	pgtest.Start(t)
	close(release)
	e := <-done
	require.NoError(t, e.err)
	require.NotNil(t, e.out.Error)
	assert.Equal(t, []any{504, abi.CodeTimeout}, []any{e.out.Status(), e.out.Error.Code})
	assert.Equal(t, "no node has answered within the timeout_ms of 1000 and 2s", e.out.Error.Message)
	require.EqualValues(t, 1, runs.Load())
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		out, err := n.ask(ctx, executions.Invocation{})
		return err == nil && out.Error == nil
	}, patience, 10*time.Millisecond)
}
