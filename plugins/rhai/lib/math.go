package lib

import (
	"math"

	"github.com/picloud/picloud/plugins/rhai/elementary"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerMath adds the functions of floats. They do not take integers.
func registerMath(l *vm.Library) {
	const f = vm.KindFloat

	l.Func("PI", constant(math.Pi))
	l.Func("E", constant(math.E))

	l.Func("sin", float1(elementary.Sin), f)
	l.Func("cos", float1(elementary.Cos), f)
	l.Func("tan", float1(elementary.Tan), f)
	l.Func("sinh", float1(elementary.Sinh), f)
	l.Func("cosh", float1(elementary.Cosh), f)
	l.Func("tanh", float1(elementary.Tanh), f)
	l.Func("asin", float1(elementary.Asin), f)
	l.Func("acos", float1(elementary.Acos), f)
	l.Func("atan", float1(elementary.Atan), f)
	l.Func("atan", float2(elementary.Atan2), f, f)
	l.Func("asinh", float1(asinh), f)
	l.Func("acosh", float1(acosh), f)
	l.Func("atanh", float1(atanh), f)
	l.Func("hypot", float2(elementary.Hypot), f, f)
	l.Func("to_radians", float1(func(x float64) float64 { return x * (math.Pi / 180) }), f)
	l.Func("to_degrees", float1(func(x float64) float64 { return x * (180 / math.Pi) }), f)

	l.Func("sqrt", float1(math.Sqrt), f)
	l.Func("exp", float1(elementary.Exp), f)
	l.Func("ln", float1(elementary.Log), f)
	l.Func("log", float1(elementary.Log10), f)
	l.Func("log", float2(func(x, base float64) float64 { return elementary.Log(x) / elementary.Log(base) }), f, f)

	both(l, "floor", float1(math.Floor), f)
	both(l, "ceiling", float1(math.Ceil), f)
	both(l, "round", float1(math.Round), f)
	both(l, "int", float1(math.Trunc), f)
	both(l, "fraction", float1(func(x float64) float64 { return x - math.Trunc(x) }), f)
	both(l, "is_nan", floatTest(math.IsNaN), f)
	both(l, "is_finite", floatTest(func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }), f)
	both(l, "is_infinite", floatTest(func(x float64) bool { return math.IsInf(x, 0) }), f)
}

func constant(x float64) vm.NativeFunc {
	return func(*vm.Thread, []vm.Value) (vm.Value, *vm.Error) { return vm.Float(x), nil }
}

func float1(f func(float64) float64) vm.NativeFunc {
	return func(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return vm.Float(f(args[0].AsFloat())), nil
	}
}

func float2(f func(x, y float64) float64) vm.NativeFunc {
	return func(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return vm.Float(f(args[0].AsFloat(), args[1].AsFloat())), nil
	}
}

func floatTest(f func(float64) bool) vm.NativeFunc {
	return func(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return vm.Bool(f(args[0].AsFloat())), nil
	}
}

// The inverse hyperbolic functions follow the formulas of Rust's library.

func asinh(x float64) float64 {
	a := math.Abs(x)
	inverse := 1 / a
	return math.Copysign(elementary.Log1p(a+(a/(elementary.Hypot(1, inverse)+inverse))), x)
}

func acosh(x float64) float64 {
	if x < 1 {
		return math.NaN()
	}
	return elementary.Log(x + float64(math.Sqrt(x-1)*math.Sqrt(x+1)))
}

func atanh(x float64) float64 {
	return 0.5 * elementary.Log1p(2*x/(1-x))
}
