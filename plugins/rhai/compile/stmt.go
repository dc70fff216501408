package compile

import (
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// mode is what becomes of a statement's value.
type mode int

const (
	discard mode = iota // nobody wants it
	value               // it goes to a register
	tail                // the function returns it
)

// stmts compiles statements. The value of the last one is theirs.
func (f *function) stmts(list []syntax.Stmt, dst int, m mode) {
	if len(list) == 0 {
		f.unit(dst, m, syntax.Position{})
		return
	}
	last := len(list) - 1
	for _, s := range list[:last] {
		f.stmt(s, dst, discard)
	}
	f.stmt(list[last], dst, m)
}

// unit makes () the value.
func (f *function) unit(dst int, m mode, at syntax.Position) {
	switch m {
	case value:
		f.abc(vm.OpLoadUnit, dst, 0, 0, at)
	case tail:
		f.abc(vm.OpReturnUnit, 0, 0, 0, at)
	}
}

// done returns the value in dst if it is the function's.
func (f *function) done(dst int, m mode, at syntax.Position) {
	if m == tail {
		f.abc(vm.OpReturn, dst, 0, 0, at)
	}
}

// block compiles statements in a scope of their own.
func (f *function) block(b *syntax.Block, dst int, m mode) {
	locals, next := len(f.locals.list), f.next
	f.trim()
	f.depth++
	f.stmts(b.Stmts, dst, m)
	f.depth--
	f.trim()
	f.locals.leave(locals)
	f.next = next
}

// trim forgets what evals have defined, and what was imported, in blocks that are left here.
func (f *function) trim() {
	if f.dynamic {
		f.ad(vm.OpTrim, 0, f.depth, syntax.Position{})
	}
	if f.hasImports || f.dynamic {
		f.ad(vm.OpImportTrim, 0, f.depth, syntax.Position{})
	}
}

func (f *function) stmt(s syntax.Stmt, dst int, m mode) {
	if f.stopped() {
		return
	}
	f.poll()
	switch s.(type) {
	case *syntax.Noop, *syntax.Block:
	default:
		f.covers(s.Pos())
	}
	next := f.next
	switch s := s.(type) {
	case *syntax.ExprStmt:
		f.exprStmt(s.Expr, dst, m)
	case *syntax.Noop:
		f.unit(dst, m, s.Position)
	case *syntax.Block:
		f.block(s, dst, m)
	case *syntax.Let:
		f.let(s)
		f.unit(dst, m, s.Position)
		return // keep the variable's register
	case *syntax.Assign:
		f.assign(s)
		f.unit(dst, m, s.Position)
	case *syntax.If:
		f.ifStmt(s, dst, m)
	case *syntax.Switch:
		f.switchStmt(s, dst, m)
	case *syntax.While:
		f.while(s, dst, m)
	case *syntax.DoLoop:
		f.doLoop(s, dst, m)
	case *syntax.For:
		f.forLoop(s, dst, m)
	case *syntax.Break:
		l := f.loops[len(f.loops)-1]
		if l.result >= 0 {
			if s.Value != nil {
				f.expr(s.Value, l.result)
			} else {
				f.abc(vm.OpLoadUnit, l.result, 0, 0, s.Position)
			}
		} else if s.Value != nil {
			f.exprStmt(s.Value, dst, discard)
		}
		l.breaks = append(l.breaks, f.ad(vm.OpJump, 0, 0, s.Position))
	case *syntax.Continue:
		l := f.loops[len(f.loops)-1]
		if l.top >= 0 {
			f.back(vm.OpLoop, 0, l.top, s.Position)
		} else {
			l.continues = append(l.continues, f.ad(vm.OpJump, 0, 0, s.Position))
		}
	case *syntax.Return:
		if s.Value == nil {
			f.abc(vm.OpReturnUnit, 0, 0, 0, s.Position)
		} else {
			f.exprStmt(s.Value, f.alloc(), tail)
		}
	case *syntax.Throw:
		r := f.alloc()
		if s.Value != nil {
			f.expr(s.Value, r)
		} else {
			f.abc(vm.OpLoadUnit, r, 0, 0, s.Position)
		}
		f.abc(vm.OpThrow, r, 0, 0, s.Position)
	case *syntax.Try:
		f.try(s, dst, m)
	case *syntax.Import:
		f.importStmt(s)
		f.unit(dst, m, s.Position)
	case *syntax.Export:
		f.export(s)
		f.unit(dst, m, s.Position)
	default:
		f.fail(s.Pos(), "Unsupported statement")
	}
	f.next = next
}

// exprStmt compiles an expression whose value goes where m says.
func (f *function) exprStmt(e syntax.Expr, dst int, m mode) {
	if _, isStmt := e.(*syntax.StmtExpr); !isStmt {
		f.covers(e.Start())
	}
	switch e := e.(type) {
	case *syntax.StmtExpr:
		locals, next := len(f.locals.list), f.next
		f.stmt(e.Stmt, dst, m)
		f.locals.leave(locals)
		f.next = next
		return
	case *syntax.Variable:
		if l := f.lookup(e.Name); m == tail && l != nil && !l.boxed && len(e.Path) == 0 {
			f.abc(vm.OpReturn, l.register, 0, 0, e.Position)
			return
		}
	}
	if m != value {
		dst = f.alloc()
	}
	f.expr(e, dst)
	if m == discard {
		f.drop(dst)
	}
	f.done(dst, m, e.Pos())
}

// raise emits an instruction that always fails.
func (f *function) raise(err *vm.Error, at syntax.Position) {
	f.out.Errors = append(f.out.Errors, err)
	f.ad(vm.OpFail, 0, len(f.out.Errors)-1, at)
}

func (f *function) let(s *syntax.Let) {
	r := f.alloc()
	if s.Value != nil {
		f.expr(s.Value, r)
	} else {
		f.abc(vm.OpLoadUnit, r, 0, 0, s.Position)
	}
	f.next = r + 1
	if f.tags {
		f.abc(vm.OpUntag, r, 0, 0, s.Position)
	}
	if f.eval && f.depth == f.base {
		f.ad(vm.OpDefine, r, f.defineSite(s.Name.Name, s.Const), s.Position)
		f.global(s, r)
		return
	}
	f.declare(s.Name.Name, r, s.Const)
	f.global(s, r)
	if s.Export {
		f.exportAs(r, s.Name.Name, s.Position)
	}
}

// global makes a constant a global one if it is declared outside of blocks, and somebody could ask
// for it.
func (f *function) global(s *syntax.Let, r int) {
	if s.Const && f.main && f.depth == 0 && f.asks {
		f.ad(vm.OpSetGlobal, r, f.constant(vm.String(s.Name.Name)), s.Position)
	}
}

func (f *function) importStmt(s *syntax.Import) {
	f.hasImports = true
	name := ""
	if lit, ok := s.Path.(*syntax.StringLit); ok {
		name = lit.Value
	}
	f.prog.Imports = append(f.prog.Imports, vm.Import{Name: name, Position: s.Path.Start()})
	r := f.alloc()
	f.expr(s.Path, r)
	f.out.Sites = append(f.out.Sites, &vm.Site{Name: s.Alias.Name, Depth: f.depth, Position: s.Path.Pos()})
	f.ad(vm.OpImport, r, len(f.out.Sites)-1, s.Path.Start())
}

func (f *function) export(s *syntax.Export) {
	l := f.lookup(s.Name.Name)
	if l == nil {
		if !f.dynamic {
			f.raise(vm.VariableNotFoundError(s.Name.Name), s.Name.Position)
		}
		return
	}
	name := s.Alias.Name
	if name == "" {
		name = s.Name.Name
	}
	f.exportAs(l.register, name, s.Position)
}

func (f *function) exportAs(register int, name string, at syntax.Position) {
	f.out.Sites = append(f.out.Sites, &vm.Site{Name: name})
	f.ad(vm.OpExport, register, len(f.out.Sites)-1, at)
}

func (f *function) ifStmt(s *syntax.If, dst int, m mode) {
	skip := f.jumpUnless(s.Cond)
	f.block(s.Then, dst, m)
	if s.Else == nil && m == discard {
		f.patch(skip)
		return
	}
	end := -1
	if m != tail {
		end = f.ad(vm.OpJump, 0, 0, s.Position)
	}
	f.patch(skip)
	if s.Else != nil {
		f.stmt(s.Else, dst, m)
	} else {
		f.unit(dst, m, s.Position)
	}
	if end >= 0 {
		f.jumpTo(end, f.here())
	}
}

// jumpUnless evaluates a condition and returns the jumps taken when it does not hold.
func (f *function) jumpUnless(cond syntax.Expr) []int {
	next := f.next
	defer func() { f.next = next }()
	b, ok := cond.(*syntax.Binary)
	if ok && b.Op == syntax.OpAnd {
		jumps := f.jumpUnless(b.Left)
		return append(jumps, f.jumpUnless(b.Right)...)
	}
	if ok && b.Op == syntax.OpOr {
		r := f.operand(b.Left)
		holds := f.ad(vm.OpJumpTrue, r, 0, b.Left.Pos())
		jumps := f.jumpUnless(b.Right)
		f.jumpTo(holds, f.here())
		return jumps
	}
	if ok && b.Op >= syntax.OpEq && b.Op <= syntax.OpGe && !f.wide {
		l := f.left(b.Left, b.Right)
		if n, small := smallInt(b.Right); small {
			return []int{f.abc(vm.OpUnlessEqI+vm.Op(b.Op-syntax.OpEq), l, n, 0, b.Position)}
		}
		r := f.operand(b.Right)
		return []int{f.abc(vm.OpUnlessEq+vm.Op(b.Op-syntax.OpEq), l, r, 0, b.Position)}
	}
	return []int{f.ad(vm.OpJumpFalse, f.operand(cond), 0, cond.Pos())}
}

// enter starts a loop whose value goes to dst in mode m.
func (f *function) enter(top, dst int, m mode) *loop {
	l := &loop{top: top, result: -1}
	if m != discard {
		l.result = dst
	}
	f.loops = append(f.loops, l)
	return l
}

// leave ends a loop: it is left normally here, and by its breaks.
func (f *function) leave(l *loop, dst int, m mode, at syntax.Position) {
	f.loops = f.loops[:len(f.loops)-1]
	if m != discard {
		f.abc(vm.OpLoadUnit, dst, 0, 0, at)
	}
	f.patch(l.breaks)
	f.trim()
	f.done(dst, m, at)
}

func (f *function) while(s *syntax.While, dst int, m mode) {
	top := f.here()
	l := f.enter(top, dst, m)
	var exit []int
	if s.Cond != nil {
		exit = f.jumpUnless(s.Cond)
	}
	f.block(s.Body, dst, discard)
	if len(exit) == 1 && exit[0] == top {
		f.again(top, s.Body.Position)
	}
	f.back(vm.OpLoop, 0, top, s.Body.Position)
	f.patch(exit)
	f.leave(l, dst, m, s.Position)
}

// whileOps are the conditions that can be evaluated at the end of a loop.
var whileOps = map[vm.Op]vm.Op{
	vm.OpUnlessLt: vm.OpWhileLt, vm.OpUnlessLe: vm.OpWhileLe, vm.OpUnlessGt: vm.OpWhileGt,
	vm.OpUnlessNeI: vm.OpWhileNeI, vm.OpUnlessLtI: vm.OpWhileLtI, vm.OpUnlessGtI: vm.OpWhileGtI, vm.OpUnlessGeI: vm.OpWhileGeI,
}

// again emits, before a loop's jump back to its condition, that condition if it is but the
// instruction at top, and one that can be evaluated here: most rounds then take one jump, not two.
func (f *function) again(top int, at syntax.Position) {
	head := f.out.Code[top]
	op, ok := whileOps[head.Op()]
	if !ok {
		return
	}
	pc := f.here()
	distance := top - pc // behind the instruction at top
	if distance != int(int16(distance)) {
		return
	}
	f.emit(vm.MakeABC(op, head.A(), head.B(), uint16(distance)).WithWeight(weight(top, pc)), at)
}

func (f *function) doLoop(s *syntax.DoLoop, dst int, m mode) {
	top := f.here()
	l := f.enter(top, dst, m) // continue does not look at the condition
	f.block(s.Body, dst, discard)
	var exit []int
	if s.Until {
		next := f.next
		exit = []int{f.ad(vm.OpJumpTrue, f.operand(s.Cond), 0, s.Cond.Pos())}
		f.next = next
	} else {
		exit = f.jumpUnless(s.Cond)
	}
	f.back(vm.OpLoop, 0, top, s.Cond.Pos())
	f.patch(exit)
	f.leave(l, dst, m, s.Position)
}

func (f *function) forLoop(s *syntax.For, dst int, m mode) {
	locals := len(f.locals.list)
	state := f.allocN(3) // two registers of state, and the item
	next := vm.OpIterNext
	if r, ok := s.Subject.(*syntax.Binary); ok && (r.Op == syntax.OpRange || r.Op == syntax.OpRangeInclusive) {
		f.bounds(r, state)
		inclusive := 0
		if r.Op == syntax.OpRangeInclusive {
			inclusive = 1
		}
		f.abc(vm.OpRangePrep, state, inclusive, 0, r.Position)
		next = vm.OpForRange
	} else {
		f.abc(vm.OpIterInit, state, f.operand(s.Subject), 0, s.Subject.Start())
	}
	f.next = state + 3
	item, counter, hidden := state+2, -1, -1
	if s.Counter.Name != "" {
		// The loop counts in a register of its own: the script may assign to its variable.
		hidden, counter = f.alloc(), f.alloc()
		f.ad(vm.OpLoadInt, hidden, -1, s.Position)
		f.abc(vm.OpLoadUnit, counter, 0, 0, s.Position)
		f.declare(s.Counter.Name, counter, false)
	}
	if f.boxed(s.Name.Name) {
		// Closures share the one variable of all iterations.
		item = f.alloc()
		f.abc(vm.OpLoadUnit, item, 0, 0, s.Position)
	}
	f.declare(s.Name.Name, item, false)

	start := f.ad(vm.OpJump, 0, 0, s.Position)
	top := f.here()
	l := f.enter(-1, dst, m)
	if hidden >= 0 {
		f.abc(vm.OpAddToI, hidden, 0, 1, s.Position)
		if f.boxed(s.Counter.Name) {
			f.abc(vm.OpSetCell, counter, hidden, 0, s.Position)
		} else {
			f.abc(vm.OpMove, counter, hidden, 0, s.Position)
		}
	}
	if item != state+2 {
		f.abc(vm.OpSetCell, item, state+2, 0, s.Position)
	}
	f.block(s.Body, dst, discard)
	f.patch(l.continues)
	f.jumpTo(start, f.here())
	f.back(next, state, top, s.Body.Position)
	f.locals.leave(locals)
	f.leave(l, dst, m, s.Position)
}

// bounds evaluates the bounds of a range, either of which can be left out.
func (f *function) bounds(e *syntax.Binary, dst int) {
	if e.Left != nil {
		f.expr(e.Left, dst)
	} else {
		f.ad(vm.OpLoadInt, dst, 0, e.Position)
	}
	if e.Right != nil {
		f.expr(e.Right, dst+1)
	} else {
		f.abc(vm.OpLoadUnit, dst+1, 0, 0, e.Position)
	}
}

func (f *function) try(s *syntax.Try, dst int, m mode) {
	inner := m
	if m == tail {
		inner = value
	}
	start := f.here()
	f.block(s.Body, dst, inner)
	end := f.here()
	over := f.ad(vm.OpJump, 0, 0, s.Position)
	locals := len(f.locals.list)
	v, e := f.alloc(), f.alloc()
	if s.Var.Name != "" {
		f.declare(s.Var.Name, v, false)
	}
	target := f.here()
	f.block(s.Catch, dst, discard)
	if inner == value {
		f.abc(vm.OpLoadUnit, dst, 0, 0, s.Position)
	}
	f.locals.leave(locals)
	f.out.Handlers = append(f.out.Handlers,
		vm.Handler{Start: int32(start), End: int32(end), Target: int32(target), Value: uint16(v), Error: uint16(e)},
		vm.Handler{Start: int32(target), End: int32(f.here()), Error: uint16(e), Rethrow: true})
	f.jumpTo(over, f.here())
	f.done(dst, m, s.Position)
}
