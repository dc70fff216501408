package lib

import "github.com/picloud/picloud/plugins/rhai/vm"

// registerVisits adds the functions of arrays that call a function for each item. They
// are linear in the number of calls. See [callback] for what the function gets.
// All but for_each, drain, retain and dedup work on constants.
func registerVisits(l *vm.Library) {
	const a, f, name, i, any = vm.KindArray, vm.KindFn, vm.KindString, vm.KindInt, vm.KindAny

	l.Method("for_each", arrayForEach, a, f)
	l.PureMethod("map", arrayMap, a, f)
	l.Method("map", byName(arrayMap), a, name)
	l.PureMethod("filter", arrayFilter, a, f)
	l.Method("filter", byName(arrayFilter), a, name)
	l.PureMethod("some", arraySome, a, f)
	l.PureMethod("some", byName(arraySome), a, name)
	l.PureMethod("all", arrayAll, a, f)
	l.PureMethod("all", byName(arrayAll), a, name)

	l.PureMethod("index_of", arrayIndexWhere, a, f)
	l.PureMethod("index_of", arrayIndexWhere, a, f, i)
	l.PureMethod("index_of", arrayIndexOfName, a, name)
	l.PureMethod("index_of", arrayIndexOfName, a, name, i)
	l.Func("index_of", arrayIndexOf, a, any)
	l.Func("index_of", arrayIndexOf, a, any, i)
	l.PureMethod("find", arrayFind, a, f)
	l.PureMethod("find", arrayFind, a, f, i)
	l.PureMethod("find_map", arrayFindMap, a, f)
	l.PureMethod("find_map", arrayFindMap, a, f, i)

	l.PureMethod("reduce", arrayReduce, a, f)
	l.PureMethod("reduce", arrayReduce, a, f, any)
	l.PureMethod("reduce", byName(arrayReduce), a, name)
	l.PureMethod("reduce", byName(arrayReduce), a, name, any)
	l.PureMethod("reduce_rev", arrayReduceRev, a, f)
	l.PureMethod("reduce_rev", arrayReduceRev, a, f, any)
	l.PureMethod("reduce_rev", byName(arrayReduceRev), a, name)
	l.PureMethod("reduce_rev", byName(arrayReduceRev), a, name, any)
	l.Func("zip", arrayZip, a, a, f)

	l.Method("drain", arrayDrainWhere, a, f)
	l.Method("drain", byName(arrayDrainWhere), a, name)
	l.Method("retain", arrayRetainWhere, a, f)
	l.Method("retain", byName(arrayRetainWhere), a, name)
	l.Method("dedup", arrayDedup, a)
	l.Method("dedup", arrayDedupBy, a, f)
	l.Method("dedup", byName(arrayDedupBy), a, name)
}

// visited returns the items that the function of c is to be called with, in a place where
// it may change them if it can.
func visited(c *callback, array *vm.Value) ([]vm.Value, *vm.Error) {
	if c.writes() {
		if err := c.t.Own(array); err != nil {
			return nil, err
		}
	}
	items := array.AsArray().Items
	vm.KeepItems(c.t, items)
	return items, nil
}

func arrayForEach(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	c := newCallback(t, args[1].AsFn(), "for_each", 0, 1, -1)
	items, err := visited(c, &args[0])
	if err != nil {
		return vm.Unit, err
	}
	for i := range items {
		if _, err := c.element(&items[i], i); err != nil {
			return vm.Unit, err
		}
	}
	return vm.Unit, nil
}

func arrayMap(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	c := elementCallback(t, args[1], "map")
	items, err := visited(c, &args[0])
	if err != nil {
		return vm.Unit, err
	}
	results := make([]vm.Value, len(items))
	vm.KeepItems(t, results)
	for i := range items {
		v, err := c.element(&items[i], i)
		if err != nil {
			return vm.Unit, err
		}
		results[i] = v
	}
	return vm.NewArray(results), nil
}

func arrayFilter(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	c := elementCallback(t, args[1], "filter")
	items, err := visited(c, &args[0])
	if err != nil {
		return vm.Unit, err
	}
	kept := &vm.Array{}
	vm.Keep(t, kept)
	for i := range items {
		ok, err := c.test(&items[i], i)
		if err != nil {
			return vm.Unit, err
		}
		if ok {
			kept.Items = append(kept.Items, items[i].Share())
		}
	}
	return vm.NewArray(kept.Items), nil
}

// indexWhere returns the index of the first item from start on for which c returns want,
// -1 when there is none.
func indexWhere(c *callback, array *vm.Value, start int64, want bool) (int, *vm.Error) {
	items, err := visited(c, array)
	if err != nil {
		return -1, err
	}
	from, _ := span(len(items), start, 0)
	for i := from; i < len(items); i++ {
		ok, err := c.test(&items[i], i)
		if err != nil {
			return -1, err
		}
		if ok == want {
			return i, nil
		}
	}
	return -1, nil
}

func arraySome(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	i, err := indexWhere(elementCallback(t, args[1], "some"), &args[0], 0, true)
	return vm.Bool(i >= 0), err
}

func arrayAll(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	i, err := indexWhere(elementCallback(t, args[1], "all"), &args[0], 0, false)
	return vm.Bool(i < 0), err
}

// startArg returns the optional argument 2: where to begin.
func startArg(args []vm.Value) int64 {
	if len(args) > 2 {
		return args[2].AsInt()
	}
	return 0
}

func arrayIndexWhere(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	i, err := indexWhere(elementCallback(t, args[1], "index_of"), &args[0], startArg(args), true)
	return vm.Int(int64(i)), err
}

// arrayIndexOfName returns index_of with a string: the name of a function or else, as since Rhai
// 1.25, a value.
func arrayIndexOfName(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	name := args[1]
	if fn, err := t.FnByName(name.AsString()); err == nil {
		args[1] = vm.NewFn(fn)
		v, err := arrayIndexWhere(t, args)
		cause := err
		if cause != nil && cause.Inner != nil {
			cause = cause.Inner
		}
		if cause == nil || !isUnknown(cause, fn.Name) {
			return v, err
		}
	}
	args[1] = name
	return arrayIndexOf(t, args)
}

func arrayIndexOf(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	items := args[0].AsArray().Items
	from, _ := span(len(items), startArg(args), 0)
	i, err := find(t, items, args[1], from)
	return vm.Int(int64(i)), err
}

func arrayFind(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	i, err := indexWhere(elementCallback(t, args[1], "index_of"), &args[0], startArg(args), true)
	if err != nil || i < 0 {
		return vm.Unit, err
	}
	return args[0].AsArray().Items[i].Share(), nil
}

func arrayFindMap(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	c := elementCallback(t, args[1], "find_map")
	items, err := visited(c, &args[0])
	if err != nil {
		return vm.Unit, err
	}
	from, _ := span(len(items), startArg(args), 0)
	for i := from; i < len(items); i++ {
		v, err := c.element(&items[i], i)
		if err != nil || !v.IsUnit() {
			return v, err
		}
	}
	return vm.Unit, nil
}

// initialArg returns the optional argument 2: what reduce starts with.
func initialArg(args []vm.Value) vm.Value {
	if len(args) > 2 {
		return args[2].Share()
	}
	return vm.Unit
}

func arrayReduce(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	c := newCallback(t, args[1].AsFn(), "reduce", 1, 1, 1)
	items, err := visited(c, &args[0])
	if err != nil {
		return vm.Unit, err
	}
	result := initialArg(args)
	for i := range items {
		if result, err = c.call(&items[i], vm.Int(int64(i)), result); err != nil {
			return vm.Unit, err
		}
	}
	return result, nil
}

func arrayReduceRev(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	c := newCallback(t, args[1].AsFn(), "reduce_rev", 1, 1, 1)
	items, err := visited(c, &args[0])
	if err != nil {
		return vm.Unit, err
	}
	result := initialArg(args)
	for i := len(items) - 1; i >= 0; i-- {
		if result, err = c.call(&items[i], vm.Int(int64(i)), result); err != nil {
			return vm.Unit, err
		}
	}
	return result, nil
}

func arrayZip(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	c := newCallback(t, args[2].AsFn(), "zip", 2, 1, -1)
	left, right := args[0].AsArray().Items, args[1].AsArray().Items
	results := make([]vm.Value, min(len(left), len(right)))
	vm.KeepItems(t, left)
	vm.KeepItems(t, right)
	vm.KeepItems(t, results)
	for i := range results {
		v, err := c.call(nil, vm.Int(int64(i)), left[i].Share(), right[i].Share())
		if err != nil {
			return vm.Unit, err
		}
		results[i] = v
	}
	return vm.NewArray(results), nil
}

// divide takes out of an array the items for which c returns the value of out, and returns them. On
// an error those found so far are lost and the others stay.
func divide(c *callback, array *vm.Value, out bool) (vm.Value, *vm.Error) {
	a, taken := array.AsArray(), &vm.Array{}
	vm.Keep(c.t, a)
	vm.Keep(c.t, taken)
	kept := 0
	for i := range a.Items {
		ok, err := c.test(&a.Items[i], i)
		if err != nil {
			kept += copy(a.Items[kept:], a.Items[i:])
			cut(a, kept)
			return vm.Unit, err
		}
		if ok == out {
			taken.Items = append(taken.Items, a.Items[i])
			continue
		}
		a.Items[kept] = a.Items[i]
		kept++
	}
	cut(a, kept)
	return vm.NewArray(taken.Items), nil
}

func arrayDrainWhere(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return divide(elementCallback(t, args[1], "drain"), &args[0], true)
}

func arrayRetainWhere(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return divide(elementCallback(t, args[1], "retain"), &args[0], false)
}

// dedup removes each item that is the same as the last one kept before it. An error of
// same counts as a no.
func dedup(t *vm.Thread, array *vm.Value, same func(kept, item vm.Value) (bool, *vm.Error)) *vm.Error {
	a := array.AsArray()
	vm.Keep(t, &same)
	kept := 0
	for i, item := range a.Items {
		if err := t.Charge(1); err != nil {
			return err
		}
		if i > 0 {
			drop, err := same(a.Items[kept-1].Share(), item.Share())
			if err != nil && aborts(err) {
				return err
			}
			if drop && err == nil {
				continue
			}
		}
		a.Items[kept] = item
		kept++
	}
	cut(a, kept)
	return nil
}

func arrayDedup(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Unit, dedup(t, &args[0], t.Equal)
}

func arrayDedupBy(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	f := args[1].AsFn()
	return vm.Unit, dedup(t, &args[0], func(kept, item vm.Value) (bool, *vm.Error) {
		v, err := t.Call(f, nil, kept, item)
		return err == nil && isTrue(v), err
	})
}
