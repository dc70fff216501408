package sandbox

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"
)

// toyWasm is testdata/toy, built by "make guest": scripts of one command.
//
//go:embed testdata/toy.wasm
var toyWasm []byte

// cacheDir is shared by all tests, so that the guest is compiled once.
var cacheDir string

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "compile" { // as a process that compiles a plugin
		compileMain()
	}
	var err error
	if cacheDir, err = os.MkdirTemp("", "picloud-sandbox"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(cacheDir)
	os.Exit(code)
}

func newToy(t testing.TB, c Config) *Sandbox {
	t.Helper()
	c.CacheDir = cacheDir
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := newSandbox(t.Context(), c, toyWasm)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close(context.Background())) })
	return s
}

// toy is the script of a command; its version is the command itself.
func toy(command string) Script {
	return Script{ID: command, AppID: "app", Name: "toy", Kind: abi.KindEndpoint, Source: command}
}

// performer is a function that performs operations.
type performer func(ctx context.Context, op abi.Op, request []byte) ([]byte, error)

func (f performer) Perform(ctx context.Context, op abi.Op, request []byte) ([]byte, error) {
	return f(ctx, op, request)
}

// echo answers each request with itself.
var echo = performer(func(_ context.Context, _ abi.Op, request []byte) ([]byte, error) {
	return append([]byte("echo "), request...), nil
})

func run(t testing.TB, s *Sandbox, script Script) (any, error) {
	t.Helper()
	result, err := s.Execute(t.Context(), script, abi.Invocation{}, NewWorld(echo))
	if err != nil {
		assert.Nil(t, result.Value)
		return nil, err
	}
	return decode(t, result), nil
}

func decode(t testing.TB, r Result) any {
	t.Helper()
	value, rest, err := msgp.ReadIntfBytes(r.Value)
	require.NoError(t, err)
	assert.Empty(t, rest)
	return value
}

func TestExecute(t *testing.T) {
	s := newToy(t, Config{})
	for _, c := range []struct {
		command string
		want    any
	}{
		{"text hello", "hello"},
		{"big 5000000", strings.Repeat("x", 5_000_000)},
		{"call 3 request", []byte("echo request")},
		{"garbage 300", true},
		{"touch 20", true},
		{"clean 20", true},
		{"runs", int64(1)},
	} {
		for round := range 3 {
			got, err := run(t, s, toy(c.command))
			if assert.NoError(t, err, c.command) && !assert.ObjectsAreEqual(c.want, got) {
				t.Errorf("%s, round %d: got %.80v, want %.80v", c.command, round, got, c.want)
			}
		}
	}
}

func TestResultFigures(t *testing.T) {
	s := newToy(t, Config{})
	for _, command := range []string{"text a", "fail a"} {
		result, _ := s.Execute(t.Context(), toy(command), abi.Invocation{}, NewWorld(echo))
		assert.EqualValues(t, 7, result.Operations, command)
		assert.Positive(t, result.Duration, command)
		assert.Greater(t, result.MemoryBytes, int64(1<<20), command)
	}
	small, _ := s.Execute(t.Context(), toy("touch 1"), abi.Invocation{}, NewWorld(echo))
	large, _ := s.Execute(t.Context(), toy("touch 30"), abi.Invocation{}, NewWorld(echo))
	assert.Greater(t, large.MemoryBytes, small.MemoryBytes+20<<20)
}

func TestInvocationReachesTheScript(t *testing.T) {
	s := newToy(t, Config{})
	inv := abi.Invocation{
		ExecutionID: "e1", ScriptName: "name", InvocationType: abi.InvocationHTTP,
		Request: &abi.Request{Method: "POST", Path: "/é", Body: []byte(strings.Repeat("b", 5<<20))},
	}
	result, err := s.Execute(t.Context(), toy("echo"), inv, NewWorld(echo))
	require.NoError(t, err)
	assert.Equal(t, msgp.Raw(inv.Append(nil, abi.Reads{"*"})), result.Value)
}

func TestOutcomes(t *testing.T) {
	s := newToy(t, Config{})
	for _, c := range []struct {
		command string
		limits  abi.Limits
		want    abi.ScriptError
	}{
		{"invalid no such thing", abi.Limits{}, abi.ScriptError{Code: abi.CodeScriptInvalid, Message: "no such thing", Line: 1, Column: 9}},
		{"fail oh no", abi.Limits{}, abi.ScriptError{Code: abi.CodeScriptError, Message: "oh no", Line: 3, Column: 4}},
		{"spin", abi.Limits{TimeoutMS: 20}, abi.ScriptError{Code: abi.CodeTimeout, Message: "timeout"}},
		{"deaf", abi.Limits{TimeoutMS: 20}, abi.ScriptError{Code: abi.CodeTimeout, Message: "time limit exceeded: 20 ms"}},
		{"deaf-load", abi.Limits{TimeoutMS: 20}, abi.ScriptError{Code: abi.CodeTimeout, Message: "time limit exceeded: 20 ms"}},
		{"allocate", abi.Limits{MemoryMB: 16}, abi.ScriptError{Code: abi.CodeLimitExceeded, Limit: "memory_mb", Message: "memory limit exceeded: 16 MiB"}},
		{"allocate", abi.Limits{}, abi.ScriptError{Code: abi.CodeLimitExceeded, Limit: "memory_mb", Message: "memory limit exceeded: 64 MiB"}},
		{"allocate-load", abi.Limits{MemoryMB: 16}, abi.ScriptError{Code: abi.CodeLimitExceeded, Limit: "memory_mb", Message: "memory limit exceeded: 16 MiB"}},
		{"text tiny", abi.Limits{MemoryMB: 1}, abi.ScriptError{}},
		{"big 20000000", abi.Limits{MemoryMB: 16}, abi.ScriptError{Code: abi.CodeLimitExceeded, Limit: "memory_mb", Message: "memory limit exceeded: 16 MiB"}},
		{"recurse", abi.Limits{}, abi.ScriptError{Code: abi.CodeLimitExceeded, Limit: "max_call_levels", Message: "stack limit exceeded: calls or values are nested too deep"}},
		{"trap", abi.Limits{}, abi.ScriptError{Code: abi.CodeInternal, Message: "internal error"}},
		{"trap-load", abi.Limits{}, abi.ScriptError{Code: abi.CodeInternal, Message: "internal error"}},
	} {
		t.Run(c.command, func(t *testing.T) {
			for range 2 { // not cached, or cached, the outcome is the same
				script := toy(c.command)
				script.Limits = c.limits
				_, err := run(t, s, script)
				if c.want == (abi.ScriptError{}) {
					require.NoError(t, err)
					continue
				}
				var got *abi.ScriptError
				require.ErrorAs(t, err, &got)
				assert.Equal(t, c.want, *got)

				value, err := run(t, s, toy("clean 4")) // whatever happened, the next is well
				require.NoError(t, err)
				assert.Equal(t, true, value)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	s := newToy(t, Config{})
	imports, err := s.Validate(t.Context(), toy("import one two"))
	require.NoError(t, err)
	assert.Equal(t, []string{"one", "two"}, imports)
	_, err = s.Validate(t.Context(), toy("invalid x"))
	var got *abi.ScriptError
	require.ErrorAs(t, err, &got)
	assert.Equal(t, abi.CodeScriptInvalid, got.Code)
}

func TestInternalErrorsAreLoggedInFull(t *testing.T) {
	var log bytes.Buffer
	s := newToy(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	_, err := run(t, s, toy("trap"))
	assert.EqualError(t, err, "internal error")
	assert.Contains(t, log.String(), "unreachable")
	assert.Contains(t, log.String(), "wasm stack trace")
}

func TestHostCalls(t *testing.T) {
	var log bytes.Buffer
	s := newToy(t, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, c := range []struct {
		name string
		host performer
		want string // the value, or the error
		log  string
	}{
		{"a response", func(_ context.Context, op abi.Op, r []byte) ([]byte, error) {
			return fmt.Appendf(nil, "%d:%s", op, r), nil
		}, "1:body", ""},
		{"nothing", func(context.Context, abi.Op, []byte) ([]byte, error) { return nil, nil }, "", ""},
		{"an error for the script", func(context.Context, abi.Op, []byte) ([]byte, error) {
			return nil, fmt.Errorf("wrapped: %w", &abi.OpError{Code: "not_found", Message: "no such key"})
		}, "no such key", ""},
		{"an error of ours", func(context.Context, abi.Op, []byte) ([]byte, error) {
			return nil, errors.New("dial tcp 10.0.0.7:5432: refused")
		}, "internal error", "10.0.0.7"},
		{"a panic", func(context.Context, abi.Op, []byte) ([]byte, error) { panic("a defect") }, "internal error", "a defect"},
		{"a large response", func(context.Context, abi.Op, []byte) ([]byte, error) {
			return bytes.Repeat([]byte("r"), 8<<20), nil
		}, strings.Repeat("r", 8<<20), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			log.Reset()
			result, err := s.Execute(t.Context(), toy("call 1 body"), abi.Invocation{}, NewWorld(c.host))
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				value, _, err := msgp.ReadBytesBytes(result.Value, nil)
				require.NoError(t, err)
				got = string(value)
			}
			if got != c.want {
				t.Errorf("got %.80q, want %.80q", got, c.want)
			}
			assert.Contains(t, log.String(), c.log)
			if c.log == "" {
				assert.Empty(t, log.String())
			}
		})
	}
}

func TestHostCallEndsWithTheExecution(t *testing.T) {
	s := newToy(t, Config{})
	waits := performer(func(ctx context.Context, _ abi.Op, _ []byte) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	script := toy("call 1 x")
	script.Limits.TimeoutMS = 20
	_, err := s.Execute(t.Context(), script, abi.Invocation{}, NewWorld(waits))
	var got *abi.ScriptError
	require.ErrorAs(t, err, &got)
	assert.Equal(t, abi.CodeTimeout, got.Code)
}

// started returns a host that tells when a script has called it.
func started() (host performer, calls chan struct{}) {
	calls = make(chan struct{}, 1000)
	return func(ctx context.Context, _ abi.Op, _ []byte) ([]byte, error) {
		calls <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}, calls
}

func TestCancellation(t *testing.T) {
	s := newToy(t, Config{})
	host, calls := started()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-calls
		cancel()
	}()
	_, err := s.Execute(ctx, toy("call 1 x"), abi.Invocation{}, NewWorld(host))
	var got *abi.ScriptError
	require.ErrorAs(t, err, &got)
	assert.Equal(t, abi.CodeCancelled, got.Code)

	_, err = s.Execute(ctx, toy("text x"), abi.Invocation{}, NewWorld(host))
	require.ErrorAs(t, err, &got)
	assert.Equal(t, abi.CodeCancelled, got.Code, "with a context that has ended")
}

func TestGate(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := newToy(t, Config{MaxConcurrent: 4, Registerer: registry}) // two for each app
	host, calls := started()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() { _, _ = s.Execute(ctx, toy("call 1 x"), abi.Invocation{}, NewWorld(host)) })
	}
	<-calls
	<-calls
	_, err := run(t, s, toy("text x"))
	var got *abi.ScriptError
	require.ErrorAs(t, err, &got)
	assert.Equal(t, abi.CodeOverloaded, got.Code)
	cancel()
	running.Wait()
	_, err = run(t, s, toy("text x"))
	assert.NoError(t, err)
	assert.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP picloud_executions_total Executions by outcome: ok or an error code.
# TYPE picloud_executions_total counter
picloud_executions_total{outcome="cancelled"} 2
picloud_executions_total{outcome="internal"} 0
picloud_executions_total{outcome="limit_exceeded"} 0
picloud_executions_total{outcome="ok"} 1
picloud_executions_total{outcome="overloaded"} 1
picloud_executions_total{outcome="script_error"} 0
picloud_executions_total{outcome="script_invalid"} 0
picloud_executions_total{outcome="timeout"} 0
# HELP picloud_executions_running Executions the gate has admitted.
# TYPE picloud_executions_running gauge
picloud_executions_running 0
`), "picloud_executions_total", "picloud_executions_running"))
}

func TestClose(t *testing.T) {
	s, err := newSandbox(t.Context(), Config{CacheDir: cacheDir, Logger: slog.New(slog.DiscardHandler)}, toyWasm)
	require.NoError(t, err)
	host, calls := started()
	ended := make(chan error)
	go func() {
		_, err := s.Execute(context.Background(), toy("call 1 x"), abi.Invocation{}, NewWorld(host))
		ended <- err
	}()
	<-calls
	closed := make(chan error)
	go func() { closed <- s.Close(context.Background()) }()
	var got *abi.ScriptError
	require.ErrorAs(t, <-ended, &got)
	assert.Equal(t, abi.CodeCancelled, got.Code)
	require.NoError(t, <-closed)
	_, err = s.Execute(context.Background(), toy("text x"), abi.Invocation{}, NewWorld(host))
	require.ErrorAs(t, err, &got)
	assert.Equal(t, abi.CodeCancelled, got.Code)
}

func TestCache(t *testing.T) {
	s := newToy(t, Config{ScriptCacheSize: 2})
	script := func(id string, version int64, source string) Script {
		return Script{ID: id, Source: "text " + source, UpdatedAt: time.Unix(version, 0)}
	}
	for _, c := range []struct {
		script                  Script
		want                    string
		hits, misses, evictions int64
	}{
		{script("a", 1, "a1"), "a1", 0, 1, 0},
		{script("a", 1, "is cached"), "a1", 1, 1, 0},
		{script("a", 2, "a2"), "a2", 1, 2, 0},
		{script("b", 1, "b1"), "b1", 1, 3, 1},
		{script("a", 2, "is cached"), "a2", 2, 3, 1},
		{script("", 0, "has no id"), "has no id", 2, 3, 1},
	} {
		got, err := run(t, s, c.script)
		require.NoError(t, err)
		assert.Equal(t, c.want, got)
		assert.Equal(t, c.hits, s.scripts.hits.Load(), "hits")
		assert.Equal(t, c.misses, s.scripts.misses.Load(), "misses")
		assert.Equal(t, c.evictions, s.scripts.evictions.Load(), "evictions")
	}
	assert.Positive(t, s.scripts.bytes.Load())
	assert.LessOrEqual(t, s.scripts.bytes.Load(), int64(2*64<<10), "bytes held for two small scripts")

	with := script("c", 1, "c")
	with.Modules = []abi.Module{{Name: "m", Source: "1"}}
	changed := with
	changed.Modules = []abi.Module{{Name: "m", Source: "2"}}
	misses := s.scripts.misses.Load()
	for _, script := range []Script{with, changed, with} {
		_, err := run(t, s, script)
		require.NoError(t, err)
	}
	assert.Equal(t, misses+2, s.scripts.misses.Load(), "a changed module is another version")

	s.scripts.purge()
	assert.Zero(t, s.scripts.bytes.Load(), "bytes counted for an empty cache")
}

func TestBadConfig(t *testing.T) {
	for _, c := range []Config{{ScriptCacheSize: -1}, {MaxConcurrent: -1}} {
		_, err := New(t.Context(), c)
		assert.Error(t, err)
	}
	_, err := newSandbox(t.Context(), Config{}, []byte("not wasm"))
	assert.ErrorContains(t, err, "compile the guest")
}
