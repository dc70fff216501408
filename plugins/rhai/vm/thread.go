package vm

import (
	"sort"
	"strconv"
	"unsafe"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// Host is what a script can reach outside of itself.
type Host interface {
	// Print writes a line of print's output.
	Print(text string)
	// Debug writes a line of debug's output; at is where debug was called: "1:10" or, in a
	// module, "name @ 1:10".
	Debug(text, at string)
	// MonotonicNow is a clock that only moves forward, in nanoseconds.
	MonotonicNow() int64
	// Sleep waits for so many nanoseconds, or less when the script is to end. The error says why it
	// may not.
	Sleep(nanoseconds int64) *Error
	// Yield is called between slices of work. In a WebAssembly guest it must call the
	// host: Go can neither preempt a guest nor collect garbage while it runs.
	Yield()
}

// Thread runs one program once. It is not safe for concurrent use, except that
// any goroutine may write the interrupt word.
//
// Registers and frames are as the package comment shows them. Values in the stack never move, so
// that references (see OpRefLocal) can point into it.
type Thread struct {
	Budget
	program *Program
	host    Host
	limits  abi.Limits

	frames    []frame
	maxFrames int                // less the natives that called back
	blocks    [][]Value          // of the stack
	locks     []*Cell            // locked cells, innermost last
	levels    int64              // of natives that called back
	joined    joined             // see environment
	modules   map[string]*module // those imported so far, by name
	searches  uint32             // for typed methods among imported modules
	loading   []*module          // those whose constants are being evaluated, the innermost last
	tags      []int32            // by number - 1, see Value
	kept      []unsafe.Pointer   // see Keep
	args      []Value            // of Run: modules get them, too
	random    uint64
	result    Value
	sought    sought // see ByteOffset
	scratch   []byte // room in which texts are made

	constReceiver bool // the native at work was called on a constant

	// CompileEval compiles the text of an eval, which runs in the window of fn and
	// sees what site sees. nil: eval is not available.
	CompileEval func(source string, fn *Function, site *Site) (*Function, *Error)
	// CompileScoped compiles a script function for a call that runs in the window of fn and
	// sees what site sees. nil: such calls are not available.
	CompileScoped func(callee, fn *Function, site *Site) (*Function, *Error)
}

type frame struct {
	fn        *Function
	ip        unsafe.Pointer // of the next instruction; current while another frame or a native runs
	base      unsafe.Pointer // register 0
	end       uintptr        // of the stack block
	this      *Value         // nil: unbound
	block     int32          // the stack block's number
	locks     int32          // len(Thread.locks) at entry
	env       *environment   // what is in sight besides variables
	names     *names         // variables that evals have defined in this window
	dst       uint16         // the caller's register for the result
	thisConst bool
}

const (
	valueSize    = unsafe.Sizeof(Value{})
	instrSize    = unsafe.Sizeof(Instr(0))
	blockSize    = 2048 // values in a block of the stack, at least
	evalFrames   = 8    // evals, one inside the other, where all calls are in use
	moduleFrames = 16   // modules that are evaluated, one importing the other: linking allows 8
	nativeDeep   = 32   // natives calling back into the script, one inside the other: each takes room on Go's stack
)

// NewThread makes a thread that runs p once. Each field of limits must be set.
// interrupt may be nil. seed should be fresh entropy.
func NewThread(p *Program, host Host, limits abi.Limits, interrupt *uint32, seed uint64) *Thread {
	t := &Thread{program: p, host: host, limits: limits, random: seed}
	t.Budget = NewBudget(limits.MaxOperations, interrupt, host.Yield)
	t.blocks = [][]Value{newBlock(blockSize)}
	// All there can be, so that they never move.
	t.frames = make([]frame, 0, limits.MaxCallLevels+1+evalFrames+moduleFrames)
	t.maxFrames = int(limits.MaxCallLevels) + 1
	return t
}

// Run runs the program's main function and returns the script's value. args are
// the values of the variables the program was compiled with in scope, in order.
func (t *Thread) Run(args ...Value) (Value, *Error) {
	t.args = args
	base := unsafe.Pointer(unsafe.SliceData(t.blocks[0]))
	for i, a := range args {
		*reg(base, uint64(i)) = a.Share() // functions have copies of what it was
	}
	end := uintptr(base) + blockSize*valueSize
	err := t.push(frame{fn: t.program.Main, base: base, end: end, env: noEnvironment}, len(args))
	if err == nil {
		err = t.run(0)
	}
	if err != nil {
		if err.Variant == errorExit {
			return err.Value, nil
		}
		return Unit, err
	}
	return t.result, nil
}

// RunFunction runs a function that the script's value holds, when Run has returned it.
func (t *Thread) RunFunction(p *FnPtr, args ...Value) (Value, *Error) {
	base := unsafe.Pointer(unsafe.SliceData(t.blocks[0]))
	end := uintptr(base) + blockSize*valueSize
	if err := t.push(frame{fn: t.program.Main, base: base, end: end, env: noEnvironment}, 0); err != nil {
		return Unit, err
	}
	at := &t.frames[0]
	at.ip = unsafe.Add(at.ip, instrSize) // as if the first instruction called it
	v, err := t.Call(p, nil, args...)
	t.frames = t.frames[:0]
	switch {
	case err == nil:
	case err.Variant == errorExit:
		return err.Value, nil
	case err.Variant == ErrorInFunctionCall && err.Inner != nil: // no call in the script led there
		return Unit, err.Inner
	}
	return v, err
}

// Functions returns the script's functions, in the order of their definition.
func (t *Thread) Functions() []*Function { return t.current().Functions }

// current returns the program whose code is running: the script's or a module's.
func (t *Thread) current() *Program {
	if n := len(t.frames); n > 0 {
		return t.frames[n-1].fn.Program
	}
	return t.program
}

// Host returns what the thread was made with.
func (t *Thread) Host() Host { return t.host }

// Limits returns those the thread runs under.
func (t *Thread) Limits() abi.Limits { return t.limits }

func reg(base unsafe.Pointer, i uint64) *Value {
	return (*Value)(unsafe.Add(base, uintptr(i)*valueSize))
}

// push enters a function whose nargs arguments are at f.base. It moves to another
// block of the stack when the window does not fit.
func (t *Thread) push(f frame, nargs int) *Error {
	// As in Rhai, the text of an eval counts as a call, but only a call of a function is refused.
	if n := len(t.frames); n >= t.maxFrames && (!f.fn.Eval || n == cap(t.frames)) {
		return stackOverflow()
	}
	if uintptr(f.fn.Room) > f.end-uintptr(f.base) {
		t.nextBlock(&f, nargs, int(uintptr(f.fn.Room)/valueSize))
	}
	f.ip = unsafe.Pointer(unsafe.SliceData(f.fn.Code))
	f.locks = int32(len(t.locks))
	t.frames = append(t.frames, f)
	return nil
}

// newBlock makes a block of the stack for n values. One more keeps a pointer behind the last
// one within the block, where Go's collector wants it.
func newBlock(n int) []Value { return make([]Value, n+1) }

func (t *Thread) nextBlock(f *frame, nargs, need int) {
	f.block++
	n := int(f.block)
	if n == len(t.blocks) || len(t.blocks[n]) <= need {
		t.blocks = append(t.blocks[:n], newBlock(max(blockSize, need)))
	}
	base := unsafe.Pointer(unsafe.SliceData(t.blocks[n]))
	for i := uint64(0); i < uint64(nargs); i++ {
		*reg(base, i) = *reg(f.base, i)
	}
	f.base = base
	f.end = uintptr(base) + uintptr(len(t.blocks[n])-1)*valueSize
}

// top returns a frame for a callee behind everything that is in use.
func (t *Thread) top() frame {
	f := &t.frames[len(t.frames)-1]
	return frame{base: unsafe.Add(f.base, uintptr(f.fn.Registers)*valueSize), end: f.end, block: f.block, env: f.env}
}

// place copies curried and other arguments to where the callee of f finds them.
func (t *Thread) place(f *frame, curry, args []Value) int {
	n := len(curry) + len(args)
	if uintptr(n)*valueSize > f.end-uintptr(f.base) {
		t.nextBlock(f, 0, max(n, f.fn.Registers))
	}
	at := unsafe.Slice((*Value)(f.base), n)
	copy(at, curry)
	copy(at[len(curry):], args)
	return n
}

// CheckString refuses a string of too many bytes.
func (t *Thread) CheckString(bytes int64) *Error {
	if bytes > t.limits.MaxStringSize {
		return DataTooLargeError("Length of string", "max_string_size")
	}
	return nil
}

// CheckArray refuses an array of too many elements.
func (t *Thread) CheckArray(items int64) *Error {
	if items > t.limits.MaxArraySize {
		return DataTooLargeError("Size of array/BLOB", "max_array_size")
	}
	return nil
}

// CheckBlob refuses a blob of too many bytes.
func (t *Thread) CheckBlob(bytes int64) *Error {
	if bytes > t.limits.MaxBlobSize {
		return DataTooLargeError("Size of array/BLOB", "max_blob_size")
	}
	return nil
}

// CheckMap refuses a map of too many properties.
func (t *Thread) CheckMap(items int64) *Error {
	if items > t.limits.MaxMapSize {
		return DataTooLargeError("Size of object map", "max_map_size")
	}
	return nil
}

// Print writes a line of output.
func (t *Thread) Print(text string) { t.host.Print(text) }

// Debug writes a line of debugging output.
func (t *Thread) Debug(text string) {
	p := t.position()
	at := itoa(int64(p.Line)) + ":" + itoa(int64(p.Column))
	if source := t.source(len(t.frames) - 1); source != "" {
		at = source + " @ " + at
	}
	t.host.Debug(text, at)
}

// MonotonicNow returns the time of a clock that only moves forward, in nanoseconds.
func (t *Thread) MonotonicNow() int64 { return t.host.MonotonicNow() }

// Sleep waits in the host for so many nanoseconds, or until the script is to end.
func (t *Thread) Sleep(nanoseconds int64) *Error {
	refused := t.host.Sleep(nanoseconds)
	if err := t.Poll(); err != nil {
		return err
	}
	return refused
}

// Random returns the next of a sequence of random numbers (SplitMix64), seeded afresh for
// each execution. It is not fit for secrets.
func (t *Thread) Random() uint64 {
	t.random += 0x9e3779b97f4a7c15
	z := t.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Tag returns the number a script attached to v, 0 when it did not.
func (t *Thread) Tag(v Value) int32 {
	if n := v.meta >> 8; n > 0 {
		return t.tags[n-1]
	}
	return 0
}

// WithTag returns v with a number attached, which copies of it keep.
func (t *Thread) WithTag(v Value, tag int32) Value {
	v.meta &= kindMask
	if tag == 0 {
		return v
	}
	for i, have := range t.tags {
		if have == tag {
			v.meta |= uint32(i+1) << 8
			return v
		}
	}
	t.tags = append(t.tags, tag)
	v.meta |= uint32(len(t.tags)) << 8
	return v
}

// position returns where the innermost frame stands, while it waits for a native.
func (t *Thread) position() syntax.Position {
	if len(t.frames) == 0 {
		return syntax.Position{}
	}
	return t.frames[len(t.frames)-1].position()
}

func (f *frame) pc() int32 {
	return int32((uintptr(f.ip)-uintptr(unsafe.Pointer(unsafe.SliceData(f.fn.Code))))/instrSize) - 1
}

func (f *frame) position() syntax.Position { return f.fn.Positions[f.pc()] }

// position returns where the instruction pc can fail.
func (fn *Function) position(pc int32, where place) syntax.Position {
	if where != placeIndex {
		at := sort.Search(len(fn.Indexing), func(i int) bool { return fn.Indexing[i].PC >= pc })
		if at < len(fn.Indexing) && fn.Indexing[at].PC == pc {
			if where == placeAssign {
				return fn.Indexing[at].Assign
			}
			return fn.Indexing[at].Bracket
		}
	}
	return fn.Positions[pc]
}

// unwind finds who handles err: the innermost try block around it, within the
// frames above the number stop. It leaves the thread ready to go on there and
// returns nil, or leaves stop frames and returns err with the calls it passed through.
func (t *Thread) unwind(err *Error, stop int) *Error {
	for {
		f := &t.frames[len(t.frames)-1]
		pc := f.pc()
		if !err.unplaced {
			err.At(f.fn.position(pc, err.place))
		}
		err.arise(f.fn, pc)
		for h := f.fn.handler(pc); h != nil; h = f.fn.around(h) {
			if h.Rethrow {
				if err.Variant == ErrorRuntime && err.Value.Kind() == KindUnit {
					at := err.Position
					caught := *(*Error)(reg(f.base, uint64(h.Error)).ref)
					err = &caught
					err.Position = at
				}
				continue
			}
			if !err.catchable() {
				continue
			}
			*reg(f.base, uint64(h.Value)) = err.catchValue(t.source(len(t.frames) - 1))
			*reg(f.base, uint64(h.Error)) = Value{meta: uint32(kindError), ref: unsafe.Pointer(err)}
			f.ip = unsafe.Add(unsafe.Pointer(unsafe.SliceData(f.fn.Code)), uintptr(h.Target)*instrSize)
			t.unlock(int(f.locks))
			return nil
		}
		fn, source := f.fn, t.source(len(t.frames)-1)
		t.unlock(int(f.locks))
		t.frames = t.frames[:len(t.frames)-1]
		if len(t.frames) > 0 {
			at := t.position()
			switch {
			case err.Variant == errorExit || fn == fn.Program.Main: // a module's
			case err.system() && !fn.Eval:
				err.Position = at
			default:
				err = inCall(fn.Name, source, err, at)
				if fn.Closure {
					err.Text = "in closure call" + from(source)
				}
			}
		}
		if len(t.frames) <= stop {
			return err
		}
	}
}

func (t *Thread) unlock(n int) {
	for i := len(t.locks) - 1; i >= n; i-- {
		t.locks[i].locked = false
	}
	t.locks = t.locks[:n]
}

// catchable reports whether catch sees the error.
func (e *Error) catchable() bool {
	switch e.Variant {
	case ErrorParsing, errorExit:
		return false
	}
	return !e.system()
}

// Caught returns what the variable of catch would get; false: the error cannot be caught.
func (e *Error) Caught() (v Value, ok bool) {
	if !e.catchable() {
		return Unit, false
	}
	return e.catchValue(""), true
}

// system reports whether the error passes through calls as it is and cannot be caught.
func (e *Error) system() bool {
	switch e.Variant {
	case ErrorParsing, ErrorTooManyOperations, ErrorTooManyModules, ErrorStackOverflow, ErrorDataTooLarge, ErrorTerminated:
		return true
	}
	return false
}

// catchValue returns what the variable of catch gets, in a module with its name.
func (e *Error) catchValue(source string) Value {
	inner := e
	for inner.Inner != nil {
		inner = inner.Inner
	}
	switch inner.Variant {
	case ErrorRuntime:
		return inner.Value.Share()
	case ErrorOperation: // not Rhai's: its code is wanted wherever it is caught
		e = inner
	}
	m := NewMap(6)
	m.Set("message", String(e.Message()))
	if e.Position.IsKnown() {
		m.Set("line", Int(int64(e.Position.Line)))
		m.Set("position", Int(int64(e.Position.Column)))
	}
	m.Set("error", String(string(e.Variant)))
	if source != "" {
		m.Set("source", String(source))
	}
	for _, f := range e.fields() {
		m.Set(f.Name, f.Value)
	}
	return NewMapValue(m)
}

// Exit returns what exit(v) fails with: it ends the script with v.
func Exit(v Value) *Error { return &Error{Variant: errorExit, Value: v.Share()} }

// IsExit reports whether e is no error, but what [Exit] ends the script with.
func (e *Error) IsExit() bool { return e != nil && e.Variant == errorExit }

// dataRace returns the error of an access to a variable that a method is at work on.
func dataRace(name string) *Error {
	text := "Data race detected"
	if name != "" {
		text += " on variable '" + name + "'"
	}
	e := newError(ErrorDataRace, text, Field{"variable", String(name)})
	e.unplaced = true
	return e
}

func constantError(name string) *Error {
	return newError(ErrorAssignmentToConstant, "Cannot modify constant "+name, Field{"variable", String(name)})
}

func nonPureError(name string) *Error {
	return newError(ErrorNonPureMethodOnConst, "Non-pure method '"+name+"' cannot be called on constant", Field{"function", String(name)})
}

func itoa(i int64) string { return strconv.FormatInt(i, 10) }
