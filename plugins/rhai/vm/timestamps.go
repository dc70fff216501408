package vm

import (
	"math"

	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// timeBinary applies an operator whose left operand is a timestamp.
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

// seconds returns the seconds from one point in time to a later one, or the negative of that,
// rounded as Rust's Duration does.
func seconds(to, from int64) float64 {
	if to < from {
		return -seconds(from, to)
	}
	ns := uint64(to) - uint64(from)
	return float64(ns/1e9) + float64(ns%1e9)/1e9
}

// uptime is how many seconds before its beginning a script's clock would have begun if it were the
// real engine's, which counts from the start of the machine. It decides what overflows.
const uptime = 3600

// addTime moves a point in time by a number of seconds in the given direction: by
// whole milliseconds when it is a float. Points beyond those that nanoseconds reach, 292
// years away, all become the furthest one.
func addTime(at int64, by Value, direction int64) (Value, *Error) {
	if by.Kind() == KindFloat {
		return addTimeFloat(at, by.AsFloat(), direction)
	}
	n := by.AsInt()
	whole, frac := at/1e9+uptime, at%1e9
	verb, sum := "adding ", whole+n
	overflown := (sum > whole) != (n > 0)
	if direction < 0 {
		verb, sum = "subtracting ", whole-n
		overflown = (sum < whole) != (n > 0)
	}
	if n != 0 && overflown {
		return Unit, ArithmeticError("Timestamp overflow when " + verb + itoa(n) + " second(s)")
	}
	if sum < math.MinInt64+uptime {
		return furthest(false), nil
	}
	sum -= uptime
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
