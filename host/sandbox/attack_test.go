package sandbox

import (
	"os"
	"runtime"
	"runtime/debug"
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
	if grown := peak.Load(); grown > before {
		assert.Less(t, grown-before, a.most, "bytes taken at the height of the attack")
	}
	assert.Less(t, after, before+before/5+16<<20, "memory after the attack, from %d bytes before", before)
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

// recursing is a plugin that calls itself for ever.
func recursing() Script {
	p := new(wasmtest.Program)
	p.Function("handle", []byte{api.ValueTypeI32}, wasmtest.Call(0), wasmtest.Drop, wasmtest.I32(0))
	return pluginScript(p.Bytes())
}

// recursingWithLargeFrames does so with a frame of hundreds of kilobytes: nested loops around many
// variables.
func recursingWithLargeFrames() Script {
	const loops, variables = 150, 150
	p := new(wasmtest.Program)
	body := []byte{1, 0x80 | variables&0x7f, variables >> 7, api.ValueTypeI32}
	variable := func(instruction byte, v int) []byte { return []byte{instruction, 0x80 | byte(v&0x7f), byte(v >> 7)} }
	for range loops {
		body = append(body, wasmtest.Join(wasmtest.Loop, wasmtest.Call(0), wasmtest.Drop)...)
	}
	for v := range variables {
		body = append(body, wasmtest.Join(variable(0x20, v), wasmtest.Call(0), []byte{0x6a}, variable(0x21, v))...)
	}
	for range loops {
		body = append(body, wasmtest.Join(wasmtest.Call(0), []byte{0x0d, 0}, wasmtest.End)...)
	}
	body = append(body, wasmtest.I32(0)...)
	for v := range variables {
		body = append(body, append(variable(0x20, v), 0x6a)...)
	}
	p.Function("handle", []byte{api.ValueTypeI32})
	p.Code[0] = append(body, 0x0b)
	return pluginScript(p.Bytes())
}

// A plugin that recurses takes a bounded native stack for each execution, whatever the size of its
// frames. Without a bound each of these executions takes 120 MiB.
func TestAttackRecursion(t *testing.T) {
	const executions = 31
	for name, c := range map[string]struct {
		script Script
		most   uint64 // bytes for each execution
	}{
		"small frames": {recursing(), 8 << 20},
		"large frames": {recursingWithLargeFrames(), 24 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			s := newReal(t, Config{MaxConcurrent: executions + 1})
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
