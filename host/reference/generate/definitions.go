package main

import (
	"fmt"
	"strings"

	made "github.com/picloud/picloud/host/reference"
)

// definedAs are the types as Rhai's definition files have them.
var definedAs = map[string]string{
	"any": "?", "string": "String", "array": "Array", "map": "Map", "blob": "Blob", "iterator": "?", "timestamp": "Instant",
}

func defined(kind string) string {
	if strings.HasPrefix(kind, "#{") {
		kind = "map"
	}
	if as, ok := definedAs[kind]; ok {
		return as
	}
	return kind
}

// definitions writes a file for Rhai's language server: a function for each overload, as the server has no types
// that may be one or another.
func definitions(s sdk) string {
	var b strings.Builder
	b.WriteString("// The SDK of PiCloud, for Rhai's language server. " + madeBy + "\n\nmodule static;\n")
	for _, m := range s.Modules {
		if m.Name == "ctx" {
			b.WriteString("\n/// What a script is told: see picloud help ctx.\nlet ctx: Map;\n")
		}
		for _, it := range m.Items {
			if it.On != "" || it.Global {
				define(&b, "", it)
			}
		}
	}
	for _, f := range s.Standard {
		for _, params := range f.Overloads {
			result := "?"
			for _, call := range f.Calls {
				if _, after, returns := strings.Cut(call, ") -> "); returns && !strings.Contains(after, " ") {
					result = defined(after)
				} else if !returns {
					result = "()"
				}
			}
			overload(&b, "", f.Name, f.Says, params, result)
		}
	}
	for _, m := range s.Modules {
		inside := false
		for _, it := range m.Items {
			if it.Kind != "function" || it.Global {
				continue
			}
			if !inside {
				fmt.Fprintf(&b, "\n/// %s\nmodule %s {\n", m.Title, m.Name)
				inside = true
			}
			define(&b, "\t", it)
		}
		if inside {
			b.WriteString("}\n")
		}
	}
	return b.String()
}

// define writes all overloads of an item.
func define(b *strings.Builder, indent string, it made.Item) {
	if it.Kind == "property" {
		return
	}
	result, _, several := strings.Cut(it.Returns, " | ")
	result = defined(result)
	if several {
		result = "?"
	}
	for _, params := range it.Overloads {
		if it.On != "" {
			params = append([]made.Param{{Name: "_this", Types: []string{it.On}}}, params...)
		}
		overload(b, indent, it.Name, it.Says, params, result)
	}
}

// overload writes a function for each combination of the types of its parameters.
func overload(b *strings.Builder, indent, name, says string, params []made.Param, result string) {
	var write func(before []string, rest []made.Param)
	write = func(before []string, rest []made.Param) {
		if len(rest) == 0 {
			fmt.Fprintf(b, "\n%s/// %s\n%sfn %s(%s) -> %s;\n", indent, says, indent, name, strings.Join(before, ", "), result)
			return
		}
		for _, kind := range rest[0].Types {
			write(append(before[:len(before):len(before)], rest[0].Name+": "+defined(kind)), rest[1:])
		}
	}
	write(nil, params)
}
