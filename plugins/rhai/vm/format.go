package vm

import (
	"math"
	"math/bits"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

// MaxNesting is how many levels of arrays and maps inside one another are followed when a
// value is compared or written as text. It keeps Go's stack within bounds.
const MaxNesting = 100

// A value has two texts. The display form is that of print, to_string and
// interpolation; the debug form is that of debug and to_debug, and of whatever
// stands inside an array or a map. They differ for (), strings and floats:
//
//	           display  debug
//	()                  ()
//	"a\n"      a⏎       "a\n"
//	1e14       1e14     100000000000000.0
//
// The raw forms are those of Rust, which Rhai shows where it does not go through its own
// functions: in the text of a thrown value, and when a value replaces a part of a string.
// They differ inside arrays and maps for characters and function pointers, and
// for iterators.
type form uint8

const (
	displayForm form = iota
	debugForm
	rawDisplayForm
	rawDebugForm
)

// raw reports whether f is one of Rust's.
func (f form) raw() bool { return f >= rawDisplayForm }

// inner returns the form of what stands inside an array or a map.
func (f form) inner() form { return f | debugForm }

func (f form) debug() bool { return f&debugForm != 0 }

// unlimitedText is how long a text gets, in bytes, where no thread's limit applies.
const unlimitedText = 1 << 20

// Display returns the display form of v. It is cut off at 1 MiB; see [Thread.Display]
// for values whose size is not known to be small.
func Display(v Value) string { return string(AppendDisplay(nil, v)) }

// Debug returns the debug form of v, cut off like [Display].
func Debug(v Value) string {
	w := textWriter{limit: unlimitedText}
	w.value(v, debugForm, 0)
	return string(w.end())
}

// AppendDisplay appends the display form of v to b, cut off like [Display].
func AppendDisplay(b []byte, v Value) []byte { return appendCut(b, v, displayForm) }

func appendCut(b []byte, v Value, f form) []byte {
	if v.Kind() == KindString {
		return append(b, v.AsString()...)
	}
	w := textWriter{buf: b, limit: len(b) + unlimitedText}
	w.value(v, f, 0)
	return w.end()
}

// Display returns the display form of v, refused when it is too long for a string.
func (t *Thread) Display(v Value) (string, *Error) {
	if v.Kind() == KindString {
		return v.AsString(), nil
	}
	b, err := t.appendText(nil, v, displayForm)
	return string(b), err
}

// Text returns the display form of v as a string without a tag, refused when it is too long for one.
func (t *Thread) Text(v Value) (Value, *Error) {
	b := t.Scratch()
	switch v.Kind() {
	case KindString:
		return t.WithTag(v, 0), nil
	case KindInt:
		b = AppendInt(b, v.AsInt())
	case KindFloat:
		b = appendFloat(b, v.AsFloat())
	case KindChar:
		b = utf8.AppendRune(b, v.AsChar())
	default:
		return t.made(t.appendText(b, v, displayForm))
	}
	return t.made(b, t.CheckString(int64(len(b))))
}

// DebugForm returns the debug form of v as a string, refused when it is too long for one.
func (t *Thread) DebugForm(v Value) (Value, *Error) {
	b := t.Scratch()
	if v.Kind() != KindFloat {
		return t.made(t.appendText(b, v, debugForm))
	}
	b = appendFloatDebug(b, v.AsFloat())
	return t.made(b, t.CheckString(int64(len(b))))
}

// Scratch returns room in which a text can be made that [Thread.Made] makes a string of.
func (t *Thread) Scratch() []byte {
	const least = 64
	if cap(t.scratch) < least {
		t.scratch = make([]byte, 0, least)
	}
	return t.scratch[:0]
}

// scratchKept is up to which size, in bytes, the room that a text was made in is used again.
const scratchKept = 4 << 10

// Made returns what was appended to [Thread.Scratch], which is valid UTF-8, as a string.
func (t *Thread) Made(b []byte) Value {
	if cap(b) <= scratchKept {
		t.scratch = b
	}
	return String(unsafe.String(unsafe.SliceData(b), len(b)))
}

func (t *Thread) made(b []byte, err *Error) (Value, *Error) {
	if err != nil {
		return Unit, err
	}
	return t.Made(b), nil
}

// rawDisplay returns Rust's display form of v.
func (t *Thread) rawDisplay(v Value) (string, *Error) {
	if v.Kind() == KindString {
		return v.AsString(), nil
	}
	b, err := t.appendText(nil, v, rawDisplayForm)
	return string(b), err
}

// DebugText returns the debug form of v, refused when it is too long for a string.
func (t *Thread) DebugText(v Value) (string, *Error) {
	b, err := t.appendText(nil, v, debugForm)
	return string(b), err
}

// AppendDisplay appends the display form of v to b, which must stay short enough for
// a string.
func (t *Thread) AppendDisplay(b []byte, v Value) ([]byte, *Error) {
	return t.appendText(b, v, displayForm)
}

// bytesPerOperation is how much text is written or searched for one operation counted.
const bytesPerOperation = 64

// textLimit returns how long a text may get, in bytes.
func (t *Thread) textLimit() int { return int(min(t.limits.MaxStringSize, math.MaxInt32-1)) }

func (t *Thread) appendText(b []byte, v Value, f form) ([]byte, *Error) {
	start := len(b)
	w := textWriter{buf: b, limit: t.textLimit(), t: t}
	w.value(v, f, 0)
	if w.err != nil {
		return nil, w.err
	}
	if err := t.Charge(int64(len(w.buf)-start) / bytesPerOperation); err != nil {
		return nil, err
	}
	if w.deep {
		return nil, nestingError()
	}
	return w.buf, t.CheckString(int64(len(w.buf)))
}

// nestingError returns the error of a value whose parts are nested deeper than [MaxNesting].
func nestingError() *Error {
	return newError(ErrorDataTooLarge, "Nesting of value too large")
}

// textWriter builds a text. It stops, soon after the text is longer than limit.
type textWriter struct {
	buf   []byte
	limit int
	deep  bool // something was nested too deeply and is missing

	t     *Thread // whose interrupt word is heeded; may be nil
	err   *Error  // it was interrupted
	items int     // of containers, so far
}

// full reports whether nothing more should be written. It is asked before each item.
func (w *textWriter) full() bool {
	const pollEvery = 512
	if w.items++; w.items%pollEvery == 0 {
		w.poll()
	}
	return len(w.buf) > w.limit || w.deep || w.err != nil
}

func (w *textWriter) poll() {
	if w.t != nil && w.err == nil {
		w.err = w.t.Poll()
	}
}

// order returns the order of a map's properties.
func (w *textWriter) order(m *Map) []uint32 {
	if w.t == nil {
		return m.Order()
	}
	order, err := w.t.Order(m)
	if err != nil {
		w.err = err
	}
	return order
}

// end returns the text, with a mark where it was cut off.
func (w *textWriter) end() []byte {
	if !w.full() {
		return w.buf
	}
	cut := w.buf
	if len(cut) > w.limit {
		cut = cut[:w.limit]
		for len(cut) > 0 && !utf8.RuneStart(w.buf[len(cut)]) {
			cut = cut[:len(cut)-1]
		}
	}
	return append(cut, "..."...)
}

func (w *textWriter) value(v Value, f form, depth int) {
	switch v.Kind() {
	case KindUnit:
		if f.debug() {
			w.buf = AppendText(w.buf, "()")
		}
	case KindBool:
		w.buf = strconv.AppendBool(w.buf, v.AsBool())
	case KindInt, KindU8:
		w.buf = AppendInt(w.buf, v.AsInt())
	case KindFloat:
		if f.debug() {
			w.buf = appendFloatDebug(w.buf, v.AsFloat())
		} else {
			w.buf = appendFloat(w.buf, v.AsFloat())
		}
	case KindChar:
		if f == rawDebugForm {
			w.buf = appendQuotedChar(w.buf, v.AsChar())
		} else {
			w.buf = utf8.AppendRune(w.buf, v.AsChar())
		}
	case KindString:
		if f.debug() {
			w.quoted(v.AsString())
		} else {
			w.buf = AppendText(w.buf, v.AsString())
		}
	case KindBlob:
		w.blob(v.AsBlob().Data)
	case KindArray:
		if depth == MaxNesting {
			w.deep = true
			return
		}
		w.buf = AppendByte(w.buf, '[')
		for i, item := range v.AsArray().Items {
			if w.full() {
				return
			}
			if i > 0 {
				w.buf = AppendText(w.buf, ", ")
			}
			w.value(item, f.inner(), depth+1)
		}
		w.close(']')
	case KindMap:
		if depth == MaxNesting {
			w.deep = true
			return
		}
		w.buf = AppendText(w.buf, "#{")
		m := v.AsMap()
		for i, number := range w.order(m) {
			if w.full() {
				return
			}
			if i > 0 {
				w.buf = AppendText(w.buf, ", ")
			}
			key, value := m.Entry(number)
			w.quoted(key)
			w.buf = AppendText(w.buf, ": ")
			w.value(*value, f.inner(), depth+1)
		}
		w.close('}')
	case KindRange, KindRangeInclusive:
		r := v.AsRange()
		w.buf = AppendInt(w.buf, r.From)
		w.buf = AppendText(w.buf, "..")
		if v.Kind() == KindRangeInclusive {
			w.buf = AppendByte(w.buf, '=')
		}
		if r.To != math.MaxInt64 {
			w.buf = AppendInt(w.buf, r.To)
		}
	case KindFn:
		if f == rawDebugForm {
			w.pointer(v.AsFn(), depth)
			return
		}
		w.buf = AppendText(w.buf, "Fn(")
		w.buf = AppendText(w.buf, v.AsFn().Name)
		w.buf = AppendByte(w.buf, ')')
	case KindTimestamp:
		w.buf = AppendText(w.buf, "<timestamp>")
	case KindIterator:
		if f.raw() {
			w.buf = AppendText(w.buf, v.AsIterator().Type)
		} else {
			w.buf = AppendText(w.buf, v.TypeName())
		}
	case kindCell:
		w.value(v.asCell().value, f, depth)
		w.buf = AppendText(w.buf, " (shared)")
	default:
		if v.IsHandle() {
			w.buf = AppendText(w.buf, v.TypeName())
			w.buf = AppendByte(w.buf, '(')
			w.quoted(v.AsHandle().Name)
			w.buf = AppendByte(w.buf, ')')
		}
	}
}

// pointer writes a function pointer with its curried arguments, as Rust does.
func (w *textWriter) pointer(p *FnPtr, depth int) {
	if depth == MaxNesting {
		w.deep = true
		return
	}
	w.buf = AppendText(w.buf, "Fn")
	if p.Func != nil {
		w.buf = AppendText(w.buf, "*+")
	}
	w.buf = AppendByte(w.buf, '(')
	w.quoted(p.Name)
	for _, c := range p.Curry {
		if w.full() {
			return
		}
		w.buf = AppendText(w.buf, ", ")
		w.value(c, rawDebugForm, depth+1)
	}
	w.close(')')
}

// close ends a container's text, unless something is missing from it.
func (w *textWriter) close(bracket byte) {
	if !w.full() {
		w.buf = AppendByte(w.buf, bracket)
	}
}

// blob writes bytes in hexadecimal, in groups of eight.
func (w *textWriter) blob(data []byte) {
	const digits = "0123456789abcdef"
	w.buf = AppendByte(w.buf, '[')
	for i, c := range data {
		if i > 0 && i%8 == 0 {
			if w.full() {
				return
			}
			w.buf = AppendByte(w.buf, ' ')
		}
		w.buf = append(w.buf, digits[c>>4], digits[c&15])
	}
	w.buf = AppendByte(w.buf, ']')
}

// FormatFloat returns the display form of a float: in decimal notation between 1e-13 and
// 1e13, with ".0" when whole, else in scientific notation. Zero has no sign.
func FormatFloat(f float64) string { return string(appendFloat(nil, f)) }

// The bounds of decimal notation. Rhai holds them as 32-bit floats.
const (
	maxNaturalFloat = float64(float32(10_000_000_000_000))
	minNaturalFloat = float64(float32(0.000_000_000_000_1))
)

func appendFloat(b []byte, f float64) []byte {
	abs := math.Abs(f)
	switch {
	case f == 0:
		return AppendText(b, "0.0")
	case abs > maxNaturalFloat || abs < minNaturalFloat:
		return appendFloatScientific(b, f)
	}
	return appendFloatPoint(b, f)
}

// appendFloatDebug appends the debug form: decimal notation from 1e-4 up to below 1e16,
// always with a point.
func appendFloatDebug(b []byte, f float64) []byte {
	abs := math.Abs(f)
	if abs >= 1e16 || (abs != 0 && abs < 1e-4) {
		return appendFloatScientific(b, f)
	}
	return appendFloatPoint(b, f)
}

// appendFloatPoint appends f in decimal notation, with a point if it is finite.
func appendFloatPoint(b []byte, f float64) []byte {
	abs := math.Abs(f)
	whole := abs == math.Trunc(abs)
	if whole && f != 0 && abs < 1<<53 {
		b = AppendInt(b, int64(f))
	} else {
		b = appendFloatPlain(b, f)
	}
	if whole {
		b = AppendText(b, ".0")
	}
	return b
}

// FormatFloatPlain returns a float in decimal notation however long that is, as it
// stands in messages: "10000000000000000000", "0.5", "inf", "NaN".
func FormatFloatPlain(f float64) string { return string(appendFloatPlain(nil, f)) }

func appendFloatPlain(b []byte, f float64) []byte {
	if text := notFinite(f); text != "" {
		return append(b, text...)
	}
	if math.Signbit(f) {
		b = AppendByte(b, '-')
	}
	d := shortest(b, f)
	switch whole := d.exp + 1; { // digits before the point
	case whole <= 0:
		return d.append(appendZeros(AppendText(b, "0."), -whole), 0, d.n)
	case whole >= d.n:
		return appendZeros(d.append(b, 0, d.n), whole-d.n)
	default:
		return d.append(AppendByte(d.append(b, 0, whole), '.'), whole, d.n)
	}
}

func appendZeros(b []byte, n int) []byte {
	const zeros = "0000000000000000"
	for n > 0 {
		k := min(n, len(zeros))
		b = AppendText(b, zeros[:k])
		n -= k
	}
	return b
}

// shortDecimal is the shortest decimal number that reads as some float: d.ddd * 10**exp, without
// zeros at the end.
type shortDecimal struct {
	digits [17]byte
	n      int // digits
	exp    int
}

// append appends the digits from one to before another.
func (d *shortDecimal) append(b []byte, from, to int) []byte {
	if cap(b)-len(b) < len(d.digits) {
		b = slices.Grow(b, len(d.digits))
	}
	n := len(b)
	b = b[:n+to-from]
	for i := from; i < to; i++ {
		b[n+i-from] = d.digits[i]
	}
	return b
}

// shortest returns the number for |f|, which must be finite. It may use the room behind b.
func shortest(b []byte, f float64) shortDecimal {
	var d shortDecimal
	if d.few(math.Abs(f)) {
		return d
	}
	text := strconv.AppendFloat(b, math.Abs(f), 'e', -1, 64)[len(b):] // 1.25e+02
	at := 0
	for ; text[at] != 'e'; at++ {
		if text[at] != '.' {
			d.digits[d.n] = text[at]
			d.n++
		}
	}
	for _, c := range text[at+2:] {
		d.exp = d.exp*10 + int(c-'0')
	}
	if text[at+1] == '-' {
		d.exp = -d.exp
	}
	d.tieUp(f)
	return d
}

// powersOfTen are those that a float is exactly.
var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// few sets the digits to those of f if 15 are enough for it and it is of a usual size. Of numbers of 15
// digits no two are the same float, so that the one that is f is the shortest with zeros behind it.
func (d *shortDecimal) few(f float64) bool {
	const digits, least, most = 15, 1e14, 1e15 // the numbers of so many digits
	if !(f >= 1e-5 && f < most) {
		return false
	}
	exp := (int(math.Float64bits(f)>>52) - 1023) * 1233 >> 12 // of ten, or one less
	if f*powersOfTen[digits-1-exp] >= most {
		exp++
	}
	power := powersOfTen[digits-1-exp]
	n := uint64(f*power + 0.5)
	if n < least || n >= most || float64(n)/power != f {
		return false
	}
	d.n, d.exp = digits, exp
	const low = 7 // digits
	for part, at, end := uint32(n%1e7), digits-1, digits-low; ; part, end = uint32(n/1e7), 0 {
		for ; at >= end; at-- {
			d.digits[at] = '0' + byte(part%10)
			part /= 10
		}
		if end == 0 {
			break
		}
	}
	for d.digits[d.n-1] == '0' {
		d.n--
	}
	return true
}

// tieUp corrects the digits where two numbers of that length are equally close to f: Go takes the
// one with the even last digit, Rust the one further from zero. This happens with 15 digits and more
// only.
func (d *shortDecimal) tieUp(f float64) {
	const enough = 15
	if d.n < enough || d.digits[d.n-1]&1 != 0 {
		return
	}
	// In a tie f is what the digits say and half a unit of the last one more, an odd multiple of
	// 10**unit / 2: so it is an odd multiple of 2**(unit-1).
	unit := d.exp - (d.n - 1)
	fraction, exp := math.Float64bits(f)&(1<<52-1), int(math.Float64bits(f)>>52&0x7ff)
	if exp == 0 {
		exp = 1
	} else {
		fraction |= 1 << 52
	}
	if exp-1075+bits.TrailingZeros64(fraction) != unit-1 {
		return
	}
	var long [64]byte
	exact := strconv.AppendFloat(long[:0], math.Abs(f), 'e', d.n+20, 64)
	rest := exact[d.n+1 : d.n+22] // the point stands among the digits before
	if rest[0] != '5' || exact[d.n] != d.digits[d.n-1] {
		return
	}
	for _, c := range rest[1:] {
		if c != '0' {
			return
		}
	}
	d.digits[d.n-1]++
}

func notFinite(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	return ""
}

// appendFloatScientific writes 1.5e-7 and 1e16: the exponent without plus sign and
// leading zeros.
func appendFloatScientific(b []byte, f float64) []byte {
	if text := notFinite(f); text != "" {
		return append(b, text...)
	}
	if math.Signbit(f) {
		b = AppendByte(b, '-')
	}
	d := shortest(b, f)
	b = AppendByte(b, d.digits[0])
	if d.n > 1 {
		b = d.append(AppendByte(b, '.'), 1, d.n)
	}
	return AppendInt(AppendByte(b, 'e'), int64(d.exp))
}

// appendQuotedChar appends r as a character literal, as Rust writes it.
func appendQuotedChar(b []byte, r rune) []byte {
	switch r {
	case '"':
		return append(b, `'"'`...)
	case '\'':
		return append(b, `'\''`...)
	}
	start := len(b)
	b = AppendQuoted(b, string(r))
	b[start], b[len(b)-1] = '\'', '\''
	return b
}

// AppendQuoted appends s as a string literal in double quotes, the debug form of strings.
func AppendQuoted(b []byte, s string) []byte {
	return AppendByte(appendEscaped(AppendByte(b, '"'), s), '"')
}

// AppendQuoted works as [AppendQuoted], for texts that can be long. It stops soon after b is longer
// than a string may be.
func (t *Thread) AppendQuoted(b []byte, s string) ([]byte, *Error) {
	if len(s) <= quoteStep {
		return AppendQuoted(b, s), nil
	}
	w := textWriter{buf: b, limit: t.textLimit(), t: t}
	w.quoted(s)
	return w.buf, w.err
}

// quoteStep is how many bytes are written in quotes between two looks at the interrupt word.
const quoteStep = 4 << 10

// quoted stops soon after the text is longer than its limit.
func (w *textWriter) quoted(s string) {
	w.buf = AppendByte(w.buf, '"')
	for len(s) > quoteStep {
		part := wholeChars(s, quoteStep)
		s = s[len(part):]
		w.buf = appendEscaped(w.buf, part)
		w.poll()
		if len(w.buf) > w.limit || w.err != nil {
			return
		}
	}
	w.buf = AppendByte(appendEscaped(w.buf, s), '"')
}

// appendEscaped appends s as it is written between double quotes.
func appendEscaped(b []byte, s string) []byte {
	plain := 0 // where the run of characters that stay as they are starts
	for i := 0; i < len(s); {
		if len(s)-i >= wordSize {
			i += PlainPrefix(s[i:])
		}
		if i == len(s) || len(s)-i < wordSize && plainWord(lastWord(s[i:], ' ')) {
			break
		}
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		at := i
		i += size
		if r >= ' ' && r < 0x7f && r != '"' && r != '\\' {
			continue
		}
		if r > 0x7f && unicode.IsPrint(r) && !unicode.In(r, unicode.Mn, unicode.Me, unicode.Other_Grapheme_Extend) {
			continue
		}
		b = AppendText(b, s[plain:at])
		plain = i
		switch r {
		case '"', '\\':
			b = append(b, '\\', byte(r))
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		case 0:
			b = append(b, `\0`...)
		default:
			b = append(b, `\u{`...)
			b = strconv.AppendInt(b, int64(r), 16)
			b = append(b, '}')
		}
	}
	return AppendText(b, s[plain:])
}
