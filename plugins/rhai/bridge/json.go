package bridge

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/tinylib/msgp/msgp"

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
	var stopped *vm.Error
	message, err := abi.AppendFromJSONUntil(make([]byte, 0, len(text)), text, func() bool {
		stopped = t.Poll()
		return stopped != nil
	})
	if stopped != nil {
		return vm.Unit, stopped
	}
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
	w := jsonWriter{t: t, text: make([]byte, 0, len(e.b))}
	if _, err := w.value(e.b); err != nil {
		return vm.Unit, invalid("json::stringify", err.Error())
	}
	if w.stopped != nil {
		return vm.Unit, w.stopped
	}
	text := w.text
	if indent > 0 {
		var stopped *vm.Error
		if text, stopped = indented(t, text, strings.Repeat(" ", int(indent))); stopped != nil {
			return vm.Unit, stopped
		}
	}
	if err := makeString(t, len(text)); err != nil {
		return vm.Unit, err
	}
	return vm.String(unsafe.String(unsafe.SliceData(text), len(text))), nil
}

// A jsonWriter writes what an encoder wrote as JSON, a small part at a time.
type jsonWriter struct {
	t       *vm.Thread
	text    []byte
	written int       // bytes since the last look at the interrupt word
	stopped *vm.Error // it was interrupted
}

// value writes one value of MessagePack and returns what follows it.
func (w *jsonWriter) value(b msgp.Raw) (rest msgp.Raw, err error) {
	if w.written >= meterStep && w.stopped == nil {
		w.written, w.stopped = 0, w.t.Poll()
	}
	if w.stopped != nil {
		return nil, nil
	}
	switch kind := msgp.NextType(b); kind {
	case msgp.ArrayType:
		n, items, err := msgp.ReadArrayHeaderBytes(b)
		return w.items(items, n, kind, '[', ']', err)
	case msgp.MapType:
		n, items, err := msgp.ReadMapHeaderBytes(b)
		return w.items(items, n, kind, '{', '}', err)
	}
	rest, err = msgp.Skip(b)
	if err != nil {
		return nil, err
	}
	size := len(b) - len(rest)
	w.written += 8 + size
	w.text, err = abi.AppendJSON(w.text, b[:size])
	return rest, err
}

// items writes the n items of a container and returns what follows it.
func (w *jsonWriter) items(b msgp.Raw, n uint32, kind msgp.Type, begin, end byte, err error) (msgp.Raw, error) {
	w.text = append(w.text, begin)
	for i := uint32(0); i < n && err == nil && w.stopped == nil; i++ {
		if i > 0 {
			w.text = append(w.text, ',')
		}
		if kind == msgp.MapType {
			b, err = w.value(b)
			w.text = append(w.text, ':')
		}
		if err == nil {
			b, err = w.value(b)
		}
	}
	w.text = append(w.text, end)
	return b, err
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
