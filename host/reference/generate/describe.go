package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/picloud/picloud/abi"
	made "github.com/picloud/picloud/host/reference"
	"github.com/picloud/picloud/plugins/rhai/bridge/reference"
	"github.com/picloud/picloud/plugins/rhai/conformance"
)

// sdk is what is described.
type sdk struct{ made.SDK }

func (s sdk) json() string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(s.SDK); err != nil {
		panic(err) // of texts
	}
	return text.String()
}

func describe() (sdk, error) {
	s := sdk{made.SDK{Version: abi.SDKVersion}}
	for _, m := range reference.Modules {
		module := made.Module{Name: m.Name, Title: m.Title, About: strings.TrimSpace(m.About), Tests: m.Tests}
		for _, r := range m.Rows {
			module.Items = append(module.Items, item(m, r))
		}
		s.Modules = append(s.Modules, module)
	}
	var err error
	s.Standard, err = standard(conformance.Functions)
	return s, err
}

func item(m reference.Module, r reference.Row) made.Item {
	it := made.Item{
		Name: r.Name, Kind: "function", Full: m.Full(r), On: r.On, Global: r.Global, Call: m.Call(r), Returns: r.Returns,
		Says: r.Says, More: r.More, Capability: string(r.Capability()), Since: r.Version(), Example: strings.TrimSpace(r.Example),
	}
	if it.Returns == "" {
		it.Returns = "()"
	}
	for _, f := range r.Fails {
		it.Errors = append(it.Errors, made.Failure{Code: string(f.Code), When: f.When})
	}
	switch {
	case r.IsProperty():
		it.Kind = "property"
		return it
	case r.On != "":
		it.Kind = "method"
	}
	for _, params := range r.Overloads() {
		it.Overloads = append(it.Overloads, paramsOf(params))
	}
	return it
}

func paramsOf(params []reference.Param) []made.Param {
	all := make([]made.Param, 0, len(params))
	for _, p := range params {
		all = append(all, made.Param{Name: p.Name, Types: p.Types, Properties: named(p.Properties)})
	}
	return all
}

func named(params []reference.Param) []made.Param {
	if params == nil {
		return nil
	}
	return paramsOf(params)
}

// rustTypes are the types of the list of Rhai's functions that scripts have values of, by the reference's
// names. What has another is left out: a default engine makes none.
var rustTypes = map[string]string{
	"()": "()", "bool": "bool", "i64": "int", "INT": "int", "f64": "float", "FLOAT": "float", "char": "char", "string": "string", "String": "string", "ImmutableString": "string",
	"array": "array", "Array": "array", "map": "map", "Map": "map", "blob": "blob", "Blob": "blob", "Fn": "Fn", "Dynamic": "any",
	"range": "range", "range=": "range", "Range<i64>": "range", "timestamp": "timestamp", "Instant": "timestamp",
	"BitRange": "iterator", "CharsStream": "iterator", "StepRange<i64>": "iterator", "StepRange<FLOAT>": "iterator",
}

// nameless are functions of the language, or of types that the list leaves out.
var nameless = []made.Standard{
	{Name: "type_of", Calls: []string{"type_of(value: any) -> string"}, Overloads: [][]made.Param{{{Name: "value", Types: []string{"any"}}}}},
	{Name: "to_int", Calls: []string{"to_int(x: int | float | char | bool) -> int"}, Overloads: [][]made.Param{{{Name: "x", Types: []string{"int", "float", "char", "bool"}}}}},
	{Name: "to_float", Calls: []string{"to_float(x: int | float) -> float"}, Overloads: [][]made.Param{{{Name: "x", Types: []string{"int", "float"}}}}},
}

// standard reads the list of Rhai's own functions. It fails if one of them is not told about, or the other
// way around.
func standard(list string) ([]made.Standard, error) {
	found := map[string]*made.Standard{}
	returns := map[string][][]string{} // by name and overload
	properties := map[string]bool{}
	for line := range strings.Lines(list) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), "(")
		if property, ok := strings.CutPrefix(name, "get$"); ok {
			properties[property] = true
			continue
		}
		if name == "" || strings.Contains(name, "$") || !strings.ContainsAny(name[:1], "abcdefghijklmnopqrstuvwxyzEP") {
			continue
		}
		params, result, ok := signature(rest)
		if !ok {
			continue
		}
		f := found[name]
		if f == nil {
			f = &made.Standard{Name: name}
			found[name] = f
		}
		at := slices.IndexFunc(f.Overloads, func(o []made.Param) bool { return len(o) == len(params) })
		if at < 0 {
			f.Overloads = append(f.Overloads, params)
			returns[name] = append(returns[name], []string{result})
			continue
		}
		for i, p := range params {
			f.Overloads[at][i].Types = union(f.Overloads[at][i].Types, p.Types[0])
		}
		returns[name][at] = union(returns[name][at], result)
	}
	for i := range nameless {
		found[nameless[i].Name] = &nameless[i]
	}
	var all []made.Standard
	for _, group := range reference.Standard {
		for name, says := range group.Says {
			f := found[name]
			if f == nil {
				return nil, fmt.Errorf("package reference tells of the function %s, which Rhai does not have", name)
			}
			delete(found, name)
			f.Group, f.Says, f.Property = group.Title, says, properties[name]
			for i, params := range f.Overloads {
				if len(f.Calls) < len(f.Overloads) {
					f.Calls = append(f.Calls, call(name, params, returns[name][i]))
				}
			}
			all = append(all, *f)
		}
	}
	for name := range found {
		return nil, fmt.Errorf("package reference does not tell of Rhai's function %s", name)
	}
	order := map[string]int{}
	for i, group := range reference.Standard {
		order[group.Title] = i
	}
	slices.SortFunc(all, func(a, b made.Standard) int {
		if order[a.Group] != order[b.Group] {
			return order[a.Group] - order[b.Group]
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all, nil
}

func union(types []string, one string) []string {
	if slices.Contains(types, "any") || slices.Contains(types, one) {
		return types
	}
	if one == "any" {
		return []string{"any"}
	}
	return append(types, one)
}

func call(name string, params []made.Param, returns []string) string {
	texts := make([]string, len(params))
	for i, p := range params {
		texts[i] = p.Name + ": " + strings.Join(p.Types, " | ")
	}
	text := name + "(" + strings.Join(texts, ", ") + ")"
	if result := strings.Join(returns, " | "); result != "()" {
		text += " -> " + result
	}
	return text
}

// signature reads what follows the name of a function in the list: its parameters and what it returns.
func signature(rest string) (params []made.Param, result string, ok bool) {
	inner, result, found := strings.Cut(rest, ") -> ")
	if !found {
		inner, result = strings.TrimSuffix(rest, ")"), "()"
	}
	if r, fallible := strings.CutPrefix(result, "Result<"); fallible {
		result = strings.TrimSuffix(r, ", Box<EvalAltResult>>")
	}
	if result, ok = rustTypes[result]; !ok {
		return nil, "", false
	}
	params = []made.Param{}
	if inner == "" {
		return params, result, true
	}
	for part := range strings.SplitSeq(inner, ", ") {
		name, kind, _ := strings.Cut(part, ": ")
		name = strings.TrimPrefix(strings.TrimPrefix(name, "mut "), "_")
		kind, known := rustTypes[strings.TrimPrefix(kind, "&mut ")]
		if !known {
			return nil, "", false
		}
		params = append(params, made.Param{Name: name, Types: []string{kind}})
	}
	return params, result, true
}
