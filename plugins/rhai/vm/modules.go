package vm

import (
	"strings"
	"unsafe"

	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// A module is a program whose functions and exported constants others use by
// m::name. Its statements run once in an execution, at the first import.
type module struct {
	program *Program
	vars    map[string]Value
	carried environment // of its functions: what its statements imported and defined
	typed   bool        // it has functions for a type, or imports a module that has
	done    bool
	seen    uint32 // the number of the search that has last looked at it
}

// imported is a module in sight under a name, and those imported before it.
type imported struct {
	alias  string
	module *module
	owner  unsafe.Pointer // the window whose code imported it; nil: it is carried
	depth  int            // of blocks
	before *imported
	typed  bool // it or one before has functions for a type
}

// onto returns a module imported after those of before.
func (m *module) onto(before *imported, alias string, owner unsafe.Pointer, depth int) *imported {
	return &imported{alias, m, owner, depth, before, m.typed || before != nil && before.typed}
}

// named finds a module among those imported. Like all walks along these, it counts.
func (t *Thread) named(i *imported, alias string) *module {
	steps := 1
	for ; i != nil && i.alias != alias; i = i.before {
		steps++
	}
	t.budget -= int64(steps / itemsPerOperation)
	if i == nil {
		return nil
	}
	return i.module
}

// trim forgets the modules of a window's blocks that have been left.
func (i *imported) trim(owner unsafe.Pointer, depth int) *imported {
	for i != nil && i.owner == owner && i.depth > depth {
		i = i.before
	}
	return i
}

// under puts the modules of another list on top of those of i.
func (t *Thread) under(i, top *imported) *imported {
	if top == i {
		return i
	}
	list := top.since(i)
	t.budget -= int64(len(list) / itemsPerOperation)
	return list.onto(i)
}

// since lists what was imported after last, the latest first.
func (i *imported) since(last *imported) (list importedList) {
	for ; i != nil && i != last; i = i.before {
		list = append(list, i)
	}
	return list
}

type importedList []*imported

// onto makes a list of these and those of below.
func (list importedList) onto(below *imported) *imported {
	for n := len(list) - 1; n >= 0; n-- {
		below = list[n].module.onto(below, list[n].alias, nil, 0)
	}
	return below
}

// method finds a function for the type of a method's receiver in the imported modules, and those
// that they import. Functions for a type need no name of a module before theirs.
func (t *Thread) importedMethod(i *imported, name string, params int, thisType string) (*module, *Function) {
	if i == nil || !i.typed {
		return nil, nil
	}
	t.searches++
	return t.searchMethod(i, name, params, thisType)
}

func (t *Thread) searchMethod(i *imported, name string, params int, thisType string) (*module, *Function) {
	for steps := 1; i != nil && i.typed; i = i.before {
		if steps++; steps%itemsPerOperation == 0 {
			t.budget--
		}
		m := i.module
		if !m.typed || m.seen == t.searches {
			continue
		}
		m.seen = t.searches
		if fn := m.program.Find(name, params, thisType); fn != nil && fn.ThisType != "" && !fn.Private {
			return m, fn
		}
		if m, fn := t.searchMethod(m.carried.imports, name, params, thisType); fn != nil {
			return m, fn
		}
	}
	return nil, nil
}

// ModuleNotFoundError returns the error of a name that no module has.
func ModuleNotFoundError(name string) *Error {
	return newError(ErrorModuleNotFound, "Module not found: "+name, Field{"module", String(name)})
}

// importModule does import name as alias. alias may be "".
func (t *Thread) importModule(f *frame, name Value, site *Site) *Error {
	if int64(len(t.modules)) >= t.limits.MaxModules {
		return &Error{Variant: ErrorTooManyModules, Text: "Too many modules imported", Limit: "max_modules"}
	}
	if name.Kind() != KindString {
		return MismatchError("string", rawTypeName(name)).At(site.Position)
	}
	m, ok := t.modules[name.AsString()]
	if !ok {
		program := t.program.Modules[name.AsString()]
		if program == nil {
			return ModuleNotFoundError(name.AsString())
		}
		m = &module{program: program}
		if t.modules == nil {
			t.modules = map[string]*module{}
		}
		t.modules[strings.Clone(name.AsString())] = m
		if err := t.evaluateModule(f, m); err != nil {
			return &Error{Variant: ErrorInModule, Text: "in module '" + name.AsString() + "'", Inner: err,
				Fields: []Field{{"module", name}}, origin: err.origin}
		}
	}
	if !m.done {
		return ModuleNotFoundError(name.AsString()) // it imports itself; linking has refused that
	}
	if site.Name != "" {
		e := *f.env
		e.imports = m.onto(f.env.imports, site.Name, f.base, site.Depth)
		t.enclose(f, &e)
	}
	return nil
}

// evaluateModule runs a module's statements.
func (t *Thread) evaluateModule(at *frame, m *module) *Error {
	if t.levels >= nativeDeep {
		return stackOverflow()
	}
	t.loading = append(t.loading, m)
	t.levels++
	t.maxFrames++ // it is no call
	f := t.top()
	f.fn = m.program.Main
	f.env = &environment{imports: at.env.imports, others: visible(m.program, nil, at)}
	n := t.place(&f, nil, t.args)
	stop := len(t.frames)
	err := t.push(f, n)
	if err == nil {
		err = t.run(stop)
		// Its frame is gone, but not yet overwritten.
		end := t.frames[:stop+1][stop].env
		m.carried.imports = end.imports.since(at.env.imports).onto(nil)
		m.carried.constants = end.constants
		m.typed = m.program.typed || m.carried.imports != nil && m.carried.imports.typed
		for _, v := range m.vars {
			m.adopt(v, 0)
		}
	}
	t.levels--
	t.maxFrames--
	t.loading = t.loading[:len(t.loading)-1]
	m.done = err == nil
	return err
}

// adopt has the functions among a variable's values carry what those of the module do.
func (m *module) adopt(v Value, depth int) {
	switch {
	case depth > MaxNesting:
	case v.Kind() == KindFn:
		if p := v.AsFn(); p.Func != nil && p.Func.Program == m.program {
			p.env = &m.carried
		}
	case v.Kind() == KindArray:
		for _, item := range v.AsArray().Items {
			m.adopt(item, depth+1)
		}
	case v.Kind() == KindMap:
		for i := range v.AsMap().Len() {
			_, item := v.AsMap().Entry(uint32(i))
			m.adopt(*item, depth+1)
		}
	}
}

// export makes a value a variable of the module that is being evaluated. In a script
// it does nothing.
func (t *Thread) export(f *frame, name string, v Value) {
	if len(t.loading) == 0 {
		return
	}
	m := t.loading[len(t.loading)-1]
	if m.vars == nil {
		m.vars = map[string]Value{}
	}
	if v.Kind() == kindCell {
		v = v.asCell().value
	}
	m.vars[name] = v.Share()
}

// find resolves the path of a qualified name; nil when a part of it is no module.
func (t *Thread) find(f *frame, path []syntax.Ident) *module {
	m := t.named(f.env.imports, path[0].Name)
	for _, p := range path[1:] {
		if m == nil {
			return nil
		}
		m = t.named(m.carried.imports, p.Name)
	}
	return m
}

// pathText returns a path as it is written.
func pathText(path []syntax.Ident) string {
	return syntax.Qualified(path[:len(path)-1], path[len(path)-1].Name)
}

// callQualified calls m::name(args), which lie from a on.
func (t *Thread) callQualified(f *frame, site *Site, a *Value, n int, dst uint16) *Error {
	args := unsafe.Slice(a, n)
	m := t.find(f, site.Path)
	if m == nil && t.named(f.env.imports, site.Path[0].Name) == nil {
		if len(site.Natives) > 0 {
			v, err := t.callNative(site, args)
			if err == nil {
				*a = v
			}
			return err
		}
		if t.program.Native.HasModule(pathText(site.Path)) {
			return FunctionNotFoundError(Signature(syntax.Qualified(site.Path, site.Name), args))
		}
		return ModuleNotFoundError(pathText(site.Path)).At(site.Path[0].Position)
	}
	if m == nil {
		return FunctionNotFoundError(Signature(syntax.Qualified(site.Path, site.Name), args))
	}
	if fn := m.program.Find(site.Name, n, ""); fn != nil && !fn.Private {
		return t.enterFunction(fn, t.environment(f, fn.Program, &m.carried), nil, false, args, dst)
	}
	return FunctionNotFoundError(Signature(syntax.Qualified(site.Path, site.Name), args))
}

// qualified returns the value of m::name.
func (t *Thread) qualified(f *frame, site *Site) (Value, *Error) {
	if t.named(f.env.imports, site.Path[0].Name) == nil {
		return Unit, ModuleNotFoundError(pathText(site.Path))
	}
	if m := t.find(f, site.Path); m != nil {
		if v, ok := m.vars[site.Name]; ok {
			return v, nil
		}
	}
	return Unit, VariableNotFoundError(syntax.Qualified(site.Path, site.Name))
}
