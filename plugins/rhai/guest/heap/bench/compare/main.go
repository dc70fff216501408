// Command compare runs the work of heap/bench in guests built with different
// collectors, in turns, and prints a table: milliseconds, best of five fresh
// instances, for the first and for a second round in the same instance, and the
// memory at the end.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: compare GUEST.wasm ...")
	}
	ctx := experimental.WithMemoryAllocator(context.Background(), experimental.MemoryAllocatorFunc(reserve))
	runtime := wazero.NewRuntime(ctx)
	defer runtime.Close(ctx)
	guests := make([]wazero.CompiledModule, len(os.Args)-1)
	fmt.Printf("%-10s", "")
	for i, path := range os.Args[1:] {
		wasm, err := os.ReadFile(path)
		if err != nil {
			log.Fatal(err)
		}
		if guests[i], err = runtime.CompileModule(ctx, wasm); err != nil {
			log.Fatal(path, ": ", err)
		}
		fmt.Printf("%26s", strings.TrimSuffix(filepath.Base(path), ".wasm"))
	}
	fmt.Println()
	for _, work := range []string{"appends", "sort", "map", "table", "garbage"} {
		best := make([][2]time.Duration, len(guests))
		size := make([]uint32, len(guests))
		for range 5 {
			for i, guest := range guests {
				rounds, memory, err := measure(ctx, runtime, guest, work)
				if err != nil {
					log.Fatalf("%s in %s: %v", work, os.Args[1+i], err)
				}
				for r, took := range rounds {
					if best[i][r] == 0 || took < best[i][r] {
						best[i][r] = took
					}
				}
				size[i] = memory
			}
		}
		fmt.Printf("%-10s", work)
		for i := range guests {
			ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
			fmt.Printf("%26s", fmt.Sprintf("%.1f (%.1f) %d MiB", ms(best[i][0]), ms(best[i][1]), size[i]>>20))
		}
		fmt.Println()
	}
}

func measure(ctx context.Context, runtime wazero.Runtime, guest wazero.CompiledModule, work string) (rounds [2]time.Duration, memory uint32, err error) {
	module, err := runtime.InstantiateModule(ctx, guest, wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize"))
	if err != nil {
		return rounds, 0, err
	}
	defer module.Close(ctx)
	function := module.ExportedFunction(work)
	for r := range rounds {
		start := time.Now()
		if _, err := function.Call(ctx); err != nil {
			return rounds, 0, err
		}
		rounds[r] = time.Since(start)
	}
	return rounds, module.Memory().Size(), nil
}

// reserved is a memory that grows in place.
type reserved struct{ bytes []byte }

func reserve(_, max uint64) experimental.LinearMemory {
	return &reserved{make([]byte, 0, min(max, 1<<30))} // untouched pages cost nothing
}

func (r *reserved) Reallocate(size uint64) []byte {
	if size > uint64(cap(r.bytes)) {
		return nil
	}
	return r.bytes[:size]
}

func (r *reserved) Free() {}
