package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	goruntime "runtime"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/picloud/picloud/host/sandbox/codecache"
	"github.com/picloud/picloud/host/sandbox/region"
)

// A guest is the compiled guest module with its base image and its idle slots.
type guest struct {
	runtime wazero.Runtime
	cache   wazero.CompilationCache
	module  wazero.CompiledModule
	base    *baseImage

	maxIdle int // slots kept; what scripts invoke may take more for a while
	mu      sync.Mutex
	idle    []*slot // their memory is the base image
	warm    []*slot // the same; they keep many pages
	many    int     // pages that slots keep which keep many, in use or not
}

// newGuest compiles a guest, or finds it in the cache, and takes its base image.
func newGuest(ctx context.Context, cache *codecache.Cache, wasm []byte, maxIdle int, logger *slog.Logger) (g *guest, err error) {
	g = &guest{maxIdle: maxIdle}
	defer func() {
		if err != nil {
			err = errors.Join(err, g.close(ctx))
		}
	}()
	release, err := cache.Ensure(codecache.NewKey([]byte("guest"), wasm), "", func(dir string) error {
		return compileGuest(ctx, dir, wasm)
	})
	if err == nil {
		defer release()
		g.cache, err = cache.Wazero()
	}
	if err != nil { // a start without the cache is better than none
		logger.Warn("sandbox: the interpreter is compiled without the cache", "error", err)
		g.cache = wazero.NewCompilationCache()
	}
	g.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCompilationCache(g.cache))
	if err := instantiateImports(ctx, g.runtime); err != nil {
		return g, err
	}
	if g.module, err = g.runtime.CompileModule(allProcessors(ctx), wasm); err != nil {
		return g, fmt.Errorf("compile the guest: %w", err)
	}
	first, err := g.newSlot(ctx, "_initialize")
	if err != nil {
		return g, err
	}
	defer first.close(ctx)
	g.base, err = newBaseImage(ctx, first)
	return g, err
}

// compileGuest leaves the machine code of a guest in a directory.
func compileGuest(ctx context.Context, dir string, wasm []byte) error {
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return err
	}
	defer cache.Close(ctx)
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCompilationCache(cache))
	defer runtime.Close(ctx)
	_, err = runtime.CompileModule(allProcessors(ctx), wasm)
	return err
}

// allProcessors has wazero compile on all of them.
func allProcessors(ctx context.Context) context.Context {
	return experimental.WithCompilationWorkers(ctx, goruntime.GOMAXPROCS(0))
}

// newSlot makes an instance of the guest and runs its start function that is named,
// if any.
func (g *guest) newSlot(ctx context.Context, start ...string) (*slot, error) {
	memory := region.New()
	module, err := g.runtime.InstantiateModule(
		experimental.WithMemoryAllocator(ctx, memory), g.module,
		wazero.NewModuleConfig().WithName("").WithStartFunctions(start...))
	if err != nil {
		memory.Free()
		return nil, fmt.Errorf("instantiate the guest: %w", err)
	}
	s := &slot{module: module, region: memory, memory: module.Memory()}
	for _, f := range []struct {
		name string
		to   *api.Function
	}{
		{"buffer", &s.buffer}, {"load", &s.load}, {"run", &s.run},
		{"interrupt_address", &s.interruptAddress}, {"trap_address", &s.trapAddress},
	} {
		if *f.to = module.ExportedFunction(f.name); *f.to == nil {
			s.close(ctx)
			return nil, fmt.Errorf("the guest does not export the function %q", f.name)
		}
	}
	var ok bool
	if s.stackPointer, ok = module.ExportedGlobal("__stack_pointer").(api.MutableGlobal); !ok {
		s.close(ctx)
		return nil, errors.New("the guest does not export its stack pointer")
	}
	return s, nil
}

// manyPages is how many pages in all the slots may keep that keep more than a few: 16 MiB.
const manyPages = 4096

// take returns a slot whose memory is the base image and that nobody else has. For what is known to
// write many pages it is one that has kept them, if there is one.
func (g *guest) take(ctx context.Context, many bool) (*slot, error) {
	if s := g.takeIdle(many); s != nil {
		return s, nil
	}
	s, err := g.newSlot(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	if err := s.become(g.base); err != nil {
		s.close(ctx)
		return nil, err
	}
	return s, nil
}

func (g *guest) takeIdle(many bool) (s *slot) {
	g.mu.Lock()
	defer g.mu.Unlock()
	from := &g.idle
	if len(*from) == 0 || many && len(g.warm) > 0 {
		from = &g.warm
	}
	if n := len(*from); n > 0 {
		s, *from = (*from)[n-1], (*from)[:n-1]
	}
	return s
}

// put takes a slot back and reports whether many of its pages were written. One that trapped, or
// whose memory grew beyond the base image, is not used again: an instance's memory cannot shrink, and
// how large it is would tell of the execution before.
func (g *guest) put(s *slot) (many bool) {
	usable, kept := !s.broken && s.memory.Size() == g.base.size, 0
	if usable {
		written, pages, err := s.reset(g.reserve(s))
		usable, kept, many = err == nil, pages, written > region.FewPages
	}
	if !g.putIdle(s, usable, kept) {
		s.close(context.Background())
	}
	return many
}

// reserve returns how many pages a slot may keep: what the others leave.
func (g *guest) reserve(s *slot) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	more := min(manyPages-g.many, int(g.base.size)/region.PageSize-s.many)
	g.many, s.many = g.many+more, s.many+more
	return region.FewPages + s.many
}

// putIdle reports whether a slot, which keeps so many pages, is to be used again.
func (g *guest) putIdle(s *slot, usable bool, kept int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.many, s.many = g.many-s.many, 0
	if !usable || len(g.idle)+len(g.warm) >= g.maxIdle {
		return false
	}
	if kept <= region.FewPages {
		g.idle = append(g.idle, s)
		return true
	}
	g.many, s.many = g.many+kept, kept
	g.warm = append(g.warm, s)
	return true
}

// close frees everything. No slot may be out.
func (g *guest) close(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range append(g.idle, g.warm...) {
		s.close(ctx)
	}
	g.idle, g.warm = nil, nil
	var errs []error
	if g.runtime != nil {
		errs = append(errs, g.runtime.Close(ctx))
	}
	if g.cache != nil {
		errs = append(errs, g.cache.Close(ctx))
	}
	if g.base != nil {
		errs = append(errs, g.base.close())
	}
	return errors.Join(errs...)
}
