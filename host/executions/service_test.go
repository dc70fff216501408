package executions

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/fetch"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/hostcalls"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/sandbox"
	"github.com/picloud/picloud/host/store"
)

var box *sandbox.Sandbox // shared: compiling the guest takes longer than the tests

func TestMain(m *testing.M) {
	var err error
	if box, err = sandbox.New(context.Background(), sandbox.Config{MaxConcurrent: 4, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := box.Close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func newService(t *testing.T, a *archive) *Service {
	t.Helper()
	s := New(Config{
		Store: a, Sandbox: box, Dispatcher: hostcalls.New(hostcalls.Config{Services: services(t, a)}), Ceiling: abi.DefaultCeiling, ScriptCacheSize: 8,
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	s.Start()
	t.Cleanup(func() { require.NoError(t, s.Stop(context.Background())) })
	return s
}

// services are what scripts work with, on the archive's database.
func services(t *testing.T, a *archive) hostcalls.Services {
	t.Helper()
	stored, err := files.New(files.Config{Store: a.Files(), Root: t.TempDir()})
	require.NoError(t, err)
	return hostcalls.Services{
		KV: kv.New(kv.Config{Store: a.KV()}), Docs: docs.New(docs.Config{Store: a.Docs()}),
		Files: stored, HTTP: fetch.New(fetch.Config{}), Transactions: a,
	}
}

// upload replaces the source of the archive's script.
func (a *archive) upload(s *Service, source string) {
	a.t.Helper()
	_, err := a.Scripts().Update(context.Background(), a.script.ID, store.ScriptChange{Source: &source})
	require.NoError(a.t, err)
	s.Changed(a.script.AppID)
}

func (a *archive) run(s *Service) *Outcome {
	a.t.Helper()
	out, err := s.Run(context.Background(), Invocation{
		ScriptID: a.script.ID, Type: abi.InvocationHTTP, RequestID: "request-1",
		Request: &abi.Request{Method: "GET", Path: "/x", Params: map[string]string{"id": "7"}},
	})
	require.NoError(a.t, err)
	return out
}

func TestRunAnswersAndRecords(t *testing.T) {
	a := newArchive(t)
	s := newService(t, a)
	a.upload(s, `for i in 0..10 {} print("hi " + ctx.request.params.id); #{ statusCode: 201, body: ctx.script_name }`)
	out := a.run(s)
	require.Nil(t, out.Error)
	assert.Equal(t, 201, out.Status())
	assert.Equal(t, "s", string(out.Response.Body))
	assert.Equal(t, OutcomeOK, out.Name())
	require.Len(t, out.Lines, 1)
	assert.Equal(t, "hi 7", out.Lines[0].Message)

	require.NoError(t, s.Flush(context.Background()))
	got, err := a.Executions().Get(context.Background(), out.ExecutionID)
	require.NoError(t, err)
	assert.Equal(t, "request-1", got.RequestID)
	assert.EqualValues(t, 2, got.ScriptVersion)
	assert.Equal(t, 201, got.Status)
	assert.Empty(t, got.Outcome)
	assert.Positive(t, got.Operations)
	require.Len(t, got.Lines, 1)
}

// TestModuleThatCannotBeRead is about a plugin whose row is in memory and whose module
// cannot be read: that is the storage's failure and no execution.
func TestModuleThatCannotBeRead(t *testing.T) {
	a := newArchive(t)
	s := newService(t, a)
	wasm, err := os.ReadFile("../bench/peers/extism/plugin.wasm")
	require.NoError(t, err)
	plugin, err := a.Scripts().Create(context.Background(), store.Script{AppID: a.script.AppID, Name: "p", Kind: abi.KindPlugin, Wasm: wasm})
	require.NoError(t, err)
	_, err = s.scripts.get(context.Background(), plugin.ID)
	require.NoError(t, err)
	require.NoError(t, a.Close())
	_, err = s.Run(context.Background(), Invocation{ScriptID: plugin.ID, Type: abi.InvocationHTTP})
	require.Equal(t, fault.Storage, fault.Of(err))
}

func TestOutcomes(t *testing.T) {
	a := newArchive(t)
	s := newService(t, a)
	most := abi.DefaultCeiling
	most.TimeoutMS = 20_000
	_, err := a.Scripts().Update(context.Background(), a.script.ID, store.ScriptChange{Limits: &most})
	require.NoError(t, err)
	for _, c := range []struct {
		name, source string
		code         abi.ErrorCode
		status       int
		says         string
		limits       abi.Limits
	}{
		{"does not compile", `let x = ;`, abi.CodeScriptInvalid, 422, "line 1, position 9", abi.Limits{}},
		{"throws", "\nthrow \"boom\";", abi.CodeScriptError, 502, "boom", abi.Limits{}},
		{"unknown variable", `x + 1`, abi.CodeScriptError, 502, "x", abi.Limits{}},
		{"invalid status", `#{ statusCode: 1000 }`, abi.CodeScriptError, 502, "statusCode: must be between 100 and 599, got 1000", abi.Limits{}},
		{"invalid header", `#{ statusCode: 200, headers: #{ a: [[]] } }`, abi.CodeScriptError, 502, "headers.a", abi.Limits{}},
		{"infinity", `#{ a: [1.0, 1.0e308 * 10.0] }`, abi.CodeScriptError, 502, "a[1]", abi.Limits{}},
		{"loops for ever", `loop {}`, abi.CodeTimeout, 504, "timeout_ms of 50 exceeded", abi.Limits{TimeoutMS: 50}},
		{"uses all operations", `loop {}`, abi.CodeLimitExceeded, 507, "operations", abi.Limits{MaxOperations: 10_000}},
		{"recurses for ever", `fn f() { f() } f()`, abi.CodeLimitExceeded, 507, "Stack overflow", abi.Limits{}},
		{"allocates a string for ever", `let s = "x"; loop { s += s; }`, abi.CodeLimitExceeded, 507, "string", abi.Limits{}},
		{"allocates memory for ever", `let a = []; loop { let s = "x"; while s.len() < 100000 { s += s; } a.push(s); }`, abi.CodeLimitExceeded, 507, "memory", abi.Limits{MemoryMB: 16}},
	} {
		t.Run(c.name, func(t *testing.T) {
			limits := c.limits.Or(most)
			_, err := a.Scripts().Update(context.Background(), a.script.ID, store.ScriptChange{Limits: &limits})
			require.NoError(t, err)
			a.upload(s, c.source)
			out := a.run(s)
			require.NotNil(t, out.Error, "%s", out.Response.Body)
			assert.Equal(t, c.code, out.Error.Code, out.Error.Message)
			assert.Equal(t, c.status, out.Status())
			assert.Contains(t, out.Error.Message, c.says)
			require.NotEmpty(t, out.Lines)
			assert.Equal(t, out.Error.Message, out.Lines[len(out.Lines)-1].Message, "the whole error is in the log")
			assert.NotContains(t, PublicMessage(c.code), "boom")

			require.NoError(t, s.Flush(context.Background()))
			got, err := a.Executions().Get(context.Background(), out.ExecutionID)
			require.NoError(t, err)
			assert.Equal(t, c.code, got.Outcome)
			assert.Equal(t, out.Error.Message, got.ErrorMessage)
			assert.Equal(t, out.Error.Line, got.ErrorLine)

			a.upload(s, `"still alive"`)
			assert.Equal(t, "still alive", string(a.run(s).Response.Body))
		})
	}
}

func TestCancelledByTheCaller(t *testing.T) {
	a := newArchive(t)
	s := newService(t, a)
	a.upload(s, `loop {}`)
	limits := abi.Limits{MaxOperations: abi.DefaultCeiling.MaxOperations}
	_, err := a.Scripts().Update(context.Background(), a.script.ID, store.ScriptChange{Limits: &limits})
	require.NoError(t, err)
	s.Changed(a.script.AppID)
	_, err = s.scripts.get(context.Background(), a.script.ID) // so that the execution is cancelled, not the reading of its script
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	started := time.Now()
	out, err := s.Run(ctx, Invocation{ScriptID: a.script.ID, Type: abi.InvocationExecute})
	require.NoError(t, err)
	require.NotNil(t, out.Error)
	assert.Equal(t, abi.CodeCancelled, out.Error.Code, out.Error.Message)
	assert.Less(t, time.Since(started), time.Second)
}

func TestOverload(t *testing.T) {
	a := newArchive(t)
	s := newService(t, a)
	limits := abi.Limits{MaxOperations: abi.DefaultCeiling.MaxOperations}
	_, err := a.Scripts().Update(context.Background(), a.script.ID, store.ScriptChange{Limits: &limits})
	require.NoError(t, err)
	a.upload(s, `loop {}`)
	_, err = s.scripts.get(context.Background(), a.script.ID) // so that the short one is refused or cancelled, not the reading of its script
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan abi.ErrorCode, 2)
	for range 2 { // as many as the gate lets in of one app
		go func() {
			for { // until the gate let it in, and again when it has used its operations up
				out, err := s.Run(ctx, Invocation{ScriptID: a.script.ID, Type: abi.InvocationExecute})
				if err != nil || out.Error.Code != abi.CodeOverloaded && out.Error.Code != abi.CodeLimitExceeded {
					ended <- out.Error.Code
					return
				}
			}
		}()
	}
	require.Eventually(t, func() bool {
		short, stop := context.WithTimeout(ctx, 100*time.Millisecond)
		defer stop()
		out, err := s.Run(short, Invocation{ScriptID: a.script.ID, Type: abi.InvocationExecute})
		return err == nil && out.Error.Code == abi.CodeOverloaded
	}, 30*time.Second, 100*time.Millisecond) // in between those two may take the place that this one had
	cancel()
	assert.Equal(t, abi.CodeCancelled, <-ended)
	assert.Equal(t, abi.CodeCancelled, <-ended)
}

func TestModuleCannotBeRun(t *testing.T) {
	a := newArchive(t)
	s := newService(t, a)
	kind := abi.KindModule
	_, err := a.Scripts().Update(context.Background(), a.script.ID, store.ScriptChange{Kind: &kind})
	require.NoError(t, err)
	out := a.run(s)
	require.NotNil(t, out.Error)
	assert.Equal(t, abi.CodeScriptInvalid, out.Error.Code)
}

func TestUnknownScript(t *testing.T) {
	s := newService(t, newArchive(t))
	for _, id := range []string{"", "nope", "01a20970-f805-7922-8ded-6d329840dbfc"} {
		_, err := s.Run(context.Background(), Invocation{ScriptID: id})
		assert.Equal(t, fault.NotFound, fault.Of(err), "%q", id)
	}
}

func TestChangeIsSeenByTheNextExecution(t *testing.T) {
	a := newArchive(t)
	s := newService(t, a)
	for i := range 20 {
		a.upload(s, fmt.Sprintf(`"version %d"`, i))
		assert.Equal(t, fmt.Sprintf("version %d", i), string(a.run(s).Response.Body))
	}
	require.NoError(t, a.Scripts().Delete(context.Background(), a.script.ID))
	s.Changed(a.script.AppID)
	_, err := s.Run(context.Background(), Invocation{ScriptID: a.script.ID})
	assert.Equal(t, fault.NotFound, fault.Of(err))
}

func TestLimitsAreMergedAndCapped(t *testing.T) {
	s := &Service{ceiling: abi.Limits{MaxOperations: 500, TimeoutMS: 100}.Or(abi.DefaultCeiling)}
	got := s.Limits(abi.Limits{MemoryMB: 8, TimeoutMS: 50})
	want := abi.DefaultLimits
	want.MaxOperations, want.TimeoutMS, want.MemoryMB = 500, 50, 8
	assert.Equal(t, want, got)
}

func TestValidate(t *testing.T) {
	a := newArchive(t)
	s := newService(t, a)
	script := a.script
	_, err := s.Validate(context.Background(), a, script)
	require.NoError(t, err)
	script.Limits.MemoryMB = 1 << 40
	_, err = s.Validate(context.Background(), a, script)
	require.Equal(t, fault.Invalid, fault.Of(err))
	assert.Equal(t, "limits.memory_mb", fault.From(err).Field)
	assert.EqualValues(t, 1<<40, fault.From(err).Value)
	assert.Equal(t, abi.DefaultCeiling.MemoryMB, fault.From(err).Limit)
	script.Limits, script.Source = abi.Limits{}, "let a = 1;\n  let x = ;"
	_, err = s.Validate(context.Background(), a, script)
	var wrong *abi.ScriptError
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, abi.CodeScriptInvalid, wrong.Code)
	assert.Equal(t, 2, wrong.Line)
	assert.Equal(t, 11, wrong.Column)
}

// TestThrownTextIsCut: what a script throws is recorded as a log line would be, however long it is.
func TestThrownTextIsCut(t *testing.T) {
	a := newArchive(t)
	s := newService(t, a)
	a.upload(s, `let s = "x"; while s.len() < 900000 { s += s; } throw s`)
	out := a.run(s)
	require.NotNil(t, out.Error)
	assert.Less(t, len(out.Error.Message), hostcalls.MaxLogLine+100)
	assert.Contains(t, out.Error.Message, "bytes more)")
	require.NoError(t, s.Flush(context.Background()))
	record, err := a.Executions().Get(context.Background(), out.ExecutionID)
	require.NoError(t, err)
	assert.Equal(t, out.Error.Message, record.ErrorMessage)
	require.NotEmpty(t, record.Lines)
	assert.Equal(t, out.Error.Message, record.Lines[len(record.Lines)-1].Message)
	assert.Less(t, len(firstLine(out.Error.Message)), maxServerLog+10)
}
