// Package sandbox runs scripts in WebAssembly instances that no earlier
// execution has touched.
//
// The interpreter is one WebAssembly module, the guest, compiled once. Its
// memory after start is the base image; the memory after it has loaded a script
// is that script's image, kept as the pages that differ from the base. A slot is
// an instance of the guest; each execution takes one whose memory is the base
// image, lays the script's image over it, runs, and afterwards everything
// written is dropped (see slot and image).
//
// The guest runs on the caller's goroutine. Go cannot preempt it there, neither
// for other goroutines nor for its garbage collector, which all others then wait
// for; a guest must therefore call the host now and then, if only to yield (see
// [abi.OpYield]). One that does not could not be stopped.
package sandbox

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox/codecache"
	"github.com/picloud/picloud/host/sandbox/compiler"
	"github.com/picloud/picloud/host/sandbox/gate"
	"github.com/picloud/picloud/host/sandbox/plugin"
)

// guestWasm is plugins/rhai/guest, built by "make guest".
//
//go:embed guest.wasm
var guestWasm []byte

// Script is a script at one version, with all it needs to run.
type Script struct {
	ID, AppID, Name string
	Kind            abi.Kind
	Source          string
	UpdatedAt       time.Time    // with ID, names the version that the cache holds
	Limits          abi.Limits   // unset fields take [abi.DefaultLimits]
	Modules         []abi.Module // what it may import

	// Resolve returns the modules of a script that is about to be stored, given the names it imports,
	// and those that these import in turn. Only [Sandbox.Validate] calls it, instead of taking Modules.
	// It may be nil.
	Resolve func(ctx context.Context, imports []string) ([]abi.Module, error)

	// Wasm reads the module of a plugin, which has no source. It is called when
	// the plugin is not in the cache, and to validate it.
	Wasm func(ctx context.Context) ([]byte, error)

	Testing bool // it is a test, see [abi.LoadRequest]
	Cover   bool // its executions tell which lines they reach

	// Share is how many executions its app may have at once; 0: half of all there may be.
	Share int
}

// admission is what a script asks the gate for.
func (s *Script) admission(world World) gate.Request {
	return gate.Request{App: s.AppID, Share: s.Share, Limits: s.Limits, World: world}
}

// Config configures a [Sandbox].
type Config struct {
	CacheDir        string                // machine code of guests; "" keeps it in memory only
	CacheBytes      int64                 // bound of what is in CacheDir; 0: none
	ScriptCacheSize int                   // scripts kept ready to run; 0: 256
	MaxConcurrent   int                   // executions at once; 0: 32
	Logger          *slog.Logger          // nil: slog.Default()
	Registerer      prometheus.Registerer // nil: no metrics

	// CompileCommand is a program and its arguments that call [compiler.Main] in another process,
	// for plugins. Without one they are compiled in this process, and nothing bounds that.
	CompileCommand []string
	CompileBounds  compiler.Bounds // of one plugin
}

// A World is what reaches an execution from outside: randomness, time and operations.
type World = gate.World

// A Performer performs the operations of an execution.
type Performer = gate.Performer

// NewWorld returns the world of an execution that begins now and resembles no other.
func NewWorld(operations gate.Performer) World { return gate.NewWorld(operations) }

// Result is what an execution returned and used.
type Result struct {
	Value       msgp.Raw      // the script's value; nil on error
	Operations  int64         // operations counted by the interpreter
	Duration    time.Duration // of the run; without compiling and the caller's own work
	MemoryBytes int64         // size of the guest's memory at the end
	Processor   time.Duration // that it had a processor for, compiling included; also beside an error
	Covered     []abi.Covered // of a script with Cover; also beside an error
}

// Sandbox executes scripts. It is safe for concurrent use.
type Sandbox struct {
	logger  *slog.Logger
	gate    *gate.Gate
	guest   *guest
	scripts *scriptCache
	cache   *codecache.Cache
	plugins *plugin.Runtime
	metrics *metrics
}

// New compiles the guest, or finds it compiled in the cache directory, and
// takes its base image.
func New(ctx context.Context, c Config) (*Sandbox, error) { return newSandbox(ctx, c, guestWasm) }

func newSandbox(ctx context.Context, c Config, wasm []byte) (*Sandbox, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.ScriptCacheSize == 0 {
		c.ScriptCacheSize = 256
	}
	if c.MaxConcurrent == 0 {
		c.MaxConcurrent = 32
	}
	if c.ScriptCacheSize < 1 {
		return nil, fmt.Errorf("sandbox: script cache size must be at least 1, got %d", c.ScriptCacheSize)
	}
	if c.MaxConcurrent < 1 {
		return nil, fmt.Errorf("sandbox: concurrent executions must be at least 1, got %d", c.MaxConcurrent)
	}
	s := &Sandbox{logger: c.Logger, gate: gate.New(c.MaxConcurrent, c.Logger)}
	var err error
	if s.scripts, err = newScriptCache(c.ScriptCacheSize); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	if s.cache, err = codecache.Open(codecache.Config{Dir: c.CacheDir, MaxBytes: c.CacheBytes, Logger: c.Logger}); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	if s.guest, err = newGuest(ctx, s.cache, wasm, c.MaxConcurrent, c.Logger); err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	plugins := compiler.New(compiler.Config{Cache: s.cache, Command: c.CompileCommand, Bounds: c.CompileBounds, Logger: c.Logger})
	if s.plugins, err = plugin.NewRuntime(s.cache, plugins); err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: %w", err), s.guest.close(ctx))
	}
	if s.metrics, err = newMetrics(c.Registerer, s); err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: %w", err), s.guest.close(ctx), s.plugins.Close())
	}
	return s, nil
}

// Validate compiles a script and the modules it imports, each once, and returns the names it imports
// itself, in order of appearance, also when it is one of them that is wrong. The error is an
// [*abi.ScriptError], or what [Script.Wasm] or [Script.Resolve] failed with.
func (s *Sandbox) Validate(ctx context.Context, script Script) (imports []string, err error) {
	script.Limits = script.Limits.Or(abi.DefaultLimits)
	e, err := s.gate.Enter(ctx, script.admission(NewWorld(nil)))
	if err != nil {
		return nil, err
	}
	defer s.gate.Leave(e)
	if script.Kind == abi.KindPlugin {
		p, err := s.plugins.Compile(e, script.AppID, script.Wasm)
		if err == nil {
			p.Release()
		}
		return nil, err
	}
	_, imports, err = s.load(e, script, false)
	return imports, err
}

// Admit admits work of ours for an app that validates several scripts, which then take the place that
// it has: none of them is refused, however many executions there are. It may have one place more than
// the app's executions may, and its own time is not bounded. Whoever calls leave ends the context. The
// error is an [*abi.ScriptError].
func (s *Sandbox) Admit(ctx context.Context, appID string) (admitted context.Context, leave func(), err error) {
	e, err := s.gate.Enter(ctx, gate.Request{App: appID, Beyond: 1, Limits: abi.DefaultLimits, World: NewWorld(nil)})
	if err != nil {
		return nil, nil, err
	}
	e.Pause()
	return e.Context(), func() { s.gate.Leave(e) }, nil
}

// RetainPlugins drops the machine code kept of plugins whose modules, by their SHA-256 in hex, there
// are no more, and returns how many pieces it dropped. What was in use a moment ago stays: it may
// be of a plugin that is about to be stored.
func (s *Sandbox) RetainPlugins(modules []string) (dropped int) {
	owners := make(map[string]bool, len(modules))
	for _, m := range modules {
		owners[m] = true
	}
	return s.cache.Retain(owners, retainAll)
}

// retainAll is how long ago a plugin's code must have been used to be dropped.
const retainAll = time.Minute

// Execute runs a script once, compiling it when it is not in the cache. The
// error is an [*abi.ScriptError] for every outcome but success, or what
// [Script.Wasm] failed with; the result carries figures in both cases.
func (s *Sandbox) Execute(ctx context.Context, script Script, inv abi.Invocation, world World) (Result, error) {
	script.Limits = script.Limits.Or(abi.DefaultLimits)
	result, err := s.execute(ctx, script, inv, world, nil)
	s.metrics.observe(result, err)
	return result, err
}

// Running returns how many executions of an app run.
func (s *Sandbox) Running(app string) int { return s.gate.CountOf(app) }

// Work does work of ours on so many bytes for an app, such as encoding what a script of it has returned,
// without keeping others from a processor.
func (s *Sandbox) Work(ctx context.Context, app string, bytes int, do func()) {
	s.gate.Work(ctx, app, bytes, do)
}

// Describe is Execute for tools that work on the language: it returns the value in
// words, whatever it is.
func (s *Sandbox) Describe(ctx context.Context, script Script, inv abi.Invocation, world World) (abi.Description, Result, error) {
	script.Limits = script.Limits.Or(abi.DefaultLimits)
	var d abi.Description
	result, err := s.execute(ctx, script, inv, world, &d)
	return d, result, err
}

// execute runs a script; it fills in the description of the value if one is wanted.
func (s *Sandbox) execute(ctx context.Context, script Script, inv abi.Invocation, world World, d *abi.Description) (result Result, err error) {
	e, err := s.gate.Enter(ctx, script.admission(world))
	if err != nil {
		return Result{}, err
	}
	defer func() {
		s.gate.Leave(e)
		result.Processor = e.Processor()
	}()
	ready, err := s.scripts.get(e, script, func() (prepared, error) {
		if script.Kind == abi.KindPlugin {
			return s.plugins.Compile(e, script.AppID, script.Wasm)
		}
		image, _, err := s.load(e, script, d != nil)
		return image, err
	})
	if err != nil {
		return Result{}, err
	}
	defer ready.Release()
	if p, ok := ready.(*plugin.Plugin); ok {
		start := time.Now()
		result.Value, result.MemoryBytes, err = p.Run(e, inv)
		result.Duration = time.Since(start)
		return result, err
	}
	return s.run(e, ready.(*image), inv, d)
}

// load compiles a script in a slot of its own and takes the image. When lazy, a
// module it imports may be missing. It returns the imports also of a script in which
// they are what is wrong.
func (s *Sandbox) load(e *gate.Execution, script Script, lazy bool) (*image, []string, error) {
	request := abi.LoadRequest{
		Name: script.Name, Source: script.Source, Kind: script.Kind,
		Limits: script.Limits, Modules: script.Modules, Lazy: lazy, Testing: script.Testing, Cover: script.Cover,
	}
	e.Yield()
	slot, err := s.guest.take(e.Context(), false)
	if err != nil {
		return nil, nil, e.Failed("no slot for a script", err)
	}
	defer s.guest.put(slot)
	var answer abi.LoadResult
	if err := slot.call(e, slot.load, &request, answer.UnmarshalMsg); err != nil {
		return nil, nil, s.outcome(e, slot, err)
	}
	if script.Resolve != nil && answer.Error != nil && len(answer.Imports) > 0 {
		// The guest has kept the script: it compiles only the modules.
		if request.Modules, err = script.Resolve(e.Context(), answer.Imports); err != nil {
			return nil, answer.Imports, err
		}
		answer = abi.LoadResult{}
		if err := slot.call(e, slot.load, &request, answer.UnmarshalMsg); err != nil {
			return nil, nil, s.outcome(e, slot, err)
		}
	}
	if answer.Error != nil {
		return nil, answer.Imports, answer.Error
	}
	return newImage(slot, answer.Reads), answer.Imports, nil
}

const (
	usualInvocation = 256       // about how many bytes most scripts read of theirs
	mostInvocation  = 128 << 10 // of what is kept for the next
)

// invocations are where invocations are encoded before they are in a guest's memory. Of what an earlier one has left
// there nothing is read.
var invocations = sync.Pool{New: func() any { b := make([]byte, 0, usualInvocation); return &b }}

// run runs a loaded script in a slot restored from its image.
func (s *Sandbox) run(e *gate.Execution, image *image, inv abi.Invocation, d *abi.Description) (result Result, err error) {
	e.Yield()
	start := time.Now()
	defer func() { result.Duration = time.Since(start) }()
	slot, err := s.guest.take(e.Context(), image.many.Load())
	if err != nil {
		return result, e.Failed("no slot for an execution", err)
	}
	defer func() {
		if many := s.guest.put(slot); many != image.many.Load() {
			image.many.Store(many)
		}
	}()
	if err := slot.restore(image); err != nil {
		return result, e.Failed("a script's image cannot be restored", err)
	}
	encoded := invocations.Get().(*[]byte)
	*encoded = inv.Append((*encoded)[:0], image.reads)
	defer func() {
		if cap(*encoded) <= mostInvocation {
			invocations.Put(encoded)
		}
	}()
	request := abi.RunRequest{Describe: d != nil, Invocation: *encoded}
	request.Entropy, request.UnixNano = e.Entropy, e.Started.UnixNano()
	var answer abi.RunResult
	err = slot.call(e, slot.run, &request, answer.Decode)
	result.MemoryBytes = int64(slot.memory.Size())
	if err != nil {
		return result, s.outcome(e, slot, err)
	}
	result.Operations, result.Covered = answer.Operations, answer.Covered
	if answer.Error != nil {
		return result, answer.Error
	}
	if d != nil && answer.Description != nil {
		*d = *answer.Description
	}
	result.Value = slices.Clone(answer.Value) // which lies in the slot
	return result, nil
}

// outcome says what a call that did not return was.
func (s *Sandbox) outcome(e *gate.Execution, slot *slot, err error) error {
	switch {
	case slot.trapWord() == abi.TrapMemory:
		return e.MemoryExceeded()
	case slot.stackOverflowed(err):
		return e.StackExceeded()
	case errors.Is(err, errKilled):
		s.logger.Warn("a guest did not end when interrupted")
		return e.Interruption()
	}
	return e.Failed("a guest failed", err)
}

// Close refuses new executions, interrupts those that run, waits for them until
// the context ends, and frees what the sandbox holds.
func (s *Sandbox) Close(ctx context.Context) error {
	if err := s.gate.Close(ctx); err != nil {
		return fmt.Errorf("sandbox: executions still run: %w", err)
	}
	s.scripts.purge()
	return errors.Join(s.guest.close(ctx), s.plugins.Close())
}
