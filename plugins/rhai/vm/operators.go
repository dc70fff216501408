package vm

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/picloud/picloud/plugins/rhai/elementary"
	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// Binary is l op r for any values and any operator but the logical ones, ??, and in.
// Scripts cannot define operators.
//
// Rhai reports most errors of arithmetic without a position; the rest get that of
// the operator.
func (t *Thread) Binary(op syntax.Operator, l, r Value) (Value, *Error) {
	switch lk, rk := l.Kind(), r.Kind(); {
	case lk == KindInt && rk == KindInt:
		v, err := intBinary(op, l.AsInt(), r.AsInt())
		return unplaced(v, err, op, l, r)
	case lk == KindFloat && rk == KindFloat:
		v, ok := floatBinary(op, l.AsFloat(), r.AsFloat())
		return found(v, ok, op, l, r)
	case lk == KindFloat && rk == KindInt:
		v, ok := floatBinary(op, l.AsFloat(), float64(r.AsInt()))
		return found(v, ok, op, l, r)
	case lk == KindInt && rk == KindFloat:
		v, ok := floatBinary(op, float64(l.AsInt()), r.AsFloat())
		return found(v, ok, op, l, r)
	case lk == KindString || rk == KindString:
		if v, err, ok := t.textBinary(op, l, r); ok {
			return v, err
		}
	case lk == KindChar && rk == KindChar:
		if op == syntax.OpAdd {
			return String(string(l.AsChar()) + string(r.AsChar())), nil
		}
		if isComparison(op) {
			return Bool(orders(op, cmpInt(int64(l.AsChar()), int64(r.AsChar())))), nil
		}
	case lk == KindBool && rk == KindBool:
		v, ok := boolBinary(op, l.AsBool(), r.AsBool())
		return found(v, ok, op, l, r)
	case lk == KindU8 && (rk == KindU8 || rk == KindInt):
		if v, err, ok := byteBinary(op, l, r); ok {
			return v, err
		}
	case lk == KindUnit && rk == KindUnit:
		if isComparison(op) {
			return Bool(op == syntax.OpEq), nil
		}
	case lk == KindTimestamp:
		if v, err, ok := timeBinary(op, l, r); ok {
			return v, err
		}
	case lk == KindArray && rk == KindArray:
		if op == syntax.OpAdd {
			return t.concatArrays(l, r)
		}
	case lk == KindMap && rk == KindMap:
		if op == syntax.OpAdd {
			return t.mergeMaps(l, r)
		}
	case lk == KindBlob:
		if op == syntax.OpAdd && (rk == KindBlob || rk == KindChar) {
			return t.extendBlob(l, r)
		}
		if rk == KindChar {
			return Unit, operatorNotFound(op, l, r) // the only kinds that differ but do not compare
		}
	}
	switch op {
	case syntax.OpEq:
		b, err := t.Equal(l, r)
		return Bool(b), err
	case syntax.OpNe:
		b, err := t.notEqual(l, r)
		return Bool(b), err
	case syntax.OpLt, syntax.OpLe, syntax.OpGt, syntax.OpGe:
		if differ(l.Kind(), r.Kind()) && !bothRanges(l.Kind(), r.Kind()) {
			return Bool(false), nil
		}
	case syntax.OpRange, syntax.OpRangeInclusive:
		if v, ok := openRange(op, l, r); ok {
			return v, nil
		}
	}
	return Unit, operatorNotFound(op, l, r)
}

func operatorNotFound(op syntax.Operator, args ...Value) *Error {
	return FunctionNotFoundError(Signature(op.String(), args))
}

// found is the result of an operator that cannot fail, if there is such an operator.
func found(v Value, ok bool, op syntax.Operator, l, r Value) (Value, *Error) {
	if !ok {
		return Unit, operatorNotFound(op, l, r)
	}
	return v, nil
}

// unplaced is the result of an operator whose errors have no position; errNoOperator
// stands for no such operator.
func unplaced(v Value, err *Error, op syntax.Operator, l, r Value) (Value, *Error) {
	switch err {
	case nil:
		return v, nil
	case errNoOperator:
		return Unit, operatorNotFound(op, l, r)
	}
	err.unplaced = true
	return Unit, err
}

var errNoOperator = &Error{}

// isComparison reports whether op is one of == != < <= > >=.
func isComparison(op syntax.Operator) bool { return op >= syntax.OpEq && op <= syntax.OpGe }

// orders is what the comparison op says of two values that compare as c: negative, 0 or
// positive as in [strings.Compare].
func orders(op syntax.Operator, c int) bool {
	switch op {
	case syntax.OpEq:
		return c == 0
	case syntax.OpNe:
		return c != 0
	case syntax.OpLt:
		return c < 0
	case syntax.OpLe:
		return c <= 0
	case syntax.OpGt:
		return c > 0
	}
	return c >= 0
}

func cmpInt(x, y int64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// Integers.

func intBinary(op syntax.Operator, x, y int64) (Value, *Error) {
	switch op {
	case syntax.OpAdd:
		if z := x + y; (z > x) == (y > 0) {
			return Int(z), nil
		}
		return Unit, overflow("Addition overflow: ", x, op, y)
	case syntax.OpSub:
		if z := x - y; (z < x) == (y > 0) {
			return Int(z), nil
		}
		return Unit, overflow("Subtraction overflow: ", x, op, y)
	case syntax.OpMul:
		if z, ok := mulInt(x, y); ok {
			return Int(z), nil
		}
		return Unit, overflow("Multiplication overflow: ", x, op, y)
	case syntax.OpDiv:
		switch {
		case y == 0:
			return Unit, overflow("Division by zero: ", x, op, y)
		case y == -1 && x == math.MinInt64:
			return Unit, overflow("Division overflow: ", x, op, y)
		}
		return Int(x / y), nil
	case syntax.OpMod:
		if y == 0 || y == -1 && x == math.MinInt64 {
			return Unit, overflow("Modulo division by zero or overflow: ", x, op, y)
		}
		return Int(x % y), nil
	case syntax.OpPow:
		return powInt(x, y)
	case syntax.OpShl:
		return Int(shiftLeft(x, y, 64)), nil
	case syntax.OpShr:
		return Int(shiftRight(x, y, 64)), nil
	case syntax.OpBitAnd:
		return Int(x & y), nil
	case syntax.OpBitOr:
		return Int(x | y), nil
	case syntax.OpBitXor:
		return Int(x ^ y), nil
	case syntax.OpRange, syntax.OpRangeInclusive:
		return NewRange(x, y, op == syntax.OpRangeInclusive), nil
	}
	if isComparison(op) {
		return Bool(orders(op, cmpInt(x, y))), nil
	}
	return Unit, errNoOperator
}

// overflow is an error of integer arithmetic, which shows the operation.
func overflow(what string, x int64, op syntax.Operator, y int64) *Error {
	return ArithmeticError(what + itoa(x) + " " + op.String() + " " + itoa(y))
}

// mulInt is x * y, ok when it fits.
func mulInt(x, y int64) (z int64, ok bool) {
	hi, lo := bits.Mul64(magnitude(x), magnitude(y))
	if (x < 0) != (y < 0) {
		return -int64(lo), hi == 0 && lo <= 1<<63
	}
	return int64(lo), hi == 0 && lo < 1<<63
}

// magnitude is the absolute value of x, right for the smallest integer too.
func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

func powInt(x, y int64) (Value, *Error) {
	if y > math.MaxUint32 {
		return Unit, overflow("Exponential overflow: ", x, syntax.OpPow, y)
	}
	if y < 0 {
		return Unit, overflow("Integer raised to a negative power: ", x, syntax.OpPow, y)
	}
	power, base, fits := int64(1), x, true
	for n := y; n > 0 && fits; n >>= 1 {
		if n&1 != 0 {
			power, fits = mulInt(power, base)
		}
		if n > 1 && fits {
			base, fits = mulInt(base, base)
		}
	}
	if !fits {
		return Unit, overflow("Exponential overflow: ", x, syntax.OpPow, y)
	}
	return Int(power), nil
}

// shiftLeft is x << n for an integer of the given width in bits; a negative n shifts to
// the right.
func shiftLeft(x, n, width int64) int64 {
	switch {
	case n < 0:
		return shiftRight(x, negated(n), width)
	case n >= width:
		return 0
	}
	return x << n
}

// shiftRight is x >> n, likewise.
func shiftRight(x, n, width int64) int64 {
	switch {
	case n < 0:
		return shiftLeft(x, negated(n), width)
	case n >= width:
		return x >> (width - 1)
	}
	return x >> n
}

// negated is -n, the largest integer for the smallest one.
func negated(n int64) int64 {
	if n == math.MinInt64 {
		return math.MaxInt64
	}
	return -n
}

// Floats.

func floatBinary(op syntax.Operator, x, y float64) (v Value, ok bool) {
	switch op {
	case syntax.OpAdd:
		return Float(x + y), true
	case syntax.OpSub:
		return Float(x - y), true
	case syntax.OpMul:
		return Float(x * y), true
	case syntax.OpDiv:
		return Float(x / y), true
	case syntax.OpMod:
		return Float(math.Mod(x, y)), true
	case syntax.OpPow:
		return Float(elementary.Pow(x, y)), true
	}
	if isComparison(op) {
		return Bool(compareFloats(op, x, y)), true
	}
	return Unit, false
}

const floatEpsilon = 0x1p-52

// compareFloats compares as Rhai does: with a tolerance of epsilon in relation to the
// larger operand, in absolute terms when one is zero. So 0.1 + 0.2 == 0.3. Comparisons
// with NaN are false, != included, except that it equals zero; so are
// comparisons of infinities.
func compareFloats(op syntax.Operator, x, y float64) bool {
	switch op {
	case syntax.OpEq:
		scale := floatScale(x, y)
		return scale == 0 || math.Abs(x-y)/scale <= floatEpsilon
	case syntax.OpNe:
		scale := floatScale(x, y)
		return scale != 0 && math.Abs(x-y)/scale > floatEpsilon
	case syntax.OpLt:
		return floatLess(x, y)
	case syntax.OpLe:
		return floatLessEqual(x, y)
	case syntax.OpGt:
		return floatLess(y, x)
	}
	return floatLessEqual(y, x)
}

func floatLess(x, y float64) bool {
	scale := floatScale(x, y)
	return scale != 0 && (y-x)/scale > floatEpsilon
}

func floatLessEqual(x, y float64) bool {
	scale := floatScale(x, y)
	return scale == 0 || (y-x)/scale > -floatEpsilon
}

// floatScale is the larger magnitude, that of the other one if one is NaN, and 1 when
// the product vanishes.
func floatScale(x, y float64) float64 {
	switch {
	case x*y == 0:
		return 1
	case x != x:
		return math.Abs(y)
	case y != y:
		return math.Abs(x)
	}
	return max(math.Abs(x), math.Abs(y))
}

// Bools.

func boolBinary(op syntax.Operator, x, y bool) (v Value, ok bool) {
	switch op {
	case syntax.OpBitAnd:
		return Bool(x && y), true
	case syntax.OpBitOr:
		return Bool(x || y), true
	case syntax.OpBitXor:
		return Bool(x != y), true
	}
	if isComparison(op) {
		return Bool(orders(op, int(Bool(x).bits)-int(Bool(y).bits))), true
	}
	return Unit, false
}

// Bytes.

// byteBinary is an operator on a u8, which has those of integers within its own range;
// the right operand of **, << and >> is an i64, of all others a u8.
func byteBinary(op syntax.Operator, l, r Value) (v Value, err *Error, ok bool) {
	x, y := l.AsInt(), r.AsInt()
	shift := op == syntax.OpPow || op == syntax.OpShl || op == syntax.OpShr
	if shift != (r.Kind() == KindInt) {
		return Unit, nil, false
	}
	switch op {
	case syntax.OpShl:
		return U8(byte(shiftLeft(x, y, 8))), nil, true
	case syntax.OpShr:
		return U8(byte(shiftRight(x, y, 8))), nil, true
	}
	v, err = intBinary(op, x, y)
	switch {
	case err == errNoOperator || v.Kind() == KindRange || v.Kind() == KindRangeInclusive:
		return Unit, nil, false
	case err != nil || isComparison(op):
		return v, err, true
	case v.AsInt() >= 0 && v.AsInt() <= math.MaxUint8:
		return U8(byte(v.AsInt())), nil, true
	}
	what := "Multiplication overflow: "
	switch op {
	case syntax.OpAdd:
		what = "Addition overflow: "
	case syntax.OpSub:
		what = "Subtraction overflow: "
	case syntax.OpPow:
		what = "Exponential overflow: "
	}
	return Unit, overflow(what, x, op, y), true
}

// Ranges.

func bothRanges(l, r Kind) bool {
	return (l == KindRange || l == KindRangeInclusive) && (r == KindRange || r == KindRangeInclusive)
}

// openRange is a range one of whose ends is ().
func openRange(op syntax.Operator, l, r Value) (v Value, ok bool) {
	inclusive := op == syntax.OpRangeInclusive
	switch {
	case l.Kind() == KindInt && r.Kind() == KindUnit:
		return NewRange(l.AsInt(), math.MaxInt64, inclusive), true
	case l.Kind() == KindUnit && r.Kind() == KindInt:
		return NewRange(0, r.AsInt(), inclusive), true
	}
	return Unit, false
}

// Strings.

// textBinary is an operator with a string on one side at least.
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
			return Bool((a == b) == (op == syntax.OpEq)), nil, true
		}
		return Bool(orders(op, strings.Compare(a, b))), nil, true
	case lk == KindString && rk == KindChar:
		return Bool(orders(op, -compareCharText(r.AsChar(), l.AsString()))), nil, true
	case lk == KindChar:
		return Bool(orders(op, compareCharText(l.AsChar(), r.AsString()))), nil, true
	}
	return Unit, nil, false
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

// concatTexts is l + r where one is a string: the other one's text is added.
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

// operandText is the text of an operand of + as a string; blobs are read as UTF-8. converted
// tells whether the value is neither a string nor a character.
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
	s, err := t.Display(v)
	return String(s), true, err
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
	if utf8.Valid(data) {
		return String(unsafe.String(unsafe.SliceData(data), len(data))), nil
	}
	text := make([]byte, 0, len(data)+2*len("\ufffd"))
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			size = invalidPrefix(data)
		}
		text = utf8.AppendRune(text, r)
		data = data[size:]
	}
	if err := t.CheckString(int64(len(text))); err != nil {
		return Unit, err
	}
	return String(unsafe.String(unsafe.SliceData(text), len(text))), nil
}

// invalidPrefix is how many bytes of data, which does not start with a character, could
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

// without is l with all occurrences of r, a string or a character, removed. An empty l is
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
	if err := t.Charge(int64(len(s)) / bytesPerOperation); err != nil {
		return Unit, err
	}
	if !strings.Contains(s, cut.AsString()) {
		return l, nil
	}
	return String(strings.ReplaceAll(s, cut.AsString(), "")), nil
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
	items := make([]Value, 0, len(a)+len(b))
	items = append(append(items, a...), b...)
	for i := range items {
		items[i].Share()
	}
	return NewArray(items), nil
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
	merged := NewMapValue(l.AsMap().Clone())
	return merged, t.mixin(merged.AsMap(), r.AsMap())
}

// mixin sets all properties of from in m, which must not be shared.
func (t *Thread) mixin(m, from *Map) *Error {
	if err := t.Charge(int64(from.Len()) / itemsPerOperation); err != nil {
		return err
	}
	for i := range from.entries {
		e := &from.entries[i]
		m.set(e.key, e.hash, e.value.Share())
		if err := t.CheckMap(int64(m.Len())); err != nil {
			return err
		}
	}
	return nil
}

// extendBlob is l + r where r is a blob or a character.
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
	if err := t.CheckArray(int64(len(a)) + int64(len(b))); err != nil {
		err.unplaced = true
		return Unit, err
	}
	if err := t.Charge(int64(len(a)+len(b)) / bytesPerOperation); err != nil {
		return Unit, err
	}
	return NewBlob(append(append(make([]byte, 0, len(a)+len(b)), a...), b...)), nil
}

// Equality.

// differ reports whether Rhai compares values of two kinds as different without
// an error: when the kinds differ and are not both numbers.
func differ(l, r Kind) bool { return l != r && !(isNumber(l) && isNumber(r)) }

func isNumber(k Kind) bool { return k == KindInt || k == KindFloat || k == KindU8 }

// Equal is a == b. Arrays and maps are equal when their items are. There is an
// error, without position, for values that have no such operator: function pointers,
// iterators, and numbers other than i64 and f64 of different types.
func (t *Thread) Equal(a, b Value) (bool, *Error) { return t.equal(a, b, 0) }

func (t *Thread) equal(l, r Value, depth int) (bool, *Error) {
	switch lk, rk := l.Kind(), r.Kind(); {
	case lk == KindInt && rk == KindInt:
		return l.bits == r.bits, nil
	case lk == KindString && rk == KindString:
		return l.AsString() == r.AsString(), nil
	case lk == KindFloat && rk == KindFloat:
		return compareFloats(syntax.OpEq, l.AsFloat(), r.AsFloat()), nil
	case lk == KindInt && rk == KindFloat:
		return compareFloats(syntax.OpEq, float64(l.AsInt()), r.AsFloat()), nil
	case lk == KindFloat && rk == KindInt:
		return compareFloats(syntax.OpEq, l.AsFloat(), float64(r.AsInt())), nil
	case lk == KindString && rk == KindChar:
		return compareCharText(r.AsChar(), l.AsString()) == 0, nil
	case lk == KindChar && rk == KindString:
		return compareCharText(l.AsChar(), r.AsString()) == 0, nil
	case bothRanges(lk, rk) && lk != rk, lk == KindBlob && rk == KindChar:
		return false, operatorNotFound(syntax.OpEq, l, r)
	case differ(lk, rk):
		return false, nil
	case lk != rk:
		return false, operatorNotFound(syntax.OpEq, l, r)
	}
	switch l.Kind() {
	case KindUnit:
		return true, nil
	case KindBool, KindChar, KindU8, KindTimestamp:
		return l.bits == r.bits, nil
	case KindRange, KindRangeInclusive:
		return *l.AsRange() == *r.AsRange(), nil
	case KindBlob:
		return string(l.AsBlob().Data) == string(r.AsBlob().Data), nil
	case KindArray:
		return t.equalArrays(l.AsArray().Items, r.AsArray().Items, depth)
	case KindMap:
		return t.equalMaps(l.AsMap(), r.AsMap(), depth)
	}
	return false, operatorNotFound(syntax.OpEq, l, r)
}

func (t *Thread) equalArrays(a, b []Value, depth int) (bool, *Error) {
	if len(a) != len(b) {
		return false, nil
	}
	if depth == MaxNesting {
		return false, nestingError()
	}
	for i := range a {
		if err := t.Charge(1); err != nil {
			return false, err
		}
		equal, err := t.equal(a[i], b[i], depth+1)
		if err != nil && err.Variant == ErrorFunctionNotFound && a[i].Kind() != b[i].Kind() {
			err = nil // Rhai forgives items that cannot be compared, but not in maps
		}
		if err != nil || !equal {
			return false, err
		}
	}
	return true, nil
}

func (t *Thread) equalMaps(a, b *Map, depth int) (bool, *Error) {
	if a.Len() != b.Len() {
		return false, nil
	}
	if depth == MaxNesting {
		return false, nestingError()
	}
	for _, number := range a.Order() { // in this order, because an error ends it
		if err := t.Charge(1); err != nil {
			return false, err
		}
		e := &a.entries[number]
		other := b.at(e.key, e.hash)
		if other == nil {
			return false, nil
		}
		if equal, err := t.equal(e.value, *other, depth+1); err != nil || !equal {
			return false, err
		}
	}
	return true, nil
}

// notEqual is l != r for values that are not both numbers, strings, or units.
func (t *Thread) notEqual(l, r Value) (bool, *Error) {
	switch lk, rk := l.Kind(), r.Kind(); {
	case lk != rk && (bothRanges(lk, rk) || differ(lk, rk)):
		return true, nil
	case lk != rk || lk == KindFn || lk == KindIterator:
		return false, operatorNotFound(syntax.OpNe, l, r)
	}
	equal, err := t.Equal(l, r)
	return !equal && err == nil, err
}

// Compare orders two values of the same kind for sorting: negative, 0 or positive. ok is false
// for kinds that have no order. Floats compare exactly; NaN equals everything.
func Compare(a, b Value) (order int, ok bool) {
	if a.Kind() != b.Kind() {
		return 0, false
	}
	switch a.Kind() {
	case KindInt, KindU8, KindChar, KindBool, KindTimestamp:
		return cmpInt(int64(a.bits), int64(b.bits)), true
	case KindFloat:
		switch x, y := a.AsFloat(), b.AsFloat(); {
		case x < y:
			return -1, true
		case x > y:
			return 1, true
		}
		return 0, true
	case KindString:
		return strings.Compare(a.AsString(), b.AsString()), true
	case KindUnit:
		return 0, true
	}
	return 0, false
}

// Timestamps.

// timeBinary is an operator whose left operand is a timestamp.
func timeBinary(op syntax.Operator, l, r Value) (v Value, err *Error, ok bool) {
	at := l.AsTimestamp()
	switch r.Kind() {
	case KindTimestamp:
		switch {
		case isComparison(op):
			return Bool(orders(op, cmpInt(at, r.AsTimestamp()))), nil, true
		case op == syntax.OpSub:
			return Float(seconds(at, r.AsTimestamp())), nil, true
		}
	case KindInt, KindFloat:
		switch op {
		case syntax.OpAdd:
			v, err = addTime(at, r, 1)
			return v, err, true
		case syntax.OpSub:
			v, err = addTime(at, r, -1)
			return v, err, true
		}
	}
	return Unit, nil, false
}

// seconds is from one point in time to a later one, or the negative of that, rounded as
// Rust's Duration does.
func seconds(to, from int64) float64 {
	if to < from {
		return -seconds(from, to)
	}
	ns := uint64(to) - uint64(from)
	return float64(ns/1e9) + float64(ns%1e9)/1e9
}

// addTime moves a point in time by a number of seconds in the given direction: by
// whole milliseconds when it is a float. Points beyond those that nanoseconds reach, 292
// years away, all become the furthest one.
func addTime(at int64, by Value, direction int64) (Value, *Error) {
	if by.Kind() == KindFloat {
		return addTimeFloat(at, by.AsFloat(), direction)
	}
	n := by.AsInt()
	whole, frac := at/1e9, at%1e9
	verb, sum := "adding ", whole+n
	overflown := (sum > whole) != (n > 0)
	if direction < 0 {
		verb, sum = "subtracting ", whole-n
		overflown = (sum < whole) != (n > 0)
	}
	if n != 0 && overflown {
		return Unit, ArithmeticError("Timestamp overflow when " + verb + itoa(n) + " second(s)")
	}
	ns, fits := mulInt(sum, 1e9)
	if !fits || (ns+frac >= ns) != (frac >= 0) {
		return furthest(sum > 0), nil
	}
	return Timestamp(ns + frac), nil
}

func addTimeFloat(at int64, s float64, direction int64) (Value, *Error) {
	if s < 0 {
		s, direction = -s, -direction
	}
	switch {
	case s > math.MaxInt64:
		verb := "add: "
		if direction < 0 {
			verb = "subtract: "
		}
		return Unit, ArithmeticError("Integer overflow for timestamp " + verb + FormatFloatPlain(s))
	case s != s:
		return Timestamp(at), nil
	case s > math.MaxInt64/1e9:
		return furthest(direction > 0), nil
	}
	shift := direction * (int64(s*1000) * 1e6)
	sum := at + shift
	if (sum >= at) != (shift >= 0) {
		return furthest(direction > 0), nil
	}
	return Timestamp(sum), nil
}

func furthest(future bool) Value {
	if future {
		return Timestamp(math.MaxInt64)
	}
	return Timestamp(math.MinInt64)
}

// Unary operators.

// Unary is -v, +v or !v.
func (t *Thread) Unary(op syntax.Operator, v Value) (Value, *Error) {
	switch v.Kind() {
	case KindInt:
		switch {
		case op == syntax.OpPos:
			return Int(v.AsInt()), nil
		case op == syntax.OpNeg && v.AsInt() == math.MinInt64:
			return Unit, NegationOverflow(v.AsInt())
		case op == syntax.OpNeg:
			return Int(-v.AsInt()), nil
		}
	case KindFloat:
		switch op {
		case syntax.OpPos:
			return Float(v.AsFloat()), nil
		case syntax.OpNeg:
			return Float(-v.AsFloat()), nil
		}
	case KindBool:
		if op == syntax.OpNot {
			return Bool(!v.AsBool()), nil
		}
	}
	return Unit, operatorNotFound(op, v)
}

// NegationOverflow is an integer that has no negative.
func NegationOverflow(i int64) *Error {
	return ArithmeticError("Negation overflow: -" + strconv.FormatInt(i, 10))
}

// Assignment.

// OpAssign is *target op= r. Strings, arrays, maps and blobs are extended in place;
// where there is no way to do so it is *target = *target op r, which may give the
// variable a value of another type. A value changed in place keeps its tag. Errors
// without a position get the operator's.
func (t *Thread) OpAssign(op syntax.Operator, target *Value, r Value) *Error {
	tag := target.meta &^ kindMask
	lk, rk := target.Kind(), r.Kind()
	switch {
	case lk == KindInt && rk == KindInt, lk == KindFloat && (rk == KindFloat || rk == KindInt):
		if op >= syntax.OpShl && op <= syntax.OpBitXor {
			tag = 0
		}
	case lk == KindBool && rk == KindBool, lk == KindTimestamp && (rk == KindInt || rk == KindFloat):
	case lk == KindString && (op == syntax.OpSub && (rk == KindString || rk == KindChar)):
		if r.Kind() == KindString && r.AsString() == "" {
			return nil
		}
	case lk == KindString && op == syntax.OpAdd:
		return t.appendToString(target, r)
	case lk == KindChar && rk == KindString && op == syntax.OpAdd && r.AsString() == "":
		return nil
	case lk == KindArray && op == syntax.OpAdd:
		return t.appendToArray(target, r)
	case lk == KindBlob && op == syntax.OpAdd && (rk == KindBlob || rk == KindInt || rk == KindChar || rk == KindString):
		return t.appendToBlob(target, r)
	case lk == KindMap && rk == KindMap && op == syntax.OpAdd:
		if target.AsMap() == r.AsMap() {
			return nil
		}
		return t.mixin(MutMap(target), r.AsMap())
	default:
		tag = 0
	}
	v, err := t.Binary(op, *target, r)
	if err != nil {
		err.unplaced = false
		return err
	}
	v.meta = v.meta&kindMask | tag
	*target = v
	return nil
}

func (t *Thread) appendToString(target *Value, r Value) *Error {
	if r.Kind() == KindUnit {
		return nil
	}
	tail, _, err := t.operandText(r)
	if err != nil {
		return err
	}
	if err := t.CheckString(int64(len(target.AsString())) + int64(len(tail.AsString()))); err != nil {
		return err
	}
	if err := t.Charge(int64(len(tail.AsString())) / bytesPerOperation); err != nil {
		return err
	}
	tagged := target.meta
	*target = target.appendCounted(tail.AsString(), tail.Chars())
	target.meta = tagged
	return nil
}

// appendToArray adds the items of an array, or any other value as one item.
func (t *Thread) appendToArray(target *Value, r Value) *Error {
	more := []Value{r}
	if r.Kind() == KindArray {
		more = r.AsArray().Items
	}
	if err := t.CheckArray(int64(len(target.AsArray().Items)) + int64(len(more))); err != nil {
		return err
	}
	if err := t.Charge(int64(len(more)) / itemsPerOperation); err != nil {
		return err
	}
	a := MutArray(target)
	for i := range more {
		more[i].Share()
	}
	a.Items = append(a.Items, more...)
	return nil
}

// appendToBlob adds the bytes of a blob, a string or a character, or one byte.
func (t *Thread) appendToBlob(target *Value, r Value) *Error {
	var more []byte
	switch r.Kind() {
	case KindBlob:
		more = r.AsBlob().Data
	case KindInt:
		more = []byte{byte(r.AsInt())}
	case KindChar:
		more = utf8.AppendRune(nil, r.AsChar())
	case KindString:
		s := r.AsString()
		more = unsafe.Slice(unsafe.StringData(s), len(s))
	}
	if err := t.CheckArray(int64(len(target.AsBlob().Data)) + int64(len(more))); err != nil {
		return err
	}
	if err := t.Charge(int64(len(more)) / bytesPerOperation); err != nil {
		return err
	}
	b := MutBlob(target)
	b.Data = append(b.Data, more...)
	return nil
}
