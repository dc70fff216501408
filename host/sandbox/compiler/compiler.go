// Package compiler has wazero compile modules that strangers wrote. How long that takes, and how
// much memory, is not bounded by their size: 200 KB can take minutes, or gigabytes. So each is
// compiled by another process of this program (see [Main]), with a bound on processor time and
// memory, that leaves the machine code in the compilation cache. Some are compiled at a time, in fair
// order by app.
package compiler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/picloud/picloud/host/background/turns"
	"github.com/picloud/picloud/host/sandbox/codecache"
)

// Bounds are what compiling one module may take.
type Bounds struct {
	CPU      time.Duration // processor time; 0: 30 s
	MemoryMB int64         // MiB; 0: 1024
}

// Config configures a [Compiler].
type Config struct {
	Cache *codecache.Cache

	// Command runs [Main] in another process: the program and its arguments, to which more are
	// added. Without one, modules are compiled in this process, one at a time and unbounded, as
	// is right for a developer's own.
	Command []string
	Bounds  Bounds
	Logger  *slog.Logger // nil: slog.Default()
}

// A Compiler compiles modules. It is safe for concurrent use.
type Compiler struct {
	cache   *codecache.Cache
	command []string
	bounds  Bounds
	logger  *slog.Logger
	places  int // modules compiled at once
	queue   *turns.Queue

	ctx    context.Context // of all processes
	cancel context.CancelFunc
	jobs   sync.WaitGroup

	mu      sync.Mutex
	current map[codecache.Key]*job
}

// How long a module may wait for its turn, and how long its process may then take when processors
// are busy with other things, before it is said that we are busy.
const longestWait = 30 * time.Second

func longestRun(b Bounds) time.Duration { return max(4*b.CPU, time.Minute) }

// New makes a compiler.
func New(c Config) *Compiler {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Bounds.CPU == 0 {
		c.Bounds.CPU = 30 * time.Second
	}
	if c.Bounds.MemoryMB == 0 {
		c.Bounds.MemoryMB = 1024
	}
	places := 1
	if len(c.Command) > 0 {
		places = max(2, runtime.GOMAXPROCS(0)/2)
	}
	compiler := &Compiler{
		cache: c.Cache, command: c.Command, bounds: c.Bounds, logger: c.Logger, current: map[codecache.Key]*job{},
		places: places, queue: turns.New(places, mostOfAnApp(places)),
	}
	compiler.ctx, compiler.cancel = context.WithCancel(context.Background())
	return compiler
}

// mostOfAnApp is how many places of all an app has at most: others find one.
func mostOfAnApp(places int) int { return max(1, places-1) }

// A CostError says that compiling a module would take more than it may.
type CostError struct {
	What  string // "processor time" or "memory"
	Value string // what it took when it was ended
	Bound string
}

func (e *CostError) Error() string {
	return fmt.Sprintf("compiling it takes more than %s of %s, it was ended at %s", e.Bound, e.What, e.Value)
}

// An InvalidError says why a module cannot be compiled.
type InvalidError struct{ Reason string }

func (e *InvalidError) Error() string { return "it does not compile: " + e.Reason }

// ErrBusy is that the compiler has too much else to do, or that the machine has.
var ErrBusy = errors.New("too many plugins are compiled at once, try again")

// A job is a module that is compiled, for as many as wait for it.
type job struct {
	done    chan struct{} // closed when it has ended
	err     error
	waiting int
	turn    bool               // it has come
	cancel  context.CancelFunc // ends waiting for it
}

// Compile makes sure that a module's machine code is in the cache. App is whose turn it takes,
// and owner whom the entry belongs to. Until release is called, the code stays in the cache.
//
// The error is a [*CostError] or an [*InvalidError] for what is wrong with the module, [ErrBusy],
// or the context's. Where nobody waits any more, a module that has its turn is compiled all the
// same, for whoever asks next.
func (c *Compiler) Compile(ctx context.Context, app, owner string, module []byte) (release func(), err error) {
	key := codecache.NewKey([]byte("module that closes with its context"), module)
	for {
		release, err := c.cache.Ensure(key, owner, func(string) error { return errMissing })
		if err != errMissing {
			return release, err
		}
		if err := c.wait(ctx, key, c.join(key, app, owner, module)); err != nil {
			return nil, err
		}
	}
}

var errMissing = errors.New("not in the cache")

// join finds the job of a module, or begins it.
func (c *Compiler) join(key codecache.Key, app, owner string, module []byte) *job {
	c.mu.Lock()
	defer c.mu.Unlock()
	if j := c.current[key]; j != nil {
		j.waiting++
		return j
	}
	ctx, cancel := context.WithTimeout(c.ctx, longestWait)
	j := &job{done: make(chan struct{}), waiting: 1, cancel: cancel}
	c.current[key] = j
	c.jobs.Go(func() {
		defer cancel()
		j.err = c.run(ctx, j, key, app, owner, module)
		c.forget(key, j)
		close(j.done)
	})
	return j
}

func (c *Compiler) forget(key codecache.Key, j *job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current[key] == j {
		delete(c.current, key)
	}
}

// wait waits for a job until the context ends. A job that nobody waits for loses its turn.
func (c *Compiler) wait(ctx context.Context, key codecache.Key, j *job) error {
	select {
	case <-j.done:
		return j.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if j.waiting--; j.waiting == 0 && !j.turn && c.current[key] == j {
		j.cancel()
		delete(c.current, key)
	}
	return context.Cause(ctx)
}

// run compiles a module when it is its turn. The context ends its waiting.
func (c *Compiler) run(ctx context.Context, j *job, key codecache.Key, app, owner string, module []byte) error {
	leave, err := c.queue.Enter(ctx, app)
	if err != nil {
		return ErrBusy
	}
	defer leave()
	c.mu.Lock()
	j.turn = true
	c.mu.Unlock()
	release, err := c.cache.Ensure(key, owner, func(dir string) error {
		if len(c.command) == 0 {
			return compile(c.ctx, dir, module)
		}
		return c.another(dir, module)
	})
	if err == nil {
		release()
	}
	return err
}

// Close ends the processes and waits until they are gone.
func (c *Compiler) Close() {
	c.cancel()
	c.jobs.Wait()
}
