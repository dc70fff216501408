package hostcalls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/store/sqlite"
)

func newScope() *Scope { return &Scope{Log: &Log{}, Started: time.Now(), Now: time.Now} }

func TestEveryOperationHasAHandler(t *testing.T) {
	d := New(Config{})
	for _, row := range abi.Operations {
		require.Less(t, int(row.Op), len(d.handlers), row.Name)
		assert.NotNil(t, d.handlers[row.Op], row.Name)
	}
}

func TestCallRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		op      abi.Op
		request []byte
		code    abi.OpCode
		says    string
	}{
		{"unknown operation", 9999, nil, "invalid", "9999"},
		{"not MessagePack", abi.OpLogWrite, []byte{0xc1}, "invalid", "malformed"},
		{"empty request", abi.OpLogWrite, nil, "invalid", "malformed"},
		{"unknown level", abi.OpLogWrite, entry(t, "loud", "x", nil), "invalid", "loud"},
		{"infinite data", abi.OpLogWrite, entry(t, abi.LogInfo, "x", msgp.AppendFloat64(nil, infinity())), "invalid", "Inf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(Config{}).For(newScope()).Perform(context.Background(), c.op, c.request)
			var op *abi.OpError
			require.ErrorAs(t, err, &op)
			assert.Equal(t, c.code, op.Code)
			assert.Contains(t, op.Message, c.says)
		})
	}
}

func infinity() float64 { zero := 0.0; return 1 / zero }

func entry(t *testing.T, level abi.LogLevel, message string, data msgp.Raw) []byte {
	t.Helper()
	e := abi.LogEntry{Level: level, Message: message, Data: data}
	b, err := e.MarshalMsg(nil)
	require.NoError(t, err)
	return b
}

func TestLogWrite(t *testing.T) {
	scope := newScope()
	call := func(level abi.LogLevel, message string, data msgp.Raw) {
		_, err := New(Config{}).For(scope).Perform(context.Background(), abi.OpLogWrite, entry(t, level, message, data))
		require.NoError(t, err)
	}
	call(abi.LogInfo, "plain", nil)
	call(abi.LogError, "with data", msgp.AppendInt(msgp.AppendString(msgp.AppendMapHeader(nil, 1), "n"), 3))
	lines := scope.Log.Lines()
	require.Len(t, lines, 2)
	assert.Equal(t, "plain", lines[0].Message)
	assert.Nil(t, lines[0].Data)
	assert.Equal(t, abi.LogError, lines[1].Level)
	assert.JSONEq(t, `{"n":3}`, string(lines[1].Data))
	assert.Equal(t, 1, lines[1].Seq)
}

func TestLogIsBounded(t *testing.T) {
	for _, c := range []struct {
		name    string
		message string
		most    int
	}{
		{"lines", "x", MaxLogLines},
		{"bytes", strings.Repeat("x", 8<<10), MaxLogBytes / (8 << 10)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log Log
			for range MaxLogLines + 10 {
				log.Write(abi.LogInfo, c.message, nil)
			}
			lines := log.Lines()
			require.Len(t, lines, c.most+1)
			assert.Contains(t, lines[c.most].Message, "truncated")
			assert.Equal(t, abi.LogWarn, lines[c.most].Level)
		})
	}
}

func TestLongMessageIsCutBetweenCharacters(t *testing.T) {
	var log Log
	log.Write(abi.LogInfo, "x"+strings.Repeat("é", MaxLogLine), []byte(`"`+strings.Repeat("y", MaxLogLine)+`"`))
	line := log.Lines()[0]
	assert.Less(t, len(line.Message), MaxLogLine+40)
	assert.Contains(t, line.Message, "bytes more")
	assert.NotContains(t, line.Message, "\uFFFD")
	assert.Contains(t, string(line.Data), "16386 bytes of data")
}

// The clock is the execution's own: what has passed since it began, and the wall clock.
func TestClockIsTheExecutions(t *testing.T) {
	scope := newScope()
	scope.Started = time.Unix(1_800_000_000, 5)
	scope.Now = func() time.Time { return scope.Started.Add(90 * time.Second) }
	response, err := New(Config{}).For(scope).Perform(context.Background(), abi.OpClockMonotonic, nil)
	require.NoError(t, err)
	var clock abi.Clock
	_, err = clock.UnmarshalMsg(response)
	require.NoError(t, err)
	assert.Equal(t, abi.Clock{Nanoseconds: 90e9, UnixNano: 1_800_000_090e9 + 5}, clock)
}

func TestClockMovesForward(t *testing.T) {
	performer := New(Config{}).For(newScope())
	last := int64(-1)
	for range 3 {
		response, err := performer.Perform(context.Background(), abi.OpClockMonotonic, nil)
		require.NoError(t, err)
		var clock abi.Clock
		_, err = clock.UnmarshalMsg(response)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, clock.Nanoseconds, last)
		last = clock.Nanoseconds
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caller := New(Config{}).For(newScope())
		sleep := func(ctx context.Context, ns int64) error {
			request, err := (&abi.ClockSleepRequest{Nanoseconds: ns}).MarshalMsg(nil)
			require.NoError(t, err)
			_, err = caller.Perform(ctx, abi.OpClockSleep, request)
			return err
		}
		start := time.Now()
		require.NoError(t, sleep(t.Context(), int64(time.Hour)))
		assert.Equal(t, time.Hour, time.Since(start))
		require.NoError(t, sleep(t.Context(), 0))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start = time.Now()
		var op *abi.OpError
		require.ErrorAs(t, sleep(ctx, math.MaxInt64), &op)
		assert.Equal(t, abi.OpCodeCancelled, op.Code)
		assert.Equal(t, time.Minute, time.Since(start))

		require.ErrorAs(t, sleep(t.Context(), -5), &op)
		assert.Equal(t, "clock.sleep: ns must be at least 0, got -5", op.Message)
	})
}

// Without the capability an operation is refused before anything else is looked
// at, the request included.
func TestOperationsNeedTheirCapability(t *testing.T) {
	registry := prometheus.NewRegistry()
	d := New(Config{Registerer: registry})
	for _, row := range abi.Operations {
		if row.Capability == "" {
			continue
		}
		scope := newScope()
		for _, other := range abi.Operations {
			if other.Capability != row.Capability {
				scope.Capabilities = append(scope.Capabilities, other.Capability)
			}
		}
		_, err := d.Perform(context.Background(), scope, row.Op, []byte{0xc1})
		var refused *abi.OpError
		require.ErrorAs(t, err, &refused, row.Name)
		assert.Equal(t, abi.OpCodeDenied, refused.Code, row.Name)
		assert.Contains(t, refused.Message, row.Name)
		assert.Contains(t, refused.Message, string(row.Capability))

		scope.Capabilities = []abi.Capability{row.Capability}
		_, err = d.Perform(context.Background(), scope, row.Op, []byte{0xc1})
		require.ErrorAs(t, err, &refused, row.Name)
		assert.Equal(t, abi.OpCodeInvalid, refused.Code, "%s: %s", row.Name, refused.Message)

		assert.Equal(t, 1.0, testutil.ToFloat64(d.metrics.total.WithLabelValues(row.Name, "denied")))
		assert.Equal(t, 1.0, testutil.ToFloat64(d.metrics.total.WithLabelValues(row.Name, "invalid")))
	}
	_, err := d.Perform(context.Background(), newScope(), abi.OpClockMonotonic, nil)
	require.NoError(t, err)
	assert.Equal(t, 1.0, testutil.ToFloat64(d.metrics.total.WithLabelValues("clock.monotonic", "ok")))
}

// A guest is told of every fault by the table, with the name of the operation, and of none its cause.
func TestFaults(t *testing.T) {
	for code := fault.Internal; code.String() != "none"; code++ {
		err := told("kv.get", fmt.Errorf("wrapped: %w", &fault.Error{Code: code, Text: "said", Cause: errors.New("secret")}))
		if code == fault.Internal {
			assert.Equal(t, fault.Internal, fault.Of(err), "a defect of ours stays as it is, for the log")
			continue
		}
		shown, ok := err.(*abi.OpError)
		require.True(t, ok, "%s: %v", code, err)
		assert.Equal(t, code.Guest(), shown.Code)
		assert.NotContains(t, shown.Message, "secret")
		want := "kv.get: said"
		if code.Ours() {
			want = "kv.get: the storage is not available"
		}
		assert.Equal(t, want, shown.Message, code)
	}
}

// A guest learns that the storage failed; why is for the log alone.
func TestStorageFailureIsLogged(t *testing.T) {
	var log bytes.Buffer
	db, err := sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
	require.NoError(t, err)
	require.NoError(t, db.Close())
	d := New(Config{Services: Services{KV: kv.New(kv.Config{Store: db.KV()})}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	scope := newScope()
	scope.ExecutionID, scope.AppID, scope.Capabilities = "execution-1", "app-1", []abi.Capability{abi.AppKVRead}
	request, err := (&abi.KVGetRequest{Collection: "c", Key: "k"}).MarshalMsg(nil)
	require.NoError(t, err)
	_, err = d.Perform(context.Background(), scope, abi.OpKVGet, request)
	var shown *abi.OpError
	require.ErrorAs(t, err, &shown)
	assert.Equal(t, abi.OpError{Code: abi.OpCodeUnavailable, Message: "kv.get: the storage is not available"}, *shown)
	assert.Contains(t, log.String(), "operation=kv.get execution_id=execution-1 app_id=app-1")
	assert.Contains(t, log.String(), "closed", "the cause")
}
