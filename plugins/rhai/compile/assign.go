package compile

import (
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// assign compiles target op= value.
func (f *function) assign(s *syntax.Assign) {
	switch t := s.Target.(type) {
	case *syntax.Variable:
		f.assignVariable(s, t)
	case *syntax.This:
		this, r := f.alloc(), f.alloc()
		f.abc(vm.OpRefThis, this, 0, 0, t.Position)
		f.expr(s.Value, r)
		if s.Op == syntax.OpNone {
			f.abc(vm.OpStoreP, this, r, 0, t.Position)
		} else {
			f.abc(vm.OpGuardThis, this, 0, 0, t.Position)
			f.abc(vm.OpAssignP, this, r, int(s.Op), s.Position)
		}
	default:
		f.assignPart(s)
	}
}

func (f *function) assignVariable(s *syntax.Assign, t *syntax.Variable) {
	l := f.lookup(t.Name)
	switch {
	case f.dynamic && len(t.Path) == 0 && (l != nil || !f.isFunction(t.Name)):
		r := f.alloc()
		f.expr(s.Value, r)
		place := f.alloc()
		n := f.nameSite(t.Name)
		f.ad(vm.OpNameRef, place, n, t.Position)
		f.ad(vm.OpNameConst, place, n, t.Position)
		if s.Op == syntax.OpNone {
			f.abc(vm.OpStoreP, place, r, 0, t.Position)
		} else {
			f.abc(vm.OpAssignP, place, r, int(s.Op), s.Position)
		}
	case len(t.Path) > 0:
		// What a module exports is constant.
		f.operand(s.Value)
		f.variable(t, f.alloc())
		f.raise(constantError(t.Name), t.Position)
	case l == nil:
		f.operand(s.Value)
		if f.isFunction(t.Name) {
			f.raise(constantError(t.Name), t.Position)
		} else {
			f.raise(vm.VariableNotFoundError(t.Name), t.Position)
		}
	case l.constant:
		f.operand(s.Value)
		f.raise(constantError(t.Name), t.Position)
	case l.boxed:
		r := f.alloc()
		f.expr(s.Value, r)
		if s.Op == syntax.OpNone {
			f.abc(vm.OpSetCell, l.register, r, 0, t.Position)
			return
		}
		place := f.alloc()
		f.abc(vm.OpRefCell, place, l.register, 0, t.Position)
		f.abc(vm.OpAssignP, place, r, int(s.Op), s.Position)
		f.abc(vm.OpUnlock, 0, 0, 0, s.Position)
	case s.Op == syntax.OpNone:
		f.assignTo(l.register, s.Value)
	case s.Op == syntax.OpAdd || s.Op == syntax.OpSub:
		if n, small := smallInt(s.Value); small {
			f.abc(vm.OpAddToI+vm.Op(s.Op-syntax.OpAdd), l.register, 0, n, s.Position)
			return
		}
		f.abc(vm.OpAddTo+vm.Op(s.Op-syntax.OpAdd), l.register, f.operand(s.Value), 0, s.Position)
	default:
		f.abc(vm.OpAssign, l.register, f.kept(s.Value), int(s.Op), s.Position)
	}
}

// assignTo gives a variable a value that may be computed from it.
func (f *function) assignTo(register int, e syntax.Expr) {
	switch e := e.(type) {
	case *syntax.Binary, *syntax.Unary, *syntax.IntLit, *syntax.FloatLit, *syntax.BoolLit, *syntax.StringLit, *syntax.ArrayLit, *syntax.MapLit:
		f.expr(e, register) // these write their result last
	default:
		r := f.alloc()
		f.expr(e, r)
		f.abc(vm.OpMove, register, r, 0, e.Pos())
	}
}

// kept works as operand, for a value that an assignment operator may store.
func (f *function) kept(e syntax.Expr) int {
	r := f.alloc()
	f.expr(e, r)
	return r
}

func constantError(name string) *vm.Error {
	return &vm.Error{Variant: vm.ErrorAssignmentToConstant, Text: "Cannot modify constant " + name,
		Fields: []vm.Field{{Name: "variable", Value: vm.String(name)}}}
}

// assignPart compiles an assignment to an element or property.
func (f *function) assignPart(s *syntax.Assign) {
	v := f.alloc()
	f.expr(s.Value, v)
	w := &walker{function: f, c: flatten(s.Target)}
	w.arguments()
	last := &w.c.steps[len(w.c.steps)-1]
	if r, ok := w.plainRoot(); ok && len(w.c.steps) == 1 && s.Op == syntax.OpNone && !last.elvis {
		if last.index != nil {
			f.abc(vm.OpSetIndex, r, last.register, v, last.pos)
		} else {
			f.abc(vm.OpSetProp, r, f.name(last.name, last.pos), v, last.pos)
		}
		f.positions(last.op, s.Position)
		return
	}
	w.begin(false, s.Target)
	for i := range w.c.steps[:len(w.c.steps)-1] {
		w.step(i)
	}
	w.makeRef()
	if last.elvis {
		w.toUnit = append(w.toUnit, f.ad(vm.OpJumpUnit, w.at, 0, last.op))
	}
	at := s.Target.Start()
	if last.index != nil {
		if w.mayBeConst() {
			f.abc(vm.OpGuardIndex, w.at, last.register, f.name(w.constant, at), at)
		}
		if s.Op == syntax.OpNone {
			f.abc(vm.OpSetIndexP, w.at, last.register, v, last.pos)
			f.positions(last.op, s.Position)
		} else {
			f.abc(vm.OpRefIndex, w.cursor, last.register, vm.RefCreate, last.pos)
			f.positions(last.op, s.Position)
			f.abc(vm.OpAssignP, w.cursor, v, int(s.Op), s.Position)
			f.abc(vm.OpWriteBack, w.cursor, 1, 0, last.pos)
			f.positions(last.op, s.Position)
		}
	} else {
		name := f.name(last.name, last.pos)
		if w.mayBeConst() {
			f.abc(vm.OpGuardProp, w.at, name, f.name(w.constant, at), at)
			f.positions(last.pos, last.pos)
		}
		if s.Op == syntax.OpNone {
			f.abc(vm.OpSetPropP, w.at, name, v, last.pos)
			f.positions(last.op, s.Position)
		} else {
			f.abc(vm.OpRefProp, w.cursor, name, vm.RefCreate, last.pos)
			f.abc(vm.OpAssignP, w.cursor, v, int(s.Op), s.Position)
			f.abc(vm.OpWriteBack, w.cursor, 1, 0, last.pos)
			f.abc(vm.OpWriteBack, w.cursor, 0, 0, last.pos)
		}
	}
	w.end(nil)
}

// mayBeConst reports whether the next instruction is to guard the chain's root, which may be a
// constant. Where only running shows that, it is skipped unless it is one.
func (w *walker) mayBeConst() bool {
	if w.rootSite != nil {
		w.ad(vm.OpUnlessConst, 0, w.rootNumber, syntax.Position{})
		return true
	}
	return w.isConst || w.isThis
}
