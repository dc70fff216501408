package vm

import (
	"unsafe"

	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// kindsOf packs the kinds of up to 8 arguments, and how many there are.
func kindsOf(args []Value) uint64 {
	k := uint64(len(args)) << 56
	for i := range args {
		k |= uint64(args[i].meta&kindMask+1) << (i * 7)
	}
	return k
}

// callNative calls the overload of site's function that fits args. args[0] may
// be a reference: then the function works on what it refers to.
func (t *Thread) callNative(site *Site, args []Value) (Value, *Error) {
	var target *Value
	var part *proxy
	if len(args) > 0 {
		if k := args[0].Kind(); k == kindRef || k == kindProxy {
			target = args[0].asRef()
			if k == kindProxy {
				part = args[0].asProxy()
			}
			args[0] = *target
		}
	}
	kinds := kindsOf(args)
	n := site.last
	if n == nil || kinds != site.lastKinds {
		if n = pick(site.Natives, args); n == nil {
			if err := t.Charge(int64(len(args)) / itemsPerOperation); err != nil {
				return Unit, err
			}
			return Unit, FunctionNotFoundError(Signature(site.Name, args))
		}
		site.last, site.lastKinds = n, kinds
	}
	if n.Calls {
		kept := len(t.kept)
		KeepItems(t, args)
		Keep(t, target)
		Keep(t, part)
		v, err := t.invoke(site, n, args, target, part)
		t.release(kept)
		return v, err
	}
	return t.invoke(site, n, args, target, part)
}

// invoke calls a native function with what callNative has found. target is what args[0]
// was taken from, part that as a part of a value; both may be nil.
func (t *Thread) invoke(site *Site, n *Native, args []Value, target *Value, part *proxy) (Value, *Error) {
	if !n.Mutates {
		return n.Func(t, args)
	}
	f := &t.frames[len(t.frames)-1]
	constant := part == nil && (f.isConstant(site) || f.thisConst && target == f.this && target != nil)
	if constant && !n.Pure {
		return Unit, nonPureError(site.Name)
	}
	outer := t.constReceiver
	t.constReceiver = constant
	if !n.Pure && !n.Reads {
		if err := t.Own(&args[0]); err != nil {
			return Unit, err
		}
	}
	v, err := n.Func(t, args)
	t.constReceiver = outer
	if target != nil {
		*target = args[0]
	}
	if part != nil {
		part.touched = true
	}
	return v, err
}

// isConstant reports whether the receiver of a method call is (part of) a constant. That does not
// hold for what has no place of its own there, such as a character of a string.
func (f *frame) isConstant(site *Site) bool {
	if site.Const || site.This && f.thisConst {
		return true
	}
	if site.Root == nil {
		return false
	}
	v := f.names.find(site.Root.Name, site.Root.Level)
	return v != nil && v.constant
}

// callMethod calls a method on the receiver *a, a value or a reference, which
// lies right before args on the stack. It either leaves the result in *a or pushes
// the frame of a script function that will.
//
//go:noinline
func (t *Thread) callMethod(site *Site, a *Value, n int, dst uint16) *Error {
	args := unsafe.Slice(reg(unsafe.Pointer(a), 1), n)
	target := a
	if k := a.Kind(); k == kindRef || k == kindProxy {
		target = a.asRef()
	}
	constant := a.Kind() != kindProxy && t.frames[len(t.frames)-1].isConstant(site)
	switch site.Name {
	case "call":
		if target.Kind() == KindFn {
			return t.enter(target.AsFn(), nil, false, a, args, dst)
		}
		if len(args) == 0 {
			return MismatchError("Fn", target.TypeName())
		}
		if args[0].Kind() != KindFn {
			return MismatchError("Fn", args[0].TypeName()).At(site.ArgPos)
		}
		if err := raced(args[0].AsFn()); err != nil {
			return err
		}
		return t.enter(args[0].AsFn(), target, constant, a, args[1:], dst)
	case "curry":
		if target.Kind() != KindFn {
			return MismatchError("Fn", target.TypeName())
		}
		return t.curry(a, target.AsFn(), args)
	}
	if target.Kind() == KindMap {
		if p, ok := target.AsMap().Get(site.Name); ok && p.Kind() == KindFn {
			return t.enter(p.AsFn(), target, constant, a, args, dst)
		}
	}
	f := &t.frames[len(t.frames)-1]
	if fn, carried := t.method(f, site.Scripts, site.Name, len(args), target); fn != nil {
		a.detach()
		return t.enterFunction(fn, t.environment(f, fn.Program, carried), target, constant, args, dst)
	}
	v, err := t.callNative(site, unsafe.Slice(a, len(args)+1))
	if err != nil {
		return err
	}
	*a = v
	return nil
}

// enterFunction pushes the frame of fn, which sees env, with args, which lie on the stack.
func (t *Thread) enterFunction(fn *Function, env *environment, this *Value, thisConst bool, args []Value, dst uint16) *Error {
	if err := t.Charge(int64(fn.Weight)); err != nil {
		return err
	}
	at := &t.frames[len(t.frames)-1]
	f := frame{fn: fn, end: at.end, block: at.block, env: env, this: this, thisConst: thisConst, dst: dst}
	f.base = unsafe.Pointer(unsafe.SliceData(args))
	if len(args) == 0 {
		f.base = t.top().base
	}
	return t.push(f, len(args))
}

// callPtr does call(f, args...): *a is the function pointer.
func (t *Thread) callPtr(site *Site, a *Value, args []Value, dst uint16) *Error {
	if a.Kind() == KindString && len(site.Natives) > 0 { // see package bridge: call of a test
		v, err := t.callNative(site, unsafe.Slice(a, len(args)+1))
		if err == nil {
			*a = v
		}
		return err
	}
	if a.Kind() != KindFn {
		return MismatchError("Fn", a.TypeName()).At(site.ArgPos)
	}
	p := a.AsFn()
	if n := len(p.Curry) + len(args); site.Capture && !p.IsClosure() && (p.Func == nil || p.Func.Params != n) {
		f := &t.frames[len(t.frames)-1]
		if fn := f.function(p.Name, n); fn != nil {
			return t.callScoped(f, site, fn, append(p.Curried(), args...), dst)
		}
	}
	return t.enter(p, nil, false, a, args, dst)
}

// enter calls a function pointer: it leaves the result in *a or pushes the frame
// of a script function that will. this is what a method call binds, or nil.
func (t *Thread) enter(p *FnPtr, this *Value, thisConst bool, a *Value, args []Value, dst uint16) *Error {
	fn, env := t.target(p, len(args), this)
	if fn == nil {
		v, err := t.callByName(p, this, args)
		if err != nil {
			return err
		}
		*a = v
		return nil
	}
	a.detach()
	if len(p.Curry) == 0 && len(args) > 0 {
		return t.enterFunction(fn, env, this, thisConst, args, dst)
	}
	if err := t.Charge(int64(fn.Weight)); err != nil {
		return err
	}
	f := t.top()
	f.fn, f.env, f.this, f.thisConst, f.dst = fn, env, this, thisConst, dst
	n := t.place(&f, p.Curry, args)
	return t.push(f, n)
}

// raced refuses to hand a locked variable to a function.
func raced(p *FnPtr) *Error {
	for i, v := range p.Curry {
		if v.Kind() == kindCell && v.asCell().locked {
			return dataRace("argument #" + itoa(int64(i+1)) + " of function '" + p.Name + "'")
		}
	}
	return nil
}

// target returns the script function that p calls with nargs further arguments, and what it sees.
// It is nil when p calls a native function or none.
func (t *Thread) target(p *FnPtr, nargs int, this *Value) (fn *Function, env *environment) {
	f := &t.frames[len(t.frames)-1]
	nargs += len(p.Curry)
	var carried *environment
	switch {
	case p.Func != nil && p.Func.Params == nargs:
		fn, carried = p.Func, p.env
	case p.IsClosure():
	case this != nil:
		fn, carried = t.method(f, f.fn.Program.byName[p.Name], p.Name, nargs, this)
	default:
		fn = f.function(p.Name, nargs)
	}
	if fn == nil {
		return nil, nil
	}
	return fn, t.environment(f, fn.Program, carried)
}

// callByName calls what p names when that is no script function.
func (t *Thread) callByName(p *FnPtr, this *Value, args []Value) (Value, *Error) {
	if err := t.Charge(int64(len(p.Curry)) / itemsPerOperation); err != nil {
		return Unit, err
	}
	all := make([]Value, 0, len(p.Curry)+len(args)+1)
	if this != nil {
		all = append(all, *this)
	}
	for _, v := range p.Curry {
		if v.Kind() == kindCell {
			v = v.asCell().value
		}
		all = append(all, v.Share())
	}
	all = append(all, args...)
	if p.IsClosure() {
		if err := raced(p); err != nil {
			return Unit, err
		}
		return Unit, FunctionNotFoundError(Signature(p.Name, all))
	}
	site := &Site{Name: p.Name, Natives: t.program.Native.functions.get(p.Name)}
	if this == nil {
		return t.callNative(site, all)
	}
	kept := len(t.kept)
	Keep(t, this)
	KeepItems(t, all)
	Keep(t, site)
	v, err := t.callNative(site, all)
	t.release(kept)
	if site.last != nil && site.last.Mutates {
		*this = all[0]
	}
	return v, err
}

// Call calls a function pointer from a native function. this is what a script
// function sees as this, by reference; it may be nil.
func (t *Thread) Call(p *FnPtr, this *Value, args ...Value) (Value, *Error) {
	fn, env := t.target(p, len(args), this)
	// What is found by its name is called from within one more call in Rhai, and what
	// calls back counts as two then.
	if fn == nil {
		t.maxFrames -= 2
		v, err := t.callByName(p, this, args)
		t.maxFrames += 2
		if err != nil && !err.unplaced {
			err.At(t.position())
		}
		return v, err
	}
	if fn != p.Func && fn.Empty {
		return Unit, nil
	}
	if fn != p.Func {
		t.maxFrames--
		v, err := t.callFunction(fn, env, this, p.Curry, args)
		t.maxFrames++
		return v, err
	}
	return t.callFunction(fn, env, this, p.Curry, args)
}

func (t *Thread) callFunction(fn *Function, env *environment, this *Value, curry, args []Value) (Value, *Error) {
	if err := t.Charge(int64(fn.Weight)); err != nil {
		return Unit, err
	}
	if t.levels >= nativeDeep {
		return Unit, stackOverflow().At(t.position())
	}
	t.levels++
	t.maxFrames--
	v, err := t.nested(fn, env, this, curry, args)
	t.levels--
	t.maxFrames++
	return v, err
}

// nested runs a function to its end in a dispatch loop of its own.
func (t *Thread) nested(fn *Function, env *environment, this *Value, curry, args []Value) (Value, *Error) {
	stop := len(t.frames)
	at := &t.frames[stop-1]
	base := unsafe.Add(at.base, uintptr(at.fn.Registers)*valueSize)
	if n := len(curry) + len(args); stop < t.maxFrames && n <= fn.Registers && uintptr(fn.Room) <= at.end-uintptr(base) {
		// The common case of place and push, without copying a frame.
		for i := range curry {
			*reg(base, uint64(i)) = curry[i]
		}
		for i := range args {
			*reg(base, uint64(len(curry)+i)) = args[i]
		}
		t.frames = t.frames[:stop+1]
		f := &t.frames[stop]
		f.fn, f.base, f.end, f.block = fn, base, at.end, at.block
		f.ip = unsafe.Pointer(unsafe.SliceData(fn.Code))
		f.this, f.thisConst, f.names, f.env, f.dst = this, this != nil && t.constReceiver, nil, env, 0
		f.locks = int32(len(t.locks))
	} else {
		f := t.top()
		f.fn, f.env, f.this, f.thisConst = fn, env, this, this != nil && t.constReceiver
		if err := t.push(f, t.place(&f, curry, args)); err != nil {
			return Unit, err.At(t.position())
		}
	}
	if !t.fast(stop) {
		if err := t.run(stop); err != nil {
			return Unit, err
		}
	}
	return t.result, nil
}

// Arity returns the number of arguments a call of p takes besides the curried ones; -1
// when p names a native function or there is no telling.
func (p *FnPtr) Arity(t *Thread) int {
	if p.Func != nil {
		return p.Func.Params - len(p.Curry)
	}
	return -1
}

// curry makes *a the function pointer p with further leading arguments.
func (t *Thread) curry(a *Value, p *FnPtr, args []Value) *Error {
	n := int64(len(p.Curry) + len(args))
	if err := t.CheckArray(n); err != nil {
		return err
	}
	if err := t.Charge(n / itemsPerOperation); err != nil {
		return err
	}
	c := &FnPtr{Name: p.Name, Func: p.Func, env: p.env, Curry: make([]Value, 0, len(p.Curry)+len(args))}
	c.Curry = append(append(c.Curry, p.Curry...), args...)
	*a = NewFn(c)
	return nil
}

// FnByName returns Fn(name).
func (t *Thread) FnByName(name string) (*FnPtr, *Error) {
	if syntax.IsFunctionName(name) {
		return &FnPtr{Name: name}, nil
	}
	if syntax.IsReserved(name) {
		what := "symbol"
		if c := name[0]; c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' {
			what = "keyword"
		}
		return nil, newError(ErrorParsing, "Syntax error: '"+name+"' is a reserved "+what)
	}
	return nil, FunctionNotFoundError(name)
}

// closure makes a closure: each variable it captures becomes shared.
func closure(f *frame, fn *Function) (Value, *Error) {
	p := &FnPtr{Name: fn.Name, Func: fn, env: f.env}
	if len(fn.Captures) > 0 {
		p.Curry = make([]Value, len(fn.Captures))
		for i, r := range fn.Captures {
			v := reg(f.base, uint64(r)).share()
			if v.asCell().locked {
				return Unit, dataRace("")
			}
			p.Curry[i] = v
		}
	}
	return NewFn(p), nil
}

// isDefVar does is_def_var(*a).
func (t *Thread) isDefVar(f *frame, a *Value, site *Site) *Error {
	if a.Kind() != KindString {
		return MismatchError("string", rawTypeName(*a)).At(site.ArgPos)
	}
	name := a.AsString()
	*a = Bool(site.Scope.Find(name) != nil || f.names.find(name, -1) != nil)
	return nil
}

// isDefFn does is_def_fn(name, params) or is_def_fn(type, name, params).
func (t *Thread) isDefFn(a *Value, n int) *Error {
	args := unsafe.Slice(a, n)
	thisType := ""
	if n == 3 {
		if args[0].Kind() != KindString {
			return MismatchError("string", args[0].TypeName())
		}
		thisType = args[0].AsString()
		args = args[1:]
	}
	// Its places are those of its first argument, its second (placeBracket) and its last
	// (placeAssign).
	if args[0].Kind() != KindString {
		err := MismatchError("string", args[0].TypeName())
		if n == 3 {
			err.place = placeBracket
		}
		return err
	}
	if args[1].Kind() != KindInt {
		err := MismatchError("i64", args[1].TypeName())
		err.place = placeAssign
		return err
	}
	found := false
	if params := args[1].AsInt(); params >= 0 && params < 1<<15 {
		found = t.defined(&t.frames[len(t.frames)-1], args[0].AsString(), int(params), thisType)
	}
	*a = Bool(found)
	return nil
}

// Curried returns the leading arguments of p; what a closure captured, by its value now.
func (p *FnPtr) Curried() []Value {
	values := make([]Value, len(p.Curry))
	for i, v := range p.Curry {
		if v.Kind() == kindCell {
			v = v.asCell().value
		}
		values[i] = v.Share()
	}
	return values
}
