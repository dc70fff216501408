// Package apptest is the tests of an app: what there is in its files of tests, what running them came to, and
// the reports of that. Package bench runs them.
package apptest

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// Suffix is what the names of files of tests end with.
const Suffix = "_test.rhai"

const (
	prefix = "test_"       // of the functions that are tests
	before = "before_each" // the function that is called before each of them
)

// IsFile reports whether a file is one of tests, by its name.
func IsFile(name string) bool { return strings.HasSuffix(name, Suffix) }

// A File is a file of tests.
type File struct {
	Name   string // for messages, and to tell it from others
	Source string
	Tests  []Test // in the order in which they are written
	Before bool   // it has a function that is called before each
}

// A Test is a function of a file.
type Test struct {
	Name string
	Line int
}

// Read finds the tests of a file. The error is an [*abi.ScriptError]: it does not parse.
func Read(name, source string) (File, error) {
	f := File{Name: name, Source: source}
	program, err := syntax.Parse(source, syntax.Options{})
	if wrong, ok := err.(*syntax.ParseError); ok {
		return f, &abi.ScriptError{
			Code: abi.CodeScriptInvalid, Message: "Syntax error: " + wrong.Message, Line: int(wrong.Position.Line), Column: int(wrong.Position.Column),
		}
	} else if err != nil {
		return f, err
	}
	for _, fn := range program.Functions {
		switch {
		case len(fn.Params) > 0 || fn.ThisType != "":
		case fn.Name == before:
			f.Before = true
		case strings.HasPrefix(fn.Name, prefix):
			f.Tests = append(f.Tests, Test{fn.Name, int(fn.Position.Line)})
		}
	}
	return f, nil
}

// Runnable is the source of the file as it is run, with [Args]: one that does not return the mark has ended before the
// test has.
func (f File) Runnable() string {
	var b strings.Builder
	b.WriteString(f.Source + "\n;")
	if f.Before {
		b.WriteString(before + "();")
	}
	b.WriteString("switch ctx.args[0] {")
	for _, test := range f.Tests {
		b.WriteString(" \"" + test.Name + "\" => " + test.Name + "(),")
	}
	b.WriteString(" _ => () } ;ctx.args[1]\n")
	return b.String()
}

// Args are what a [File.Runnable] gets: the name of the test, and the mark that it returns at its end.
func Args(test, mark string) msgp.Raw {
	return msgp.AppendString(msgp.AppendString(msgp.AppendArrayHeader(nil, 2), test), mark)
}

// A Result is what a test came to. What a file came to that cannot be run has no test.
type Result struct {
	File  string
	Test  string
	Took  time.Duration
	Error *Failure // nil: it has passed
	Lines []Line   // that were logged meanwhile, in order
}

// A Failure is why a test has failed.
type Failure struct {
	Code    abi.ErrorCode
	Message string
	Module  string // that it happened in; "": in the file of tests
	Line    int    // from 1; 0: not known
	Column  int
}

// Unfinished is the failure of a test that has ended without an error, and not at its end.
func Unfinished() *Failure {
	return &Failure{
		Code:    abi.CodeScriptInvalid,
		Message: "the test did not come to its end: something returns outside of a function or calls exit, or a comment is not closed",
	}
}

// A Line is of a log.
type Line struct {
	Script  string // "" of the test itself
	Level   abi.LogLevel
	Message string
	Data    json.RawMessage // nil: none
}

// A Bench runs the tests of an app, one at a time. Each begins with what there was at Begin.
type Bench interface {
	// Begin has tests from now on begin with what there is now. It forgets what was loaded and covered.
	Begin(ctx context.Context, app string) error
	// Load compiles a file, for tests of it to be run. The error is an [*abi.ScriptError], or ours.
	Load(ctx context.Context, file File, timeout time.Duration) error
	// Run runs a test of a file. The error is ours: what is the test's is in the result.
	Run(ctx context.Context, file, test string) (Result, error)
	// End brings everything back to what it was at Begin.
	End(ctx context.Context) error
	// Covered returns, by the name of a script or module, how often the lines were reached.
	Covered() map[string]map[int]int64
}

// Failed makes a failure of the error of a test, "" of a file that cannot be run.
func Failed(err *abi.ScriptError, test string) *Failure {
	f := &Failure{Code: err.Code, Message: err.Message, Line: err.Line, Column: err.Column}
	if err.Inside != nil {
		f.Module, f.Line, f.Column = err.Inside.Module, err.Inside.Line, err.Inside.Column
	}
	if test != "" { // the call that we have made of it
		f.Message, _, _ = strings.Cut(f.Message, "\nin call to function '"+test+"'")
		f.Message, _, _ = strings.Cut(f.Message, "\nin call to function '"+before+"'")
	}
	f.Message = strings.TrimPrefix(f.Message, "Runtime error: ")
	first, rest, _ := strings.Cut(f.Message, "\nin call to function")
	if at := strings.LastIndex(first, " (line "); at >= 0 && f.Line > 0 && strings.HasSuffix(first, ")") && !strings.Contains(first[at:], "\n") {
		f.Message = strings.TrimSuffix(first[:at], " @ '"+f.Module+"'")
		if rest != "" {
			f.Message += "\nin call to function" + rest
		}
	}
	return f
}
