// Package plugin runs plugins: WebAssembly modules written with an Extism PDK. A module is judged,
// initialised and compiled once; each execution has an instance of its own, made from the module
// and from the memory it had after it was initialised, if that could be kept.
package plugin

import (
	"fmt"
	goruntime "runtime"
	"sync"

	extism "github.com/extism/go-sdk"

	"github.com/picloud/picloud/host/sandbox/codecache"
	"github.com/picloud/picloud/host/sandbox/compiler"
	"github.com/picloud/picloud/host/sandbox/gate"
	"github.com/picloud/picloud/host/sandbox/region"
)

// A Runtime is what all plugins share.
type Runtime struct {
	cache     *codecache.Cache
	compiler  *compiler.Compiler
	functions []extism.HostFunction
	kernel    *region.Pool // memories of Extism's kernel

	working    chan struct{} // of as many places as there may be at once that read or load modules
	kernelOnce sync.Mutex    // held while its code is looked at or made
}

// NewRuntime makes a runtime whose plugins are compiled by a compiler into a cache. It closes the
// compiler with itself.
func NewRuntime(cache *codecache.Cache, compiler *compiler.Compiler) (*Runtime, error) {
	kernel, err := region.NewPool(make([]byte, kernelBytes))
	if err != nil {
		return nil, fmt.Errorf("memory of Extism's kernel: %w", err)
	}
	return &Runtime{cache: cache, compiler: compiler, functions: functions(), kernel: kernel,
		working: make(chan struct{}, max(1, goruntime.GOMAXPROCS(0)/2))}, nil
}

// work does something that takes the processor for a while and cannot be interrupted: reading a
// module, and loading its code. Half of the processors are left to what runs. The error is an
// [*abi.ScriptError] when the execution ends before its turn, or that of do.
func (r *Runtime) work(e *gate.Execution, do func() error) error {
	defer e.Pause()()
	select {
	case r.working <- struct{}{}:
		defer func() { <-r.working }()
		return do()
	case <-e.Context().Done():
		return e.Interruption()
	}
}

// Close ends what is being compiled and frees what the runtime holds. No plugin may be in use.
func (r *Runtime) Close() error {
	r.compiler.Close()
	return r.kernel.Close()
}

func init() {
	// For the whole process. Below this level Extism writes to the standard logger
	// while it makes an instance.
	extism.SetLogLevel(extism.LogLevelDebug)
}
