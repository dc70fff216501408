// Package rhai is an interpreter for the Rhai language, version 1.24 with the default engine and
// its standard packages.
//
// A script passes through the packages in this order:
//
//	syntax   scans and parses: text becomes a tree
//	compile  resolves names and makes code for registers: a tree becomes a vm.Program
//	vm       runs it; its package comment shows the machine
//	lib      is Rhai's standard library, functions that the machine calls
//
// This package puts them together, and links modules. Package bridge adds what scripts see of
// PiCloud, and guest makes a WebAssembly module of it all. Package conformance has the golden
// cases, made by the real engine. Nothing here imports anything of the host but package abi.
package rhai

import (
	"slices"
	"strconv"
	"strings"

	"github.com/picloud/picloud/plugins/rhai/compile"
	"github.com/picloud/picloud/plugins/rhai/lib"
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// Compile parses and compiles a script that has Rhai's standard library.
func Compile(source string) (*vm.Program, *vm.Error) {
	return CompileWith(lib.Standard(), source)
}

// CompileWith compiles a script that has the given library. variables are the names of
// those that exist before it runs; scripts cannot assign to them. The error is of the
// variant [vm.ErrorParsing].
func CompileWith(library *vm.Library, source string, variables ...string) (*vm.Program, *vm.Error) {
	ast, err := syntax.Parse(source, syntax.Options{})
	if err != nil {
		return nil, parseError(err)
	}
	return compiled(compile.Program(ast, library, variables, nil))
}

// parseError is a parser's error as Rhai's evaluation reports it.
func parseError(err error) *vm.Error {
	e := &vm.Error{Variant: vm.ErrorParsing, Text: err.Error()}
	if p, ok := err.(*syntax.ParseError); ok {
		e.Text, e.Position = p.Message, p.Position
	}
	e.Text = "Syntax error: " + e.Text
	return e
}

// MaxImportDepth is how deep modules may import one another.
const MaxImportDepth = 8

// Link compiles the modules that a script imports, and those that they import, and
// makes them known to it. Each import must name its module by a string literal. source gives
// the text of a module. Cycles, unknown modules and modules that are more than constants,
// functions and imports are errors, as is a depth of more than MaxImportDepth. With lazy, an
// import whose module is not known by its name is left to fail when it is reached.
func Link(script *vm.Program, source func(name string) (text string, ok bool), lazy bool, variables ...string) *vm.Error {
	l := &linker{source: source, lazy: lazy, variables: variables, script: script, modules: map[string]*vm.Program{}, heights: map[string]int{}}
	script.Modules = l.modules
	_, err := l.link(script, nil)
	return err
}

type linker struct {
	source    func(name string) (string, bool)
	lazy      bool
	variables []string
	script    *vm.Program
	modules   map[string]*vm.Program
	heights   map[string]int // of modules that are linked: 1 for one that imports nothing
}

// link compiles what p imports and gives the height of that. path names the modules from the script
// to p.
func (l *linker) link(p *vm.Program, path []string) (height int, err *vm.Error) {
	for _, i := range p.Imports {
		h, err := l.module(i, path)
		if err != nil {
			return 0, err.At(i.Position)
		}
		height = max(height, h)
	}
	return height, nil
}

func (l *linker) module(i vm.Import, path []string) (height int, err *vm.Error) {
	if i.Name == "" && l.lazy {
		return 0, nil
	}
	if i.Name == "" {
		return 0, invalid("The name of an imported module must be a string literal that is not empty")
	}
	outer := slices.Index(path, i.Name)
	path = append(path, i.Name)
	if outer >= 0 {
		return 0, invalid("Import cycle: " + strings.Join(path[outer:], " -> "))
	}
	if len(path)+max(l.heights[i.Name]-1, 0) > MaxImportDepth {
		return 0, invalid("Imports nested more than " + strconv.Itoa(MaxImportDepth) + " deep: " + strings.Join(path, " -> "))
	}
	if h, linked := l.heights[i.Name]; linked {
		return h, nil
	}
	text, ok := l.source(i.Name)
	if !ok && l.lazy {
		return 0, nil
	}
	if !ok {
		return 0, vm.ModuleNotFoundError(i.Name)
	}
	m, err := CompileModule(l.script.Native, text, l.variables...)
	if err == nil {
		m.Number = len(l.modules) + 1
		l.modules[i.Name] = m
		height, err = l.link(m, path)
	}
	if err != nil && err.Variant == vm.ErrorParsing && err.Position.IsKnown() {
		err = &vm.Error{Variant: vm.ErrorParsing, Text: "in module '" + i.Name + "'", Inner: err}
	}
	l.heights[i.Name] = height + 1
	return height + 1, err
}

// CompileModule compiles a module: constants, functions and imports.
func CompileModule(library *vm.Library, source string, variables ...string) (*vm.Program, *vm.Error) {
	ast, err := syntax.Parse(source, syntax.Options{})
	if err != nil {
		return nil, parseError(err)
	}
	if at, ok := compile.IsModule(ast); !ok {
		return nil, invalid("A module may contain only constants, functions and imports").At(at)
	}
	return compiled(compile.Program(ast, library, variables, nil))
}

func invalid(text string) *vm.Error { return &vm.Error{Variant: vm.ErrorParsing, Text: text} }

func compiled(p *vm.Program, err *compile.Error) (*vm.Program, *vm.Error) {
	if err != nil {
		return nil, invalid(err.Message).At(err.Position)
	}
	return p, nil
}

// Prepare gives a thread what it needs to compile code at run time, for eval.
func Prepare(t *vm.Thread) {
	t.CompileEval = func(source string, fn *vm.Function, site *vm.Site) (*vm.Function, *vm.Error) {
		return compileEval(t, source, fn, site)
	}
}

func compileEval(t *vm.Thread, source string, fn *vm.Function, site *vm.Site) (*vm.Function, *vm.Error) {
	stop := func() bool { return t.Poll() != nil }
	ast, err := syntax.Parse(source, syntax.Options{Mode: syntax.Eval, Stop: stop})
	if stopped := t.Poll(); stopped != nil {
		return nil, stopped
	}
	if err != nil {
		return nil, parseError(err)
	}
	out, cerr := compile.Eval(ast, fn, site, stop)
	if stopped := t.Poll(); stopped != nil {
		return nil, stopped
	}
	if cerr != nil {
		return nil, &vm.Error{Variant: vm.ErrorParsing, Text: cerr.Message, Position: cerr.Position}
	}
	return out, nil
}

// Incomplete reports whether a script does not compile only because it ends too
// early, so that more lines may mend it.
func Incomplete(source string) bool {
	_, err := syntax.Parse(source, syntax.Options{})
	p, ok := err.(*syntax.ParseError)
	return ok && p.Incomplete
}
