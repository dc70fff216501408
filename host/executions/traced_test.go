package executions

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/hostcalls"
	"github.com/picloud/picloud/host/store"
)

func TestEqualFailuresAreTracedOnceASecond(t *testing.T) {
	traced, now := newTraced(), time.Now()
	failed := &abi.ScriptError{Code: abi.CodeScriptError, Line: 1, Column: 2}
	assert.True(t, traced.isNew("a", failed, now))
	assert.False(t, traced.isNew("a", failed, now.Add(traceEvery-1)))
	assert.True(t, traced.isNew("b", failed, now), "of another script")
	assert.True(t, traced.isNew("a", &abi.ScriptError{Code: abi.CodeScriptError, Line: 2}, now), "elsewhere")
	assert.True(t, traced.isNew("a", failed, now.Add(traceEvery)))
}

// What a record has beside some hundred bytes is of the log, and left out when there is no room for it.
func TestFullLog(t *testing.T) {
	a := newArchive(t)
	var admitted []int
	full := false
	s := New(Config{
		Store: a, Sandbox: box, Dispatcher: hostcalls.New(hostcalls.Config{Services: services(t, a)}), Ceiling: abi.DefaultCeiling, ScriptCacheSize: 8,
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		AdmitLog: func(_ context.Context, appID string, bytes int) error {
			require.Equal(t, a.script.AppID, appID)
			admitted = append(admitted, bytes)
			if full {
				return fault.New(fault.Quota, "the log is full")
			}
			return nil
		},
	})
	s.Start()
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	run := func(source, path string) store.Execution {
		t.Helper()
		script, err := a.Scripts().Create(t.Context(), store.Script{AppID: a.script.AppID, Name: uuid.NewString(), Kind: abi.KindEndpoint, Source: source})
		require.NoError(t, err)
		out, err := s.Run(t.Context(), Invocation{
			ScriptID: script.ID, Type: abi.InvocationHTTP, Request: &abi.Request{Method: "GET", Path: path}, Capabilities: authz.AppExecution,
		})
		require.NoError(t, err)
		require.NoError(t, s.Flush(t.Context()))
		kept, err := a.Executions().Get(t.Context(), out.ExecutionID)
		require.NoError(t, err)
		return kept
	}
	long := "/" + strings.Repeat("x", 2*store.FreePath)
	run(`1`, "/short")
	require.Empty(t, admitted, "nobody asks for what is of the record itself")
	kept := run(`kv::collection("c").get("k"); throw 1`, long)
	require.NotNil(t, kept.Trace)
	assert.Equal(t, long, kept.Path)
	require.Len(t, admitted, 1)
	assert.Equal(t, kept.LogBytes(), admitted[0])
	assert.Equal(t, store.LogBytes(kept.Lines)+len(long)-store.FreePath+100, admitted[0])

	full = true
	kept = run(`kv::collection("c").get("k"); throw 2`, long)
	assert.Nil(t, kept.Trace)
	assert.Equal(t, long[:store.FreePath], kept.Path)
	require.Len(t, kept.Lines, 1)
	assert.Equal(t, "1 lines are left out today: the log is full", kept.Lines[0].Message)
	assert.Contains(t, kept.ErrorMessage, "Runtime error: 2")
}
