// Package plugin runs plugins: WebAssembly modules written with an Extism PDK. A module is judged,
// initialised and compiled once; each execution has an instance of its own, made from the module
// and from the memory it had after it was initialised, if that could be kept.
package plugin

import (
	"fmt"

	extism "github.com/extism/go-sdk"

	"github.com/picloud/picloud/host/sandbox/region"
)

// A Runtime is what all plugins share.
type Runtime struct {
	cacheDir  string
	compiling chan struct{} // held by the plugin that is compiled
	functions []extism.HostFunction
	kernel    *region.Pool // memories of Extism's kernel
}

// NewRuntime makes a runtime that keeps compiled modules in cacheDir; "" keeps them in memory only.
func NewRuntime(cacheDir string) (*Runtime, error) {
	kernel, err := region.NewPool(make([]byte, kernelBytes))
	if err != nil {
		return nil, fmt.Errorf("memory of Extism's kernel: %w", err)
	}
	return &Runtime{cacheDir: cacheDir, compiling: make(chan struct{}, 1), functions: functions(), kernel: kernel}, nil
}

// Close frees what the runtime holds. No plugin may be in use.
func (r *Runtime) Close() error { return r.kernel.Close() }

func init() {
	// For the whole process. Below this level Extism writes to the standard logger
	// while it makes an instance.
	extism.SetLogLevel(extism.LogLevelDebug)
}
