package lib

import (
	"math"

	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerRanges adds the functions and properties of ranges, and range(), which
// makes them, with a step too.
func registerRanges(l *vm.Library) {
	const i, f, b = vm.KindInt, vm.KindFloat, vm.KindU8

	l.Func("range", newRange, i, i)
	l.Func("range", steppedInts, i, i, i)
	l.Func("range", steppedFloats, f, f, f)
	l.Func("range", byteRange, b, b)
	l.Func("range", byteRange, b, b, b)
	l.Func("range", steppedRange, vm.KindRange, i)

	for _, kind := range []vm.Kind{vm.KindRange, vm.KindRangeInclusive} {
		inclusive := kind == vm.KindRangeInclusive
		both(l, "start", rangeStart, kind)
		both(l, "end", rangeEnd, kind)
		both(l, "is_inclusive", fixedBool(inclusive), kind)
		both(l, "is_exclusive", fixedBool(!inclusive), kind)
		both(l, "is_empty", rangeIsEmpty, kind)
		l.Method("contains", rangeContains, kind, i) // Rhai refuses it on constants
	}
}

func newRange(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.NewRange(args[0].AsInt(), args[1].AsInt(), false), nil
}

func rangeStart(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Int(args[0].AsRange().From), nil
}

func rangeEnd(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Int(args[0].AsRange().To), nil
}

func fixedBool(b bool) vm.NativeFunc {
	return func(*vm.Thread, []vm.Value) (vm.Value, *vm.Error) { return vm.Bool(b), nil }
}

func rangeIsEmpty(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	r := args[0].AsRange()
	return vm.Bool(r.From > r.To || r.From == r.To && args[0].Kind() == vm.KindRange), nil
}

func rangeContains(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	r, n := args[0].AsRange(), args[1].AsInt()
	return vm.Bool(r.From <= n && (n < r.To || n == r.To && args[0].Kind() == vm.KindRangeInclusive)), nil
}

func steppedInts(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return steps(args[0].AsInt(), args[1].AsInt(), args[2].AsInt(), addInt, vm.Int)
}

func steppedRange(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	r := args[0].AsRange()
	return steps(r.From, r.To, args[1].AsInt(), addInt, vm.Int)
}

func steppedFloats(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	add := func(x, y float64) (float64, bool) { return x + y, true }
	return steps(args[0].AsFloat(), args[1].AsFloat(), args[2].AsFloat(), add, vm.Float)
}

// byteRange returns a range of bytes, with step 1 unless one is given.
func byteRange(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	from, to := args[0].AsInt(), args[1].AsInt()
	add := func(x, y int64) (int64, bool) { return x + y, x+y <= math.MaxUint8 }
	item := func(n int64) vm.Value { return vm.U8(byte(n)) }
	if len(args) > 2 {
		return steps(from, to, args[2].AsInt(), add, item)
	}
	if from >= to {
		to, from = 0, 0
	}
	return steps(from, to, 1, addInt, item)
}

func addInt(x, y int64) (sum int64, ok bool) {
	sum = x + y
	return sum, (sum > x) == (y > 0)
}

// steps iterates from a number on, by a step that may be negative, while the
// end is not reached. It is empty when the step leads away from the end. Where
// a step leads out of the type's range the iteration ends one item early, as it does in Rhai.
func steps[T int64 | float64](from, to, step T, add func(x, y T) (T, bool), item func(T) vm.Value) (vm.Value, *vm.Error) {
	direction := 0
	if next, ok := add(from, step); ok {
		switch {
		case next == from:
			return vm.Unit, vm.InFunctionCall("range", vm.ArithmeticError("step value cannot be zero"), syntax.Position{})
		case from < to && next > from:
			direction = 1
		case from > to && next < from:
			direction = -1
		}
	}
	return vm.NewIterator(&vm.Iterator{Type: "rhai::packages::iter_basic::StepRange<" + item(from).TypeName() + ">", Start: func() func() (vm.Value, bool) {
		at, direction := from, direction
		return func() (vm.Value, bool) {
			if direction == 0 {
				return vm.Unit, false
			}
			v := item(at)
			next, ok := add(at, step)
			if !ok {
				return vm.Unit, false
			}
			at = next
			if direction > 0 && at >= to || direction < 0 && at <= to {
				direction = 0
			}
			return v, true
		}
	}}), nil
}
