package compile

import (
	"slices"

	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// expr compiles e so that its value lands in the register dst, ready to be kept: a
// container that is reachable elsewhere is marked as shared.
//
// dst may be written before all of e has been evaluated, so it must not be a
// variable that e can see; see also assignTo.
func (f *function) expr(e syntax.Expr, dst int) {
	if f.load(e, dst) {
		f.abc(vm.OpShare, dst, 0, 0, e.Pos())
	}
}

// operand compiles e for its value to be read once, from the register it returns: the
// variable's own where there is one.
func (f *function) operand(e syntax.Expr) int {
	if v, ok := e.(*syntax.Variable); ok && len(v.Path) == 0 {
		if l := f.lookup(v.Name); l != nil && !l.boxed {
			return l.register
		}
	}
	r := f.alloc()
	f.load(e, r)
	return r
}

// left works as operand, for what is read only after the other expressions have been
// evaluated: it copies a variable that one of them may change.
func (f *function) left(e syntax.Expr, others ...syntax.Expr) int {
	if _, ok := e.(*syntax.Variable); ok {
		for _, o := range others {
			if f.mayAssign(o) {
				r := f.alloc()
				f.expr(e, r)
				return r
			}
		}
	}
	return f.operand(e)
}

// load compiles e so that its value lands in dst, to be read. It reports whether
// the value may also be reachable elsewhere: to keep it, it must be shared.
func (f *function) load(e syntax.Expr, dst int) (elsewhere bool) {
	if f.stopped() {
		return false
	}
	f.poll()
	next := f.next
	defer func() { f.next = next }()
	if v, ok := f.literal(e); ok {
		f.loadLiteral(v, dst, e)
		return false // literals are made shared
	}
	switch e := e.(type) {
	case *syntax.Variable:
		return f.variable(e, dst)
	case *syntax.This:
		f.abc(vm.OpGetThis, dst, 0, 0, e.Position)
	case *syntax.Interpolation:
		parts := f.allocN(len(e.Parts))
		for i, p := range e.Parts {
			f.load(p, parts+i)
		}
		f.abc(vm.OpInterpolate, dst, parts, len(e.Parts), e.Position)
	case *syntax.ArrayLit:
		f.array(e, dst)
	case *syntax.MapLit:
		m := f.alloc()
		f.ad(vm.OpMap, m, len(e.Keys), e.Position)
		for i, v := range e.Values {
			r := f.alloc()
			f.expr(v, r)
			f.abc(vm.OpMapSet, m, f.name(e.Keys[i].Name, e.Keys[i].Position), r, e.Keys[i].Position)
			f.next = r
		}
		f.abc(vm.OpMove, dst, m, 0, e.Position)
	case *syntax.Call:
		f.call(e, dst)
	case *syntax.Unary:
		r := f.operand(e.Operand)
		f.abc(vm.OpUnary, dst, r, int(e.Op), e.Position)
	case *syntax.Binary:
		f.binary(e, dst)
	case *syntax.Property, *syntax.Index, *syntax.MethodCall:
		return f.chain(e, dst)
	case *syntax.Closure:
		f.closure(e, dst)
	case *syntax.StmtExpr:
		f.exprStmt(e, dst, value)
	default:
		f.fail(e.Pos(), "Unsupported expression")
	}
	return false
}

func (f *function) loadLiteral(v vm.Value, dst int, e syntax.Expr) {
	at := e.Pos()
	switch v.Kind() {
	case vm.KindUnit:
		f.abc(vm.OpLoadUnit, dst, 0, 0, at)
	case vm.KindBool:
		b := 0
		if v.AsBool() {
			b = 1
		}
		f.abc(vm.OpLoadBool, dst, b, 0, at)
	case vm.KindInt:
		if n := v.AsInt(); n == int64(int32(n)) {
			f.ad(vm.OpLoadInt, dst, int(n), at)
			return
		}
		fallthrough
	default:
		f.ad(vm.OpLoadK, dst, f.constant(v), at)
	}
}

func (f *function) variable(e *syntax.Variable, dst int) (elsewhere bool) {
	if len(e.Path) > 0 {
		if len(e.Path) == 1 && e.Path[0].Name == "global" {
			f.ad(vm.OpGetGlobal, dst, f.constant(vm.String(e.Name)), e.Path[0].Position)
			return true
		}
		f.out.Sites = append(f.out.Sites, &vm.Site{Name: e.Name, Path: e.Path})
		f.ad(vm.OpGetQualified, dst, len(f.out.Sites)-1, e.Path[0].Position)
		return true
	}
	l := f.lookup(e.Name)
	switch {
	case f.dynamic && (l != nil || !f.isFunction(e.Name)):
		f.ad(vm.OpNameRef, dst, f.nameSite(e.Name), e.Position)
		f.abc(vm.OpDeref, dst, dst, 0, e.Position)
		return true
	case l == nil && f.isFunction(e.Name):
		f.ad(vm.OpFnName, dst, f.constant(vm.String(e.Name)), e.Position)
	case l == nil:
		f.raise(vm.VariableNotFoundError(e.Name), e.Position)
	case l.boxed:
		f.abc(vm.OpGetCell, dst, l.register, 0, e.Position)
	default:
		f.abc(vm.OpMove, dst, l.register, 0, e.Position)
		return true
	}
	return false
}

// arrayChunk is how many elements of an array literal are evaluated before they
// are appended together.
const arrayChunk = 32

func (f *function) array(e *syntax.ArrayLit, dst int) {
	a := f.alloc()
	f.ad(vm.OpArray, a, len(e.Elems), e.Position)
	for rest := e.Elems; len(rest) > 0; {
		n := min(len(rest), arrayChunk)
		first := f.allocN(n)
		for i, elem := range rest[:n] {
			f.expr(elem, first+i)
		}
		f.abc(vm.OpAppend, a, first, n, e.Position)
		f.next = first
		rest = rest[n:]
	}
	f.abc(vm.OpMove, dst, a, 0, e.Position)
}

func (f *function) binary(e *syntax.Binary, dst int) {
	switch e.Op {
	case syntax.OpAnd, syntax.OpOr:
		r := f.alloc()
		f.load(e.Left, r)
		jump := vm.OpJumpFalse
		if e.Op == syntax.OpOr {
			jump = vm.OpJumpTrue
		}
		end := f.ad(jump, r, 0, e.Left.Pos())
		f.load(e.Right, r)
		f.abc(vm.OpCheckBool, r, 0, 0, e.Right.Pos())
		f.jumpTo(end, f.here())
		f.abc(vm.OpMove, dst, r, 0, e.Position)
		return
	case syntax.OpCoalesce:
		r := f.alloc()
		f.expr(e.Left, r)
		end := f.ad(vm.OpJumpValue, r, 0, e.Position)
		f.expr(e.Right, r)
		f.jumpTo(end, f.here())
		f.abc(vm.OpMove, dst, r, 0, e.Position)
		return
	case syntax.OpRange, syntax.OpRangeInclusive:
		from := f.allocN(2)
		f.bounds(e, from)
		op := vm.OpRange
		if e.Op == syntax.OpRangeInclusive {
			op = vm.OpRangeIncl
		}
		f.abc(op, dst, from, from+1, e.Position)
		return
	}
	if e.Op == syntax.OpIn || e.Op == syntax.OpNotIn {
		f.in(e, dst)
		return
	}
	l := f.left(e.Left, e.Right)
	if op, ok := withConstant[e.Op]; ok {
		if v, ok := f.literal(e.Right); ok && (v.Kind() == vm.KindInt || v.Kind() == vm.KindFloat) {
			if k := f.constant(v); k <= 0xffff {
				f.abc(op, dst, l, k, e.Position)
				return
			}
		}
	}
	r := f.operand(e.Right)
	switch {
	case e.Op >= syntax.OpEq && e.Op <= syntax.OpGe:
		f.abc(vm.OpEq+vm.Op(e.Op-syntax.OpEq), dst, l, r, e.Position)
	case e.Op >= syntax.OpAdd && e.Op <= syntax.OpMod:
		f.abc(vm.OpAdd+vm.Op(e.Op-syntax.OpAdd), dst, l, r, e.Position)
	default:
		f.emit(vm.MakeABC(vm.OpBinary, uint16(dst), uint16(l), uint16(r)).WithOperator(e.Op), e.Position)
	}
}

// in compiles a membership test. The container is evaluated before the item.
func (f *function) in(e *syntax.Binary, dst int) {
	r := f.left(e.Right, e.Left)
	l := f.operand(e.Left)
	if e.Op == syntax.OpIn {
		f.abc(vm.OpIn, dst, l, r, e.Position)
		return
	}
	found := f.alloc()
	f.abc(vm.OpIn, found, l, r, e.Position)
	f.abc(vm.OpUnary, dst, found, int(syntax.OpNot), e.Position)
}

var withConstant = map[syntax.Operator]vm.Op{
	syntax.OpAdd: vm.OpAddK, syntax.OpSub: vm.OpSubK, syntax.OpMul: vm.OpMulK, syntax.OpDiv: vm.OpDivK, syntax.OpMod: vm.OpModK,
}

func (f *function) closure(e *syntax.Closure, dst int) {
	f.closures++
	out := &vm.Function{Name: "anon$" + hex(f.closures), Params: len(e.Captures) + len(e.Func.Params), Closure: true, Program: f.prog}
	c := f.newFunction(out, e.Func.Body.Stmts, nil, 0)
	for _, id := range e.Captures {
		f.count(1)
		l := f.lookup(id.Name)
		if l != nil && l.given || l == nil && slices.Contains(f.prog.Scope, id.Name) {
			out.Params--
			continue // it has its own
		}
		if f.dynamic {
			r := f.alloc()
			f.ad(vm.OpNameCell, r, f.nameSite(id.Name), id.Position)
			l = &local{register: r, constant: l != nil && l.constant}
		}
		if l == nil {
			f.raise(vm.VariableNotFoundError(id.Name), id.Position)
			return
		}
		out.Captures = append(out.Captures, uint16(l.register))
		c.declare(id.Name, c.alloc(), l.constant).boxed = true
	}
	for _, p := range e.Func.Params {
		c.declare(p.Name, c.alloc(), false)
	}
	c.body(e.Func.Body.Stmts)
	f.out.Closures = append(f.out.Closures, out)
	f.ad(vm.OpClosure, dst, len(f.out.Closures)-1, e.Position)
}

func hex(n int) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[15-i] = digits[n>>(4*i)&15]
	}
	return string(b[:])
}

// nameSite makes the site of a name that is looked up at run time.
func (f *function) nameSite(name string) int {
	site := &vm.Site{Name: name, Register: -1, Level: -1}
	if at := f.locals.find(name); at >= 0 {
		l := &f.locals.list[at]
		site.Register, site.Level, site.Define = l.register, f.locals.level+at, l.constant
	} else if v := f.outer.Find(name); v != nil {
		site.Register, site.Level, site.Define = int(v.Register), v.Level, v.Const
	}
	f.out.Sites = append(f.out.Sites, site)
	return len(f.out.Sites) - 1
}

// defineSite makes the site where an eval defines a variable or constant.
func (f *function) defineSite(name string, constant bool) int {
	f.out.Sites = append(f.out.Sites, &vm.Site{Name: name, Level: f.level(), Depth: f.depth, Define: constant})
	return len(f.out.Sites) - 1
}
