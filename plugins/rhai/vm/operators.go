package vm

import (
	"math"
	"strconv"

	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// Binary returns l op r for any values and any operator but the logical ones, ??, and in.
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
		if differ(l, r) && !bothRanges(l.Kind(), r.Kind()) {
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

// found returns the result of an operator that cannot fail, if there is such an operator.
func found(v Value, ok bool, op syntax.Operator, l, r Value) (Value, *Error) {
	if !ok {
		return Unit, operatorNotFound(op, l, r)
	}
	return v, nil
}

// unplaced returns the result of an operator whose errors have no position; errNoOperator
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

// orders reports what the comparison op says of two values that compare as c: negative, 0 or
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

// Unary returns -v, +v or !v.
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

// NegationOverflow returns the error of an integer that has no negative.
func NegationOverflow(i int64) *Error {
	return ArithmeticError("Negation overflow: -" + strconv.FormatInt(i, 10))
}

func bothRanges(l, r Kind) bool {
	return (l == KindRange || l == KindRangeInclusive) && (r == KindRange || r == KindRangeInclusive)
}

// openRange returns a range that is open at one end, which is ().
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
