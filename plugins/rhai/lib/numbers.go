package lib

import (
	"math"
	"strconv"
	"strings"

	"github.com/picloud/picloud/abi/decimal"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerNumbers adds what integers, floats and bytes have in common: sign and
// parity, conversion from one to another, reading and writing them as text.
func registerNumbers(l *vm.Library) {
	const i, f, b = vm.KindInt, vm.KindFloat, vm.KindU8

	l.Func("abs", absInt, i)
	l.Func("abs", float1(math.Abs), f)
	l.Func("sign", signInt, i)
	l.Func("sign", signFloat, f)
	for _, kind := range []vm.Kind{i, b} {
		both(l, "is_zero", func(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			return vm.Bool(args[0].AsInt() == 0), nil
		}, kind)
		both(l, "is_odd", func(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			return vm.Bool(args[0].AsInt()%2 != 0), nil
		}, kind)
		both(l, "is_even", func(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			return vm.Bool(args[0].AsInt()%2 == 0), nil
		}, kind)
		l.Func("to_hex", inRadix(4), kind)
		l.Func("to_octal", inRadix(3), kind)
		l.Func("to_binary", inRadix(1), kind)
		l.Func("to_int", intToInt, kind)
		l.Func("to_float", intToFloat, kind)
	}
	both(l, "is_zero", func(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return vm.Bool(args[0].AsFloat() == 0), nil
	}, f)
	l.Func("to_int", intToInt, vm.KindChar)
	l.Func("to_int", floatToInt, f)
	l.Func("to_float", float1(func(x float64) float64 { return x }), f)
	l.Func("parse_int", intFromText, vm.KindString)
	l.Func("parse_int", intFromText, vm.KindString, i)
	l.Func("parse_float", floatFromText, vm.KindString)
}

// both adds a function that is a property as well.
func both(l *vm.Library, name string, f vm.NativeFunc, of vm.Kind) {
	l.Func(name, f, of)
	l.Getter(name, f, of)
}

func absInt(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	n := args[0].AsInt()
	switch {
	case n == math.MinInt64:
		return vm.Unit, vm.NegationOverflow(n)
	case n < 0:
		n = -n
	}
	return vm.Int(n), nil
}

func signInt(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	switch n := args[0].AsInt(); {
	case n < 0:
		return vm.Int(-1), nil
	case n > 0:
		return vm.Int(1), nil
	}
	return vm.Int(0), nil
}

func signFloat(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	switch x := args[0].AsFloat(); {
	case x < 0:
		return vm.Int(-1), nil
	case x > 0:
		return vm.Int(1), nil
	case x == 0:
		return vm.Int(0), nil
	}
	return vm.Unit, vm.ArithmeticError("Sign of NaN is undefined")
}

// inRadix writes an integer as the bits it is made of, so many for a digit: negative ones in two's
// complement.
func inRadix(bits int) vm.NativeFunc {
	return func(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		n := uint64(args[0].AsInt())
		digits := 1
		for rest := n >> bits; rest != 0; rest >>= bits {
			digits++
		}
		text, b := vm.Buffer(digits, digits)
		for i := digits - 1; i >= 0; i-- {
			b[i] = "0123456789abcdef"[n&(1<<bits-1)]
			n >>= bits
		}
		return text, nil
	}
}

// intToInt makes an integer of an integer, a byte or a character.
func intToInt(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Int(args[0].AsInt()), nil
}

func intToFloat(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Float(float64(args[0].AsInt())), nil
}

// floatToInt cuts off the fraction. NaN becomes 0; 2 to the power of 63, one more than the
// largest integer, becomes that one.
func floatToInt(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	x := args[0].AsFloat()
	switch {
	case x > 1<<63 || x < -1<<63:
		return vm.Unit, vm.ArithmeticError("Integer overflow: to_int(" + vm.FormatFloatPlain(x) + ")")
	case x != x:
		return vm.Int(0), nil
	case x == 1<<63:
		return vm.Int(math.MaxInt64), nil
	}
	return vm.Int(int64(x)), nil
}

// intFromText reads an integer with an optional sign, in radix 10 or the one given.
func intFromText(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	radix := int64(10)
	if len(args) > 1 {
		radix = args[1].AsInt()
	}
	if radix < 2 || radix > 36 {
		return vm.Unit, vm.ArithmeticError("Invalid radix: '" + strconv.FormatInt(radix, 10) + "'")
	}
	if err := t.ChargeText(args[0].AsString()); err != nil {
		return vm.Unit, err
	}
	n, problem := readInt(trimmed(args[0].AsString()), uint64(radix))
	if problem != "" {
		return vm.Unit, vm.ArithmeticError("Error parsing integer number '" + args[0].AsString() + "': " + problem)
	}
	return vm.Int(n), nil
}

// readInt reads s, and says what is wrong with it in the words of Rust's ParseIntError.
func readInt(s string, radix uint64) (n int64, problem string) {
	if s == "" {
		return 0, "cannot parse integer from empty string"
	}
	limit, tooFar := uint64(math.MaxInt64), "number too large to fit in target type"
	negative := s[0] == '-'
	if negative {
		limit, tooFar = 1<<63, "number too small to fit in target type"
	}
	if s[0] == '-' || s[0] == '+' {
		if s = s[1:]; s == "" {
			return 0, "invalid digit found in string"
		}
	}
	sum := uint64(0)
	s = s[decimal.Zeros(s):]
	for i := 0; i < len(s); i++ {
		digit := uint64(36)
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digit = uint64(c - '0')
		case c >= 'a' && c <= 'z':
			digit = uint64(c-'a') + 10
		case c >= 'A' && c <= 'Z':
			digit = uint64(c-'A') + 10
		}
		switch {
		case digit >= radix:
			return 0, "invalid digit found in string"
		case sum > limit/radix || sum*radix+digit > limit:
			return 0, tooFar
		}
		sum = sum*radix + digit
	}
	if negative {
		return -int64(sum), ""
	}
	return int64(sum), ""
}

func floatFromText(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if err := t.ChargeText(args[0].AsString()); err != nil {
		return vm.Unit, err
	}
	s := trimmed(args[0].AsString())
	problem := "invalid float literal"
	if s == "" {
		problem = "cannot parse float from empty string"
	} else if isFloat(s) {
		x, _ := decimal.ParseFloat(s) // out of range: an infinity, as in Rust
		return vm.Float(x), nil
	}
	return vm.Unit, vm.ArithmeticError("Error parsing floating-point number '" + args[0].AsString() + "': " + problem)
}

// isFloat reports whether s is a float in the grammar of Rust's f64::from_str, a
// part of what Go takes.
func isFloat(s string) bool {
	if s[0] == '+' || s[0] == '-' {
		s = s[1:]
	}
	if len(s) <= len("infinity") {
		switch strings.ToLower(s) {
		case "inf", "infinity", "nan":
			return true
		}
	}
	digits := decimal.Digits(s)
	rest := s[digits:]
	if strings.HasPrefix(rest, ".") {
		n := decimal.Digits(rest[1:])
		rest = rest[1+n:]
		digits += n
	}
	if digits == 0 {
		return false
	}
	if rest == "" {
		return true
	}
	if rest[0] != 'e' && rest[0] != 'E' {
		return false
	}
	rest = rest[1:]
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	return rest != "" && decimal.Digits(rest) == len(rest)
}
