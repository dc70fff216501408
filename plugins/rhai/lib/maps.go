package lib

import (
	"strings"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerMaps adds the functions of object maps.
//
// Costs, for a map of n properties: len, is_empty, contains, get, set (amortised)
// and remove are constant. mixin and fill_with are linear in the other map. All others
// visit the properties in the order of their names: that order is made, in n
// log n, by the first of them after a property was added or removed, and kept; beyond it
// they are linear.
func registerMaps(l *vm.Library) {
	const m, s, f = vm.KindMap, vm.KindString, vm.KindFn

	l.Func("len", mapLen, m)
	l.Func("is_empty", mapIsEmpty, m)
	l.Func("contains", mapContains, m, s)
	l.Func("get", mapGet, m, s)
	l.Method("set", mapSet, m, s, vm.KindAny)
	l.Reader("clear", mapClear, m)
	l.Method("remove", mapRemove, m, s)
	l.Method("mixin", mapMixin, m, m)
	l.Method("fill_with", mapFillWith, m, m)
	l.Func("keys", mapKeys, m)
	l.Func("values", mapValues, m)

	l.Calling(func(l *vm.Library) {
		l.PureMethod("map", mapMap, m, f)
		l.PureMethod("filter", mapFilter, m, f)
		l.Method("drain", mapDrain, m, f)
		l.Method("retain", mapRetain, m, f)
	})
}

func mapLen(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Int(int64(args[0].AsMap().Len())), nil
}

func mapIsEmpty(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Bool(args[0].AsMap().Len() == 0), nil
}

func mapContains(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if err := t.ChargeText(args[1].AsString()); err != nil {
		return vm.Unit, err
	}
	_, ok := args[0].AsMap().Get(args[1].AsString())
	return vm.Bool(ok), nil
}

func mapGet(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if err := t.ChargeText(args[1].AsString()); err != nil {
		return vm.Unit, err
	}
	v, _ := args[0].AsMap().Get(args[1].AsString())
	return v.Share(), nil
}

// put sets a property that may be new.
func put(t *vm.Thread, m *vm.Map, key string, v vm.Value) *vm.Error {
	if place := m.At(key); place != nil {
		*place = v
		return nil
	}
	if err := t.CheckMap(int64(m.Len()) + 1); err != nil {
		return err
	}
	m.Set(key, v)
	return nil
}

func mapSet(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	if err := t.ChargeText(args[1].AsString()); err != nil {
		return vm.Unit, err
	}
	return vm.Unit, put(t, args[0].AsMap(), keyOf(args[1]), args[2].Share())
}

// keyOf returns a string as the name of a property: a copy, so that a short name does not
// keep the room behind it.
func keyOf(v vm.Value) string { return strings.Clone(v.AsString()) }

func mapClear(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	assign(t, &args[0], vm.NewMapValue(vm.NewMap(0)))
	return vm.Unit, nil
}

func mapRemove(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	key := args[1].AsString()
	if err := t.ChargeText(key); err != nil {
		return vm.Unit, err
	}
	if _, ok := args[0].AsMap().Get(key); !ok {
		return vm.Unit, nil
	}
	v, _ := args[0].AsMap().Delete(key)
	return v, nil
}

func mapMixin(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return mixin(t, args, true)
}

func mapFillWith(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return mixin(t, args, false)
}

func mixin(t *vm.Thread, args []vm.Value, replace bool) (vm.Value, *vm.Error) {
	more := args[1].AsMap()
	if err := t.Mixin(args[0].AsMap(), more, replace); err != nil {
		return vm.Unit, err
	}
	return vm.Unit, chargeItems(t, more.Len())
}

func mapKeys(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	m := args[0].AsMap()
	if err := t.Charge(int64(m.Len())); err != nil {
		return vm.Unit, err
	}
	order, err := t.Order(m)
	if err != nil {
		return vm.Unit, err
	}
	keys := make([]vm.Value, 0, m.Len())
	for i, number := range order {
		if i%pollEvery == 0 {
			if err := t.Poll(); err != nil {
				return vm.Unit, err
			}
		}
		key, _ := m.Entry(number)
		keys = append(keys, vm.String(key))
	}
	return vm.NewArray(keys), nil
}

func mapValues(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	m := args[0].AsMap()
	if err := t.Charge(int64(m.Len())); err != nil {
		return vm.Unit, err
	}
	order, err := t.Order(m)
	if err != nil {
		return vm.Unit, err
	}
	values := make([]vm.Value, 0, m.Len())
	for i, number := range order {
		if i%pollEvery == 0 {
			if err := t.Poll(); err != nil {
				return vm.Unit, err
			}
		}
		_, v := m.Entry(number)
		values = append(values, v.Share())
	}
	return vm.NewArray(values), nil
}

// visitProperties calls f for each property of a map, in the order of names, and passes
// what it returns on to then, until one of them fails.
func visitProperties(t *vm.Thread, args []vm.Value, in string, then func(key string, v *vm.Value, answer vm.Value)) *vm.Error {
	c := newCallback(t, args[1].AsFn(), in, 1, 0, 1)
	if c.writes() {
		if err := t.Own(&args[0]); err != nil {
			return err
		}
	}
	m := args[0].AsMap()
	order, err := t.Order(m)
	if err != nil {
		return err
	}
	vm.Keep(t, m)
	vm.Keep(t, &then)
	vm.KeepItems(t, order)
	for _, number := range order {
		key, v := m.Entry(number)
		answer, err := c.call(v, vm.Unit, vm.String(key))
		if err != nil {
			return err
		}
		then(key, v, answer)
	}
	return nil
}

func mapMap(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	result := vm.NewMap(args[0].AsMap().Len())
	err := visitProperties(t, args, "filter", func(key string, _ *vm.Value, answer vm.Value) { // Rhai's name
		result.Set(key, answer)
	})
	if err != nil {
		return vm.Unit, err
	}
	return vm.NewMapValue(result), nil
}

func mapFilter(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	result := vm.NewMap(0)
	err := visitProperties(t, args, "filter", func(key string, v *vm.Value, answer vm.Value) {
		if isTrue(answer) {
			result.Set(key, v.Share())
		}
	})
	if err != nil {
		return vm.Unit, err
	}
	return vm.NewMapValue(result), nil
}

// divideMap takes out of a map the properties for which a function returns the value of out, and
// returns them. On an error those found so far are lost, and so is the one it failed for.
func divideMap(t *vm.Thread, args []vm.Value, in string, out bool) (vm.Value, *vm.Error) {
	m := args[0].AsMap()
	taken, kept := vm.NewMap(0), vm.NewMap(0)
	seen := 0
	err := visitProperties(t, args, in, func(key string, v *vm.Value, answer vm.Value) {
		seen++
		if isTrue(answer) == out {
			taken.Set(key, *v)
		} else {
			kept.Set(key, *v)
		}
	})
	if err != nil {
		for _, number := range m.Order()[seen+1:] {
			key, v := m.Entry(number)
			kept.Set(key, *v)
		}
		taken = vm.NewMap(0)
	}
	*m = *kept
	return vm.NewMapValue(taken), err
}

func mapDrain(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return divideMap(t, args, "drain", true)
}

func mapRetain(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return divideMap(t, args, "retain", false)
}
