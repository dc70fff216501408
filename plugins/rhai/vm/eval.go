package vm

import "unsafe"

// Code of an eval, and of a function called as name!(), runs in a frame of its own but in
// the window of its caller: the same registers, with its own ones behind the
// caller's. What an eval's outermost level declares stays declared, so it cannot be
// in registers: it is looked up by name, as are all variables in functions that
// contain such calls.

// evalRoom is how many registers are kept free behind a window for code that shares it.
const evalRoom = 512

// names are the variables that evals have defined in a window, the latest last.
type names struct {
	vars []namedVar
}

type namedVar struct {
	name     string
	cell     *Cell
	level    int // it hides the variables declared before, which have lower levels
	depth    int // of blocks: it is gone when they are left
	constant bool
}

// find gives the latest variable of a name that hides those up to a level, nil when
// there is none.
func (n *names) find(name string, level int) *namedVar {
	if n == nil {
		return nil
	}
	for i := len(n.vars) - 1; i >= 0; i-- {
		if v := &n.vars[i]; v.name == name && v.level > level {
			return v
		}
	}
	return nil
}

// nameRef gives the place of the variable that site's name has now.
func (t *Thread) nameRef(f *frame, site *Site) (*Value, *Error) {
	if v := f.names.find(site.Name, site.Level); v != nil {
		return &v.cell.value, nil
	}
	if site.Register < 0 {
		return nil, VariableNotFoundError(site.Name)
	}
	v := reg(f.base, uint64(site.Register))
	if v.Kind() == kindCell {
		c := v.asCell()
		if c.locked {
			return nil, dataRace("")
		}
		return &c.value, nil
	}
	return v, nil
}

// nameCell gives the variable as a cell.
func (t *Thread) nameCell(f *frame, site *Site) (Value, *Error) {
	if v := f.names.find(site.Name, site.Level); v != nil {
		return Value{meta: uint32(kindCell), ref: unsafe.Pointer(v.cell)}, nil
	}
	if site.Register < 0 {
		return Unit, VariableNotFoundError(site.Name)
	}
	v := reg(f.base, uint64(site.Register))
	if v.Kind() != kindCell {
		*v = Value{meta: uint32(kindCell), ref: unsafe.Pointer(&Cell{value: *v})}
	}
	return *v, nil
}

// define makes a variable of the window.
func (f *frame) define(site *Site, v Value) {
	f.names.vars = append(f.names.vars, namedVar{site.Name, &Cell{value: v}, site.Level, site.Depth, site.Define})
}

// trim forgets the variables of blocks that have been left.
func (n *names) trim(depth int) {
	if n == nil {
		return
	}
	for len(n.vars) > 0 && n.vars[len(n.vars)-1].depth > depth {
		n.vars = n.vars[:len(n.vars)-1]
	}
}

// eval compiles the text *a and pushes its frame.
func (t *Thread) eval(f *frame, a *Value, site *Site, dst uint16) *Error {
	if a.Kind() != KindString {
		return MismatchError("string", a.TypeName())
	}
	if err := t.Charge(int64(len(a.AsString())/8 + 1)); err != nil {
		return err
	}
	if t.CompileEval == nil {
		return FunctionNotFoundError(Signature("eval", []Value{*a}))
	}
	fn, err := t.CompileEval(a.AsString(), f.fn, site)
	if err != nil {
		return InFunctionCall("eval", err, f.position())
	}
	if fn == nil {
		*a = Unit
		return nil
	}
	return t.pushShared(f, fn, dst)
}

// pushShared pushes a frame that shares the window of f.
func (t *Thread) pushShared(f *frame, fn *Function, dst uint16) *Error {
	if f.names == nil {
		f.names = &names{}
	}
	if uintptr(fn.Registers)*valueSize > f.end-uintptr(f.base) {
		return &Error{Variant: ErrorStackOverflow, Text: "Stack overflow", Limit: "max_call_levels"}
	}
	return t.push(frame{fn: fn, base: f.base, end: f.end, block: f.block, names: f.names, imports: f.imports, dst: dst}, 0)
}

// callScoped calls a function in the window of f: its parameters are the first
// registers behind the caller's.
func (t *Thread) callScoped(f *frame, fn *Function, args []Value, dst uint16) *Error {
	if err := t.Charge(int64(fn.Weight)); err != nil {
		return err
	}
	first := uint64(f.fn.Registers)
	if uintptr(fn.Registers)*valueSize <= f.end-uintptr(f.base) {
		for i, v := range args {
			*reg(f.base, first+uint64(i)) = v
		}
	}
	return t.pushShared(f, fn, dst)
}
