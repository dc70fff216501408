// Package reference is the table of the SDK: a row for everything that a script sees of PiCloud beside the
// language, with what it takes and returns, what it is for, how it fails, and an example.
//
// The reference that people read, the definitions for editors and the listings in error messages are made of
// it (see host/reference). The interpreter does not import it: what is registered in package bridge is compared
// with the rows by a test, which fails for a function without a row and for a row without a function.
//
// In an example a comment "// prints TEXT" says what the print or log function of its line writes, and
// "// answers TEXT" what a client gets that asks for the script; "…" stands for any text. A test runs each of
// them on a server.
package reference

import (
	"strings"

	"github.com/picloud/picloud/abi"
)

// A Module is a page of the reference: a module, or what belongs together without one.
type Module struct {
	Name  string // of the page: "kv"
	Title string // "Keys and values"
	About string // Markdown
	Rows  []Row
	Tests bool // it is there in tests alone
}

// A Row is a function, a method or a property.
type Row struct {
	Name string // "get"; "request.method"
	// On is the type whose method it is: "KvCollection", "map" for ctx.request, or "ctx" for a property; "" for a
	// function.
	On string
	// Global is set if it is a function that is called without the name of a module.
	Global bool
	// Takes are the parameters: "key: string, value: any [, options: #{ttl_ms: int}]". A bar separates types
	// that it may have, brackets enclose what may be left out, and a map in braces names the properties that
	// there may be.
	Takes   string
	Returns string // a type, "()" for nothing; of a property, its own
	Says    string // one line of Markdown, a sentence
	More    string // Markdown; ""
	Op      abi.Op // the operation that it performs; [abi.OpYield] for none
	Fails   []Failure
	Since   string // version of the SDK; "": 1.0
	Example string
}

// A Failure is a way in which a function fails, beside those that all have.
type Failure struct {
	Code abi.OpCode
	When string // goes on from the code: "the key is longer than 512 bytes"
}

// Version returns the version of the SDK that introduced the row.
func (r Row) Version() string {
	if r.Since != "" {
		return r.Since
	}
	if row, ok := abi.Lookup(r.Op); ok {
		return row.Since
	}
	return "1.0"
}

// Capability returns the capability that an execution needs for it, "" for none.
func (r Row) Capability() abi.Capability {
	row, _ := abi.Lookup(r.Op)
	return row.Capability
}

// IsProperty reports whether it is a property, not a function.
func (r Row) IsProperty() bool { return r.On == "ctx" }

// Full returns the name as people ask for it: "kv.get", "invoke", "ctx.request.method".
func (m Module) Full(r Row) string {
	if r.Global {
		return r.Name
	}
	return m.Name + "." + r.Name
}

// takes returns the parameters as they are shown.
func (r Row) takes() string { return strings.Replace("("+r.Takes+")", "([, ", "([", 1) }

// Call returns how a row is written in a script, with its parameters and what it returns:
// "kv::collection(name: string) -> KvCollection".
func (m Module) Call(r Row) string {
	switch {
	case r.IsProperty():
		return "ctx." + r.Name + ": " + r.Returns
	case r.On == "map":
		return "ctx.request." + r.Name + r.takes() + arrow(r.Returns)
	case r.On != "":
		return r.On + "." + r.Name + r.takes() + arrow(r.Returns)
	case r.Global:
		return r.Name + r.takes() + arrow(r.Returns)
	}
	return m.Name + "::" + r.Name + r.takes() + arrow(r.Returns)
}

func arrow(returns string) string {
	if returns == "" || returns == "()" {
		return ""
	}
	return " -> " + returns
}

// A Param is a parameter.
type Param struct {
	Name       string
	Types      []string // "string"; "map" also for one whose properties are named
	Properties []Param  // of a map, if they are named
}

// Overloads returns the lists of parameters with which it can be called, the shortest first.
func (r Row) Overloads() [][]Param {
	required, optional, _ := strings.Cut(strings.TrimRight(r.Takes, "]"), "[, ")
	params := readParams(required)
	overloads := [][]Param{params}
	for optional != "" {
		var next string
		next, optional, _ = strings.Cut(optional, "[, ")
		params = append(params[:len(params):len(params)], readParams(next)...)
		overloads = append(overloads, params)
	}
	return overloads
}

// readParams reads "a: string, b: #{c: int, d: bool}".
func readParams(text string) (params []Param) {
	for _, part := range split(text, ',') {
		name, kind, _ := strings.Cut(part, ":")
		p := Param{Name: strings.TrimSpace(name)}
		for _, t := range split(kind, '|') {
			if inner, named := strings.CutPrefix(t, "#{"); named {
				p.Properties = readParams(strings.TrimSuffix(inner, "}"))
				t = "map"
			}
			p.Types = append(p.Types, t)
		}
		params = append(params, p)
	}
	return params
}

// split cuts a text where there is a character that is not in braces.
func split(text string, at rune) (parts []string) {
	depth, from := 0, 0
	for i, c := range text {
		switch {
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == at && depth == 0:
			parts = append(parts, strings.TrimSpace(text[from:i]))
			from = i + 1
		}
	}
	if rest := strings.TrimSpace(text[from:]); rest != "" {
		parts = append(parts, rest)
	}
	return parts
}

// Modules is the table.
var Modules = []Module{
	ctx, functions, log,
	kv, docs, files, http, queue, pubsub, deadLetters, secrets,
	html, template, json, base64, hex, url, regex, random, time, uuid, crypto, jwt, gzip,
	testing, clock,
}
