package sdk

import (
	"strconv"
	"strings"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// maxIndent is how many spaces a level of indented JSON may have.
const maxIndent = 16

// registerJSON adds json::parse and json::stringify: RFC 8259, with values as package abi maps
// them, so that a blob is {"$blob": "<base64>"}. stringify takes the number of spaces for each
// level, 0 to 16, as a second argument.
func registerJSON(l *vm.Library) {
	l.Func("json::parse", jsonParse, vm.KindString)
	l.Func("json::stringify", jsonStringify, vm.KindAny)
	l.Func("json::stringify", jsonStringify, vm.KindAny, vm.KindInt)
}

func jsonParse(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	text := bytesOf(args[0])
	if err := t.Charge(int64(len(text)) / 16); err != nil {
		return vm.Unit, err
	}
	message, err := abi.AppendFromJSON(make([]byte, 0, len(text)), text)
	if err != nil {
		return vm.Unit, invalid("json::parse", err.Error())
	}
	d := decoder{work: work{t: t}, size: len(message)}
	v, _, err := d.value(message, 0)
	if limit, ok := err.(*vm.Error); ok {
		return vm.Unit, limit
	}
	if err != nil {
		return vm.Unit, invalid("json::parse", err.Error())
	}
	return v, nil
}

func jsonStringify(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	indent := int64(0)
	if len(args) == 2 {
		if indent = args[1].AsInt(); indent < 0 || indent > maxIndent {
			return vm.Unit, invalid("json::stringify", "indent must be between 0 and "+strconv.Itoa(maxIndent)+", got "+strconv.FormatInt(indent, 10))
		}
	}
	e := encoder{work: work{t: t}}
	if !e.value(args[0], 0) {
		if e.err == nil {
			e.err = invalid("json::stringify", e.refusal("value"))
		}
		return vm.Unit, e.err
	}
	if err := t.Charge(int64(len(e.b)) / 16); err != nil {
		return vm.Unit, err
	}
	text, err := abi.AppendJSON(make([]byte, 0, len(e.b)), e.b)
	if err != nil {
		return vm.Unit, invalid("json::stringify", err.Error())
	}
	if indent > 0 {
		var stopped *vm.Error
		if text, stopped = indented(t, text, strings.Repeat(" ", int(indent))); stopped != nil {
			return vm.Unit, stopped
		}
	}
	if err := makeString(t, len(text)); err != nil {
		return vm.Unit, err
	}
	return vm.String(string(text)), nil
}

// indented puts the items of JSON without white space on lines of their own.
func indented(t *vm.Thread, text []byte, indent string) ([]byte, *vm.Error) {
	w := work{t: t}
	out := make([]byte, 0, 2*len(text))
	depth := 0
	newLine := func() {
		out = append(out, '\n')
		for range depth {
			out = append(out, indent...)
		}
	}
	quoted := false
	for i := 0; i < len(text); i++ {
		before := len(out)
		c := text[i]
		switch {
		case quoted:
			out = append(out, c)
			if c == '\\' {
				i++
				out = append(out, text[i])
			}
			quoted = c != '"'
		case c == '"':
			quoted = true
			out = append(out, c)
		case c == '{' || c == '[':
			out = append(out, c)
			if text[i+1] == c+2 { // of an empty one, in ASCII
				i++
				out = append(out, text[i])
				break
			}
			depth++
			newLine()
		case c == '}' || c == ']':
			depth--
			newLine()
			out = append(out, c)
		case c == ',':
			out = append(out, c)
			newLine()
		case c == ':':
			out = append(out, ": "...)
		default:
			out = append(out, c)
		}
		if err := w.add(len(out) - before); err != nil {
			return nil, err
		}
		if err := t.CheckString(int64(len(out))); err != nil {
			return nil, err
		}
	}
	return out, nil
}
