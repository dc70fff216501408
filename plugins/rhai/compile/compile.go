// Package compile turns a parsed script into the code of package vm, whose comment shows the
// machine.
//
// Names are resolved here: each local variable gets a register, each call its candidates. A
// variable that a closure captures is marked as boxed: the instructions that reach it look for a
// shared cell.
//
// Registers are handed out like a stack: to variables when they are declared, above them to
// temporaries while an expression is evaluated. The arguments of a call are placed in the highest
// registers in use, so that they become the callee's first ones without copying.
//
// The folder testdata has small programs with the code they compile to.
package compile

import (
	"strconv"

	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// Error is a script that is too large or uses what is not supported.
type Error struct {
	Message  string
	Position syntax.Position
}

func (e *Error) Error() string {
	if !e.Position.IsKnown() {
		return e.Message
	}
	return e.Message + " (line " + strconv.Itoa(int(e.Position.Line)) + ", position " + strconv.Itoa(int(e.Position.Column)) + ")"
}

// maxRegisters is how many variables and temporaries a function may have.
const maxRegisters = 32000

// Program compiles a script. scope names the variables that exist before it runs: they are the
// first registers of its main function, and each function and closure that mentions one begins with
// a copy of its own. step is told how many nodes of the tree have been visited since its last call;
// when it returns false, compiling ends with some error. It may be nil.
func Program(ast *syntax.Program, lib *vm.Library, scope []string, step func(n int) (goOn bool)) (*vm.Program, *Error) {
	return program(&compiler{lib: lib, ast: ast, step: step}, scope)
}

// Covering works as [Program], and has the program count how often each line is reached.
func Covering(ast *syntax.Program, lib *vm.Library, scope []string, step func(n int) (goOn bool)) (*vm.Program, *Error) {
	return program(&compiler{lib: lib, ast: ast, step: step, cover: true}, scope)
}

func program(c *compiler, scope []string) (*vm.Program, *Error) {
	p := c.program(scope)
	if c.wide && c.err == nil {
		// A conditional jump was too short for its target: once more without them.
		c = &compiler{lib: c.lib, ast: c.ast, wide: true, step: c.step, steps: c.steps, cover: c.cover}
		p = c.program(scope)
	}
	if c.report(); c.err != nil {
		return nil, c.err
	}
	return p, nil
}

// IsModule reports whether a script is no more than constants, functions, imports and
// exports, so that others can import it, or else where it is more.
func IsModule(ast *syntax.Program) (at syntax.Position, ok bool) {
	for _, s := range ast.Body {
		switch s := s.(type) {
		case *syntax.Import, *syntax.Export, *syntax.Noop:
			continue
		case *syntax.Let:
			if s.Const {
				continue
			}
		}
		return s.Pos(), false
	}
	return syntax.Position{}, true
}

type compiler struct {
	lib         *vm.Library
	ast         *syntax.Program
	prog        *vm.Program
	wide        bool // do not use jumps of 16 bits
	cover       bool // statements count how often they begin
	closures    int
	tags        bool                 // the script may attach tags to values
	asks        bool                 // for global constants: there are functions, or the script may be a module
	scopedCalls bool                 // there are evals or calls that share the caller's scope
	computed    map[syntax.Expr]bool // arrays and maps of many items that are no literals
	step        func(int) bool       // see Program
	steps       int                  // done, and not reported to step
	err         *Error
}

func (c *compiler) program(scope []string) *vm.Program {
	c.prog = &vm.Program{Native: c.lib, Scope: scope}
	if c.cover {
		c.prog.Covered = []int64{}
	}
	for _, fn := range c.ast.Functions {
		c.count(8 + len(fn.Params))
		out := &vm.Function{Name: fn.Name, ThisType: fn.ThisType, Params: len(fn.Params), Private: fn.Private, Program: c.prog, Tree: fn}
		for _, p := range fn.Params {
			out.ParamNames = append(out.ParamNames, p.Name)
		}
		c.prog.Functions = append(c.prog.Functions, out)
	}
	c.prog.Define(c.count)
	c.tags = c.usesTags(c.ast)
	c.prog.Asks = len(c.ast.Functions) > 0 || c.hasClosures(c.ast.Body)
	_, module := IsModule(c.ast)
	c.asks = c.prog.Asks || module
	for i, fn := range c.ast.Functions {
		f := c.newFunction(c.prog.Functions[i], fn.Body.Stmts, nil, 0)
		for _, p := range fn.Params {
			f.declare(p.Name, f.alloc(), false)
		}
		f.body(fn.Body.Stmts)
	}
	main := &vm.Function{Program: c.prog}
	f := c.newFunction(main, c.ast.Body, nil, 0)
	f.main = true
	for _, name := range scope {
		r := f.alloc()
		f.declare(name, r, false).given = true
	}
	f.body(c.ast.Body)
	c.prog.Main = main
	if len(scope) > 0 {
		c.prog.Reads = c.reads(scope)
	}
	if !c.scopedCalls {
		for _, fn := range c.prog.Functions {
			fn.Tree = nil
		}
	}
	return c.prog
}

// isFunction reports whether there are script functions of a name.
func (c *compiler) isFunction(name string) bool { return c.prog.Named(name) != nil }

// function is the state of compiling one function.
type function struct {
	*compiler
	out        *vm.Function
	main       bool
	locals     locals
	captured   map[string]bool
	next       int       // the first free register
	polled     int       // the last place where the interrupt word is polled for the length of the code
	label      int       // the last place that something may jump to
	depth      int       // of blocks
	dynamic    bool      // variables are looked up at run time: there is an eval or a name!()
	hasImports bool      // there has been an import statement
	eval       bool      // the code of an eval: what its outermost level declares stays
	outer      *vm.Scope // of code that runs in another's window: what is in sight there
	base       int       // depth where the code of an eval begins
	loops      []*loop
	consts     map[constKey]int // nil while they are few
}

type loop struct {
	top       int   // where continue goes by a loop instruction, -1: by a jump to be patched
	result    int   // register for the value, -1: not wanted
	breaks    []int // jumps to the end
	continues []int // jumps to where the next iteration begins
}

// newFunction begins to compile a function. In a window of another's it sees outer, and level
// variables of that.
func (c *compiler) newFunction(out *vm.Function, body []syntax.Stmt, outer *vm.Scope, level int) *function {
	dynamic, looks := c.dynamic(body)
	f := &function{compiler: c, out: out, captured: c.captures(body), dynamic: dynamic, outer: outer}
	f.locals.level = level
	if looks {
		f.locals.scopes = vm.NewScopes(outer)
	}
	out.Dynamic = dynamic
	c.scopedCalls = c.scopedCalls || dynamic
	return f
}

// body compiles the statements of the function and finishes it.
func (f *function) body(stmts []syntax.Stmt) {
	f.out.Empty = len(stmts) == 0
	f.given(stmts)
	f.stmts(stmts, f.alloc(), tail)
	// Never reached: it keeps the pointer to the next instruction within the code.
	f.abc(vm.OpReturnUnit, 0, 0, 0, syntax.Position{})
	f.out.Seal(f.count)
}

// given declares the variables that exist before the script runs and that the function may mention.
func (f *function) given(stmts []syntax.Stmt) {
	for i, name := range f.prog.Scope {
		if f.inReach(name) || !f.dynamic && !f.mentions(stmts, name) || len(stmts) == 0 {
			continue
		}
		r := f.alloc()
		f.ad(vm.OpGetGiven, r, i, syntax.Position{})
		f.declare(name, r, false).given = true
	}
}

// inReach reports whether a name stands for a variable of the function, or of the code whose window
// it runs in.
func (f *function) inReach(name string) bool {
	return f.lookup(name) != nil || f.outer.Find(name) != nil
}

// Scoped compiles a function for a call that runs in the window of caller and sees what site sees.
// step is as for [Program].
func Scoped(callee, caller *vm.Function, site *vm.Site, step func(n int) (goOn bool)) (*vm.Function, *Error) {
	c := late(callee.Program, &syntax.Program{}, step)
	fn := callee.Tree
	out := &vm.Function{Name: callee.Name, Params: callee.Params, Program: callee.Program}
	f := c.newFunction(out, fn.Body.Stmts, site.Scope, site.Level)
	f.dynamic, f.depth, f.next = true, site.Depth+1, caller.Registers
	for _, id := range fn.Params {
		f.declare(id.Name, f.alloc(), false)
	}
	f.body(fn.Body.Stmts)
	c.report()
	return out, c.err
}

// late returns a compiler for code that a program that runs needs.
func late(prog *vm.Program, ast *syntax.Program, step func(n int) (goOn bool)) *compiler {
	return &compiler{lib: prog.Native, ast: ast, prog: prog, wide: true, step: step, asks: prog.Asks}
}

// Eval compiles the text of an eval that runs in the window of fn and sees what
// site sees. It returns nil when there is nothing to run. step is as for [Program].
func Eval(ast *syntax.Program, fn *vm.Function, site *vm.Site, step func(n int) (goOn bool)) (*vm.Function, *Error) {
	if len(ast.Body) == 0 {
		return nil, nil
	}
	c := late(fn.Program, ast, step)
	const few = 16 // instructions
	out := &vm.Function{
		Name: "eval", Eval: true, Program: fn.Program, Code: make([]vm.Instr, 0, few), Positions: make([]syntax.Position, 0, few),
	}
	f := c.newFunction(out, ast.Body, site.Scope, site.Level)
	f.dynamic, f.eval, f.depth, f.base = true, true, site.Depth, site.Depth
	f.main = site.Main
	f.next = fn.Registers
	f.body(ast.Body)
	c.report()
	return out, c.err
}

// reportEvery is how many steps are done between two reports to step.
const reportEvery = 256

// stopped counts a step and reports whether there is an error, and nothing more to compile.
func (c *compiler) stopped() bool {
	c.count(1)
	return c.err != nil
}

// count counts steps.
func (c *compiler) count(n int) {
	if c.steps += n; c.steps >= reportEvery {
		c.report()
	}
}

// report passes the steps on to step.
func (c *compiler) report() {
	if c.step != nil && !c.step(c.steps) {
		c.fail(syntax.Position{}, "Stopped")
	}
	c.steps = 0
}

func (c *compiler) fail(at syntax.Position, message string) {
	if c.err == nil {
		c.err = &Error{Message: message, Position: at}
	}
}

// Registers.

func (f *function) alloc() int { return f.allocN(1) }

func (f *function) allocN(n int) int {
	r := f.next
	f.next += n
	if f.next > maxRegisters {
		f.fail(syntax.Position{}, "Function too complex: more than "+strconv.Itoa(maxRegisters)+" variables and intermediate values")
		f.next = n
		return 0
	}
	f.out.Registers = max(f.out.Registers, f.next)
	return r
}

func (f *function) declare(name string, register int, constant bool) *local {
	return f.locals.declare(local{name: name, register: register, constant: constant, boxed: f.boxed(name)})
}

// boxed reports whether a variable of that name may be shared with a closure.
func (f *function) boxed(name string) bool { return f.captured[name] || f.dynamic }

func (f *function) lookup(name string) *local {
	if at := f.locals.find(name); at >= 0 {
		return &f.locals.list[at]
	}
	return nil
}

// Code.

func (f *function) emit(in vm.Instr, at syntax.Position) int {
	if in.Op() == vm.OpShare {
		if last := f.last(); last != nil && last.Op() == vm.OpMove && last.A() == in.A() {
			*last = vm.MakeABC(vm.OpCopy, last.A(), last.B(), 0)
			return len(f.out.Code) - 1
		}
	}
	f.out.Code = append(f.out.Code, in)
	f.out.Positions = append(f.out.Positions, at)
	return len(f.out.Code) - 1
}

func (f *function) abc(op vm.Op, a, b, c int, at syntax.Position) int {
	return f.emit(vm.MakeABC(op, uint16(a), uint16(b), uint16(c)), at)
}

func (f *function) ad(op vm.Op, a, d int, at syntax.Position) int {
	return f.emit(vm.MakeAD(op, uint16(a), int32(d)), at)
}

// here returns the place of the next instruction, which something may jump to.
func (f *function) here() int {
	f.label = len(f.out.Code)
	return f.label
}

// last returns the instruction emitted last, for the next one to be made a part of it; nil if
// something may jump between the two.
func (f *function) last() *vm.Instr {
	n := len(f.out.Code)
	if n == 0 || f.label == n {
		return nil
	}
	return &f.out.Code[n-1]
}

// moveTemporary moves a value to dst from a register that nobody reads again. It has the
// instruction that made the value put it there in the first place, if it can.
func (f *function) moveTemporary(dst, from int, at syntax.Position) {
	if last := f.last(); last != nil && int(last.A()) == from {
		switch last.Op() {
		case vm.OpGetIndex, vm.OpGetIndexI, vm.OpGetProp, vm.OpGetCell, vm.OpRefLocal, vm.OpRefThis, vm.OpRefCell, vm.OpDeref:
			*last = last.WithA(uint16(dst))
			return
		}
	}
	f.abc(vm.OpMove, dst, from, 0, at)
}

// drop removes the instructions that only bring a value to dst, where nobody wants it.
func (f *function) drop(dst int) {
	for {
		last := f.last()
		if last == nil || int(last.A()) != dst {
			return
		}
		switch last.Op() {
		case vm.OpMove, vm.OpCopy, vm.OpShare:
			n := len(f.out.Code) - 1
			f.out.Code, f.out.Positions = f.out.Code[:n], f.out.Positions[:n]
		default:
			return
		}
	}
}

// jumpTo patches the jump at pc to go to target.
func (f *function) jumpTo(pc, target int) {
	in := f.out.Code[pc]
	distance := target - pc - 1
	switch op := in.Op(); {
	case op >= vm.OpUnlessEq && op <= vm.OpUnlessGeI || op == vm.OpInRange:
		if distance != int(int16(distance)) {
			if f.wide {
				f.fail(f.out.Positions[pc], "Statement too large")
			}
			f.wide = true
		}
		f.out.Code[pc] = vm.MakeABC(op, in.A(), in.B(), uint16(distance))
	default:
		f.out.Code[pc] = in&0xffffffff | vm.MakeAD(0, 0, int32(distance))
	}
}

func (f *function) patch(jumps []int) {
	for _, pc := range jumps {
		f.jumpTo(pc, f.here())
	}
}

// pollEvery is how much straight code there is between two instructions that poll, and longWeight
// what one of them charges.
const (
	pollEvery  = 512
	longWeight = 64
)

// poll has code poll in between when it is long: what a call or a round of a loop is charged does
// not grow beyond a bound.
func (f *function) poll() {
	if len(f.out.Code)-f.polled >= pollEvery {
		f.polled = f.emit(vm.MakeAD(vm.OpPoll, 0, 0).WithWeight(longWeight), syntax.Position{})
	}
}

// covers has a statement that begins at a place count that.
func (f *function) covers(at syntax.Position) {
	if !f.cover || !at.IsKnown() {
		return
	}
	line := int(at.Line)
	if n := len(f.out.Code); n > 0 && f.out.Code[n-1] == vm.MakeAD(vm.OpCover, 0, int32(line)) {
		return // the statement around it
	}
	f.ad(vm.OpCover, 0, line, syntax.Position{})
	for len(f.prog.Covered) <= line {
		f.prog.Covered = append(f.prog.Covered, -1)
	}
	f.prog.Covered[line] = 0
}

// back emits a loop's jump back to target, whose weight is the code between.
func (f *function) back(op vm.Op, a, target int, at syntax.Position) {
	pc := f.ad(op, a, 0, at)
	f.jumpTo(pc, target)
	f.out.Code[pc] = f.out.Code[pc].WithWeight(weight(target, pc))
}

// weight returns what a round of a loop between two instructions is charged.
func weight(top, end int) uint8 { return uint8(min(max(end-top, 1), 64)) }
