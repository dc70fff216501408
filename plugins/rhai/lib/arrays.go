package lib

import (
	"math"
	"slices"
	"strings"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerArrays adds the functions of arrays; those that call back are in visits.go,
// those that sort in sort.go.
//
// Costs, for an array of n items: len, is_empty, get, set, pop, truncate, push (amortised), shift
// (amortised) are constant; append is linear in what is appended; insert, splice and drain move the
// items behind the place, remove those or the ones before it if they are fewer; chop gives up the
// items before, extract and split copy what they return; all others are linear in n. Changing an
// array of which there is a copy costs n once more, the first time.
func registerArrays(l *vm.Library) {
	const a, i, any = vm.KindArray, vm.KindInt, vm.KindAny

	l.Func("len", arrayLen, a)
	l.Getter("len", arrayLen, a)
	l.Func("is_empty", arrayIsEmpty, a)
	l.Getter("is_empty", arrayIsEmpty, a)
	l.Reader("get", arrayGet, a, i)
	l.Method("set", arraySet, a, i, any)
	l.Func("contains", arrayContains, a, any)

	l.Method("push", arrayPush, a, any)
	l.Method("append", arrayAppend, a, a)
	l.Method("insert", arrayInsert, a, i, any)
	l.Method("pad", arrayPad, a, i, any)
	l.Method("pop", arrayPop, a)
	l.Method("shift", arrayShift, a)
	l.Method("remove", arrayRemove, a, i)
	l.Reader("clear", arrayClear, a)
	l.Method("truncate", arrayTruncate, a, i)
	l.Method("chop", arrayChop, a, i)
	l.Method("reverse", arrayReverse, a)
	spanArgs(l.Method, "splice", arraySplice, a, a)
	l.Reader("extract", arrayExtract, a, i)
	spanArgs(l.Reader, "extract", arrayExtract, a)
	l.Method("split", arraySplit, a, i)
	spanArgs(l.Method, "drain", arrayDrain, a)
	spanArgs(l.Method, "retain", arrayRetain, a)

	l.Calling(registerVisits)
	l.Calling(registerSorts)
}

// itemsPerOperation is how many items are moved or copied for one operation counted.
const itemsPerOperation = 32

func chargeItems(t *vm.Thread, n int) *vm.Error { return t.Charge(int64(n) / itemsPerOperation) }

func arrayLen(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Int(int64(len(args[0].AsArray().Items))), nil
}

func arrayIsEmpty(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Bool(len(args[0].AsArray().Items) == 0), nil
}

func arrayGet(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	items := args[0].AsArray().Items
	at, _ := span(len(items), args[1].AsInt(), 0)
	if at == len(items) {
		return vm.Unit, nil
	}
	return items[at].Share(), nil
}

func arraySet(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	at, _ := span(len(args[0].AsArray().Items), args[1].AsInt(), 0)
	if at < len(args[0].AsArray().Items) {
		args[0].AsArray().Items[at] = args[2].Share()
	}
	return vm.Unit, nil
}

// equal works as the operator == as contains and index_of use it: values of different types
// that cannot be compared are different.
func equal(t *vm.Thread, a, b vm.Value) (bool, *vm.Error) {
	same, err := t.Equal(a, b)
	if err != nil && err.Variant == vm.ErrorFunctionNotFound && a.Kind() != b.Kind() &&
		strings.HasPrefix(err.Text, "Function not found: ==") {
		return false, nil
	}
	return same, err
}

// find returns the index of the first item from start on that equals v, -1 when there
// is none.
func find(t *vm.Thread, items []vm.Value, v vm.Value, start int) (int, *vm.Error) {
	for i := start; i < len(items); i++ {
		if err := t.Charge(1); err != nil {
			return -1, err
		}
		same, err := equal(t, items[i], v)
		if err != nil {
			return -1, err
		}
		if same {
			return i, nil
		}
	}
	return -1, nil
}

func arrayContains(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	i, err := find(t, args[0].AsArray().Items, args[1], 0)
	return vm.Bool(i >= 0), err
}

func arrayPush(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	a := args[0].AsArray()
	if err := t.CheckArray(int64(len(a.Items)) + 1); err != nil {
		return vm.Unit, err
	}
	a.Items = append(a.Items, args[1].Share())
	return vm.Unit, nil
}

func arrayAppend(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	a, more := args[0].AsArray(), args[1].AsArray().Items
	if err := t.CheckArray(int64(len(a.Items)) + int64(len(more))); err != nil {
		return vm.Unit, err
	}
	items, err := t.AppendItems(a.Items, more)
	if err != nil {
		return vm.Unit, err
	}
	a.Items = items
	return vm.Unit, chargeItems(t, len(more))
}

func arrayInsert(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	a := args[0].AsArray()
	if err := t.CheckArray(int64(len(a.Items)) + 1); err != nil {
		return vm.Unit, err
	}
	at, _ := span(len(a.Items), args[1].AsInt(), 0)
	a.Items = slices.Insert(a.Items, at, args[2].Share())
	return vm.Unit, chargeItems(t, len(a.Items)-at)
}

func arrayPad(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	length := args[1].AsInt()
	if length <= int64(len(args[0].AsArray().Items)) {
		return vm.Unit, nil
	}
	if err := t.CheckArray(length); err != nil {
		return vm.Unit, err
	}
	a := args[0].AsArray()
	missing := int(length) - len(a.Items)
	items, err := t.Repeat(a.Items, args[2], missing)
	if err != nil {
		return vm.Unit, err
	}
	a.Items = items
	return vm.Unit, chargeItems(t, missing)
}

// cut removes the last items from index n on, dropping what they refer to.
func cut(a *vm.Array, n int) {
	clear(a.Items[n:])
	a.Items = a.Items[:n]
}

func arrayPop(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	n := len(args[0].AsArray().Items)
	if n == 0 {
		return vm.Unit, nil
	}
	a := args[0].AsArray()
	last := a.Items[n-1]
	cut(a, n-1)
	return last, nil
}

func arrayShift(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if len(args[0].AsArray().Items) == 0 {
		return vm.Unit, nil
	}
	a := args[0].AsArray()
	first := a.Items[0]
	dropFirst(a)
	return first, nil
}

// dropFirst removes the first item. The room before is given up when the array next grows.
func dropFirst(a *vm.Array) {
	a.Items[0] = vm.Unit
	a.Items = a.Items[1:]
}

func arrayRemove(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	at, ok := itemIndex(len(args[0].AsArray().Items), args[1].AsInt())
	if !ok {
		return vm.Unit, nil
	}
	a := args[0].AsArray()
	removed := a.Items[at]
	if at < len(a.Items)/2 { // fewer before it than behind it
		copy(a.Items[1:], a.Items[:at])
		dropFirst(a)
	} else {
		a.Items = slices.Delete(a.Items, at, at+1)
	}
	return removed, chargeItems(t, len(a.Items)-at)
}

func arrayClear(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	assign(t, &args[0], vm.NewArray(nil))
	return vm.Unit, nil
}

func arrayTruncate(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if n := max(args[1].AsInt(), 0); n < int64(len(args[0].AsArray().Items)) {
		cut(args[0].AsArray(), int(n))
	}
	return vm.Unit, nil
}

func arrayChop(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if n := max(args[1].AsInt(), 0); n < int64(len(args[0].AsArray().Items)) {
		a := args[0].AsArray()
		drop := len(a.Items) - int(n)
		clear(a.Items[:drop])
		a.Items = a.Items[drop:]
	}
	return vm.Unit, nil
}

func arrayReverse(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	a := args[0].AsArray()
	vm.ReverseItems(a.Items)
	return vm.Unit, chargeItems(t, len(a.Items))
}

// arraySpan returns the span that arguments 1 and 2 name, 2 being optional.
func arraySpan(args []vm.Value) (from, count int) {
	n := int64(math.MaxInt64)
	if len(args) > 2 {
		n = args[2].AsInt()
	}
	return span(len(args[0].AsArray().Items), args[1].AsInt(), n)
}

func arraySplice(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	a := args[0].AsArray()
	with, err := t.AppendItems(nil, args[3].AsArray().Items)
	if err != nil {
		return vm.Unit, err
	}
	from, count := arraySpan(args)
	if err := t.CheckArray(int64(len(a.Items)-count) + int64(len(with))); err != nil {
		return vm.Unit, err
	}
	a.Items = slices.Replace(a.Items, from, from+count, with...)
	return vm.Unit, chargeItems(t, len(a.Items)-from)
}

func arrayExtract(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	from, count := arraySpan(args)
	items, err := t.AppendItems(nil, args[0].AsArray().Items[from:from+count])
	if err != nil {
		return vm.Unit, err
	}
	return vm.NewArray(items), chargeItems(t, count)
}

func arraySplit(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	from, count := arraySpan(args)
	if count == 0 {
		return vm.NewArray(nil), nil
	}
	a := args[0].AsArray()
	tail := slices.Clone(a.Items[from:])
	cut(a, from)
	return vm.NewArray(tail), chargeItems(t, count)
}

func arrayDrain(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	from, count := arraySpan(args)
	if count == 0 {
		return vm.NewArray(nil), nil
	}
	a := args[0].AsArray()
	drained := slices.Clone(a.Items[from : from+count])
	a.Items = slices.Delete(a.Items, from, from+count)
	return vm.NewArray(drained), chargeItems(t, len(a.Items)-from+count)
}

// arrayRetain keeps the items of a span and returns the others.
func arrayRetain(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	from, count := arraySpan(args)
	if count == 0 {
		return vm.NewArray(nil), nil
	}
	a := args[0].AsArray()
	drained := slices.Concat(a.Items[:from], a.Items[from+count:])
	a.Items = slices.Clone(a.Items[from : from+count])
	return vm.NewArray(drained), chargeItems(t, len(drained)+count)
}
