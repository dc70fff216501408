// Package executions runs scripts. Routes, the execute endpoint and test runs
// all come through [Service.Run]: it finds the script, merges its limits, gives
// it its host calls, turns what it returned into a response, and records the
// execution and its log. What a running script invokes takes the same way, within
// its caller's place among the executions and within its caller's time.
package executions

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/hostcalls"
	"github.com/picloud/picloud/host/quota"
	"github.com/picloud/picloud/host/reference"
	"github.com/picloud/picloud/host/sandbox"
	"github.com/picloud/picloud/host/sites"
	"github.com/picloud/picloud/host/store"
)

func init() { uuid.EnableRandPool() } // an id of an execution is no secret

// Config is what a [Service] is made of.
type Config struct {
	Store           store.Store
	Sandbox         *sandbox.Sandbox
	Dispatcher      *hostcalls.Dispatcher
	Ceiling         abi.Limits // every field set
	ScriptCacheSize int        // scripts whose source is kept in memory
	MaxRecordBytes  int        // of records that wait to be written; 0: 64 MiB
	Logger          *slog.Logger
	Registerer      prometheus.Registerer

	// Elsewhere has another node make an execution, with the limits of its script; nil: they are made
	// here. Then the sandbox is for checking scripts alone.
	Elsewhere Elsewhere

	// AdmitLog refuses bytes of a log that an app may not write, see [store.Execution.LogBytes], which are left
	// out then; nil: it may write any.
	AdmitLog func(ctx context.Context, appID string, bytes int) error
	// Share returns how many executions an app may have at once; nil, or 0: half of all there may be.
	Share func(appID string) int
	// Now is the time that scripts see; nil: that of the machine.
	Now func() time.Time
	// Cover has executions tell which lines of scripts they reach, and Observe is told of each that has ended.
	// Both are for tests of apps; nil: nobody is told.
	Cover   bool
	Observe func(script store.Script, in Invocation, out *Outcome)

	// CPU bounds the processor time of an app; nil: nothing does.
	CPU *quota.CPU

	// TraceSlow is how long an execution takes of which it is always kept what it asked the host for; 0: none is slow. Of those that
	// fail alike one a second is traced.
	TraceSlow time.Duration
}

// Elsewhere makes an execution as [Service.Run] does, but in another process. A streamed response is
// collected.
type Elsewhere func(ctx context.Context, in Invocation, script store.Script, limits abi.Limits) (*Outcome, error)

// Service runs scripts. It is safe for concurrent use. Its Start and Stop are those of a
// [background.Service], which records in the background what was executed.
type Service struct {
	sandbox    *sandbox.Sandbox
	dispatcher *hostcalls.Dispatcher
	ceiling    abi.Limits
	scripts    *scripts
	records    *Recorder
	elsewhere  Elsewhere
	admitLog   func(ctx context.Context, appID string, bytes int) error
	share      func(appID string) int
	cpu        *quota.CPU
	now        func() time.Time
	cover      bool
	observe    func(script store.Script, in Invocation, out *Outcome)
	traceSlow  time.Duration
	traced     *traced
	series     *series
	log        *slog.Logger
	metrics    metrics
}

// New makes a service. It runs scripts at once, and records them from its Start on.
func New(c Config) *Service {
	if c.Share == nil {
		c.Share = func(string) int { return 0 }
	}
	return &Service{
		sandbox:    c.Sandbox,
		dispatcher: c.Dispatcher,
		ceiling:    c.Ceiling,
		scripts:    newScripts(c.Store, c.ScriptCacheSize),
		records:    NewRecorder(c.Store.Executions(), c.Logger, c.Registerer, c.MaxRecordBytes),
		elsewhere:  c.Elsewhere,
		admitLog:   c.AdmitLog,
		share:      c.Share,
		cpu:        c.CPU,
		now:        c.Now,
		cover:      c.Cover,
		observe:    c.Observe,
		traceSlow:  c.TraceSlow,
		traced:     newTraced(),
		series:     newSeries(c.Store.Series(), c.Logger, c.Registerer),
		log:        c.Logger,
		metrics:    newMetrics(c.Registerer),
	}
}

// Invocation asks for one execution.
type Invocation struct {
	ScriptID  string
	Version   int64 // of the script, that it must have at least; 0: any
	Type      abi.InvocationType
	RequestID string
	Request   *abi.Request // nil for an event
	Event     msgp.Raw     // a map; nil for a request
	Streamer  Streamer     // takes a response that is made bit by bit; nil: it is collected
	Args      msgp.Raw     // of one that another execution asks for
	Route     string       // the path of the route that led here; "": none did
	Trace     bool         // keep what it asks the host for, however it ends

	ExecutionID string       // that it will have; "": a new one
	EventID     string       // that it handles; "": none
	Cause       events.Cause // that it acts for; zero: it is the first

	depth  int    // above 0: another execution asks for it
	parent string // that one

	// Test performs the operations of a test, given what performs those of any execution; nil: it is none.
	// When the test has ended, end ends what it has left running, and waits for that. A test is not recorded.
	Test func(usual sandbox.Performer) (performs sandbox.Performer, end func())

	// Capabilities are what the execution may do, as package authz tells of
	// whoever starts it. A read-only script keeps only those to read.
	Capabilities []abi.Capability
}

// Outcome is how an execution ended.
type Outcome struct {
	ExecutionID string
	AppID       string
	Version     int64            // of the script, that ran; 0: none did
	Response    abi.Response     // of a script that returned a value
	Streamed    bool             // the response, or as much of it as there is, has gone to the Streamer
	Error       *abi.ScriptError // nil when it did
	Value       msgp.Raw         // that it returned
	CPU         time.Duration    // that it had a processor for
	OurFault    bool             // it failed, and the storage did meanwhile
	Lines       []store.LogLine  // what it logged; the error is the last line
	Trace       *store.Trace     // what it asked the host for; nil: that is not kept
	Duration    time.Duration
	Operations  int64
	Covered     []abi.Covered // see Config.Cover

	bytes int64  // of the response's body
	path  string // of the request, without values of secrets
}

// OutcomeOK is the outcome of an execution without an error.
const OutcomeOK = store.OutcomeSucceeded

// Name is [OutcomeOK] or the code of the error.
func (o *Outcome) Name() string {
	if o.Error == nil {
		return OutcomeOK
	}
	return string(o.Error.Code)
}

// Status is what an HTTP caller is answered.
func (o *Outcome) Status() int {
	if o.Error == nil {
		return o.Response.Status
	}
	return fault.OfScript(o.Error.Code).Status()
}

// PublicMessage returns the message for a caller who may not read the app's logs.
func PublicMessage(code abi.ErrorCode) string {
	switch code {
	case abi.CodeScriptInvalid:
		return "the script does not compile"
	case abi.CodeScriptError:
		return "the script failed"
	case abi.CodeOverloaded:
		return "too many executions at once, try again"
	case abi.CodeCancelled:
		return "the execution was cancelled"
	case abi.CodeTimeout:
		return "the script took too long"
	case abi.CodeLimitExceeded:
		return "the script exceeded one of its limits"
	}
	return "internal error"
}

// Limits are those a script runs with: its own, else the defaults, and never
// more than the ceiling.
func (s *Service) Limits(own abi.Limits) abi.Limits {
	return clamp(own.Or(abi.DefaultLimits), s.ceiling)
}

// Ceiling is the most a script's limits may be.
func (s *Service) Ceiling() abi.Limits { return s.ceiling }

// Run executes a script once. The error is the store's,
// [fault.NotFound] when there is no such script, or [fault.RateLimited] when its app has
// had its processor time; how the script itself fared is in the outcome.
func (s *Service) Run(ctx context.Context, in Invocation) (*Outcome, error) {
	script, err := s.scripts.get(ctx, in.ScriptID)
	if err == nil && script.row.Version < in.Version { // another node has changed it just now
		s.Changed(script.row.AppID)
		script, err = s.scripts.get(ctx, in.ScriptID)
	}
	if err != nil {
		return nil, err
	}
	if err := s.cpu.Admit(ctx, script.row.AppID); err != nil {
		return nil, err
	}
	if s.elsewhere != nil {
		return s.elsewhere(ctx, in, script.row, s.Limits(script.row.Limits))
	}
	return s.run(ctx, script, in)
}

// Running returns how many executions of an app run.
func (s *Service) Running(appID string) int { return s.sandbox.Running(appID) }

func (s *Service) run(ctx context.Context, script *script, in Invocation) (*Outcome, error) {
	if in.ExecutionID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		in.ExecutionID = id.String()
	}
	ctx = events.WithCause(ctx, events.Cause{Depth: in.Cause.Depth, Root: cmp.Or(in.Cause.Root, in.ExecutionID)})
	world := sandbox.NewWorld(nil)
	began := world.Started
	if s.now != nil {
		world.Started, world.Now = s.now(), s.now
	}
	started := world.Started
	var log hostcalls.Log
	scope := &hostcalls.Scope{
		ExecutionID: in.ExecutionID, AppID: script.row.AppID, ScriptID: script.row.ID, ScriptName: script.row.Name,
		Capabilities: in.Capabilities, Log: &log, Started: started, Now: world.Now, Depth: in.depth,
		Request: in.Request,
	}
	var streamed stream
	if in.answers() {
		streamed = stream{executionID: scope.ExecutionID, to: in.Streamer}
		scope.Stream = &streamed
	}
	log.Hide = func(message string, data json.RawMessage) (string, json.RawMessage) {
		return s.dispatcher.Hide(ctx, scope, message, data)
	}
	if in.Request != nil && in.Request.FormError != "" {
		log.Write(abi.LogWarn, "ctx.request.form is empty: the form is malformed: "+in.Request.FormError, nil)
	}
	if script.row.ReadOnly {
		scope.Capabilities = authz.ReadOnly(in.Capabilities)
	}
	scope.Invoke = s.invoker(scope, in)
	defer scope.Calls.Release()
	world.Operations = s.dispatcher.For(scope)
	end := func() {}
	if in.Test != nil {
		world.Operations, end = in.Test(world.Operations)
	}
	out := &Outcome{ExecutionID: scope.ExecutionID, AppID: scope.AppID, Version: script.row.Version}
	result, err := s.execute(ctx, script, in, scope, world)
	end()                                                                       // before anything looks at the scope
	if code := fault.Of(err); code == fault.Storage || code == fault.NotFound { // of a plugin's module
		return nil, err
	}
	out.Operations, out.Value, out.CPU, out.Covered = result.Operations, result.Value, result.Processor, result.Covered
	s.cpu.Add(scope.AppID, out.CPU)
	switch {
	case err != nil:
	case !in.answers():
		out.Response.Status = 200
	case streamed.begun:
		out.Response, err = streamed.head, nil
	default:
		s.Work(ctx, scope.AppID, len(result.Value), func() { out.Response, err = newResponse(result.Value, scope) })
	}
	out.Streamed = streamed.sent != nil
	out.Duration = time.Since(began)
	if err != nil {
		out.Error = s.scriptError(err, scope, s.Limits(script.row.Limits), in.Test != nil)
		out.OurFault = scope.StorageFailed
		log.WriteLast(abi.LogError, out.Error.Message)
	}
	out.Lines = log.Lines()
	if in.Trace || s.traceSlow > 0 && out.Duration >= s.traceSlow || out.Error != nil && s.traced.isNew(scope.ScriptID, out.Error, time.Now()) {
		out.Trace = scope.Calls.Trace()
	}
	if in.answers() {
		out.bytes = max(int64(len(out.Response.Body)), streamed.bytes)
	}
	if in.Request != nil {
		out.path = strings.Clone(log.Shown(in.Request.Path)) // the request's own keeps its whole head in memory
	}
	s.finished(ctx, script.row, in, out, started)
	return out, nil
}

// answers reports whether somebody looks at what the script answers: a client, or a person who tries a
// trigger's script.
func (in *Invocation) answers() bool {
	return in.Type != abi.InvocationInvoke && (in.Type != abi.InvocationTrigger || in.EventID == "")
}

func (s *Service) execute(ctx context.Context, script *script, in Invocation, scope *hostcalls.Scope, world sandbox.World) (sandbox.Result, error) {
	switch script.row.Kind {
	case abi.KindModule:
		return sandbox.Result{}, &abi.ScriptError{Code: abi.CodeScriptInvalid, Message: "a module cannot be run, only imported"}
	case abi.KindStatic:
		return sandbox.Result{}, &abi.ScriptError{Code: abi.CodeScriptInvalid, Message: "a static site cannot be run, only visited by its routes"}
	}
	what := script.forSandbox(s.Limits(script.row.Limits), s.share(script.row.AppID))
	what.Testing, what.Cover = in.Test != nil, s.cover
	return s.sandbox.Execute(ctx, what, abi.Invocation{
		SDKVersion:     abi.SDKVersion,
		ExecutionID:    scope.ExecutionID,
		RequestID:      in.RequestID,
		ScriptID:       script.row.ID,
		ScriptName:     script.row.Name,
		AppID:          script.row.AppID,
		InvocationType: in.Type,
		Request:        in.Request,
		Event:          in.Event,
		Args:           in.Args,
	}, world)
}

// Site returns the static site that a script is, and its app; nil: it is a script.
func (s *Service) Site(ctx context.Context, scriptID string) (site *sites.Site, appID string, err error) {
	script, err := s.scripts.get(ctx, scriptID)
	if err != nil {
		return nil, "", err
	}
	return script.site, script.row.AppID, nil
}

// Work does work of ours on so many bytes for an app, see [sandbox.Sandbox.Work].
func (s *Service) Work(ctx context.Context, app string, bytes int, do func()) {
	s.sandbox.Work(ctx, app, bytes, do)
}

func newResponse(value msgp.Raw, scope *hostcalls.Scope) (abi.Response, error) {
	response, err := abi.NewResponse(value)
	if err != nil {
		return abi.Response{}, &abi.ScriptError{Code: abi.CodeScriptError, Message: "invalid response: " + err.Error()}
	}
	if response.File != nil && !slices.Contains(scope.Capabilities, abi.AppFilesRead) {
		return abi.Response{}, &abi.ScriptError{
			Code:    abi.CodeScriptError,
			Message: fmt.Sprintf("invalid response: file: needs the capability %s, which this execution does not have", abi.AppFilesRead),
		}
	}
	return response, nil
}

// scriptError makes any error, of a script or of one of tests, one that may be recorded and shown: its text is not longer
// than that of a log line, whatever the script has thrown.
func (s *Service) scriptError(err error, scope *hostcalls.Scope, limits abi.Limits, tests bool) *abi.ScriptError {
	var known *abi.ScriptError
	if errors.As(err, &known) {
		shown := *known
		if known.Code == abi.CodeTimeout { // whose text does not say how long it had
			shown.Message = fmt.Sprintf("timeout_ms of %d exceeded: %s", limits.TimeoutMS, known.Message)
		}
		if known.Code == abi.CodeScriptError {
			shown.Message = reference.Advised(known.Message, tests)
		}
		shown.Message = scope.Log.Shown(shown.Message)
		return &shown
	}
	s.log.Error("execution failed inside the host", "execution_id", scope.ExecutionID, "script_id", scope.ScriptID, "error", err)
	return &abi.ScriptError{Code: abi.CodeInternal, Message: "internal error"}
}

// maxServerLog is how much of a script's error the server's own log shows, in bytes.
const maxServerLog = 1 << 10

// firstLine is what the server's log shows of an error, which the execution's log has as it is.
func firstLine(message string) string {
	line, _, more := strings.Cut(message, "\n")
	if len(line) > maxServerLog {
		line, more = strings.ToValidUTF8(line[:maxServerLog], ""), true
	}
	if more {
		line += " ..."
	}
	return line
}

// finished counts and records an execution. One that the gate refused never began: it is
// counted but leaves no record, so that an overload does not cost writes too.
func (s *Service) finished(ctx context.Context, script store.Script, in Invocation, out *Outcome, started time.Time) {
	if s.observe != nil {
		s.observe(script, in, out)
	}
	if in.Test != nil {
		return
	}
	s.metrics.observe(in.Type, out)
	level := slog.LevelDebug
	if out.Error != nil {
		switch out.Error.Code {
		case abi.CodeInternal:
			level = slog.LevelError
		case abi.CodeOverloaded, abi.CodeCancelled: // whoever asks can have as many as they like: the metrics count them
		default:
			level = slog.LevelWarn
		}
	}
	if s.log.Enabled(ctx, level) {
		attributes := []slog.Attr{
			slog.String("execution_id", out.ExecutionID), slog.String("request_id", in.RequestID),
			slog.String("app_id", script.AppID), slog.String("script_id", script.ID),
			slog.String("type", string(in.Type)), slog.String("outcome", out.Name()),
			slog.Int("status", out.Status()), slog.Duration("duration", out.Duration),
			slog.Int64("operations", out.Operations),
		}
		if in.EventID != "" {
			attributes = append(attributes, slog.String("event_id", in.EventID))
		}
		if out.Error != nil {
			attributes = append(attributes, slog.String("error", firstLine(out.Error.Message)))
		}
		s.log.LogAttrs(ctx, level, "execution", attributes...)
	}
	record := store.Execution{
		ID: out.ExecutionID, AppID: script.AppID, ScriptID: script.ID, ScriptVersion: script.Version,
		RequestID: in.RequestID, InvocationType: in.Type, EventID: in.EventID, Status: out.Status(),
		StartedAt: started.UTC(), Duration: out.Duration, CPU: out.CPU, Operations: out.Operations, Lines: out.Lines,
		ResponseBytes: out.bytes, Route: in.Route, ParentID: in.parent, RootID: in.Cause.Root, Trace: out.Trace,
	}
	if in.Request != nil {
		record.Method, record.Path = in.Request.Method, out.path
	}
	if out.Error != nil {
		record.Outcome, record.ErrorMessage = out.Error.Code, out.Error.Message
		record.ErrorLine, record.ErrorColumn = out.Error.Line, out.Error.Column
	}
	refused := record.Outcome == abi.CodeOverloaded
	if !refused {
		s.admit(ctx, &record)
	}
	s.series.count(&record)
	if refused {
		return
	}
	s.records.Add(record)
}

// admit leaves out of a record what the log of its app has no room for: its trace, the end of a long path, and its lines, in whose
// place one says why.
func (s *Service) admit(ctx context.Context, e *store.Execution) {
	bytes := e.LogBytes()
	if s.admitLog == nil || bytes == 0 {
		return
	}
	err := s.admitLog(context.WithoutCancel(ctx), e.AppID, bytes)
	if fault.Of(err) != fault.Quota {
		return // it could not be asked: the database bounds what can be written
	}
	e.Trace, e.Path = nil, e.Path[:min(len(e.Path), store.FreePath)]
	if n := len(e.Lines); n > 0 {
		e.Lines = []store.LogLine{{At: e.Lines[n-1].At, Level: abi.LogWarn, Message: fmt.Sprintf("%d lines are left out today: %v", n, err)}}
	}
}

// Validate compiles a script as Run would, with the modules that db has, which may be a transaction, and
// returns the names it imports. The error is an [*abi.ScriptError], [fault.Invalid] for a limit, or the store's.
func (s *Service) Validate(ctx context.Context, db store.Store, row store.Script) (imports []string, err error) {
	if err := row.Limits.Check(s.ceiling); err != nil {
		return nil, refusedLimit(err)
	}
	return (&scripts{store: db}).validate(ctx, row, s.sandbox, s.Limits(row.Limits))
}

// Admit has the scripts of an app that are validated in a context be admitted together, until leave is
// called: those that run, and may wait for whoever validates, do not keep them out. Too many executions
// at once are [fault.Overloaded].
func (s *Service) Admit(ctx context.Context, appID string) (admitted context.Context, leave func(), err error) {
	admitted, leave, err = s.sandbox.Admit(ctx, appID)
	var refused *abi.ScriptError
	switch {
	case !errors.As(err, &refused):
	case refused.Code == abi.CodeOverloaded:
		err = fault.New(fault.Overloaded, "too many executions at once, try again")
	default:
		err = fault.New(fault.Cancelled, "%s", refused.Message)
	}
	return admitted, leave, err
}

// Changed must be called after scripts of an app were changed or removed, so
// that the next execution sees the change.
func (s *Service) Changed(appID string) { s.scripts.forget(appID) }

// ChangedAll is Changed for all apps.
func (s *Service) ChangedAll() { s.scripts.forgetAll() }

// Start begins to record and to count executions.
func (s *Service) Start() {
	s.records.Start()
	s.series.Start()
}

// Stop records what is not yet recorded. Call it after the last Run.
func (s *Service) Stop(ctx context.Context) error {
	return errors.Join(s.records.Stop(ctx), s.series.stop(ctx))
}

// Flush waits until every execution that ended before is in the store, so that whoever asks for
// logs sees what just happened.
func (s *Service) Flush(ctx context.Context) error { return s.records.Flush(ctx) }

// FlushSeries waits until every execution is counted in the store that ended before, or a second before if that was asked
// for meanwhile.
func (s *Service) FlushSeries(ctx context.Context) error { return s.series.flush(ctx) }
