package bridge

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai"
	"github.com/picloud/picloud/plugins/rhai/bridge/regex"
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// Caller performs an operation on the host. The error is an [*abi.OpError].
type Caller func(op abi.Op, request []byte) (response []byte, err error)

// Session is a loaded script. It can be run any number of times; each run starts
// afresh.
type Session struct {
	Call      Caller
	Interrupt *uint32 // the interrupt word; may be nil

	program *vm.Program
	limits  abi.Limits
	thread  *vm.Thread // of the run under way: garbage is what cannot be reached from here
}

// Load compiles a script and the modules it imports.
func (s *Session) Load(r *abi.LoadRequest) abi.LoadResult {
	s.program, s.limits = nil, r.Limits.Or(abi.DefaultLimits)
	program, err := rhai.CompileWith(Library(), r.Source, "ctx")
	if r.Kind == abi.KindModule {
		program, err = rhai.CompileModule(Library(), r.Source, "ctx")
	}
	var result abi.LoadResult
	if err == nil {
		for _, i := range program.Imports {
			if i.Name != "" && !slices.Contains(result.Imports, i.Name) {
				result.Imports = append(result.Imports, i.Name)
			}
		}
		err = rhai.Link(program, func(name string) (string, bool) {
			for i := range r.Modules {
				if r.Modules[i].Name == name {
					return r.Modules[i].Source, true
				}
			}
			return "", false
		}, r.Lazy, "ctx")
	}
	if err != nil {
		result.Error = s.scriptError(err)
		result.Error.Code = abi.CodeScriptInvalid
		return result
	}
	s.program = program
	return result
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
	t := vm.NewThread(s.program, newHost(s.Call, r), s.limits, s.Interrupt, binary.LittleEndian.Uint64(r.Entropy[:]))
	rhai.Prepare(t)
	s.thread = t
	describe := r.Describe
	v, err := t.Run(ctx)
	s.thread = nil
	result := abi.RunResult{Operations: t.Operations()}
	switch {
	case err != nil:
		result.Error = s.scriptError(err)
	case describe:
		result.Description = &abi.Description{Type: v.TypeName(), Debug: vm.Debug(v), Display: vm.Display(v)}
	default:
		if result.Value, err = Encode(nil, v); err != nil {
			result.Error = s.scriptError(err)
		}
	}
	return result
}

// depthInInvocation is how deep in an invocation the values of others are: ctx.args, ctx.event, ctx.request.body. They may
// be nested as deep as any that crosses the boundary.
const depthInInvocation = 2

func invocationError(err error) *abi.ScriptError {
	if _, deep := err.(nestingError); deep {
		return &abi.ScriptError{Code: abi.CodeScriptError, Message: "ctx: " + err.Error()}
	}
	return &abi.ScriptError{Code: abi.CodeInternal, Message: "malformed invocation: " + err.Error()}
}

// scriptError is a script's error as the host gets it.
func (s *Session) scriptError(err *vm.Error) *abi.ScriptError {
	e := &abi.ScriptError{
		Code:    abi.CodeScriptError,
		Message: err.Error(),
		Line:    int(err.Position.Line),
		Column:  int(err.Position.Column),
		Limit:   err.Limit,
	}
	if s.program != nil {
		if module, at, ok := err.Origin(s.program); ok && (module != "" || at != err.Position) {
			e.Inside = &abi.Place{Module: module, Line: int(at.Line), Column: int(at.Column)}
		}
	}
	cause := err
	for cause.Inner != nil {
		cause = cause.Inner
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
}

func newHost(call Caller, r *abi.RunRequest) *host {
	return &host{call: call, entropy: r.Entropy, unixNano: r.UnixNano}
}

func (h *host) Print(text string) { h.log(abi.LogInfo, text, nil) }

// Debug says where debug was called, as Rhai's default engine does.
func (h *host) Debug(text string, at syntax.Position) {
	h.log(abi.LogDebug, strconv.Itoa(int(at.Line))+":"+strconv.Itoa(int(at.Column))+" | "+text, nil)
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

func (h *host) MonotonicNow() int64 { return h.clock().Nanoseconds }

// clock is zero without a host, as for a command of package cmd/rhai.
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
