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
// of them by either one tells nothing.
//
// A variable that a closure captures never matches a case of a switch in Rhai 1.24, which
// later versions fixed: the generator captures no variable that it switches on.
var rules = []struct {
	reason  string
	applies func(source string, want, got conformance.Outcome) bool
}{
	{"Rhai panics: we give an error", func(_ string, want, got conformance.Outcome) bool {
		return want.Kind == "panic" && got.Kind != "panic"
	}},
	{"stopped for too many operations", func(_ string, want, got conformance.Outcome) bool {
		return strings.HasPrefix(want.Error, "Too many operations") || strings.HasPrefix(got.Error, "Too many operations")
	}},
}

// excuse gives the reason for which a difference is none, "" if it is one.
func excuse(source string, want, got conformance.Outcome) string {
	for _, r := range rules {
		if r.applies(source, want, got) {
			return r.reason
		}
	}
	return ""
}

var anonymous = regexp.MustCompile(`anon\$[0-9a-f]+`)

// masked is an outcome without the names of closures.
func masked(o conformance.Outcome) conformance.Outcome {
	mask := func(s string) string { return anonymous.ReplaceAllLiteralString(s, "anon$") }
	o.Value, o.Display, o.Error = mask(o.Value), mask(o.Display), mask(o.Error)
	lines := make([]string, len(o.Stdout))
	for i, l := range o.Stdout {
		lines[i] = mask(l)
	}
	o.Stdout = lines
	return o
}
