package lib

import "github.com/picloud/picloud/plugins/rhai/vm"

// registerMinMax adds max and min. Of an integer and a float the result is a float; comparison
// with NaN has the second argument as its result.
func registerMinMax(l *vm.Library) {
	for _, kind := range []vm.Kind{vm.KindInt, vm.KindU8, vm.KindChar, vm.KindString} {
		l.Func("max", larger, kind, kind)
		l.Func("min", smaller, kind, kind)
	}
	const i, f = vm.KindInt, vm.KindFloat
	for _, kinds := range [][]vm.Kind{{f, f}, {i, f}, {f, i}} {
		l.Func("max", largerFloat, kinds...)
		l.Func("min", smallerFloat, kinds...)
	}
}

// larger returns the larger of two values of a kind, the first if they are equal.
func larger(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if c, _ := vm.Compare(args[0], args[1]); c >= 0 {
		return t.WithTag(args[0], 0), nil
	}
	return t.WithTag(args[1], 0), nil
}

func smaller(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if c, _ := vm.Compare(args[0], args[1]); c <= 0 {
		return t.WithTag(args[0], 0), nil
	}
	return t.WithTag(args[1], 0), nil
}

func largerFloat(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if x, y := toFloat(args[0]), toFloat(args[1]); x >= y {
		return vm.Float(x), nil
	}
	return vm.Float(toFloat(args[1])), nil
}

func smallerFloat(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if x, y := toFloat(args[0]), toFloat(args[1]); x <= y {
		return vm.Float(x), nil
	}
	return vm.Float(toFloat(args[1])), nil
}

// toFloat returns an integer or float as a float.
func toFloat(v vm.Value) float64 {
	if v.Kind() == vm.KindInt {
		return float64(v.AsInt())
	}
	return v.AsFloat()
}
