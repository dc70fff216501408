package vm

import (
	"math"
	"math/bits"

	"github.com/picloud/picloud/plugins/rhai/elementary"
	"github.com/picloud/picloud/plugins/rhai/syntax"
)

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

// overflow returns an error of integer arithmetic, which shows the operation.
func overflow(what string, x int64, op syntax.Operator, y int64) *Error {
	return ArithmeticError(what + itoa(x) + " " + op.String() + " " + itoa(y))
}

// mulInt returns x * y, ok when it fits.
func mulInt(x, y int64) (z int64, ok bool) {
	hi, lo := bits.Mul64(magnitude(x), magnitude(y))
	if (x < 0) != (y < 0) {
		return -int64(lo), hi == 0 && lo <= 1<<63
	}
	return int64(lo), hi == 0 && lo < 1<<63
}

// magnitude returns the absolute value of x, right for the smallest integer too.
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

// shiftLeft returns x << n for an integer of the given width in bits; a negative n shifts to
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

// shiftRight returns x >> n, likewise.
func shiftRight(x, n, width int64) int64 {
	switch {
	case n < 0:
		return shiftLeft(x, negated(n), width)
	case n >= width:
		return x >> (width - 1)
	}
	return x >> n
}

// negated returns -n, the largest integer for the smallest one.
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

// floatScale returns the larger magnitude, that of the other one if one is NaN, and 1 when
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

// byteBinary applies an operator to a u8, which has those of integers within its own range;
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
