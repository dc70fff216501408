package main

import (
	"strings"

	"github.com/picloud/picloud/plugins/rhai/conformance"
)

// kind is what the generator knows of a value's type.
type kind uint8

const (
	anything kind = iota
	unit
	boolean
	integer
	float
	char
	str
	array
	object
	blob
	span // a range
	function
	kinds
)

var kindNames = map[string]kind{
	"Dynamic": anything, "()": unit, "": unit, "bool": boolean, "i64": integer, "f64": float, "char": char,
	"string": str, "ImmutableString": str, "String": str, "&str": str,
	"array": array, "Array": array, "map": object, "Map": object, "blob": blob, "Blob": blob,
	"range": span, "range=": span, "Fn": function,
}

// native is an overload of a standard function.
type native struct {
	name     string
	params   []kind
	result   kind
	mutates  bool // its first parameter is passed by reference
	property bool
}

// standard is the real engine's list of functions, but for those whose result differs
// from run to run or that take types scripts cannot make.
var standard = parseFunctions(conformance.Functions)

// byResult lists them by the type they return.
var byResult = func() (by [kinds][]native) {
	for _, f := range standard {
		by[f.result] = append(by[f.result], f)
	}
	return by
}()

var excluded = map[string]bool{
	"sleep": true, "timestamp": true, "elapsed": true, "exit": true, "name": true, "print": true, "debug": true, "get_fn_metadata_list": true,
}

func parseFunctions(lines string) []native {
	var out []native
next:
	for line := range strings.Lines(lines) {
		head, rest, ok := strings.Cut(strings.TrimSpace(line), "(")
		params, result, closed := cutLast(rest, ")")
		if i := strings.Index(rest, ") -> "); i >= 0 {
			params, result, closed = rest[:i], rest[i+1:], true
		}
		f := native{name: strings.TrimPrefix(head, "get$")}
		f.property = f.name != head
		if !ok || !closed || excluded[f.name] || !isName(f.name) {
			continue
		}
		result = strings.TrimPrefix(result, " -> ")
		if inner, ok := strings.CutPrefix(result, "Result<"); ok {
			result = strings.TrimSuffix(inner, ", Box<EvalAltResult>>")
		}
		if f.result, ok = kindNames[result]; !ok {
			f.result = anything
		}
		if params != "" {
			for _, p := range strings.Split(params, ", ") {
				_, typ, _ := strings.Cut(p, ": ")
				bare := strings.TrimPrefix(typ, "&mut ")
				k, ok := kindNames[bare]
				if !ok {
					continue next
				}
				f.mutates = f.mutates || bare != typ
				f.params = append(f.params, k)
			}
		}
		if f.name == "index_of" && f.params[0] == array {
			continue // of a text: see rules.go
		}
		out = append(out, f)
	}
	return out
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func isName(s string) bool {
	for _, c := range s {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != ""
}
