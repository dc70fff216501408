package plugin

import (
	"context"
	"sync/atomic"

	extism "github.com/extism/go-sdk"
	"github.com/tetratelabs/wazero"

	"github.com/picloud/picloud/host/sandbox/region"
)

// A Plugin is a compiled module, made by [Runtime.Compile].
type Plugin struct {
	runtime  *Runtime
	cache    wazero.CompilationCache // of this plugin alone: closing it frees the code
	compiled *extism.CompiledPlugin
	memory   *region.Pool // as after initialisation; nil: each instance begins anew
	resumes  bool         // it wants to be told that it was restored
	size     int          // of the module, bytes
	uses     atomic.Int64 // below 1 it is closed
}

// What a plugin exports.
const (
	exportHandle = "handle"         // answers an invocation
	exportResume = "picloud_resume" // called first in each execution that begins from kept memory
)

// Held is how many bytes the plugin keeps in memory, without its machine code.
func (p *Plugin) Held() int { return p.size + p.memory.Size() }

// Restored reports whether each execution begins from the memory that initialisation left.
func (p *Plugin) Restored() bool { return p.memory != nil }

// Retain keeps the plugin from being closed until Release; false: it is closed.
func (p *Plugin) Retain() bool {
	for {
		n := p.uses.Load()
		if n < 1 {
			return false
		}
		if p.uses.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release closes the plugin when nobody else uses it.
func (p *Plugin) Release() {
	if p.uses.Add(-1) > 0 {
		return
	}
	ctx := context.Background()
	if p.compiled != nil {
		_ = p.compiled.Close(ctx)
	}
	if p.cache != nil {
		_ = p.cache.Close(ctx)
	}
	if p.memory != nil {
		_ = p.memory.Close()
	}
}
