// Package rhai is an interpreter for the Rhai language, version 1.24 with the
// default engine and its standard packages.
//
// The pipeline is the folder list: syntax scans and parses, compile resolves names
// and makes register code, vm holds the values and runs it, lib is the standard
// library. This package puts them together.
package rhai

import (
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
	p, cerr := compile.Program(ast, library, variables)
	if cerr != nil {
		return nil, &vm.Error{Variant: vm.ErrorParsing, Text: cerr.Message, Position: cerr.Position}
	}
	return p, nil
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

// Prepare gives a thread what it needs to compile code at run time, for eval.
func Prepare(t *vm.Thread) { t.CompileEval = compileEval }

func compileEval(source string, fn *vm.Function, site *vm.Site) (*vm.Function, *vm.Error) {
	ast, err := syntax.Parse(source, syntax.Options{Mode: syntax.Eval})
	if err != nil {
		return nil, parseError(err)
	}
	out, cerr := compile.Eval(ast, fn, site)
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
