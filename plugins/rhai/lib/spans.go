package lib

import (
	"math"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// span returns a start and a number of items cut to what a container of the given
// length has. A negative start counts from the end, and from the first item
// when there are not so many.
func span(length int, start, n int64) (from, count int) {
	size := int64(length)
	switch {
	case start >= size:
		return length, 0
	case start < -size:
		start = 0
	case start < 0:
		start += size
	}
	if n <= 0 {
		return int(start), 0
	}
	return int(start), int(min(n, size-start))
}

// itemIndex returns the place of an item; negative indexes count from the end. ok is
// false when there is no such item.
func itemIndex(length int, index int64) (at int, ok bool) {
	if index < 0 {
		index += int64(length)
	}
	if index < 0 || index >= int64(length) {
		return 0, false
	}
	return int(index), true
}

// rangeSpan returns the start and number of items a range value names; a negative start is 0.
func rangeSpan(v vm.Value) (start, n int64) {
	r := v.AsRange()
	start = max(r.From, 0)
	end := max(r.To, start)
	if v.Kind() == vm.KindRangeInclusive {
		return start, min(end, math.MaxInt64-1) - start + 1
	}
	return start, end - start
}

// spanArgs registers a function of a start and a number of items, at arguments 1 and
// 2, and its two overloads that take a range instead. rest are the kinds of the
// arguments after these.
func spanArgs(register func(string, vm.NativeFunc, ...vm.Kind), name string, f vm.NativeFunc, of vm.Kind, rest ...vm.Kind) {
	register(name, f, append([]vm.Kind{of, vm.KindInt, vm.KindInt}, rest...)...)
	ranged := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		var full [4]vm.Value
		start, n := rangeSpan(args[1])
		full[0], full[1], full[2] = args[0], vm.Int(start), vm.Int(n)
		count := 3 + copy(full[3:], args[2:])
		v, err := f(t, full[:count])
		args[0] = full[0]
		return v, err
	}
	register(name, ranged, append([]vm.Kind{of, vm.KindRange}, rest...)...)
	register(name, ranged, append([]vm.Kind{of, vm.KindRangeInclusive}, rest...)...)
}
