package vm

import (
	"strings"
	"unsafe"
)

// Code of an eval, and of a function called as name!(), runs in a frame of its own but in
// the window of its caller: the same registers, with its own ones behind the
// caller's. What an eval's outermost level declares stays declared, so it cannot be
// in registers: it is looked up by name, as are all variables in functions that
// contain such calls.

// evalRoom is how many registers are kept free behind a window for code that shares it.
const evalRoom = 512

// names are the variables that evals have defined in a window, the latest last.
type names struct {
	vars   []*namedVar      // no level is lower than those before
	latest map[string]int32 // for each name, the place of the latest one, plus 1; nil while they are few
}

// fewNames is how many are found as fast one by one.
const fewNames = 16

type namedVar struct {
	name     string
	value    Value // a cell if a closure shares it
	level    int   // it hides the variables declared before, which have lower levels
	depth    int   // of blocks: it is gone when they are left
	constant bool
	before   int32 // place of the one of this name that was defined before, plus 1; 0: none
}

// find returns the latest variable of a name that hides those up to a level, nil when
// there is none.
func (n *names) find(name string, level int) *namedVar {
	if n == nil {
		return nil
	}
	at := len(n.vars)
	if n.latest != nil {
		at = int(n.latest[name])
	}
	for ; at > 0; at-- {
		if v := n.vars[at-1]; v.level <= level {
			return nil
		} else if v.name == name {
			return v
		}
	}
	return nil
}

func (n *names) add(v *namedVar) {
	n.vars = append(n.vars, v)
	switch count := len(n.vars); {
	case n.latest != nil:
		n.link(count - 1)
	case count > fewNames:
		n.latest = make(map[string]int32, 4*fewNames)
		for i := range n.vars {
			n.link(i)
		}
	}
}

func (n *names) link(i int) {
	v := n.vars[i]
	v.before = n.latest[v.name]
	n.latest[v.name] = int32(i + 1)
}

// constant reports whether the variable that a site's name has now is a constant.
func (n *names) constant(site *Site) bool {
	if v := n.find(site.Name, site.Level); v != nil {
		return v.constant
	}
	return site.Define
}

// name does the instruction op on the variable that site's name has now.
func (t *Thread) name(f *frame, op Op, site *Site) (Value, *Error) {
	v, constant, err := f.variable(site)
	if err != nil {
		return Unit, err
	}
	switch {
	case op == OpNameCell:
		return v.share(), nil
	case op == OpNameLock:
		place, err := t.lock(v)
		return makeRef(place), err
	case op == OpNameOwn && !constant:
		return own(v)
	}
	if v.Kind() == kindCell {
		c := v.asCell()
		if c.locked {
			return Unit, dataRace("")
		}
		v = &c.value
	}
	if op == OpNameOwn {
		return v.Share(), nil
	}
	return makeRef(v), nil
}

// variable returns the variable that site's name has now.
func (f *frame) variable(site *Site) (v *Value, constant bool, err *Error) {
	if n := f.names.find(site.Name, site.Level); n != nil {
		return &n.value, n.constant, nil
	}
	if site.Register < 0 {
		return nil, false, VariableNotFoundError(site.Name)
	}
	return reg(f.base, uint64(site.Register)), site.Define, nil
}

// isShared makes *a whether closures share the variable *v.
func isShared(a, v *Value) *Error {
	shared := v.Kind() == kindCell
	if shared && v.asCell().locked {
		return dataRace("")
	}
	*a = Bool(shared)
	return nil
}

// share makes the variable *v one that closures can share, and returns its cell.
func (v *Value) share() Value {
	if v.Kind() != kindCell {
		*v = Value{meta: uint32(kindCell), ref: unsafe.Pointer(&Cell{value: *v})}
	}
	return *v
}

// lock returns the place of the variable *v's value, which is locked until an OpUnlock if
// it is shared.
func (t *Thread) lock(v *Value) (*Value, *Error) {
	c := &Cell{} // so that OpUnlock finds one
	if v.Kind() == kindCell {
		c = v.asCell()
		if c.locked {
			return nil, dataRace("")
		}
		c.locked = true
		v = &c.value
	}
	t.locks = append(t.locks, c)
	return v, nil
}

// own returns a reference to the variable *v for a function to work on, or its value if
// it is shared.
func own(v *Value) (Value, *Error) {
	if v.Kind() != kindCell {
		return makeRef(v), nil
	}
	c := v.asCell()
	if c.locked {
		return Unit, dataRace("")
	}
	return c.value.Share(), nil
}

// define makes a variable of the window.
func (f *frame) define(site *Site, v Value) {
	f.names.add(&namedVar{name: site.Name, value: v, level: site.Level, depth: site.Depth, constant: site.Define})
}

// trim forgets the variables of blocks that have been left.
func (n *names) trim(depth int) {
	if n == nil {
		return
	}
	for len(n.vars) > 0 && n.vars[len(n.vars)-1].depth > depth {
		last := n.vars[len(n.vars)-1]
		n.vars = n.vars[:len(n.vars)-1]
		if n.latest != nil {
			n.latest[last.name] = last.before
		}
	}
}

// eval compiles the text *a and pushes its frame.
func (t *Thread) eval(f *frame, a *Value, site *Site, dst uint16) *Error {
	if a.Kind() != KindString {
		return MismatchError("string", rawTypeName(*a))
	}
	if err := t.Charge(1); err != nil {
		return err
	}
	if t.CompileEval == nil {
		return FunctionNotFoundError(Signature("eval", []Value{*a}))
	}
	fn, err := t.evalCode(a.AsString(), f.fn, site)
	if err != nil && err.system() && err.Variant != ErrorParsing {
		return err
	}
	if err != nil {
		return t.InFunctionCall("eval", err, f.position())
	}
	if fn == nil {
		*a = Unit
		return nil
	}
	return t.pushShared(f, fn, dst)
}

// evaluated is the code of a text that an eval has run.
type evaluated struct {
	text  string
	code  *Function // nil: none yet
	steps int       // that compiling it took
}

// An eval keeps the code of so many texts, none longer than so many bytes. The first one alone, at
// first: most run once.
const (
	evalsKept = 64
	evalShort = 4 << 10
)

// evalCode returns the code of a text in the window of fn, where it sees what site sees. What has
// been compiled for the site before is charged as if it were compiled once more.
func (t *Thread) evalCode(text string, fn *Function, site *Site) (*Function, *Error) {
	if len(text) > evalShort {
		return t.CompileEval(text, fn, site)
	}
	hash := hashString(text)
	if site.evals == nil {
		site.evals = make([]evaluated, 1)
	}
	kept := &site.evals[hash&uint32(len(site.evals)-1)]
	switch {
	case kept.code == nil:
	case EqualText(kept.text, text):
		work := t.Compilation()
		work.Step(kept.steps)
		return kept.code, work.Err
	case len(site.evals) < evalsKept:
		first := *kept
		site.evals = make([]evaluated, evalsKept)
		site.evals[hashString(first.text)&(evalsKept-1)] = first
		kept = &site.evals[hash&(evalsKept-1)]
	}
	before := t.compiled
	code, err := t.CompileEval(text, fn, site)
	if err == nil {
		*kept = evaluated{strings.Clone(text), code, t.compiled - before} // text may be a part of a block that is far larger
	}
	return code, err
}

// pushShared pushes a frame that shares the window of f.
func (t *Thread) pushShared(f *frame, fn *Function, dst uint16) *Error {
	if f.names == nil {
		f.names = &names{}
	}
	if uintptr(fn.Registers)*valueSize > f.end-uintptr(f.base) {
		return stackOverflow()
	}
	return t.push(frame{fn: fn, base: f.base, end: f.end, block: f.block, names: f.names, env: f.env, dst: dst}, 0)
}

// callScoped calls a function in the window of f, where it sees what site sees: its parameters are
// the first registers behind the caller's. It is compiled for the site when it is first called there.
func (t *Thread) callScoped(f *frame, site *Site, callee *Function, args []Value, dst uint16) *Error {
	if site.callee != callee {
		code := site.scoped[callee]
		if code == nil {
			if t.CompileScoped == nil || callee.Tree == nil {
				return FunctionNotFoundError(Signature(callee.Name, args))
			}
			var err *Error
			if code, err = t.CompileScoped(callee, f.fn, site); err != nil {
				return err
			}
			if site.scoped == nil {
				site.scoped = map[*Function]*Function{}
			}
			site.scoped[callee] = code
		}
		site.callee, site.code = callee, code
	}
	fn := site.code
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
