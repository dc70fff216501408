package sandbox

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	gometrics "runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero/api"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/compiler"
	"github.com/picloud/picloud/host/sandbox/wasmbin/wasmtest"
)

// An attack is something that a script or plugin does to everybody else. Afterwards, and meanwhile
// where it says so, this process serves another app as before.
type attack struct {
	sandbox *Sandbox
	most    uint64 // bytes of resident memory that the attack may take at its height
}

// run attacks, while another app's script is run over and over. It fails unless that is always
// answered, and unless memory is back afterwards.
func (a attack) run(t *testing.T, do func()) {
	t.Helper()
	hello := rhai(`"hello"`)
	hello.AppID, hello.ID = "victim", "victim"
	answer := func() time.Duration {
		began := time.Now()
		result, err := a.sandbox.Execute(t.Context(), hello, abi.Invocation{}, NewWorld(echo))
		if assert.NoError(t, err, "the other app") {
			assert.Equal(t, "hello", decode(t, result))
		}
		return time.Since(began)
	}
	answer()
	before := resident(t)
	var latencies []time.Duration
	var peak atomic.Uint64
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				latencies = append(latencies, answer())
				peak.Store(max(peak.Load(), residentNow(t)))
			}
		}
	})
	do()
	close(done)
	watching.Wait()
	answer()
	after := resident(t)
	slices.Sort(latencies)
	if len(latencies) > 0 {
		t.Logf("the other app was answered %d times, p50 %v, p99 %v; memory %d MiB before, %d at most, %d after", len(latencies),
			latencies[len(latencies)/2], latencies[len(latencies)*99/100], before>>20, peak.Load()>>20, after>>20)
	}
	if raced {
		return // what it would be told of memory is mostly the detector's
	}
	if grown := peak.Load(); grown > before {
		assert.Less(t, grown-before, a.most, "bytes taken at the height of the attack")
	}
	idle := uint64(len(a.sandbox.guest.idle)) * uint64(a.sandbox.guest.base.size) * idleSlotsHold / 100
	assert.Less(t, after, before+before/5+16<<20+idle, "memory after the attack, from %d bytes before", before)
}

// resident is the memory of this process that cannot be given back.
func resident(t *testing.T) uint64 {
	runtime.GC()
	debug.FreeOSMemory()
	return residentNow(t)
}

// residentNow is the memory of this process, bytes: on Linux what is resident, else what Go has of
// the system.
func residentNow(t *testing.T) uint64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.Sys - stats.HeapReleased
	}
	pages, err := strconv.ParseUint(strings.Fields(string(statm))[1], 10, 64)
	require.NoError(t, err)
	return pages * uint64(os.Getpagesize())
}

// compileMain is this program called to compile a plugin, as [Config.CompileCommand] says.
func compileMain() {
	var a compiler.Arguments
	flags := flag.NewFlagSet("compile", flag.ExitOnError)
	flags.StringVar(&a.Dir, "dir", "", "")
	flags.DurationVar(&a.Bounds.CPU, "cpu", 0, "")
	flags.Int64Var(&a.Bounds.MemoryMB, "memory-mb", 0, "")
	_ = flags.Parse(os.Args[2:])
	if err := compiler.Main(a, os.Stdin, os.Stdout); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// compiling is a sandbox whose plugins are compiled in processes of their own.
func compiling(t *testing.T, c Config) *Sandbox {
	self, err := os.Executable()
	require.NoError(t, err)
	c.CompileCommand = []string{self, "compile"}
	return newReal(t, c)
}

// Plugins that take for ever to compile, or all memory, are the module's fault, and keep neither
// scripts nor other apps' plugins waiting.
func TestAttackCompiling(t *testing.T) {
	s := compiling(t, Config{MaxConcurrent: 16, CompileBounds: compiler.Bounds{CPU: time.Second, MemoryMB: 256}})
	attack{s, 100 << 20}.run(t, func() {
		var all sync.WaitGroup
		hostile := func(script Script, want string) {
			all.Go(func() {
				script.AppID = "attacker"
				_, err := s.Validate(t.Context(), script)
				var refused *abi.ScriptError
				if assert.ErrorAs(t, err, &refused) {
					assert.Equal(t, abi.CodeScriptInvalid, refused.Code)
					assert.Contains(t, refused.Message, want)
				}
			})
		}
		for n := range int32(4) {
			hostile(pluginScript(wasmtest.SlowToCompile(n)), "more than 1s of processor time")
		}
		if !raced { // the detector's own memory would end the process in another way
			hostile(pluginScript(wasmtest.LargeToCompile(0)), "compiling it takes more than ")
		}
		for n := range 3 {
			good := answering(`"` + strings.Repeat("x", n) + `"`)
			good.AppID = "another"
			_, err := s.Validate(t.Context(), good)
			assert.NoError(t, err)
			_, err = s.Execute(t.Context(), good, abi.Invocation{}, NewWorld(echo))
			assert.NoError(t, err)
		}
		all.Wait()
	})
}

// Apps that want every place, for executions that take their time or to have scripts validated,
// leave some to another, whatever that one does.
func TestAttackSlowRequests(t *testing.T) {
	const wanted = 40         // by each, at once
	s := newReal(t, Config{}) // of 32 places
	slow := performer(func(ctx context.Context, _ abi.Op, _ []byte) ([]byte, error) {
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
		return nil, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var admitted, refused atomic.Int64
	attack{s, 200 << 20}.run(t, func() {
		var all sync.WaitGroup
		greedy := func(app string, ask func(Script) error) {
			script := rhai(`print("I take my time")`)
			script.AppID, script.ID = app, app
			for range wanted {
				all.Go(func() {
					for ctx.Err() == nil {
						if failed := new(abi.ScriptError); errors.As(ask(script), &failed) && failed.Code == abi.CodeOverloaded {
							refused.Add(1)
							time.Sleep(time.Millisecond)
						} else {
							admitted.Add(1)
						}
					}
				})
			}
		}
		execute := func(script Script) error {
			_, err := s.Execute(ctx, script, abi.Invocation{}, NewWorld(slow))
			return err
		}
		greedy("greedy", execute)
		greedy("as greedy", execute)
		greedy("validating", func(script Script) error {
			_, err := s.Validate(ctx, script)
			return err
		})
		// The other app wants several at once, too: it has what is not kept for still others.
		another := rhai(`"another"`)
		another.AppID = "another"
		for range 200 {
			_, err := s.Execute(t.Context(), another, abi.Invocation{}, NewWorld(echo))
			assert.NoError(t, err)
			_, err = s.Validate(t.Context(), another)
			assert.NoError(t, err)
		}
		time.Sleep(200 * time.Millisecond)
		cancel()
		all.Wait()
	})
	t.Logf("of the attackers, %d were admitted and %d refused", admitted.Load(), refused.Load())
	assert.Positive(t, admitted.Load())
	assert.Positive(t, refused.Load())
}

// An orderly stop does not wait for a plugin that is compiled.
func TestAttackCompilingDuringAStop(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	s, err := newSandbox(t.Context(), Config{
		CacheDir: cacheDir, Logger: slog.New(slog.DiscardHandler), CompileCommand: []string{self, "compile"}, CompileBounds: compiler.Bounds{CPU: time.Hour},
	}, toyWasm)
	require.NoError(t, err)
	refused := make(chan error)
	for n := range int32(4) {
		script := pluginScript(wasmtest.SlowToCompile(100 + n))
		go func() {
			_, err := s.Validate(context.Background(), script)
			refused <- err
		}()
	}
	require.Eventually(t, func() bool { return s.gate.Count() == 4 }, 10*time.Second, time.Millisecond)
	began := time.Now()
	require.NoError(t, s.Close(context.Background()))
	assert.Less(t, time.Since(began), 5*time.Second)
	for range 4 {
		var cancelled *abi.ScriptError
		require.ErrorAs(t, <-refused, &cancelled)
		assert.Equal(t, abi.CodeCancelled, cancelled.Code)
	}
}

// What is damaged in the compilation cache neither stops a start nor a plugin.
func TestAttackDamagedCache(t *testing.T) {
	dir := t.TempDir()
	script := answering(`"fine"`)
	open := func() *Sandbox {
		s, err := newSandbox(t.Context(), Config{CacheDir: dir, Logger: slog.New(slog.DiscardHandler)}, toyWasm)
		require.NoError(t, err)
		return s
	}
	works := func(s *Sandbox) {
		t.Helper()
		got, err := run(t, s, toy("text hello"))
		require.NoError(t, err)
		assert.Equal(t, "hello", got)
		got, err = run(t, s, script)
		require.NoError(t, err)
		assert.Equal(t, "fine", got)
	}
	s := open()
	works(s)
	for what, damage := range map[string]func(path string, content []byte) error{
		"emptied":   func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
		"truncated": func(path string, content []byte) error { return os.WriteFile(path, content[:len(content)/2], 0o600) },
		"removed":   func(path string, _ []byte) error { return os.Remove(path) },
		"flipped": func(path string, content []byte) error {
			for i := range content {
				content[i] ^= 0x55
			}
			return os.WriteFile(path, content, 0o600)
		},
	} {
		t.Run(what, func(t *testing.T) {
			err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				content, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				return damage(path, content)
			})
			require.NoError(t, err)
			s.scripts.purge() // while it runs
			works(s)
			again := open() // and after the next start
			works(again)
			require.NoError(t, again.Close(t.Context()))
		})
	}
	require.NoError(t, s.Close(t.Context()))
}

// doubling is a plugin whose functions call one another, each the next one twice: it has no loop, in
// which wazero would look whether it is to end, and goes on for longer than the universe.
func doubling() Script {
	p := new(wasmtest.Program)
	p.Function("handle", []byte{api.ValueTypeI32}, wasmtest.Call(1), wasmtest.I32(0))
	for f := range byte(100) {
		p.Function("", nil, wasmtest.Call(f+2), wasmtest.Call(f+2))
	}
	p.Function("", nil)
	return pluginScript(p.Bytes())
}

// pauses are those in which all had to stop for Go's collector, from the decision to stop them.
func pauses() *gometrics.Float64Histogram {
	sample := []gometrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	gometrics.Read(sample)
	return sample[0].Value.Float64Histogram()
}

func longestPause(before, after *gometrics.Float64Histogram) time.Duration {
	for i := len(after.Counts) - 1; i >= 0; i-- {
		if after.Counts[i] > before.Counts[i] {
			return time.Duration(after.Buckets[i] * float64(time.Second)) // at least
		}
	}
	return 0
}

// A plugin that calls functions for ever ends with its time, and does not keep Go's collector, which
// everybody waits for, from its turn.
func TestAttackCallsWithoutLoops(t *testing.T) {
	s := newReal(t, Config{})
	attack{s, 50 << 20}.run(t, func() {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				script := doubling()
				script.Limits.TimeoutMS = 2000
				_, err := s.Execute(t.Context(), script, abi.Invocation{}, NewWorld(echo))
				var failed *abi.ScriptError
				if assert.ErrorAs(t, err, &failed) {
					assert.Equal(t, abi.CodeTimeout, failed.Code, failed.Message)
				}
			})
		}
		ended := make(chan struct{})
		go func() { all.Wait(); close(ended) }()
		before := pauses()
		for running := true; running; {
			select {
			case <-ended:
				running = false
			default:
				runtime.GC()
			}
		}
		worst := longestPause(before, pauses())
		t.Logf("the longest pause for a collection: %v", worst)
		assert.Less(t, worst, time.Second, "the longest pause for a collection while plugins ran for 2 s")
	})
}

// A plugin that recurses takes a bounded native stack for each execution, whatever the size of its
// frames. Without a bound each of these executions takes 120 MiB.
func TestAttackRecursion(t *testing.T) {
	const executions = 31
	for name, c := range map[string]struct {
		script Script
		most   uint64 // bytes for each execution
	}{
		"small frames": {pluginScript(wasmtest.Recursive()), 8 << 20},
		"large frames": {pluginScript(wasmtest.RecursiveWithLargeFrames()), 24 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			s := newReal(t, Config{MaxConcurrent: 2 * executions})
			for _, memory := range []int64{1, 64} {
				script := c.script
				script.Limits = abi.Limits{MemoryMB: memory, TimeoutMS: 60_000}
				attack{s, executions * c.most}.run(t, func() {
					var all sync.WaitGroup
					for range executions {
						all.Go(func() {
							_, err := s.Execute(t.Context(), script, abi.Invocation{}, NewWorld(echo))
							var failed *abi.ScriptError
							if assert.ErrorAs(t, err, &failed) {
								assert.Equal(t, abi.CodeLimitExceeded, failed.Code, failed.Message)
								assert.Contains(t, failed.Message, "nested too deep")
							}
						})
					}
					all.Wait()
				})
			}
		})
	}
}
