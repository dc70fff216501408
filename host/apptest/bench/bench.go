// Package bench runs the tests of an app on a server of its own, with what the server is made of: there is
// nothing that stands for a service but a clock that can be stopped, and the fakes of other servers that a
// test makes.
//
// A test is an execution like any other, of a script that is not stored. What it asks for beside the usual
// operations comes here (see [abi.TestRequest]). The database is brought back to what it was before
// each test.
package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/apptest"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/dispatch"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/sandbox"
	"github.com/picloud/picloud/host/store"
)

// Config is what a [Bench] works with: the parts of a server that delivers nothing by itself and is there for
// nobody else, and a client of it.
type Config struct {
	Client     *client.Client
	URL        string // of the server, for requests to routes
	Store      store.Store
	Executions *executions.Service
	Dispatcher *dispatch.Dispatcher
	// Capabilities are what tests, and what they fire, may do.
	Capabilities func(ctx context.Context, appID string) ([]abi.Capability, error)
	Mark, Rewind func(ctx context.Context) error // the database
	// Hold has the bytes of files outlast tests that delete them, until they are released.
	Hold   func() (release func() error, err error)
	Forget func()                                 // has what is counted in memory begin anew: requests, shares of apps
	Sweep  func(ctx context.Context) (int, error) // what has expired in kv, of which triggers are told then
}

// Bench implements [apptest.Bench]. A server asks it for the time ([Bench.Now]), sends it the requests of
// scripts to other servers ([Bench.Do]), and tells it of executions ([Bench.Observe]).
type Bench struct {
	Clock
	config Config

	app          store.App
	capabilities []abi.Capability
	scripts      map[string]store.Script // of the app, by name
	files        map[string]*executions.TestScript
	unhold       func() error // releases the bytes that there were at Begin; nil: nothing has begun
	untouched    bool         // since the database was brought back

	mu      sync.Mutex
	running *run // the test under way; nil: none
	covered map[string]map[int]int64
}

// New makes a bench, which needs its Config before it is used as an [apptest.Bench].
func New() *Bench { return &Bench{} }

// Bind gives a bench what it works with.
func (b *Bench) Bind(c Config) { b.config = c }

// Begin implements [apptest.Bench].
func (b *Bench) Begin(ctx context.Context, app string) (err error) {
	b.Clock.run()
	if err := b.release(); err != nil {
		return err
	}
	b.files, b.scripts = map[string]*executions.TestScript{}, map[string]store.Script{}
	b.mu.Lock()
	b.covered = map[string]map[int]int64{}
	b.mu.Unlock()
	if b.app, err = b.config.Store.Apps().GetBySlug(ctx, app); err != nil {
		return err
	}
	if b.capabilities, err = b.config.Capabilities(ctx, b.app.ID); err != nil {
		return err
	}
	for s, err := range b.config.Client.Scripts(ctx, app) {
		if err != nil {
			return err
		}
		b.scripts[s.Name] = store.Script{ID: s.ID, Name: s.Name, Kind: s.Kind}
	}
	if err := b.config.Executions.Flush(ctx); err != nil {
		return err
	}
	if b.unhold, err = b.config.Hold(); err != nil {
		return err
	}
	b.untouched = true
	return b.config.Mark(ctx)
}

// release lets go of the bytes of files.
func (b *Bench) release() error {
	unhold := b.unhold
	if b.unhold = nil; unhold == nil {
		return nil
	}
	return unhold()
}

// Load implements [apptest.Bench].
func (b *Bench) Load(ctx context.Context, file apptest.File, timeout time.Duration) error {
	limits := abi.Limits{MaxOperations: b.config.Executions.Ceiling().MaxOperations, TimeoutMS: timeout.Milliseconds()}
	loaded, err := b.config.Executions.LoadTest(ctx, store.Script{
		ID: uuid.NewString(), AppID: b.app.ID, Name: file.Name, Kind: abi.KindEndpoint, Source: file.Runnable(), Limits: limits,
	})
	if err == nil {
		b.files[file.Name] = loaded
	}
	return err
}

// Run implements [apptest.Bench].
func (b *Bench) Run(ctx context.Context, file, test string) (result apptest.Result, err error) {
	result = apptest.Result{File: file, Test: test}
	script := b.files[file]
	if script == nil {
		return result, fmt.Errorf("%s is not loaded", file)
	}
	began := time.Now()
	if err := b.rewind(ctx); err != nil {
		return result, err
	}
	b.Clock.run()
	r := &run{bench: b, asks: make(chan *ask)}
	r.ctx, r.cancel = context.WithCancel(ctx)
	defer r.cancel()
	b.mu.Lock()
	b.running, b.untouched = r, false
	b.mu.Unlock()
	mark := uuid.NewString()
	out, err := b.config.Executions.RunTest(ctx, script, executions.Invocation{
		Type: abi.InvocationInvoke, Args: apptest.Args(test, mark), Capabilities: b.capabilities, Test: r.performs,
	})
	result.Took = time.Since(began)
	idle := b.idle(ctx)
	b.mu.Lock()
	b.running = nil
	b.mu.Unlock()
	if err = errors.Join(err, idle); err != nil {
		return result, err
	}
	result.Lines = r.told()
	switch returned, _, _ := msgp.ReadStringBytes(out.Value); {
	case out.Error != nil:
		result.Error = apptest.Failed(out.Error, test)
	case returned != mark:
		result.Error = apptest.Unfinished()
	}
	return result, nil
}

// idle waits until nothing runs any more of what a test has asked for: a route may take a moment to see that its
// client is gone.
func (b *Bench) idle(ctx context.Context) error {
	for b.config.Executions.Running(b.app.ID) > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// End implements [apptest.Bench].
func (b *Bench) End(ctx context.Context) error {
	b.Clock.run()
	if b.unhold == nil { // nothing has begun
		return nil
	}
	if err := b.rewind(ctx); err != nil {
		return err
	}
	return b.release()
}

// rewind brings the database back, and what was counted of it, if anything can have happened since.
func (b *Bench) rewind(ctx context.Context) error {
	if b.untouched {
		return nil
	}
	if err := b.config.Executions.Flush(ctx); err != nil {
		return err
	}
	if err := b.config.Rewind(ctx); err != nil {
		return err
	}
	b.config.Forget()
	return nil
}

// Observe takes word of an execution that has ended.
func (b *Bench) Observe(script store.Script, in executions.Invocation, out *executions.Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range out.Covered {
		name := c.Module
		if name == "" && in.Test != nil {
			continue // the file of tests
		}
		if name == "" {
			name = script.Name
		}
		b.cover(name, c.Lines)
	}
	if b.running == nil {
		return
	}
	name := script.Name
	if in.Test != nil {
		name = ""
	}
	lines := out.Lines
	if n := len(lines); out.Error != nil && in.Test != nil && n > 0 {
		lines = lines[:n-1] // the error of the test, which is told anyway
	}
	for _, line := range lines {
		b.running.lines = append(b.running.lines, logged{line.At, apptest.Line{Script: name, Level: line.Level, Message: line.Message, Data: line.Data}})
	}
}

// cover counts lines that were reached. The caller holds the lock.
func (b *Bench) cover(name string, lines []int64) {
	of := b.covered[name]
	if of == nil && b.covered != nil {
		of = map[int]int64{}
		b.covered[name] = of
	}
	for i := 0; i+1 < len(lines) && of != nil; i += 2 {
		of[int(lines[i])] += lines[i+1]
	}
}

// Covered implements [apptest.Bench].
func (b *Bench) Covered() map[string]map[int]int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.covered)
}

// A logged line, with its time.
type logged struct {
	at   time.Time
	line apptest.Line
}

// A run is of one test.
type run struct {
	bench  *Bench
	ctx    context.Context // ends with the test, by cancel
	cancel context.CancelFunc
	fakes  []fake    // in the order in which they were made
	lines  []logged  // guarded by the bench
	asks   chan *ask // of requests to other servers

	// Operations that may ask for fakes, the innermost last, and what they ask. They nest: what is asked last is
	// answered first. They are of the test's own goroutine.
	operations []chan answer
	asked      []*ask
	pending    sync.WaitGroup
}

// An answer is what came of an operation.
type answer struct {
	response []byte
	err      error
}

// told are the lines that were logged, in the order of their times.
func (r *run) told() (lines []apptest.Line) {
	r.bench.mu.Lock()
	defer r.bench.mu.Unlock()
	slices.SortStableFunc(r.lines, func(a, b logged) int { return a.at.Compare(b.at) })
	for _, l := range r.lines {
		lines = append(lines, l.line)
	}
	return lines
}

// performs performs the operations of the test, and ends what it has left running.
func (r *run) performs(usual sandbox.Performer) (performs sandbox.Performer, end func()) {
	return performer{r, usual}, func() {
		r.cancel()
		r.pending.Wait()
	}
}

type performer struct {
	*run
	usual sandbox.Performer
}

// Perform implements [sandbox.Performer]. An operation that may need a fake of the test goes on in a goroutine
// of its own: the test's script is told what is asked, and comes back with the answer.
func (p performer) Perform(ctx context.Context, op abi.Op, request []byte) ([]byte, error) {
	switch op {
	case abi.OpHTTPRequest, abi.OpInvoke:
		request = slices.Clone(request) // which is valid during the call alone
		return p.begin(ctx, func(ctx context.Context) ([]byte, error) { return p.usual.Perform(ctx, op, request) })
	case abi.OpTest:
		var asked abi.TestRequest
		if _, err := asked.UnmarshalMsg(request); err != nil {
			return nil, err
		}
		if asked.Do == abi.TestAnswer {
			return p.answer(ctx, asked.Args)
		}
		args := slices.Clone(asked.Args)
		return p.begin(ctx, func(ctx context.Context) ([]byte, error) {
			value, err := p.do(ctx, asked.Do, args)
			if err != nil {
				return nil, err
			}
			response := msgp.AppendMapHeader(nil, 1)
			return append(msgp.AppendString(response, "value"), value...), nil
		})
	}
	return p.usual.Perform(ctx, op, request)
}

// begin begins an operation, which ends with the test at the latest.
func (r *run) begin(ctx context.Context, perform func(ctx context.Context) ([]byte, error)) ([]byte, error) {
	done := make(chan answer, 1)
	r.operations = append(r.operations, done)
	r.pending.Go(func() {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(r.ctx, cancel)()
		response, err := perform(ctx)
		done <- answer{response, err}
	})
	return r.wait(ctx)
}

// wait waits until the innermost operation has ended, or asks.
func (r *run) wait(ctx context.Context) ([]byte, error) {
	last := len(r.operations) - 1
	var response abi.TestResponse
	select {
	case a := <-r.operations[last]:
		r.operations = r.operations[:last]
		if a.err != nil {
			return nil, refused(a.err)
		}
		response.Response = a.response
	case asked := <-r.asks:
		r.asked = append(r.asked, asked)
		response.Ask = &abi.TestAsk{Fake: asked.fake, Request: asked.request}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return response.MarshalMsg(nil)
}

// answer passes on what a fake has answered.
func (r *run) answer(ctx context.Context, args msgp.Raw) ([]byte, error) {
	last := len(r.asked) - 1
	if last < 0 || len(r.operations) == 0 {
		return nil, errors.New("an answer that nobody has asked for")
	}
	asked := r.asked[last]
	r.asked = r.asked[:last]
	asked.answer <- slices.Clone(args)
	return r.wait(ctx)
}

// refused makes an error one that the test may see.
func refused(err error) error {
	var known *abi.OpError
	if errors.As(err, &known) {
		return known
	}
	return err
}
