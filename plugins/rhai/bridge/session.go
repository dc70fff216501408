package bridge

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai"
	"github.com/picloud/picloud/plugins/rhai/bridge/regex"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// Caller performs an operation on the host. The error is an [*abi.OpError].
type Caller func(op abi.Op, request []byte) (response []byte, err error)

// Session is a loaded script. It can be run any number of times; each run starts
// afresh.
type Session struct {
	Call      Caller
	Interrupt *uint32 // the interrupt word; may be nil

	program  *vm.Program
	testing  bool
	unlinked unlinked
	limits   abi.Limits
	thread   *vm.Thread // of the run under way: garbage is what cannot be reached from here
}

// Load compiles a script and the modules it imports. A host that does not know what a script
// imports loads it without modules first: the result names them, and loading the same source again,
// with them, compiles only these.
//
// Loading has a budget of operations of its own: as many as an execution may take, and no fewer
// than [abi.DefaultLimits] has.
func (s *Session) Load(r *abi.LoadRequest) (result abi.LoadResult) {
	s.program, s.limits = nil, r.Limits.Or(abi.DefaultLimits)
	budget := vm.NewBudget(max(s.limits.MaxOperations, abi.DefaultLimits.MaxOperations), s.Interrupt, s.yield)
	compiler := rhai.Compiler{Library: Library(), Variables: []string{"ctx"}, Budget: &budget, Cover: r.Cover}
	if s.testing = r.Testing; s.testing {
		compiler.Library = TestLibrary()
	}
	program, err := s.compiled(&compiler, r)
	if err == nil {
		if names := importedNames(program); int64(len(names)) > s.limits.MaxModules && !r.Lazy {
			err = rhai.TooManyModules(s.limits.MaxModules)
		} else {
			result.Imports = names
		}
	}
	if err == nil {
		if s.testing {
			compiler.Library = testedLibrary() // a module has what it has when a script imports it
		}
		modules := rhai.Modules{Source: sources(r.Modules), Lazy: r.Lazy, Most: s.limits.MaxModules}
		if r.Lazy {
			modules.Most = 0 // more than that can be in a script that does not reach all of them
		}
		if err = compiler.Link(program, modules); err != nil {
			s.unlinked = unlinked{program: program, source: r.Source, kind: r.Kind}
		}
	}
	result.Operations = budget.Operations()
	if err != nil && err.Variant == vm.ErrorTooManyOperations {
		err.Text += ": compiling takes more than " + strconv.FormatInt(result.Operations, 10)
	}
	if err != nil {
		result.Error = s.scriptError(err)
		if result.Error.Code != abi.CodeTimeout && result.Error.Code != abi.CodeCancelled {
			result.Error.Code = abi.CodeScriptInvalid
		}
		return result
	}
	s.program = program
	result.Reads = reads(program)
	return result
}

// reads returns what a program and the modules that it imports can see of ctx.
func reads(p *vm.Program) (all abi.Reads) {
	seen := map[string]bool{}
	programs := []*vm.Program{p}
	for _, m := range p.Modules {
		programs = append(programs, m)
	}
	for _, p := range programs {
		for _, path := range p.Reads {
			if path == "ctx" || len(all) == maxReads {
				return abi.ReadsAll
			}
			if path = strings.TrimPrefix(path, "ctx."); !seen[path] {
				seen[path] = true
				all = append(all, path)
			}
		}
	}
	return all
}

// uncover forgets which lines a run before this one has reached.
func uncover(p *vm.Program) {
	if p.Covered == nil {
		return
	}
	for line := range p.Covered {
		p.Covered[line] = min(p.Covered[line], 0)
	}
	for _, m := range p.Modules {
		for line := range m.Covered {
			m.Covered[line] = min(m.Covered[line], 0)
		}
	}
}

// covered tells which lines of a program and of its modules were reached.
func covered(p *vm.Program) (all []abi.Covered) {
	if p.Covered == nil {
		return nil
	}
	add := func(name string, p *vm.Program) {
		c := abi.Covered{Module: name}
		for line, times := range p.Covered {
			if times > 0 {
				c.Lines = append(c.Lines, int64(line), times)
			}
		}
		if len(c.Lines) > 0 {
			all = append(all, c)
		}
	}
	add("", p)
	for name, m := range p.Modules {
		add(name, m)
	}
	return all
}

// maxReads is how many parts of ctx a script may name before it is taken to read everything.
const maxReads = 64

// unlinked is a script whose modules were not there when it was loaded.
type unlinked struct {
	program *vm.Program
	source  string
	kind    abi.Kind
}

// compiled returns the program of a source: the one that could not be linked, if it is of the same.
func (s *Session) compiled(c *rhai.Compiler, r *abi.LoadRequest) (*vm.Program, *vm.Error) {
	before := s.unlinked
	s.unlinked = unlinked{}
	switch {
	case before.program != nil && before.source == r.Source && before.kind == r.Kind:
		return before.program, nil
	case r.Kind == abi.KindModule:
		return c.Module(r.Source)
	}
	return c.Script(r.Source)
}

// importedNames returns the names of the modules that a program imports, each once, in order of
// appearance.
func importedNames(p *vm.Program) (names []string) {
	seen := map[string]bool{"": true}
	for _, i := range p.Imports {
		if !seen[i.Name] {
			seen[i.Name] = true
			names = append(names, i.Name)
		}
	}
	return names
}

// sources finds the modules of a request.
func sources(modules []abi.Module) func(name string) (text string, ok bool) {
	texts := make(map[string]string, len(modules))
	for _, m := range modules {
		texts[m.Name] = m.Source
	}
	return func(name string) (text string, ok bool) {
		text, ok = texts[name]
		return text, ok
	}
}

// yield lets the host's scheduler and garbage collector have their turn.
func (s *Session) yield() {
	if s.Call != nil {
		s.Call(abi.OpYield, nil)
	}
}

// Run runs the loaded script once.
func (s *Session) Run(r *abi.RunRequest) abi.RunResult {
	if s.program == nil {
		return abi.RunResult{Error: &abi.ScriptError{Code: abi.CodeInternal, Message: "no script is loaded"}}
	}
	if s.thread != nil {
		return abi.RunResult{Error: &abi.ScriptError{Code: abi.CodeInternal, Message: "the script is running"}}
	}
	ctx := vm.NewMapValue(vm.NewMap(0))
	if len(r.Invocation) > 0 {
		var err error
		d := decoder{size: len(r.Invocation)}
		if ctx, _, err = d.value(r.Invocation, -depthInInvocation); err != nil {
			return abi.RunResult{Error: invocationError(err)}
		}
	}
	h := newHost(s.Call, r)
	h.testing = s.testing
	t := vm.NewThread(s.program, h, s.limits, s.Interrupt, binary.LittleEndian.Uint64(r.Entropy[:]))
	rhai.Prepare(t)
	uncover(s.program)
	s.thread = t
	describe := r.Describe
	v, err := t.Run(ctx)
	if err == nil && !describe {
		v, err = streamed(t, v)
	}
	s.thread = nil
	result := abi.RunResult{Operations: t.Operations(), Covered: covered(s.program)}
	switch {
	case err != nil:
		result.Error = s.scriptError(err)
	case describe:
		result.Description = &abi.Description{Type: v.TypeName(), Debug: vm.Debug(v), Display: vm.Display(v)}
	default:
		if result.Value, err = Encode(make([]byte, 0, answerRoom+textSize(v)), v); err != nil {
			result.Value, result.Error = nil, s.scriptError(err)
		}
	}
	return result
}

// answerRoom is about how many bytes an answer has beside a text: with room for them it is encoded in one place.
const answerRoom = 128

// textSize returns how many bytes the text or the blob has that a value is, 0 of any other.
func textSize(v vm.Value) int {
	switch v.Kind() {
	case vm.KindString:
		return len(v.AsString())
	case vm.KindBlob:
		return len(v.AsBlob().Data)
	}
	return 0
}

// depthInInvocation is how deep in an invocation the values of others are: ctx.args, ctx.event,
// ctx.request.body. They may be nested as deep as any that crosses the boundary.
const depthInInvocation = 2

func invocationError(err error) *abi.ScriptError {
	if _, deep := err.(nestingError); deep {
		return &abi.ScriptError{Code: abi.CodeScriptError, Message: "ctx: " + err.Error()}
	}
	return &abi.ScriptError{Code: abi.CodeInternal, Message: "malformed invocation: " + err.Error()}
}

// scriptError returns a script's error as the host gets it.
func (s *Session) scriptError(err *vm.Error) *abi.ScriptError {
	cause := err
	for cause.Inner != nil {
		cause = cause.Inner
	}
	advice := adviceOf(cause)
	e := &abi.ScriptError{
		Code:    abi.CodeScriptError,
		Message: err.Error(),
		Line:    int(err.Position.Line),
		Column:  int(err.Position.Column),
		Limit:   err.Limit,
		Advice:  advice,
	}
	if s.program != nil {
		if module, at, ok := err.Origin(s.program); ok && (module != "" || at != err.Position) {
			e.Inside = &abi.Place{Module: module, Line: int(at.Line), Column: int(at.Column)}
		}
	}
	e.Parsing = cause.Variant == vm.ErrorParsing
	switch {
	case err.Limit != "":
		e.Code = abi.CodeLimitExceeded
	case cause.Variant == vm.ErrorTerminated:
		e.Code = abi.CodeCancelled
		if s.Interrupt != nil && atomic.LoadUint32(s.Interrupt) == abi.InterruptTimeout {
			e.Code = abi.CodeTimeout
			e.Limit = "timeout_ms"
		}
	}
	return e
}

// host reaches the host for a running script, and keeps what its run has of its own.
type host struct {
	call     Caller
	entropy  [32]byte
	unixNano int64         // wall clock at the start
	buffer   []byte        // for the next request
	random   *rand.ChaCha8 // nil: not used yet
	uuidTime uint64        // of the last UUID of version 7
	patterns map[string]*regex.Regex

	testing bool
	fakes   []*vm.FnPtr // that a test has made of other servers
}

func newHost(call Caller, r *abi.RunRequest) *host {
	return &host{call: call, entropy: r.Entropy, unixNano: r.UnixNano}
}

func (h *host) Print(text string) { h.log(abi.LogInfo, text, nil) }

// Debug says where debug was called, as Rhai's default engine does.
func (h *host) Debug(text, at string) {
	h.log(abi.LogDebug, at+" | "+text, nil)
}

func (h *host) log(level abi.LogLevel, message string, data []byte) error {
	if h.call == nil {
		return nil
	}
	entry := abi.LogEntry{Level: level, Message: message, Data: data}
	request, err := entry.MarshalMsg(nil)
	if err != nil {
		return err
	}
	_, err = h.call(abi.OpLogWrite, request)
	return err
}

// Yield lets the host's scheduler and garbage collector have their turn.
func (h *host) Yield() {
	if h.call != nil {
		h.call(abi.OpYield, nil)
	}
}

// Sleep waits in the host.
func (h *host) Sleep(nanoseconds int64) *vm.Error {
	if h.call == nil {
		return nil
	}
	sleep := abi.ClockSleepRequest{Nanoseconds: nanoseconds}
	request, err := sleep.MarshalMsg(nil)
	if err == nil {
		_, err = h.call(abi.OpClockSleep, request)
	}
	if err != nil {
		return operationError("clock.sleep", err)
	}
	return nil
}

func (h *host) MonotonicNow() int64 { return h.clock().Nanoseconds }

// clock returns the host's clocks, or zeros without a host, as for a command of package cmd/rhai.
func (h *host) clock() (c abi.Clock) {
	if h.call == nil {
		return c
	}
	response, err := h.call(abi.OpClockMonotonic, nil)
	if err == nil {
		_, err = c.UnmarshalMsg(response)
	}
	if err != nil {
		return abi.Clock{}
	}
	return c
}
