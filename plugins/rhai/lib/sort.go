package lib

import (
	"slices"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerSorts adds the functions that put an array in order. All sorting is stable
// and takes n log n comparisons; order and its kin sort a copy.
func registerSorts(l *vm.Library) {
	const a, f, name = vm.KindArray, vm.KindFn, vm.KindString
	l.Method("sort", arraySort, a)
	l.Method("sort_desc", arraySortDesc, a)
	l.Method("sort", arraySortBy, a, f)
	l.Method("sort_by", arraySortBy, a, f)
	l.Method("sort", byName(arraySortBy), a, name)
	l.Reader("order", ordered(arraySort), a)
	l.Reader("order_desc", ordered(arraySortDesc), a)
	l.Reader("order", ordered(arraySortBy), a, f)
	l.Reader("order_by", ordered(arraySortBy), a, f)
}

// ordered makes a function that sorts an array one that returns a sorted copy.
func ordered(sort vm.NativeFunc) vm.NativeFunc {
	return func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		items := args[0].AsArray().Items
		if err := chargeItems(t, len(items)); err != nil {
			return vm.Unit, err
		}
		items, err := t.AppendItems(nil, items)
		if err != nil {
			return vm.Unit, err
		}
		sorted := [2]vm.Value{vm.NewArray(items)}
		copy(sorted[1:], args[1:])
		vm.KeepItems(t, sorted[:])
		_, err = sort(t, sorted[:len(args)])
		return sorted[0], err
	}
}

// nativeTypeName returns the name of a value's type where Rhai lets that of Rust through.
func nativeTypeName(v vm.Value) string {
	switch v.Kind() {
	case vm.KindRange:
		return "core::ops::range::Range<i64>"
	case vm.KindRangeInclusive:
		return "core::ops::range::RangeInclusive<i64>"
	}
	return v.TypeName()
}

// arraySortBy sorts by a comparer, which returns a negative number or true when its first
// argument comes first. Where it fails or returns anything else, items of one type
// stay as they are, see typeRank for others.
func arraySortBy(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if len(args[0].AsArray().Items) <= 1 {
		return vm.Unit, nil
	}
	f := args[1].AsFn()
	items := args[0].AsArray().Items
	vm.KeepItems(t, slices.Clone(items)) // while sorted, an item may be nowhere else
	return vm.Unit, mergeSort(t, items, func(a, b vm.Value) (bool, *vm.Error) {
		if err := t.Charge(1); err != nil {
			return false, err
		}
		v, err := t.Call(f, nil, a.Share(), b.Share())
		switch {
		case err != nil && aborts(err):
			return false, err
		case err == nil && v.Kind() == vm.KindInt:
			return v.AsInt() < 0, nil
		case err == nil && v.Kind() == vm.KindBool:
			return v.AsBool(), nil
		}
		return typeRank[a.Kind()] < typeRank[b.Kind()], nil
	})
}

// typeRank is the order of types that a comparer fails for: in Rhai that of hashes of
// Rust's types, arbitrary but the same for every script.
var typeRank = [...]uint8{
	vm.KindInt: 0, vm.KindFloat: 1, vm.KindRange: 2, vm.KindMap: 3, vm.KindIterator: 4, vm.KindArray: 5, vm.KindU8: 6, vm.KindString: 7,
	vm.KindRangeInclusive: 8, vm.KindChar: 9, vm.KindUnit: 10, vm.KindBool: 11, vm.KindFn: 12, vm.KindBlob: 13, vm.KindTimestamp: 14,
	vm.KindHandle + vm.HandleKinds - 1: 15, // and 0 for the other handles
}

// insertionRun is how many items are sorted by insertion. Up to so many, the
// comparisons are those of Rust's sort, in the same order: a comparer may print.
const insertionRun = 20

// mergeSort sorts items, and is stable. less may be inconsistent; the items are then in some order.
// After an error they are, too.
func mergeSort(t *vm.Thread, items []vm.Value, less func(a, b vm.Value) (bool, *vm.Error)) *vm.Error {
	vm.Keep(t, &less)
	for start := 0; start < len(items); start += insertionRun {
		if err := insertionSort(items[start:min(start+insertionRun, len(items))], less); err != nil {
			return err
		}
	}
	if len(items) <= insertionRun {
		return nil
	}
	left := make([]vm.Value, 0, len(items))
	vm.KeepItems(t, left)
	for width := insertionRun; width < len(items); width *= 2 {
		for start := 0; start+width < len(items); start += 2 * width {
			run := items[start:min(start+2*width, len(items))]
			if err := merge(run, width, left, less); err != nil {
				return err
			}
		}
	}
	return nil
}

func insertionSort(items []vm.Value, less func(a, b vm.Value) (bool, *vm.Error)) *vm.Error {
	for i := 1; i < len(items); i++ {
		item := items[i]
		at := i
		for ; at > 0; at-- {
			first, err := less(item, items[at-1])
			if err != nil {
				items[at] = item
				return err
			}
			if !first {
				break
			}
			items[at] = items[at-1]
		}
		items[at] = item
	}
	return nil
}

// merge makes one sorted run of two, items[:mid] and items[mid:]. left is room for the
// first.
func merge(items []vm.Value, mid int, left []vm.Value, less func(a, b vm.Value) (bool, *vm.Error)) *vm.Error {
	if second, err := less(items[mid], items[mid-1]); err != nil || !second {
		return err
	}
	left = append(left, items[:mid]...)
	right, to := mid, 0
	for len(left) > 0 && right < len(items) {
		second, err := less(items[right], left[0])
		if err != nil {
			copy(items[to:], left)
			return err
		}
		if second {
			items[to] = items[right]
			right++
		} else {
			items[to] = left[0]
			left = left[1:]
		}
		to++
	}
	copy(items[to:], left)
	return nil
}
