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
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/compile"
	"github.com/picloud/picloud/plugins/rhai/lib"
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// A Compiler makes programs of scripts and of the modules they import.
type Compiler struct {
	Library *vm.Library
	// Variables are the names of those that exist before a script runs. Scripts cannot assign to
	// them.
	Variables []string
	// Budget is charged for the work, which ends when it runs out or is interrupted. nil: none is.
	Budget *vm.Budget
	// Cover has programs count how often each line is reached, see [vm.Program].
	Cover bool
}

// Compile compiles a script that has Rhai's standard library, with the default budget.
func Compile(source string) (*vm.Program, *vm.Error) {
	budget := vm.NewBudget(abi.DefaultLimits.MaxOperations, nil, func() {})
	return (&Compiler{Library: lib.Standard(), Budget: &budget}).Script(source)
}

// Script compiles a script. The error is of the variant [vm.ErrorParsing], unless the budget ends
// the work.
func (c *Compiler) Script(source string) (*vm.Program, *vm.Error) {
	return c.compile(source, false)
}

// Module compiles a module: constants, functions and imports.
func (c *Compiler) Module(source string) (*vm.Program, *vm.Error) {
	return c.compile(source, true)
}

func (c *Compiler) compile(source string, module bool) (*vm.Program, *vm.Error) {
	work := c.Budget.Compilation()
	ast, err := syntax.Parse(source, syntax.Options{Step: work.Step})
	switch {
	case work.Err != nil:
		return nil, work.Err
	case err != nil:
		return nil, parseError(err)
	}
	if module {
		if at, ok := compile.IsModule(ast); !ok {
			return nil, invalid("A module may contain only constants, functions and imports").At(at)
		}
	}
	program := compile.Program
	if c.Cover {
		program = compile.Covering
	}
	p, failure := program(ast, c.Library, c.Variables, work.Step)
	switch {
	case work.Err != nil:
		return nil, work.Err
	case failure != nil:
		return nil, invalid(failure.Message).At(failure.Position)
	}
	return p, nil
}

// parseError returns a parser's error as Rhai's evaluation reports it.
func parseError(err error) *vm.Error {
	e := &vm.Error{Variant: vm.ErrorParsing, Text: err.Error()}
	if p, ok := err.(*syntax.ParseError); ok {
		e.Text, e.Position = p.Message, p.Position
	}
	e.Text = "Syntax error: " + e.Text
	return e
}

func invalid(text string) *vm.Error { return &vm.Error{Variant: vm.ErrorParsing, Text: text} }

// Prepare gives a thread what it needs to compile code at run time, for eval.
func Prepare(t *vm.Thread) {
	t.CompileEval = func(source string, fn *vm.Function, site *vm.Site) (*vm.Function, *vm.Error) {
		return compileEval(t, source, fn, site)
	}
	t.CompileScoped = func(callee, fn *vm.Function, site *vm.Site) (*vm.Function, *vm.Error) {
		work := t.Compilation()
		out, failure := compile.Scoped(callee, fn, site, work.Step)
		switch {
		case work.Err != nil:
			return nil, work.Err
		case failure != nil:
			return nil, invalid(failure.Message).At(failure.Position)
		}
		return out, nil
	}
}

func compileEval(t *vm.Thread, source string, fn *vm.Function, site *vm.Site) (*vm.Function, *vm.Error) {
	work := t.Compilation()
	ast, err := syntax.Parse(source, syntax.Options{Mode: syntax.Eval, Step: work.Step})
	switch {
	case work.Err != nil:
		return nil, work.Err
	case err != nil:
		return nil, parseError(err)
	}
	out, failure := compile.Eval(ast, fn, site, work.Step)
	switch {
	case work.Err != nil:
		return nil, work.Err
	case failure != nil:
		return nil, invalid(failure.Message).At(failure.Position)
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
