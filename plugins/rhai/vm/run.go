package vm

import (
	"unsafe"

	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// run is the dispatch loop. It runs until stop frames are left and leaves the
// value that the last one returned in t.result.
//
// fast does what can be done without allocating; each instruction that it leaves
// is run here. A frame's ip is behind the instruction while that runs: an error
// finds its position there.
func (t *Thread) run(stop int) *Error {
	for {
		if t.fast(stop) {
			return nil
		}
		if *collector.Due != 0 {
			t.collect()
		}
		f := &t.frames[len(t.frames)-1]
		in := *(*Instr)(f.ip)
		f.ip = unsafe.Add(f.ip, instrSize)
		var err *Error
		switch Op(in) {
		case OpCallNative:
			err = t.stepNative(f, in)
		case OpCallMethod:
			err = t.callMethod(f.fn.Sites[in.C()], f.at(in.A()), int(in.B()), in.A())
		case OpAdd, OpSub, OpMul, OpDiv, OpMod, OpAddK, OpSubK, OpMulK, OpDivK, OpModK, OpEq, OpNe, OpLt, OpLe, OpGt, OpGe, OpBinary:
			err = t.stepBinary(f, in)
		case OpAddTo, OpSubTo, OpAddToI, OpSubToI, OpAssign, OpAssignP:
			err = t.stepAssign(f, in)
		case OpGetIndex, OpGetIndexI, OpSetIndex, OpSetIndexP:
			err = t.stepIndex(f, in)
		default:
			err = t.step(f, in)
		}
		if err != nil {
			if err = t.unwind(err, stop); err != nil {
				return err
			}
		}
	}
}

// The instructions that are run most have functions of their own, which have little to save when
// they are entered.

//go:noinline
func (t *Thread) stepNative(f *frame, in Instr) *Error {
	a, site := f.at(in.A()), f.fn.Sites[in.C()]
	if f.env.others != nil {
		if fn := f.env.others.find(site.Name, int(in.B()), ""); fn != nil {
			if k := a.Kind(); k == kindRef || k == kindProxy {
				*a = a.asRef().Share()
			}
			return t.enterFunction(fn, t.environment(f, fn.Program, nil), nil, false, unsafe.Slice(a, int(in.B())), in.A())
		}
	}
	v, err := t.callNative(site, unsafe.Slice(a, int(in.B())))
	if err == nil {
		*a = v
	}
	return err
}

//go:noinline
func (t *Thread) stepBinary(f *frame, in Instr) *Error {
	o := Op(in)
	if o >= OpAddK && o <= OpModK {
		return t.binary(f.at(in.A()), syntax.OpAdd+syntax.Operator(o-OpAddK), *f.at(in.B()), *f.constant(int32(in.C())))
	}
	op, c := in.Operator(), f.at(in.C())
	if o == OpAdd && t.joinTexts(f.at(in.A()), f.at(in.B()), c) {
		return nil
	}
	switch {
	case o <= OpMod:
		op = syntax.OpAdd + syntax.Operator(o-OpAdd)
	case o != OpBinary:
		op = syntax.OpEq + syntax.Operator(o-OpEq)
	}
	return t.binary(f.at(in.A()), op, *f.at(in.B()), *c)
}

//go:noinline
func (t *Thread) stepAssign(f *frame, in Instr) *Error {
	a := f.at(in.A())
	switch Op(in) {
	case OpAddTo, OpSubTo:
		if Op(in) == OpAddTo && t.extendText(a, f.at(in.B())) {
			return nil
		}
		return t.OpAssign(syntax.OpAdd+syntax.Operator(Op(in)-OpAddTo), a, f.at(in.B()).Share())
	case OpAddToI, OpSubToI:
		return t.OpAssign(syntax.OpAdd+syntax.Operator(Op(in)-OpAddToI), a, Int(int64(int16(in.C()))))
	case OpAssignP:
		a = a.asRef()
	}
	return t.OpAssign(syntax.Operator(in.C()), a, *f.at(in.B()))
}

//go:noinline
func (t *Thread) stepIndex(f *frame, in Instr) *Error {
	a, b := f.at(in.A()), f.at(in.B())
	switch Op(in) {
	case OpSetIndex:
		return t.setIndex(a, *b, *f.at(in.C()))
	case OpSetIndexP:
		return t.setIndex(a.asRef(), *b, *f.at(in.C()))
	}
	key := Int(int64(int16(in.C())))
	if Op(in) == OpGetIndex {
		key = *f.at(in.C())
	}
	v, err := t.getIndex(b, key)
	if err == nil {
		*a = v
	}
	return err
}

// at returns a register of the window.
func (f *frame) at(register uint16) *Value { return reg(f.base, uint64(register)) }

// step runs one of the other instructions of the frame f, the innermost one.
//
//go:noinline
func (t *Thread) step(f *frame, in Instr) *Error {
	a := f.at(in.A())
	switch Op(in) {
	case OpGetCell, OpSetCell:
		return dataRace("")
	case OpGetThis, OpRefThis:
		return newError(ErrorUnboundThis, "'this' not bound")
	case OpGetGlobal:
		v, err := f.global(f.constant(in.D()).AsString())
		if err != nil {
			return err
		}
		*a = v
	case OpGetGiven:
		*a = t.args[in.D()].Share()
	case OpSetGlobal:
		t.setConstant(f, f.constant(in.D()).AsString(), *a)
	case OpImport:
		return t.importModule(f, *a, f.fn.Sites[in.D()])
	case OpImportTrim:
		if i := f.env.imports.trim(f.base, int(in.D())); i != f.env.imports {
			e := *f.env
			e.imports = i
			t.enclose(f, &e)
		}
	case OpExport:
		t.export(f, f.fn.Sites[in.D()].Name, *a)
	case OpCallQualified:
		return t.callQualified(f, f.fn.Sites[in.C()], a, int(in.B()), in.A())
	case OpGetQualified:
		v, err := t.qualified(f, f.fn.Sites[in.D()])
		if err != nil {
			return err
		}
		*a = v

	case OpUnary:
		v, err := t.Unary(syntax.Operator(in.C()), *f.at(in.B()))
		if err != nil {
			return err
		}
		*a = v
	case OpIn:
		return t.in(f, a, *f.at(in.B()), *f.at(in.C()), in.A())

	case OpJumpFalse, OpJumpTrue, OpCheckBool:
		// A bool with a tag is one, too.
		if a.Kind() != KindBool {
			return MismatchError("bool", rawTypeName(*a))
		}
		if Op(in) != OpCheckBool && a.AsBool() == (Op(in) == OpJumpTrue) {
			f.jump(int(in.D()))
		}
	case OpUnlessEq, OpUnlessNe, OpUnlessLt, OpUnlessLe, OpUnlessGt, OpUnlessGe:
		return t.unless(f, syntax.OpEq+syntax.Operator(Op(in)-OpUnlessEq), *a, *f.at(in.B()), in)
	case OpUnlessEqI, OpUnlessNeI, OpUnlessLtI, OpUnlessLeI, OpUnlessGtI, OpUnlessGeI:
		return t.unless(f, syntax.OpEq+syntax.Operator(Op(in)-OpUnlessEqI), *a, Int(int64(int16(in.B()))), in)
	case OpLoop, OpForRange:
		// Out of this slice of operations. With the next one the instruction is run again.
		weight := int64(uint8(in >> 8))
		if err := t.Charge(weight); err != nil {
			return err
		}
		t.budget += weight
		f.jump(-1)
	case OpPoll:
		if err := t.Charge(int64(in.X())); err != nil {
			return err
		}
		return t.Poll()
	case OpRangePrep:
		return t.prepareRange(a, in.B() != 0)
	case OpIterInit:
		return t.iterInit(a, *f.at(in.B()))
	case OpIterNext:
		if err := t.Charge(int64(uint8(in >> 8))); err != nil {
			return err
		}
		more, err := t.iterNext(a)
		if err != nil {
			return err
		}
		if more {
			f.jump(int(in.D()))
		}

	case OpArray:
		*a = NewArray(make([]Value, 0, int(in.D())))
	case OpAppend:
		arr := a.AsArray()
		arr.Items = append(arr.Items, unsafe.Slice(f.at(in.B()), int(in.C()))...)
		return t.CheckArray(int64(len(arr.Items)))
	case OpMap:
		*a = NewMapValue(NewMap(int(in.D())))
	case OpMapSet:
		a.AsMap().Set(f.constant(int32(in.B())).AsString(), *f.at(in.C()))
	case OpRange, OpRangeIncl:
		from, to, err := bounds(*f.at(in.B()), *f.at(in.C()), Op(in) == OpRangeIncl)
		if err != nil {
			return err
		}
		*a = NewRange(from, to, Op(in) == OpRangeIncl)
	case OpInterpolate:
		v, err := t.interpolate(unsafe.Slice(f.at(in.B()), int(in.C())))
		if err != nil {
			return err
		}
		*a = v

	case OpGetProp:
		v, err := t.getProperty(f.at(in.B()), f.constant(int32(in.C())).AsString())
		if err != nil {
			return err
		}
		*a = v
	case OpSetProp:
		return t.setProperty(a, f.constant(int32(in.B())).AsString(), *f.at(in.C()))

	case OpRefCell:
		place, err := t.lock(f.at(in.B()))
		if err != nil {
			return err
		}
		*a = makeRef(place)
	case OpRefOwn:
		v, err := own(f.at(in.B()))
		if err != nil {
			return err
		}
		*a = v
	case OpRefIndex:
		base, key := a.asRef(), f.at(in.B())
		v, err := t.refIndex(base, *key, in.C())
		if err != nil {
			if err.Variant == ErrorIndexingType && in.C()&RefCreate != 0 {
				// Rhai then tries to set it to the operand of the OpAssignP that follows.
				next := *(*Instr)(f.ip)
				err = noIndexer(base, *key, f.at(next.B()))
			}
			return err
		}
		*a = v
	case OpRefProp:
		v, err := t.refProperty(a.asRef(), f.constant(int32(in.B())).AsString(), in.C())
		if err != nil {
			return err
		}
		*a = v
	case OpStoreP:
		if f.thisConst && a.asRef() == f.this {
			return constantError("")
		}
		*a.asRef() = *f.at(in.B())
	case OpSetPropP:
		return t.setProperty(a.asRef(), f.constant(int32(in.B())).AsString(), *f.at(in.C()))
	case OpGuardIndex:
		constant := f.constant(int32(in.C())).AsString()
		if (constant != "" || f.thisConst) && has(a.asRef(), *f.at(in.B())) {
			return constantError(constant)
		}
	case OpGuardProp:
		constant := f.constant(int32(in.C())).AsString()
		if constant != "" || f.thisConst {
			return t.guardProperty(a.asRef(), *f.constant(int32(in.B())), constant)
		}
	case OpGuardThis:
		if f.thisConst {
			return constantError("")
		}
	case OpWriteBack:
		return a.asProxy().writeBack(t, in.B() != 0)

	case OpCall:
		fn := f.fn.Calls[in.C()]
		if fn.Empty {
			*a = Unit // whatever the depth
			return nil
		}
		return t.enterFunction(fn, f.env, nil, false, unsafe.Slice(a, int(in.B())), in.A())
	case OpCallPtr:
		return t.callPtr(f.fn.Sites[in.C()], a, unsafe.Slice(reg(unsafe.Pointer(a), 1), int(in.B())), in.A())
	case OpFnPtr:
		if a.Kind() != KindString {
			return MismatchError("string", rawTypeName(*a))
		}
		p, err := t.FnByName(a.AsString())
		if err != nil {
			return err
		}
		*a = NewFn(p)
	case OpFnName:
		name := f.constant(in.D()).AsString()
		*a = NewFn(&FnPtr{Name: name, Func: t.current().byName[name].list[0], env: f.env})
	case OpCheckFn:
		if a.Kind() != KindFn {
			return MismatchError("Fn", a.TypeName())
		}
	case OpCurry:
		if a.Kind() != KindFn {
			return MismatchError("Fn", a.TypeName())
		}
		return t.curry(a, a.AsFn(), unsafe.Slice(reg(unsafe.Pointer(a), 1), int(in.B())))
	case OpClosure:
		v, err := closure(f, f.fn.Closures[in.D()])
		if err != nil {
			return err
		}
		*a = v
	case OpIsShared:
		return isShared(a, f.at(in.B()))
	case OpIsDefVar:
		return t.isDefVar(f, a, f.fn.Sites[in.D()])
	case OpIsDefFn:
		return t.isDefFn(a, int(in.B()))
	case OpEval:
		return t.eval(f, a, f.fn.Sites[in.D()], in.A())
	case OpCallScoped:
		site := f.fn.Sites[in.C()]
		return t.callScoped(f, site, site.Callee, unsafe.Slice(a, int(in.B())), in.A())
	case OpNameRef, OpNameLock, OpNameOwn, OpNameCell:
		v, err := t.name(f, Op(in), f.fn.Sites[in.D()])
		if err != nil {
			return err
		}
		*a = v
	case OpNameShared:
		v, _, err := f.variable(f.fn.Sites[in.D()])
		if err != nil {
			return err
		}
		return isShared(a, v)
	case OpNameConst:
		if site := f.fn.Sites[in.D()]; f.names.constant(site) {
			return constantError(site.Name)
		}
	case OpUnlessConst:
		if !f.names.constant(f.fn.Sites[in.D()]) {
			f.jump(1)
		}
	case OpDefine:
		f.define(f.fn.Sites[in.D()], *a)
	case OpUntag:
		if a.Kind() == KindString {
			a.meta = uint32(KindString)
		}
	case OpTrim:
		f.names.trim(int(in.D()))
	case OpCover:
		f.fn.Program.Covered[in.D()]++
	case OpThrow:
		return RuntimeError(a.Share())
	case OpFail:
		e := *f.fn.Errors[in.D()]
		return &e
	case OpSwitch:
		target, ok, err := t.findCase(f.fn.Switches[in.D()], *a)
		if err != nil {
			return err
		}
		if ok {
			f.jump(int(target))
		}
	case OpInRange:
		if !f.constant(int32(in.B())).rangeContains(*a) {
			f.jump(int(int16(in.C())))
		}
	default:
		panic("vm: no loop runs this instruction") // a fault of ours, which must not go unseen
	}
	return nil
}

// jump moves the frame's ip by n instructions.
func (f *frame) jump(n int) { f.ip = unsafe.Add(f.ip, n*int(instrSize)) }

func (f *frame) constant(n int32) *Value { return &f.fn.Consts[n] }

// unless does a conditional jump whose operands are not both integers or floats.
func (t *Thread) unless(f *frame, op syntax.Operator, l, r Value, in Instr) *Error {
	var holds Value
	if err := t.binary(&holds, op, l, r); err != nil {
		return err
	}
	if !holds.AsBool() {
		f.jump(int(int16(in.C())))
	}
	return nil
}

// binary is the slow path of the binary operators: *a = l op r.
func (t *Thread) binary(a *Value, op syntax.Operator, l, r Value) *Error {
	v, err := t.Binary(op, l, r)
	if err == nil {
		*a = v
	}
	return err
}
