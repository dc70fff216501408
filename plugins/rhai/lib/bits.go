package lib

import (
	"math"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerBits adds the functions that treat an integer as a field of 64 bits,
// numbered from the least significant one; negative numbers count from the other end.
func registerBits(l *vm.Library) {
	const i, r, ri = vm.KindInt, vm.KindRange, vm.KindRangeInclusive

	l.Func("get_bit", getBit, i, i)
	l.Method("set_bit", setBit, i, i, vm.KindBool)
	l.Func("get_bits", getBits, i, i, i)
	l.Method("set_bits", setBits, i, i, i, i)
	l.Func("bits", bitsOf, i)
	l.Getter("bits", bitsOf, i)
	l.Func("bits", bitsOf, i, i)
	l.Func("bits", bitsOf, i, i, i)
	for _, span := range []vm.Kind{r, ri} {
		l.Func("get_bits", getBits, i, span)
		l.Method("set_bits", setBits, i, span, i)
		l.Func("bits", bitsOf, i, span)
	}
}

// wordBits is how many bits an integer has.
const wordBits = 64

// bitIndex resolves the number of a bit.
func bitIndex(bit int64) (uint, *vm.Error) {
	switch {
	case bit >= 0 && bit < wordBits:
		return uint(bit), nil
	case bit < 0 && bit >= -wordBits:
		return uint(bit + wordBits), nil
	}
	return 0, vm.BitFieldBoundsError(bit)
}

func getBit(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	bit, err := bitIndex(args[1].AsInt())
	return vm.Bool(args[0].AsInt()>>bit&1 != 0), err
}

func setBit(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	bit, err := bitIndex(args[1].AsInt())
	if err != nil {
		return vm.Unit, err
	}
	n := args[0].AsInt() &^ (1 << bit)
	if args[2].AsBool() {
		n |= 1 << bit
	}
	setInt(t, &args[0], n)
	return vm.Unit, nil
}

// setInt changes an integer variable, which keeps its tag.
func setInt(t *vm.Thread, v *vm.Value, n int64) {
	*v = t.WithTag(vm.Int(n), t.Tag(*v))
}

func getBits(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	first, mask, err := bitSpan(args[1:])
	if err != nil {
		return vm.Unit, err
	}
	return vm.Int(int64(uint64(args[0].AsInt()) >> first & mask)), nil
}

func setBits(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	last := len(args) - 1
	first, mask, err := bitSpan(args[1:last])
	if err != nil {
		return vm.Unit, err
	}
	n := uint64(args[0].AsInt())
	n = n&^(mask<<first) | uint64(args[last].AsInt())&mask<<first
	setInt(t, &args[0], int64(n))
	return vm.Unit, nil
}

// bitSpan returns what a range, or a start and a length, select: the first bit, and ones for
// as many bits as there are from there on. Bits past the last one are left out, except
// that the end of an inclusive range must be a bit.
func bitSpan(args []vm.Value) (first uint, mask uint64, err *vm.Error) {
	var start, n int64
	switch args[0].Kind() {
	case vm.KindRange:
		r := args[0].AsRange()
		start = max(r.From, 0)
		n = max(r.To, start) - start
	case vm.KindRangeInclusive:
		r := args[0].AsRange()
		start = max(r.From, 0)
		end := max(r.To, start-1)
		if end >= wordBits {
			return 0, 0, vm.BitFieldBoundsError(end)
		}
		n = end - start + 1
	default:
		start, n = args[0].AsInt(), args[1].AsInt()
	}
	if n <= 0 {
		return 0, 0, nil
	}
	if first, err = bitIndex(start); err != nil {
		return 0, 0, err
	}
	n = min(n, wordBits-int64(first))
	return first, math.MaxUint64 >> uint(wordBits-n), nil
}

// bitsOf iterates over the bits of an integer from the least significant one: all of them,
// those of a range, or from a start on, optionally a number of them.
func bitsOf(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	start, n := int64(0), int64(wordBits)
	switch {
	case len(args) == 1:
	case args[1].Kind() == vm.KindInt:
		start = args[1].AsInt()
		if len(args) > 2 {
			n = args[2].AsInt()
		}
	default:
		r := args[1].AsRange()
		start = max(r.From, 0)
		end := max(r.To, start)
		if args[1].Kind() == vm.KindRangeInclusive {
			end = min(max(r.To, start-1), math.MaxInt64-1) + 1
		}
		n = end - start
	}
	first, err := bitIndex(start)
	if err != nil {
		return vm.Unit, err
	}
	n = min(max(n, 0), wordBits-int64(first))
	field := args[0].AsInt() >> first
	return vm.NewIterator(&vm.Iterator{Type: "rhai::packages::iter_basic::BitRange", Start: func() func() (vm.Value, bool) {
		rest, left := field, n
		return func() (vm.Value, bool) {
			if left == 0 {
				return vm.Unit, false
			}
			bit := vm.Bool(rest&1 != 0)
			rest >>= 1
			left--
			return bit, true
		}
	}}), nil
}
