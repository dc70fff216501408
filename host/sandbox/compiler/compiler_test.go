package compiler

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/picloud/picloud/host/sandbox/codecache"
	"github.com/picloud/picloud/host/sandbox/wasmbin/wasmtest"
)

// module is a small module; those of different numbers differ.
func module(n int32) []byte {
	var p wasmtest.Program
	p.Function("number", []byte{api.ValueTypeI32}, wasmtest.I32(n))
	return p.Bytes()
}

func newCompiler(t *testing.T, c Config) *Compiler {
	t.Helper()
	cache, err := codecache.Open(codecache.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	c.Cache = cache
	if c.Command == nil {
		self, err := os.Executable()
		require.NoError(t, err)
		c.Command = []string{self, "compile"}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	compiler := New(c)
	t.Cleanup(compiler.Close)
	return compiler
}

func (c *Compiler) try(ctx context.Context, app string, module []byte) error {
	release, err := c.Compile(ctx, app, "owner", module)
	if err == nil {
		release()
	}
	return err
}

func TestCompile(t *testing.T) {
	for name, command := range map[string][]string{"in another process": nil, "in this process": {}} {
		t.Run(name, func(t *testing.T) {
			c := newCompiler(t, Config{Command: command})
			for range 2 {
				require.NoError(t, c.try(t.Context(), "app", module(42)))
			}
			assert.Positive(t, c.cache.Bytes())

			// What runs finds the code there.
			files := func() int {
				found, err := filepath.Glob(filepath.Join(c.cache.Dir(), "wazero-*", "*"))
				require.NoError(t, err)
				return len(found)
			}
			before := files()
			cache, err := c.cache.Wazero()
			require.NoError(t, err)
			runtime := wazero.NewRuntimeWithConfig(t.Context(), RuntimeConfig(cache))
			defer runtime.Close(t.Context())
			instance, err := runtime.Instantiate(t.Context(), module(42))
			require.NoError(t, err)
			result, err := instance.ExportedFunction("number").Call(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []uint64{42}, result)
			assert.Equal(t, before, files(), "files of wazero's")
		})
	}
}

func TestWhatIsWrongWithAModule(t *testing.T) {
	broken := func() []byte {
		var p wasmtest.Program
		p.Function("", nil, wasmtest.Drop)
		return p.Bytes()
	}()
	for name, c := range map[string]struct {
		module []byte
		bounds Bounds
		want   string
	}{
		"not valid":           {broken, Bounds{}, "it does not compile: invalid function[0]"},
		"not even a module":   {[]byte("text"), Bounds{}, "it does not compile: invalid magic number"},
		"too slow to compile": {wasmtest.SlowToCompile(0), Bounds{CPU: 500 * time.Millisecond}, "compiling it takes more than 500ms of processor time, it was ended at "},
		"too large":           {wasmtest.LargeToCompile(0), Bounds{MemoryMB: 128}, "compiling it takes more than 128 MiB of memory, it was ended at "},
	} {
		t.Run(name, func(t *testing.T) {
			if raceDetector && c.bounds.MemoryMB > 0 {
				t.Skip("the race detector takes more memory")
			}
			compiler := newCompiler(t, Config{Bounds: c.bounds})
			assert.ErrorContains(t, compiler.try(t.Context(), "app", c.module), c.want)
			assert.Zero(t, compiler.cache.Bytes())
			left, err := os.ReadDir(filepath.Join(compiler.cache.Dir(), "work"))
			require.NoError(t, err)
			assert.Empty(t, left)
			assert.NoError(t, compiler.try(t.Context(), "app", module(1)), "the next")
		})
	}
}

// What goes wrong with processes is ours, unless the module is what makes them fail.
func TestProcessesThatFail(t *testing.T) {
	for name, c := range map[string]struct {
		command []string
		want    error
	}{
		"it is killed":          {[]string{"sh", "-c", "kill -9 $$"}, ErrBusy},
		"it fails":              {[]string{"sh", "-c", "echo defect >&2; exit 3"}, &InvalidError{"the compiler fails"}},
		"it has no more memory": {[]string{"sh", "-c", "echo 'fatal error: out of memory' >&2; exit 2"}, &CostError{"memory", "1024 MiB", "1024 MiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			compiler := newCompiler(t, Config{Command: c.command})
			assert.Equal(t, c.want, compiler.try(t.Context(), "app", module(1)))
		})
	}
}

func TestAProgramThatIsNotThere(t *testing.T) {
	err := newCompiler(t, Config{Command: []string{"/no/such/program"}}).try(t.Context(), "app", module(1))
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// One that only writes is ended with its time, and what it writes is not kept.
func TestAProcessThatNeverEnds(t *testing.T) {
	c := newCompiler(t, Config{Command: []string{"sh", "-c", "exec yes"}, Bounds: Bounds{CPU: 50 * time.Millisecond}})
	ended := make(chan error)
	go func() { ended <- c.try(t.Context(), "app", module(1)) }()
	for range 100 { // it writes some gigabytes a second
		time.Sleep(time.Millisecond)
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	assert.Less(t, stats.HeapAlloc, uint64(100<<20))
	c.Close()
	assert.Error(t, <-ended)
	b := limitedBuffer{most: 3}
	for range 2 {
		n, err := b.Write([]byte("ab"))
		assert.Equal(t, 2, n)
		assert.NoError(t, err)
	}
	assert.Equal(t, "aba", string(b.kept))
}

// Two that ask for the same module have it compiled once, and a third finds it.
func TestAModuleIsCompiledOnce(t *testing.T) {
	counted := filepath.Join(t.TempDir(), "count")
	self, err := os.Executable()
	require.NoError(t, err)
	c := newCompiler(t, Config{Command: []string{"sh", "-c", `echo x >>` + counted + `; exec "$@"`, "sh", self, "compile"}})
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() { assert.NoError(t, c.try(t.Context(), "app", module(1))) })
	}
	all.Wait()
	require.NoError(t, c.try(t.Context(), "other", module(1)))
	count, err := os.ReadFile(counted)
	require.NoError(t, err)
	assert.Equal(t, "x\n", string(count))
}

// One app's slow modules leave a place for another's, and an orderly stop ends them.
func TestSlowModules(t *testing.T) {
	c := newCompiler(t, Config{Bounds: Bounds{CPU: time.Hour}})
	var hostile sync.WaitGroup
	for n := range int32(6) {
		hostile.Go(func() { assert.Error(t, c.try(context.Background(), "hostile", wasmtest.SlowToCompile(n))) })
	}
	assert.Eventually(t, func() bool {
		return c.queue.Waiting("hostile") == 6-mostOfAnApp(c.places)
	}, 10*time.Second, time.Millisecond, "all wait or are compiled")
	assert.NoError(t, c.try(t.Context(), "other", module(1)))

	began := time.Now()
	c.Close()
	hostile.Wait()
	assert.Less(t, time.Since(began), 5*time.Second)
	assert.Error(t, c.try(t.Context(), "other", module(2)), "nothing is compiled any more")
}

// Who does not wait any more is not waited for: a module that has not had its turn loses it, one that
// has is compiled to its end.
func TestNobodyWaits(t *testing.T) {
	gate := filepath.Join(t.TempDir(), "gate")
	self, err := os.Executable()
	require.NoError(t, err)
	c := newCompiler(t, Config{Command: []string{"sh", "-c", `until [ -e ` + gate + ` ]; do sleep 0.01; done; exec "$@"`, "sh", self, "compile"}})
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error)
	modules := 2 + int32(mostOfAnApp(c.places))
	for n := range modules {
		go func() { ended <- c.try(ctx, "app", module(n)) }()
	}
	require.Eventually(t, func() bool { return c.queue.Waiting("app") == 2 }, 10*time.Second, time.Millisecond)
	leave()
	for range modules {
		assert.ErrorIs(t, <-ended, context.Canceled)
	}
	require.Eventually(t, func() bool { return c.queue.Waiting("app") == 0 }, 10*time.Second, time.Millisecond)
	require.NoError(t, os.WriteFile(gate, nil, 0o600))
	assert.Eventually(t, func() bool { return c.cache.Len() == mostOfAnApp(c.places) }, 20*time.Second, 10*time.Millisecond)
}

// A process whose parent has gone goes, too.
func TestAnOrphanEnds(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	process := exec.Command(self, "compile", "--dir", t.TempDir(), "--cpu", "1h", "--memory-mb", "1024")
	input, err := process.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	wasm := wasmtest.SlowToCompile(0)
	_, err = input.Write(append([]byte(strconv.Itoa(len(wasm))+"\n"), wasm...))
	require.NoError(t, err)
	require.NoError(t, input.Close())
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	select {
	case err := <-ended:
		assert.Error(t, err)
	case <-time.After(20 * time.Second):
		_ = process.Process.Kill()
		t.Error("it goes on")
	}
}
