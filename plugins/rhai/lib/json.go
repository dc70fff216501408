package lib

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/picloud/picloud/abi/decimal"
	"github.com/picloud/picloud/plugins/rhai/compile"
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerJSON adds parse_json and to_json. Both are linear in the length of the text.
//
// parse_json reads Rhai's own syntax in a variant (see [syntax.JSON]), not RFC 8259:
// it takes expressions and comments, and refuses the escapes \/ \b \f and those of surrogates.
// to_json writes characters in single quotes, and NaN and infinities by name.
func registerJSON(l *vm.Library) {
	l.Calling(func(l *vm.Library) { // the expression that a text is
		l.Func("parse_json", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			return parseJSON(t, l, args[0].AsString())
		}, vm.KindString)
	})
	l.Func("to_json", mapToJSON, vm.KindMap)
}

func parseJSON(t *vm.Thread, l *vm.Library, text string) (vm.Value, *vm.Error) {
	if err := t.Charge(int64(len(text)) / 16); err != nil {
		return vm.Unit, err
	}
	limits := t.Limits()
	r := jsonReader{t: t, text: text, maxString: limits.MaxStringSize, maxArray: limits.MaxArraySize, maxMap: limits.MaxMapSize}
	if v, ok := r.document(); ok || r.err != nil {
		return v, r.err
	}
	return evalJSON(t, l, text)
}

// evalJSON does what Rhai does with all texts: it parses them as an expression, and runs
// that. It sees no variable and no function of the script, only those of l.
func evalJSON(t *vm.Thread, l *vm.Library, text string) (vm.Value, *vm.Error) {
	limits := t.Limits()
	work := t.Compilation()
	ast, err := syntax.Parse(text, syntax.Options{
		Mode:          syntax.JSON,
		MaxStringSize: int(limits.MaxStringSize),
		MaxArraySize:  int(limits.MaxArraySize),
		MaxMapSize:    int(limits.MaxMapSize),
		Step:          work.Step,
	})
	if work.Err != nil {
		return vm.Unit, work.Err
	}
	if err != nil {
		failure := &vm.Error{Variant: vm.ErrorParsing, Text: "Syntax error: " + err.Error()}
		if e, ok := err.(*syntax.ParseError); ok {
			failure.Text, failure.Position = "Syntax error: "+e.Message, e.Position
		}
		return vm.Unit, failure
	}
	program, tooLarge := compile.Program(ast, l, nil, work.Step)
	if work.Err != nil {
		return vm.Unit, work.Err
	}
	if tooLarge != nil {
		return vm.Unit, &vm.Error{Variant: vm.ErrorParsing, Text: "Syntax error: " + tooLarge.Message, Position: tooLarge.Position}
	}
	v, failure := t.Call(&vm.FnPtr{Func: program.Main}, nil)
	switch {
	case failure != nil:
		// What happened without a place in the expression happened, for the script, where
		// parse_json was called.
		e := failure
		return vm.Unit, &vm.Error{Variant: e.Variant, Text: e.Text, Position: e.Position, Inner: e.Inner, Called: e.Called, Value: e.Value, Fields: e.Fields, Limit: e.Limit}
	case v.Kind() != vm.KindMap:
		return vm.Unit, &vm.Error{Variant: vm.ErrorMismatchOutputType, Text: "Output type incorrect: " + v.TypeName() + " (expecting map)",
			Fields: []vm.Field{{Name: "requested", Value: vm.String("map")}, {Name: "actual", Value: vm.String(v.TypeName())}}}
	}
	return v, nil
}

// jsonReader reads what is JSON beyond doubt. Whatever else it meets, be it wrong or
// just a matter for Rhai's parser, it gives up.
type jsonReader struct {
	t                           *vm.Thread
	err                         *vm.Error // it was interrupted
	polled                      int       // where it last looked at the interrupt word
	text                        string
	at                          int
	maxString, maxArray, maxMap int64
	scratch                     []byte
	keys                        [32]string     // recent property names, to keep each once
	sizes                       [jsonDepth]int // of the last object at each depth: the next is like it
}

// jsonDepth is how deep the reader goes: less than where Rhai could find an expression too complex.
const jsonDepth = 20

func (r *jsonReader) document() (vm.Value, bool) {
	if r.next() != '{' {
		return vm.Unit, false
	}
	v, ok := r.object(0)
	return v, ok && r.next() == 0 && r.at == len(r.text)
}

// next skips white space and returns the byte there, 0 at the end.
func (r *jsonReader) next() byte {
	for ; r.at < len(r.text) && r.poll(); r.at++ {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (r *jsonReader) value(depth int) (vm.Value, bool) {
	if !r.poll() {
		return vm.Unit, false
	}
	switch c := r.next(); {
	case c == '"':
		s, ok := r.quoted()
		return vm.String(s), ok
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	case c == '-' || '0' <= c && c <= '9':
		return r.number()
	case 'a' <= c && c <= 'z':
		return r.word()
	}
	return vm.Unit, false
}

// jsonStep is how many bytes are read between two looks at the interrupt word.
const jsonStep = 8 << 10

// poll reports whether to go on.
func (r *jsonReader) poll() bool {
	if r.at-r.polled >= jsonStep {
		r.polled, r.err = r.at, r.t.Poll()
	}
	return r.err == nil
}

func (r *jsonReader) object(depth int) (vm.Value, bool) {
	if depth == jsonDepth {
		return vm.Unit, false
	}
	r.at++
	m := vm.NewMap(r.sizes[depth])
	for {
		c := r.next()
		if c == '}' {
			r.at++
			r.sizes[depth] = min(m.Len(), 16)
			return vm.NewMapValue(m), true
		}
		if c != '"' {
			return vm.Unit, false
		}
		key, ok := r.quoted()
		if !ok || m.At(key) != nil || int64(m.Len())+1 >= r.maxMap {
			return vm.Unit, false
		}
		key = r.kept(key)
		if r.next() != ':' {
			return vm.Unit, false
		}
		r.at++
		v, ok := r.value(depth + 1)
		if !ok {
			return vm.Unit, false
		}
		m.Set(key, v)
		if !r.separator('}') {
			return vm.Unit, false
		}
	}
}

// kept returns a copy of a property's name that does not keep the text alive.
func (r *jsonReader) kept(key string) string {
	if key == "" {
		return ""
	}
	slot := &r.keys[(len(key)+7*int(key[0])+3*int(key[len(key)-1]))%len(r.keys)]
	if *slot != key {
		*slot = strings.Clone(key)
	}
	return *slot
}

func (r *jsonReader) array(depth int) (vm.Value, bool) {
	if depth == jsonDepth {
		return vm.Unit, false
	}
	r.at++
	var items []vm.Value
	for {
		if r.next() == ']' {
			r.at++
			return vm.NewArray(items), true
		}
		v, ok := r.value(depth + 1)
		if !ok || int64(len(items))+1 >= r.maxArray {
			return vm.Unit, false
		}
		items = append(items, v)
		if !r.separator(']') {
			return vm.Unit, false
		}
	}
}

// separator takes a comma, which Rhai allows to be the last thing, too, or stands before the end.
func (r *jsonReader) separator(end byte) bool {
	c := r.next()
	if c == ',' {
		r.at++
		return true
	}
	return c == end
}

func (r *jsonReader) word() (vm.Value, bool) {
	start := r.at
	for r.at < len(r.text) && isWordByte(r.text[r.at]) {
		r.at++
	}
	switch r.text[start:r.at] {
	case "null":
		return vm.Unit, true
	case "true":
		return vm.Bool(true), true
	case "false":
		return vm.Bool(false), true
	}
	return vm.Unit, false
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c >= utf8.RuneSelf
}

func (r *jsonReader) digits() int {
	n := decimal.Digits(r.text[r.at:])
	r.at += n
	return n
}

func (r *jsonReader) byteAt(i int) byte {
	if i < len(r.text) {
		return r.text[i]
	}
	return 0
}

func (r *jsonReader) number() (vm.Value, bool) {
	start := r.at
	if r.text[r.at] == '-' {
		r.at++
	}
	n := r.digits()
	whole := true
	if n > 0 && r.byteAt(r.at) == '.' {
		whole = false
		r.at++
		if r.digits() == 0 {
			return vm.Unit, false
		}
	}
	if c := r.byteAt(r.at); n > 0 && (c == 'e' || c == 'E') {
		whole = false
		r.at++
		if c := r.byteAt(r.at); c == '+' || c == '-' {
			r.at++
		}
		if r.digits() == 0 {
			return vm.Unit, false
		}
	}
	switch c := r.byteAt(r.at); {
	case n == 0, c == '.', isWordByte(c):
		return vm.Unit, false
	}
	text := r.text[start:r.at]
	if whole {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return vm.Int(i), true
		}
	}
	f, _ := decimal.ParseFloat(text) // too large: infinity, as in Rhai
	return vm.Float(f), true
}

// quoted reads a string. What it returns is valid until the next call.
func (r *jsonReader) quoted() (string, bool) {
	r.at++
	start := r.at
	for r.at < len(r.text) {
		if r.at += vm.PlainPrefix(r.text[r.at:min(r.at+jsonStep, len(r.text))]); !r.poll() {
			return "", false
		}
		switch r.byteAt(r.at) {
		case '"':
			s := r.text[start:r.at]
			return s, r.endQuoted(len(s))
		case '\\':
			return r.escaped(start)
		case '\n', '\r':
			return "", false
		}
		r.at++
	}
	return "", false
}

// endQuoted takes the closing quote. Two of them are an escaped one to Rhai.
func (r *jsonReader) endQuoted(length int) bool {
	r.at++
	return r.byteAt(r.at) != '"' && int64(length) <= r.maxString
}

// escaped does what quoted does from the first backslash on.
func (r *jsonReader) escaped(start int) (string, bool) {
	b := append(r.scratch[:0], r.text[start:r.at]...)
	for r.at < len(r.text) {
		if !r.poll() {
			return "", false
		}
		c := r.text[r.at]
		switch c {
		case '"':
			r.scratch = b
			return string(b), r.endQuoted(len(b))
		case '\n', '\r':
			return "", false
		case '\\':
			r.at++
			switch r.byteAt(r.at) {
			case '"', '\\':
				c = r.text[r.at]
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			case 't':
				c = '\t'
			case 'u':
				if r.at+5 > len(r.text) {
					return "", false
				}
				code, err := strconv.ParseUint(r.text[r.at+1:r.at+5], 16, 32)
				if err != nil || !utf8.ValidRune(rune(code)) {
					return "", false
				}
				b = utf8.AppendRune(b, rune(code))
				r.at += 5
				continue
			default:
				return "", false
			}
		}
		b = append(b, c)
		r.at++
	}
	return "", false
}

func mapToJSON(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	w := jsonWriter{t: t, buf: t.Scratch()}
	if err := w.value(args[0], 0); err != nil {
		return vm.Unit, err
	}
	return t.Made(w.buf), nil
}

type jsonWriter struct {
	t   *vm.Thread
	buf []byte
}

func (w *jsonWriter) value(v vm.Value, depth int) *vm.Error {
	if depth == vm.MaxNesting {
		return vm.DataTooLargeError("Nesting of value", "")
	}
	if err := w.t.CheckString(int64(len(w.buf))); err != nil {
		return err
	}
	if err := w.t.Charge(1); err != nil {
		return err
	}
	switch v.Kind() {
	case vm.KindUnit:
		w.buf = vm.AppendText(w.buf, "null")
	case vm.KindInt, vm.KindU8:
		w.buf = vm.AppendInt(w.buf, v.AsInt())
	case vm.KindString:
		return w.quoted(v.AsString())
	case vm.KindChar:
		w.char(v.AsChar())
	case vm.KindBlob:
		w.buf = vm.AppendByte(w.buf, '[')
		for i, b := range v.AsBlob().Data {
			if i > 0 {
				w.buf = vm.AppendByte(w.buf, ',')
			}
			if i%pollEvery == 0 {
				if err := w.t.Poll(); err != nil {
					return err
				}
			}
			w.buf = vm.AppendInt(w.buf, int64(b))
		}
		w.buf = vm.AppendByte(w.buf, ']')
		return w.t.CheckString(int64(len(w.buf)))
	case vm.KindArray:
		return w.array(v.AsArray().Items, depth)
	case vm.KindMap:
		return w.object(v.AsMap(), depth)
	case vm.KindFn:
		f := v.AsFn()
		if len(f.Curry) == 0 {
			return w.quoted(f.Name)
		}
		return w.array(append([]vm.Value{vm.String(f.Name)}, f.Curried()...), depth)
	case vm.KindIterator:
		w.buf = vm.AppendText(w.buf, v.AsIterator().Type)
	default:
		w.buf = vm.AppendText(w.buf, vm.Debug(v))
	}
	return nil
}

func (w *jsonWriter) quoted(s string) (err *vm.Error) {
	if w.buf, err = w.t.AppendQuoted(w.buf, s); err != nil {
		return err
	}
	return w.t.CheckString(int64(len(w.buf)))
}

// char writes a character as a literal in single quotes. That differs from a string's only
// in which quote needs a backslash.
func (w *jsonWriter) char(r rune) {
	switch r {
	case '\'':
		w.buf = vm.AppendText(w.buf, `'\''`)
	case '"':
		w.buf = vm.AppendText(w.buf, `'"'`)
	default:
		start := len(w.buf)
		w.buf = vm.AppendQuoted(w.buf, string(r))
		w.buf[start], w.buf[len(w.buf)-1] = '\'', '\''
	}
}

func (w *jsonWriter) array(items []vm.Value, depth int) *vm.Error {
	w.buf = vm.AppendByte(w.buf, '[')
	for i, item := range items {
		if i > 0 {
			w.buf = vm.AppendByte(w.buf, ',')
		}
		if err := w.value(item, depth+1); err != nil {
			return err
		}
	}
	w.buf = vm.AppendByte(w.buf, ']')
	return nil
}

func (w *jsonWriter) object(m *vm.Map, depth int) *vm.Error {
	order, err := w.t.Order(m)
	if err != nil {
		return err
	}
	w.buf = vm.AppendByte(w.buf, '{')
	for i, number := range order {
		if i > 0 {
			w.buf = vm.AppendByte(w.buf, ',')
		}
		key, v := m.Entry(number)
		if err := w.quoted(key); err != nil {
			return err
		}
		w.buf = vm.AppendByte(w.buf, ':')
		if err := w.value(*v, depth+1); err != nil {
			return err
		}
	}
	w.buf = vm.AppendByte(w.buf, '}')
	return nil
}
