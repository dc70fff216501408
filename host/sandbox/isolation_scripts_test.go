package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/region"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A probe is a script that would see what an execution before it left behind; its answer
// must be the same every time. $app is the name of its app.
type probe struct{ source, want string }

var probes = []probe{
	{`let x = 0; let f = || { x += 1; x }; f.call(); f.call()`, `2`},  // captured variables
	{`if is_def_var("leak") { leak } else { "clean" }`, `clean`},      // variables
	{`import "counter" as c; c::A.len() + c::next()`, `4`},            // a module's constants
	{`let a = [1, 2, 3]; a.push(4); a[0] = 9; a`, `[9 2 3 4]`},        // literals, copied on write
	{`let m = #{a: 1}; m.b = 2; m.remove("a"); m.keys()`, `[b]`},      //
	{`let s = "abc"; s += "d"; s.make_upper(); s + "abc"`, `ABCDabc`}, // interned strings
	{`let b = blob(4, 7); b[0] = 1; b.as_string().len()`, `4`},        //
	{`"app".tag`, `0`}, // tags
	{`const K = #{n: 1}; let k = K; k.n += 1; K.n`, `1`},                         // constants
	{`let n = 0; for i in 0..200 { n += ("k" + i).len(); } n`, `690`},            //
	{`ctx.app_id + "/" + ctx.request_id.len()`, `$app/1`},                        // the invocation
	{`let seen = []; for i in 0..3 { print(i); seen += i; } seen.len()`, `3`},    // host calls
	{`eval("let late = 1; late + 1")`, `2`},                                      //
	{`fn f(n) { if n == 0 { 0 } else { 1 + f(n - 1) } } f(40)`, `40`},            // the stack
	{`let t = 0; try { throw #{a: 1}; } catch (e) { t = e.a; } t`, `1`},          //
	{`let a = []; for i in 0..3 { a.push(#{i: i}); } a.map(|x| x.i)`, `[0 1 2]`}, //
}

// mischief are scripts that leave as much behind as they can and end badly, each with its
// outcome.
var mischief = []struct {
	source string
	limits abi.Limits
	code   abi.ErrorCode
}{
	{`let leak = "secret of $app"; let a = []; for i in 0..300 { a.push(leak + i); } throw leak`, abi.Limits{}, abi.CodeScriptError},
	{`print("half"); let leak = 1; loop { leak += 1; }`, abi.Limits{MaxOperations: 20_000}, abi.CodeLimitExceeded},
	{`loop {}`, abi.Limits{TimeoutMS: 1, MaxOperations: 1 << 40}, abi.CodeTimeout},
	{`fn f(n) { f(n + 1) } f(0)`, abi.Limits{}, abi.CodeLimitExceeded},
	{`let s = "x"; loop { s += s; }`, abi.Limits{MaxStringSize: 1 << 30, MemoryMB: 8}, abi.CodeLimitExceeded}, // a trap: out of memory
	{`let a = []; loop { a.push("leak" + a.len()); }`, abi.Limits{MaxOperations: 1 << 40, MaxArraySize: 1 << 30, MemoryMB: 8}, abi.CodeLimitExceeded},
	{`print("fail"); 1`, abi.Limits{}, ""},                                            // the host fails
	{`print("panic"); 1`, abi.Limits{}, ""},                                           // the host panics
	{`print("gone"); loop {}`, abi.Limits{MaxOperations: 1 << 40}, abi.CodeCancelled}, // the client goes
	{`let x = ;`, abi.Limits{}, abi.CodeScriptInvalid},
	{`#{ f: Fn("x") }`, abi.Limits{}, abi.CodeScriptError}, // no value for the host
}

// TestIsolationOfScripts mixes executions of scripts of several apps at full concurrency on
// shared slots: every one must find its sandbox as if it were the first.
func TestIsolationOfScripts(t *testing.T) {
	const workers, apps = 8, 5
	executions := 10_000
	if testing.Short() {
		executions = 500
	}
	s := newReal(t, Config{MaxConcurrent: 2 * workers, ScriptCacheSize: 64}) // fewer than there are scripts
	deadline := time.Now().Add(50 * time.Second)
	var next, done atomic.Int64
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for next.Add(1) <= int64(executions) && time.Now().Before(deadline) {
				app := fmt.Sprintf("app-%d", random.IntN(apps))
				if random.IntN(3) == 0 {
					misbehave(t, s, app, random.IntN(len(mischief)))
				} else {
					lookAround(t, s, app, probes[random.IntN(len(probes))])
				}
				done.Add(1)
				if t.Failed() {
					return
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d executions, %d slots idle", done.Load(), len(s.guest.idle))
	assert.GreaterOrEqual(t, done.Load(), int64(500), "executions within the deadline")
	assert.LessOrEqual(t, len(s.guest.idle), workers, "slots")
	distinct := map[*slot]bool{}
	for _, slot := range s.guest.idle {
		assert.False(t, distinct[slot], "a slot is idle twice")
		distinct[slot] = true
	}
}

func scriptOf(app, source string) Script {
	script := rhai(source)
	script.AppID, script.ID = app, app+source
	script.Modules = []abi.Module{{Name: "counter", Source: `export const A = [1, 2, 3]; fn next() { let n = 0; n += 1; n }`}}
	return script
}

// lookAround runs a probe and checks what it returns and what it told its host.
func lookAround(t *testing.T, s *Sandbox, app string, p probe) {
	var calls atomic.Int32
	host := performer(func(_ context.Context, op abi.Op, _ []byte) ([]byte, error) {
		if op == abi.OpLogWrite {
			calls.Add(1)
		}
		return nil, nil
	})
	result, err := s.Execute(t.Context(), scriptOf(app, p.source), abi.Invocation{AppID: app, RequestID: "r"}, NewWorld(host))
	if !assert.NoError(t, err, p.source) {
		return
	}
	want := p.want
	if want == "$app/1" {
		want = app + "/1"
	}
	assert.Equal(t, want, fmt.Sprint(decode(t, result)), p.source)
	if p.want != "3" {
		assert.Zero(t, calls.Load(), "host calls of %s", p.source)
	} else {
		assert.EqualValues(t, 3, calls.Load(), "host calls of %s", p.source)
	}
}

// misbehave runs the mischief with a number.
func misbehave(t *testing.T, s *Sandbox, app string, number int) {
	m := mischief[number]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	host := performer(func(_ context.Context, op abi.Op, request []byte) ([]byte, error) {
		if op != abi.OpLogWrite {
			return nil, nil
		}
		var entry abi.LogEntry
		if _, err := entry.UnmarshalMsg(request); err != nil {
			return nil, err
		}
		switch entry.Message {
		case "fail":
			return nil, errors.New("the host failed")
		case "panic":
			panic("the host panicked")
		case "gone":
			cancel()
		}
		return nil, nil
	})
	script := scriptOf(app, m.source)
	script.Limits = m.limits
	_, err := s.Execute(ctx, script, abi.Invocation{AppID: app}, NewWorld(host))
	if m.code == "" {
		assert.NoError(t, err, m.source)
		return
	}
	var got *abi.ScriptError
	if assert.ErrorAs(t, err, &got, m.source) && m.code != got.Code {
		// On a busy machine time may run out first.
		assert.Equal(t, abi.CodeTimeout, got.Code, "%s: %v", m.source, err)
	}
}

// TestAfterEveryEnd runs a probe on the very slot that an execution ended on, for each way
// to end.
func TestAfterEveryEnd(t *testing.T) {
	s := newReal(t, Config{MaxConcurrent: 1})
	for number, m := range mischief {
		for range 3 {
			misbehave(t, s, "one", number)
			lookAround(t, s, "two", probes[1])
			require.LessOrEqual(t, len(s.guest.idle), 1, m.source)
			slot, err := s.guest.take(t.Context(), false)
			require.NoError(t, err)
			assert.Empty(t, region.Differing(slot.region.Bytes(), s.guest.base.memory.Bytes()), "pages that are not the base image's after %s", m.source)
			s.guest.put(slot)
		}
	}
}

// TestFiguresOfFailedRuns: also an execution that fails tells what it used.
func TestFiguresOfFailedRuns(t *testing.T) {
	s := newReal(t, Config{})
	for _, source := range []string{`for i in 0..1000 {} throw 1`, `loop {}`, `fn f() { f() } f()`, `for i in 0..1000 {} Fn("x")`} {
		result, err := s.Execute(t.Context(), rhai(source), abi.Invocation{}, NewWorld(echo))
		require.Error(t, err, source)
		assert.Greater(t, result.Operations, int64(50), source)
		assert.LessOrEqual(t, result.Operations, abi.DefaultLimits.MaxOperations, source)
		assert.Positive(t, result.Duration, source)
		assert.Positive(t, result.MemoryBytes, source)
	}
}

// TestRandomValuesNeverRepeat takes what a script can get of chance in each of many
// executions, of the same script in the same slots.
func TestRandomValuesNeverRepeat(t *testing.T) {
	s := newReal(t, Config{})
	script := rhai(`[random::int(0, 9223372036854775807), random::string(20), uuid::v4(), uuid::v7(), hex::encode(random::bytes(16)), "" + random::float()]`)
	seen := map[any]int{}
	for execution := range 10_000 {
		result, err := s.Execute(t.Context(), script, abi.Invocation{}, NewWorld(echo))
		require.NoError(t, err)
		for i, v := range decode(t, result).([]any) {
			before, again := seen[v]
			require.False(t, again, "value %d of execution %d was there in execution %d: %v", i, execution, before, v)
			seen[v] = execution
		}
	}
}
