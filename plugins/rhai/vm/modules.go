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
	imports *imported // what its functions see
	done    bool
}

// imported is a module in sight under a name, and those imported before it. A
// function sees the modules that its callers have imported, as in Rhai.
type imported struct {
	alias  string
	module *module
	depth  int // of blocks
	before *imported
}

func (i *imported) find(alias string) *module {
	for ; i != nil; i = i.before {
		if i.alias == alias {
			return i.module
		}
	}
	return nil
}

// trim forgets the modules of blocks that have been left.
func (i *imported) trim(depth int) *imported {
	for i != nil && i.depth > depth {
		i = i.before
	}
	return i
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
		return MismatchError("string", name.TypeName())
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
		if err := t.evaluateModule(m); err != nil {
			return &Error{Variant: ErrorInModule, Text: "Error in module '" + name.AsString() + "'", Inner: err,
				Fields: []Field{{"module", name}}, origin: err.origin}
		}
	}
	if !m.done {
		return ModuleNotFoundError(name.AsString()) // it imports itself; linking has refused that
	}
	if site.Name != "" {
		f.imports = &imported{site.Name, m, site.Depth, f.imports}
	}
	return nil
}

// evaluateModule runs a module's statements.
func (t *Thread) evaluateModule(m *module) *Error {
	if t.levels >= nativeDeep {
		return &Error{Variant: ErrorStackOverflow, Text: "Stack overflow", Limit: "max_call_levels"}
	}
	t.loading = append(t.loading, m)
	t.levels++
	t.maxFrames--
	f := t.top()
	f.fn, f.imports = m.program.Main, nil
	n := t.place(&f, nil, t.args)
	stop := len(t.frames)
	err := t.push(f, n)
	if err == nil {
		err = t.run(stop)
	}
	t.levels--
	t.maxFrames++
	t.loading = t.loading[:len(t.loading)-1]
	// Its functions see what its statements imported: its frame is gone, but not yet overwritten.
	m.imports = t.frames[:stop+1][stop].imports
	m.done = err == nil
	return err
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
	m := f.imports.find(path[0].Name)
	for _, p := range path[1:] {
		if m == nil {
			return nil
		}
		m = m.imports.find(p.Name)
	}
	return m
}

func pathText(path []syntax.Ident) string {
	text := path[0].Name
	for _, p := range path[1:] {
		text += "::" + p.Name
	}
	return text
}

// callQualified calls m::name(args), which lie from a on.
func (t *Thread) callQualified(f *frame, site *Site, a *Value, n int, dst uint16) *Error {
	args := unsafe.Slice(a, n)
	m := t.find(f, site.Path)
	if m == nil {
		if len(site.Natives) > 0 {
			v, err := t.callNative(site, args)
			if err == nil {
				*a = v
			}
			return err
		}
		if t.program.Native.HasModule(pathText(site.Path)) {
			return FunctionNotFoundError(Signature(pathText(site.Path)+"::"+site.Name, args))
		}
		return ModuleNotFoundError(pathText(site.Path)).At(site.Path[0].Position)
	}
	for _, fn := range m.program.byName[site.Name] {
		if fn.Params == n && !fn.Private && fn.ThisType == "" {
			if err := t.enterFunction(fn, nil, false, args, dst); err != nil {
				return err
			}
			t.frames[len(t.frames)-1].imports = m.imports
			return nil
		}
	}
	return FunctionNotFoundError(Signature(pathText(site.Path)+"::"+site.Name, args))
}

// qualified returns the value of m::name.
func (t *Thread) qualified(f *frame, site *Site) (Value, *Error) {
	m := t.find(f, site.Path)
	if m == nil {
		return Unit, ModuleNotFoundError(pathText(site.Path))
	}
	v, ok := m.vars[site.Name]
	if !ok {
		return Unit, VariableNotFoundError(pathText(site.Path) + "::" + site.Name)
	}
	return v, nil
}
