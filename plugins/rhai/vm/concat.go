package vm

import (
	"unicode/utf8"
	"unsafe"

	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// Strings.

// textBinary applies an operator that has a string on one side at least.
func (t *Thread) textBinary(op syntax.Operator, l, r Value) (v Value, err *Error, ok bool) {
	lk, rk := l.Kind(), r.Kind()
	switch op {
	case syntax.OpAdd:
		v, err = t.concatTexts(l, r)
		return v, err, true
	case syntax.OpSub:
		if lk == KindString && (rk == KindString || rk == KindChar) {
			v, err = t.without(l, r)
			return v, err, true
		}
	}
	if !isComparison(op) {
		return Unit, nil, false
	}
	switch {
	case lk == KindString && rk == KindString:
		a, b := l.AsString(), r.AsString()
		if op == syntax.OpEq || op == syntax.OpNe {
			equal, err := t.equal(l, r, 0)
			return Bool(equal == (op == syntax.OpEq)), err, true
		}
		if err := t.Charge(int64(min(len(a), len(b))) / bytesPerOperation); err != nil {
			return Unit, err, true
		}
		return Bool(orders(op, CompareText(a, b))), nil, true
	case lk == KindString && rk == KindChar:
		return Bool(orders(op, -compareCharText(r.AsChar(), l.AsString()))), nil, true
	case lk == KindChar:
		return Bool(orders(op, compareCharText(l.AsChar(), r.AsString()))), nil, true
	}
	return Unit, nil, false
}

// joinTexts does *a = l + r in the common cases: strings, integers and characters, one of them a
// string, well within the limits. It reports whether it was one.
func (t *Thread) joinTexts(a, l, r *Value) bool {
	var buf [20]byte
	var left, right string
	chars := 0
	switch {
	case l.meta == uint32(KindString) && r.meta == uint32(KindString):
		left, right, chars = l.AsString(), r.AsString(), l.Chars()+r.Chars()
	case l.meta == uint32(KindString) && r.meta == uint32(KindInt):
		left, right = l.AsString(), decimal(&buf, r.AsInt())
		chars = l.Chars() + len(right)
	case l.meta == uint32(KindInt) && r.meta == uint32(KindString):
		left, right = decimal(&buf, l.AsInt()), r.AsString()
		chars = len(left) + r.Chars()
	case l.meta == uint32(KindString) && r.meta == uint32(KindChar):
		left, right, chars = l.AsString(), charText(&buf, r.AsChar()), l.Chars()+1
	case l.meta == uint32(KindChar) && r.meta == uint32(KindString):
		left, right, chars = charText(&buf, l.AsChar()), r.AsString(), r.Chars()+1
	default:
		return false
	}
	n := len(left) + len(right)
	cost := int64(n) / bytesPerOperation
	if n == 0 || int64(n) > t.limits.MaxStringSize || t.budget < cost {
		return false
	}
	t.budget -= cost
	ref := newText(n, n)
	data := unsafe.Slice(textData(ref), n)
	PutText(PutText(data[:0], left), right)
	*a = textValue(ref, n, chars)
	return true
}

// extendText does *a += r in the common cases, see joinTexts.
//
//go:noinline
func (t *Thread) extendText(a, r *Value) bool {
	if a.meta != uint32(KindString) {
		return false
	}
	var buf [20]byte
	tail, chars := "", 0
	switch r.meta {
	case uint32(KindString):
		tail, chars = r.AsString(), r.Chars()
	case uint32(KindInt):
		tail = decimal(&buf, r.AsInt())
		chars = len(tail)
	case uint32(KindChar):
		tail, chars = charText(&buf, r.AsChar()), 1
	default:
		return false
	}
	cost := int64(len(tail)) / bytesPerOperation
	if int64(uint32(a.bits))+int64(len(tail)) > t.limits.MaxStringSize || t.budget < cost {
		return false
	}
	t.budget -= cost
	*a = a.appendCounted(tail, chars)
	return true
}

// decimal returns the digits of n, in buf.
func decimal(buf *[20]byte, n int64) string {
	i := len(buf)
	u := uint64(n)
	if n < 0 {
		u = -u
	}
	for u >= 1<<32 {
		i--
		buf[i] = '0' + byte(u%10)
		u /= 10
	}
	for v := uint32(u); ; {
		i--
		buf[i] = '0' + byte(v%10)
		if v /= 10; v == 0 {
			break
		}
	}
	if n < 0 {
		i--
		buf[i] = '-'
	}
	return unsafe.String(&buf[i], len(buf)-i)
}

// charText returns a character as text, in buf.
func charText(buf *[20]byte, c rune) string {
	if c < utf8.RuneSelf {
		buf[0] = byte(c)
		return unsafe.String(&buf[0], 1)
	}
	return unsafe.String(&buf[0], utf8.EncodeRune(buf[:], c))
}

// compareCharText compares a character as a string of one with a string.
func compareCharText(c rune, s string) int {
	if s == "" {
		return 1
	}
	first, size := utf8.DecodeRuneInString(s)
	if c == first && len(s) > size {
		return -1
	}
	return cmpInt(int64(c), int64(first))
}

// concatTexts returns l + r where one is a string: the other one's text is added.
func (t *Thread) concatTexts(l, r Value) (Value, *Error) {
	switch {
	case l.Kind() == KindUnit:
		return r, nil
	case r.Kind() == KindUnit:
		return l, nil
	}
	a, placed, err := t.operandText(l)
	if err != nil {
		return Unit, err
	}
	b, placedToo, err := t.operandText(r)
	if err != nil {
		return Unit, err
	}
	if err := t.CheckString(int64(len(a.AsString())) + int64(len(b.AsString()))); err != nil {
		err.unplaced = !placed && !placedToo
		return Unit, err
	}
	if err := t.Charge(int64(len(a.AsString())+len(b.AsString())) / bytesPerOperation); err != nil {
		return Unit, err
	}
	return Concat(a, b), nil
}

// operandText returns the text of an operand of + as a string; blobs are read as UTF-8. converted
// says whether the value is neither a string nor a character.
func (t *Thread) operandText(v Value) (text Value, converted bool, err *Error) {
	switch v.Kind() {
	case KindString:
		return v, false, nil
	case KindChar:
		return String(string(v.AsChar())), false, nil
	case KindBlob:
		text, err = t.DecodeUTF8(v.AsBlob().Data)
		return text, true, err
	}
	text, err = t.Text(v)
	return text, true, err
}

// DecodeUTF8 makes a string of data. Each maximal part of it that starts a character
// but is not one becomes one U+FFFD.
func (t *Thread) DecodeUTF8(data []byte) (Value, *Error) {
	if err := t.Charge(int64(len(data)) / bytesPerOperation); err != nil {
		return Unit, err
	}
	if err := t.CheckString(int64(len(data))); err != nil {
		return Unit, err
	}
	text, err := t.LossyText(data)
	if err != nil {
		return Unit, err
	}
	if err := t.CheckString(int64(len(text))); err != nil {
		return Unit, err
	}
	return String(text), nil
}

// decodeStep is how many bytes are decoded between two looks at the interrupt word.
const decodeStep = 8 << 10

// LossyText returns data as text, valid until that changes. Each maximal part of it that starts a
// character but is not one becomes one U+FFFD.
func (t *Thread) LossyText(data []byte) (string, *Error) {
	valid := 0 // bytes at the start
	for valid < len(data) {
		if err := t.Poll(); err != nil {
			return "", err
		}
		// A step ends where a character starts, if what is there are any.
		end := min(valid+decodeStep, len(data))
		for back := 0; back < utf8.UTFMax && end < len(data) && !utf8.RuneStart(data[end]); back++ {
			end--
		}
		if !utf8.Valid(data[valid:end]) {
			break
		}
		valid = end
	}
	if valid == len(data) {
		return unsafe.String(unsafe.SliceData(data), len(data)), nil
	}
	text := append(make([]byte, 0, len(data)+len(data)/2), data[:valid]...)
	for next := 0; valid < len(data); {
		if len(text) >= next {
			if err := t.Poll(); err != nil {
				return "", err
			}
			next = len(text) + decodeStep
		}
		r, size := utf8.DecodeRune(data[valid:])
		if r == utf8.RuneError && size == 1 {
			size = invalidPrefix(data[valid:])
		}
		text = utf8.AppendRune(text, r)
		valid += size
	}
	return unsafe.String(unsafe.SliceData(text), len(text)), nil
}

// invalidPrefix returns how many bytes of data, which does not start with a character, could
// have been the start of one, at least 1 (Unicode 3.9, "maximal subpart").
func invalidPrefix(data []byte) int {
	lead := data[0]
	need, low, high := 0, byte(0x80), byte(0xbf)
	switch {
	case lead >= 0xc2 && lead <= 0xdf:
		need = 1
	case lead >= 0xe0 && lead <= 0xef:
		need = 2
		switch lead {
		case 0xe0:
			low = 0xa0
		case 0xed:
			high = 0x9f
		}
	case lead >= 0xf0 && lead <= 0xf4:
		need = 3
		switch lead {
		case 0xf0:
			low = 0x90
		case 0xf4:
			high = 0x8f
		}
	}
	n := 1
	for n <= need && n < len(data) && data[n] >= low && data[n] <= high {
		n++
		low, high = 0x80, 0xbf
	}
	return n
}

// without returns l with all occurrences of r, a string or a character, removed. An empty l is
// replaced by a string r: so does Rhai.
func (t *Thread) without(l, r Value) (Value, *Error) {
	cut := r
	if r.Kind() == KindChar {
		cut = String(string(r.AsChar()))
	}
	s := l.AsString()
	l.meta &= kindMask
	r.meta &= kindMask
	switch {
	case cut.AsString() == "":
		return l, nil
	case s == "" && r.Kind() == KindString:
		return r, nil
	}
	m := t.Meter()
	return m.Replace(l, cut.AsString(), "")
}

// Containers.

func (t *Thread) concatArrays(l, r Value) (Value, *Error) {
	a, b := l.AsArray().Items, r.AsArray().Items
	l.meta &= kindMask
	r.meta &= kindMask
	switch {
	case len(b) == 0:
		return l.Share(), nil
	case len(a) == 0:
		return r.Share(), nil
	}
	if err := t.CheckArray(int64(len(a)) + int64(len(b))); err != nil {
		return Unit, err
	}
	if err := t.Charge(int64(len(a)+len(b)) / itemsPerOperation); err != nil {
		return Unit, err
	}
	items, err := t.AppendItems(make([]Value, 0, len(a)+len(b)), a)
	if err == nil {
		items, err = t.AppendItems(items, b)
	}
	return NewArray(items), err
}

// itemsPerOperation is how many values are copied for one operation counted.
const itemsPerOperation = 8

func (t *Thread) mergeMaps(l, r Value) (Value, *Error) {
	l.meta &= kindMask
	r.meta &= kindMask
	switch {
	case r.AsMap().Len() == 0:
		return l.Share(), nil
	case l.AsMap().Len() == 0:
		return r.Share(), nil
	}
	if err := t.Charge(int64(l.AsMap().Len()) / itemsPerOperation); err != nil {
		return Unit, err
	}
	merged, err := t.cloneMap(l.AsMap())
	if err == nil {
		err = t.mixin(merged, r.AsMap())
	}
	return NewMapValue(merged), err
}

// mixin does what [Thread.Mixin] does, and counts it.
func (t *Thread) mixin(m, from *Map) *Error {
	if err := t.Charge(int64(from.Len()) / itemsPerOperation); err != nil {
		return err
	}
	return t.Mixin(m, from, true)
}

// Mixin sets the properties of from in m, which must not be shared; if replace is false, only
// those that m has not.
func (t *Thread) Mixin(m, from *Map, replace bool) *Error {
	const pollEvery = 512
	for i := range from.entries {
		if i%pollEvery == 0 {
			if err := t.Poll(); err != nil {
				return err
			}
		}
		e := &from.entries[i]
		if at := m.at(e.key, e.hash); at == nil {
			if err := t.CheckMap(int64(m.Len()) + 1); err != nil {
				return err
			}
			m.add(e.key, e.hash, e.value.Share())
		} else if replace {
			*at = e.value.Share()
		}
	}
	return nil
}

// extendBlob returns l + r where r is a blob or a character.
func (t *Thread) extendBlob(l, r Value) (Value, *Error) {
	a := l.AsBlob().Data
	var b []byte
	if r.Kind() == KindChar {
		b = utf8.AppendRune(b, r.AsChar())
	} else {
		b = r.AsBlob().Data
		switch {
		case len(b) == 0:
			return l.Share(), nil
		case len(a) == 0:
			return r.Share(), nil
		}
	}
	if err := t.CheckBlob(int64(len(a)) + int64(len(b))); err != nil {
		err.unplaced = true
		return Unit, err
	}
	if err := t.Charge(int64(len(a)+len(b)) / bytesPerOperation); err != nil {
		return Unit, err
	}
	return NewBlob(append(append(make([]byte, 0, len(a)+len(b)), a...), b...)), nil
}
