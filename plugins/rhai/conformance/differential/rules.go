package main

import (
	"regexp"
	"strings"

	"github.com/picloud/picloud/plugins/rhai/conformance"
)

// What may differ, and why.
//
// The real engine names closures by a hash of their place: both names are masked.
//
// The two engines count operations differently: a program that is stopped for too many
// of them by either one shows nothing.
//
// After an eval that declares a variable, the names of script functions are no values any more in
// Rhai, which 1.26 fixed. A let that shadows another variable of its block, whose place it takes,
// replaces a wrong one then, and a closure shares a wrong one. The generator does none of that in a
// program with evals.
//
// The mark that a constant reached by global:: or m:: is one goes with its value in Rhai, when it is returned or
// assigned: the generator uses no whole values of such.
//
// A variable that a closure captures never matches a case of a switch in Rhai 1.24, which
// later versions fixed: the generator captures no variable that it switches on.
//
// Rhai 1.24 takes a text given to index_of for the name of a function, refuses split on constants, and leaves a switch whose
// guarded case does not hold without looking at its ranges. Later versions mended that, and we do as they
// do: the generator has no index_of of arrays, and no guard on a case before ranges.
//
// Modules are compiled before the script runs, where Rhai compiles one when it is imported.
//
// The names of closures in the text of a value can also be taken apart: the generator avoids that. What
// still differs in characters of such a name is no difference.
var rules = []struct {
	reason  string
	applies func(source string, want, got conformance.Outcome) bool
}{
	{"Rhai panics: we give an error", func(_ string, want, got conformance.Outcome) bool {
		return want.Kind == "panic" && got.Kind != "panic"
	}},
	{"the bytes of a closure's name", func(_ string, want, _ conformance.Outcome) bool {
		return mentions(want, "6e6f6e24") || strings.Contains(strings.ReplaceAll(want.Value, " ", ""), "6e6f6e24")
	}},
	{"the digits of a closure's name, taken apart", func(source string, want, got conformance.Outcome) bool {
		return strings.Contains(source, "|") && (mentions(want, "$") || strings.Contains(want.Value, "$")) &&
			replaced(want, scattered, "").Equal(replaced(got, scattered, ""))
	}},
	{"Rhai shows the Rust type of a shared variable", func(_ string, want, _ conformance.Outcome) bool {
		return mentions(want, "alloc::rc::Rc<core::cell::RefCell<")
	}},
	{"in Rhai a property that was added to a constant map is none of the constant", func(_ string, want, got conformance.Outcome) bool {
		return mentions(got, "Cannot modify constant") && !mentions(want, "Cannot modify constant")
	}},
	{"modules are compiled before the script runs", func(_ string, want, got conformance.Outcome) bool {
		return got.Kind == "parse" && strings.Contains(got.Error, "\nin module '") && len(got.Stdout) == 0
	}},
	{"index_of of a text", func(source string, want, _ conformance.Outcome) bool {
		return strings.Contains(source, "index_of(") && mentions(want, "Function not found")
	}},
	{"split on a constant", func(_ string, want, got conformance.Outcome) bool {
		return mentions(want, "Non-pure method 'split")
	}},
	{"the source of a method that a module's module has", func(_ string, want, got conformance.Outcome) bool {
		return unnamed(masked(want)).Equal(unnamed(masked(got)))
	}},
	{"stopped for too many operations", func(_ string, want, got conformance.Outcome) bool {
		return strings.HasPrefix(want.Error, "Too many operations") || strings.HasPrefix(got.Error, "Too many operations")
	}},
}

func mentions(o conformance.Outcome, text string) bool {
	return strings.Contains(o.Error, text) || strings.Contains(strings.Join(o.Stdout, "\n"), text)
}

// excuse returns the reason for which a difference is none, "" if it is one.
func excuse(source string, want, got conformance.Outcome) string {
	for _, r := range rules {
		if r.applies(source, want, got) {
			return r.reason
		}
	}
	return ""
}

var (
	moduleName = regexp.MustCompile(`\bm[1-3]( @ |["'])`)
	anonymous  = regexp.MustCompile(`(?i)a?non\$[0-9a-f]*(", "[0-9a-f]+)?`)
	scattered  = regexp.MustCompile(`[0-9a-fno$\\", ]+`) // what a closure's name and a list of its parts consist of
)

// unnamed returns an outcome without the names of modules in places.
func unnamed(o conformance.Outcome) conformance.Outcome {
	return replaced(o, moduleName, "m$1")
}

// masked returns an outcome without the names of closures.
func masked(o conformance.Outcome) conformance.Outcome {
	return replaced(o, anonymous, "anon$$")
}

// replaced returns an outcome with what matches in its texts replaced, as by
// [regexp.Regexp.ReplaceAllString].
func replaced(o conformance.Outcome, matches *regexp.Regexp, by string) conformance.Outcome {
	replace := func(s string) string { return matches.ReplaceAllString(s, by) }
	o.Value, o.Display, o.Error = replace(o.Value), replace(o.Display), replace(o.Error)
	lines := make([]string, len(o.Stdout))
	for i, l := range o.Stdout {
		lines[i] = replace(l)
	}
	o.Stdout = lines
	return o
}
