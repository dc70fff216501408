package compiler

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
)

// RuntimeConfig is how plugins are compiled, here and where they run: what runs ends with its
// context, as plugins poll nothing.
func RuntimeConfig(cache wazero.CompilationCache) wazero.RuntimeConfig {
	return wazero.NewRuntimeConfig().WithCompilationCache(cache).WithCloseOnContextDone(true)
}

// compile compiles a module and leaves the code in a directory, as wazero does. It cannot be
// interrupted.
func compile(ctx context.Context, dir string, module []byte) error {
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return fmt.Errorf("compilation cache: %w", err)
	}
	defer cache.Close(ctx)
	r := wazero.NewRuntimeWithConfig(ctx, RuntimeConfig(cache))
	defer r.Close(ctx)
	if _, err := r.CompileModule(experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0)), module); err != nil {
		if _, ofFile := errors.AsType[*fs.PathError](err); ofFile {
			return fmt.Errorf("compilation cache: %w", err)
		}
		return &InvalidError{err.Error()}
	}
	return nil
}
