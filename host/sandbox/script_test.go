package sandbox

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// These tests run real scripts in the real guest.

func newReal(t testing.TB, c Config) *Sandbox {
	t.Helper()
	c.CacheDir = cacheDir
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := New(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close(context.Background())) })
	return s
}

func rhai(source string) Script {
	return Script{ID: source, AppID: "app", Name: "test", Kind: abi.KindEndpoint, Source: source}
}

const fib = "fn fib(n) { if n < 2 { n } else { fib(n-1) + fib(n-2) } } "

func TestScripts(t *testing.T) {
	s := newReal(t, Config{})
	for source, want := range map[string]any{
		"40 + 2":        int64(42),
		fib + "fib(15)": int64(610),
		`let s = ""; for i in 0..5 { s += i; } s`:                "01234",
		`let a = []; for i in 0..1000 { a.push(i * 2); } a[999]`: int64(1998),
		`ctx.script_name`: "greeter",
	} {
		for range 3 {
			result, err := s.Execute(t.Context(), rhai(source), abi.Invocation{ScriptName: "greeter"}, NewWorld(echo))
			if assert.NoError(t, err, source) {
				assert.Equal(t, want, decode(t, result), source)
			}
		}
	}
}

// sleeper is a host in which the time to sleep is longer than any that a test gives.
var sleeper = performer(func(ctx context.Context, op abi.Op, _ []byte) ([]byte, error) {
	if op == abi.OpClockSleep {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, nil
})

func TestScriptOutcomes(t *testing.T) {
	s := newReal(t, Config{})
	long := abi.Limits{MaxOperations: 1 << 40, TimeoutMS: 20}
	large := abi.Limits{MaxOperations: 1 << 40, MaxArraySize: 1 << 30, MaxStringSize: 1 << 30, MemoryMB: 16}
	for _, c := range []struct {
		name, source string
		limits       abi.Limits
		code         abi.ErrorCode
		limit        string
	}{
		{"does not compile", "let x = ;", abi.Limits{}, abi.CodeScriptInvalid, ""},
		{"throws", `throw "no"`, abi.Limits{}, abi.CodeScriptError, ""},
		{"loops for ever", "loop {}", abi.Limits{}, abi.CodeLimitExceeded, "max_operations"},
		{"loops for too long", "loop {}", long, abi.CodeTimeout, "timeout_ms"},
		{"sleeps for too long", "sleep(100)", long, abi.CodeTimeout, "timeout_ms"},
		{"recurses for ever", "fn f(n) { f(n + 1) } f(0)", abi.Limits{}, abi.CodeLimitExceeded, "max_call_levels"},
		{"recurses as deep as allowed", "fn f(n) { f(n + 1) } f(0)", abi.Limits{MaxCallLevels: 256}, abi.CodeLimitExceeded, "max_call_levels"},
		{"is nested too deep", strings.Repeat("[", 100_000), abi.Limits{}, abi.CodeScriptInvalid, ""},
		{"allocates for ever", `let a = []; loop { a.push("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" + a.len()); }`, large, abi.CodeLimitExceeded, "memory_mb"},
		{"doubles a string for ever", `let s = "x"; loop { s += s; }`, large, abi.CodeLimitExceeded, "memory_mb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			script := rhai(c.source)
			script.Limits = c.limits
			_, err := s.Execute(t.Context(), script, abi.Invocation{}, NewWorld(sleeper))
			var got *abi.ScriptError
			require.ErrorAs(t, err, &got)
			assert.Equal(t, c.code, got.Code, got.Message)
			assert.Equal(t, c.limit, got.Limit, got.Message)
		})
	}
}

// garbageTime is for how long each kind of garbage is made: go test -run
// TestGarbage ./host/sandbox -args -garbage 1m.
var garbageTime = flag.Duration("garbage", 300*time.Millisecond, "how long to make each kind of garbage")

// TestGarbageOfAScriptIsCollected runs scripts that make garbage until their time is over, in
// memory that would not hold it for long.
func TestGarbageOfAScriptIsCollected(t *testing.T) {
	s := newReal(t, Config{})
	for name, source := range map[string]string{
		"strings":                 `let i = 0; loop { let s = "text " + i; s += s; i += 1; }`,
		"long strings":            `let i = 0; let s = "x"; s.pad(100000, "y"); loop { let t = s + i; i += 1; }`,
		"arrays":                  `let a = []; let i = 0; loop { a = ["x" + i, [i, [i]]]; i += 1; }`,
		"large arrays":            `loop { let a = []; a.pad(50000, 1.5); }`,
		"growing arrays":          `loop { let a = []; for i in 0..5000 { a.push(i); } }`,
		"maps":                    `let m = #{}; let i = 0; loop { m = #{a: i, b: #{c: "x" + i}}; m.d = [i]; i += 1; }`,
		"closures":                `let i = 0; loop { let n = i; let f = |x| x + n; i += f.call(1) - n; }`,
		"in callbacks":            `let a = []; a.pad(1000, 1); loop { a.map(|x| { let s = "x" + x; [s, s + s] }); }`,
		"in a callback":           `[1].for_each(|x| { let i = 0; loop { let s = ["x" + i, #{a: i}]; i += 1; } })`,
		"in comparers":            `let a = []; for i in 0..1000 { a.push(i * 7919 % 1000); } loop { let b = a; b.sort(|x, y| { let s = "x" + x; x - y }); }`,
		"in functions":            `fn f(n) { if n == 0 { "" } else { f(n - 1) + "x" } } loop { f(40); }`,
		"errors":                  `loop { try { let a = [1, "x" + 2]; a[7] } catch (e) { let t = e.message; } }`,
		"evaluated":               `let i = 0; loop { eval("let x" + i % 10 + " = [" + i + "]"); i += 1; }`,
		"texts of maps":           `let m = #{}; for i in 0..100 { m["k" + i] = i; } loop { let s = m.to_json(); let p = parse_json(s); }`,
		"a map, emptied in turn":  `let m = #{}; let i = 0; loop { m["k" + i] = "v" + i; m.remove("k" + (i - 100)); i += 1; }`,
		"an array, used as queue": `let q = []; let i = 0; loop { q.push("v" + i); if i > 100 { q.shift(); } i += 1; }`,
	} {
		t.Run(name, func(t *testing.T) {
			script := rhai(source)
			script.Limits = abi.Limits{MaxOperations: 1 << 60, TimeoutMS: garbageTime.Milliseconds(), MemoryMB: 16}
			_, err := s.Execute(t.Context(), script, abi.Invocation{}, NewWorld(echo))
			var got *abi.ScriptError
			require.ErrorAs(t, err, &got)
			assert.Equal(t, abi.CodeTimeout, got.Code, got.Message)
		})
	}
}

// TestDataBeyondTheMemory keeps what it makes.
func TestDataBeyondTheMemory(t *testing.T) {
	s := newReal(t, Config{})
	for name, source := range map[string]string{
		"strings":       `let a = []; let i = 0; loop { a.push("text " + i); i += 1; }`,
		"a string":      `let s = "x"; loop { s += s; }`,
		"arrays":        `let a = []; loop { a = [a, 1, 2, 3]; }`,
		"a map":         `let m = #{}; let i = 0; loop { m["k" + i] = i; i += 1; }`,
		"blobs":         `let a = []; loop { a.push(blob(10000)); }`,
		"closures":      `let a = []; let i = 0; loop { let n = i; a.push(|x| x + n); i += 1; }`,
		"in a callback": `let a = []; a.pad(100000, 1); a.map(|x| { let b = []; b.pad(100, x); b })`,
		"in frames":     `fn f(n) { let a = []; a.pad(50000, n); f(n + 1) + a.len() } f(0)`,
	} {
		t.Run(name, func(t *testing.T) {
			script := rhai(source)
			script.Limits = abi.Limits{MaxOperations: 1 << 60, MaxStringSize: 1 << 30, MaxArraySize: 1 << 30, MaxMapSize: 1 << 30, MemoryMB: 16}
			_, err := s.Execute(t.Context(), script, abi.Invocation{}, NewWorld(echo))
			var got *abi.ScriptError
			require.ErrorAs(t, err, &got)
			assert.Equal(t, abi.CodeLimitExceeded, got.Code, got.Message)
			assert.Equal(t, "memory_mb", got.Limit, got.Message)
			result, err := s.Execute(t.Context(), rhai("40 + 2"), abi.Invocation{}, NewWorld(echo))
			require.NoError(t, err)
			assert.Equal(t, int64(42), decode(t, result))
		})
	}
}

// TestScriptsAreIsolated mixes scripts that change all they can reach with ones
// that look for traces, of two apps on shared slots.
func TestScriptsAreIsolated(t *testing.T) {
	s := newReal(t, Config{MaxConcurrent: 8})
	sources := map[string]string{ // with the display of what each must answer every time
		`let x = 0; let f = || { x += 1; x }; f.call(); f.call()`: "2",
		`let a = [1, 2, 3]; a.push(4); a[0] = 9; a.len() + a[0]`:  "13",
		`let m = #{a: 1}; m.b = 2; m.remove("a"); m.len()`:        "1",
		`let s = "abc"; s += "d"; s.make_upper(); s`:              "ABCD",
		`let n = 0; for i in 0..2000 { n += ("k" + i).len(); } n`: "8890",
		`fn f(n) { f(n) } f(1)`:                                   "",
		`throw #{code: 42}`:                                       "",
		`loop {}`:                                                 "",
	}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for range 25 {
				for source, want := range sources {
					script := rhai(source)
					script.AppID = fmt.Sprint("app ", worker%2)
					script.Limits = abi.Limits{MaxOperations: 50_000, TimeoutMS: 2000}
					result, err := s.Execute(t.Context(), script, abi.Invocation{}, NewWorld(echo))
					if want == "" {
						assert.Error(t, err, source)
						continue
					}
					if !assert.NoError(t, err, source) || !assert.Equal(t, want, fmt.Sprint(decode(t, result)), source) {
						return
					}
				}
			}
		})
	}
	all.Wait()
}

// TestInterruptionIsPrompt measures how long scripts that are busy in different
// ways take to notice that the caller has gone.
func TestInterruptionIsPrompt(t *testing.T) {
	s := newReal(t, Config{})
	for _, source := range []string{
		`print(1); loop {}`,
		`print(1); let a = []; a.pad(100000, 7); loop { a.sort(|x, y| x - y); }`,
		`print(1); let s = "abc"; s.pad(1000000, 'x'); loop { s.replace("x", "y"); s.replace("y", "x"); }`,
		`print(1); sleep(10)`,
	} {
		var took []time.Duration
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			running := make(chan struct{}, 1)
			host := performer(func(ctx context.Context, op abi.Op, request []byte) ([]byte, error) {
				select {
				case running <- struct{}{}:
				default: // told before
				}
				return sleeper(ctx, op, request)
			})
			cancelled := make(chan time.Time, 1)
			go func() {
				<-running
				cancelled <- time.Now()
				cancel()
			}()
			script := rhai(source)
			script.Limits = abi.Limits{MaxOperations: 1 << 40}
			_, err := s.Execute(ctx, script, abi.Invocation{}, NewWorld(host))
			took = append(took, time.Since(<-cancelled))
			var got *abi.ScriptError
			require.ErrorAs(t, err, &got, source)
			assert.Equal(t, abi.CodeCancelled, got.Code, "%s: %v", source, err)
			cancel()
		}
		slices.Sort(took)
		t.Logf("%-40.40s median %v, worst %v", source, took[len(took)/2], took[len(took)-1])
		assert.Less(t, took[len(took)/2], 100*time.Millisecond, "to interrupt %s", source)
	}
}

// TestABusyScriptDoesNotStopTheHost has Go's collector run while a script does:
// the collector must wait for the script, and everybody for the collector.
func TestABusyScriptDoesNotStopTheHost(t *testing.T) {
	s := newReal(t, Config{})
	script := rhai("let x = 0; loop { x += 1; }")
	script.Limits = abi.Limits{MaxOperations: 1 << 40, TimeoutMS: 500}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = s.Execute(context.Background(), script, abi.Invocation{}, NewWorld(echo))
	}()
	worst := time.Duration(0)
	for running := true; running; {
		select {
		case <-ended:
			running = false
		default:
			start := time.Now()
			runtime.GC()
			worst = max(worst, time.Since(start))
		}
	}
	t.Log("the longest collection:", worst)
	assert.Less(t, worst, 250*time.Millisecond, "the longest collection while a script ran for 500 ms")
}

// TestSleepEndsWithTheExecution: a script that sleeps uses neither operations nor memory, and does
// nothing more once its time is over.
func TestSleepEndsWithTheExecution(t *testing.T) {
	s := newReal(t, Config{})
	var slept []int64
	printed := false
	host := performer(func(ctx context.Context, op abi.Op, request []byte) ([]byte, error) {
		switch op {
		case abi.OpLogWrite:
			printed = true
		case abi.OpClockSleep:
			var r abi.ClockSleepRequest
			if _, err := r.UnmarshalMsg(request); err != nil {
				return nil, err
			}
			if slept = append(slept, r.Nanoseconds); r.Nanoseconds > int64(time.Minute) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		}
		return nil, nil
	})
	script := rhai(`for i in 0..3 { sleep(0.5); } sleep(3600); print("on");`)
	script.Limits = abi.Limits{TimeoutMS: 50, MaxOperations: 100}
	_, err := s.Execute(t.Context(), script, abi.Invocation{}, NewWorld(host))
	var got *abi.ScriptError
	require.ErrorAs(t, err, &got)
	assert.Equal(t, abi.CodeTimeout, got.Code)
	assert.Equal(t, []int64{5e8, 5e8, 5e8, 3600e9}, slept)
	assert.False(t, printed)
}
