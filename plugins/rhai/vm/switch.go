package vm

import (
	"cmp"
	"slices"
)

// Switch says where OpSwitch goes.
type Switch struct {
	Values  []Value // literals, no two of them the same
	Targets []int32 // where each one's arms start, relative to the OpSwitch

	// How they are found: integers and strings by their value, other values without items by
	// halving, those with items one by one.
	ints       map[int64]int32
	strings    map[string]int32
	scalars    []int32 // numbers of Values, in order
	containers []int32
}

// index makes look-up fast.
func (s *Switch) index(count func(steps int)) {
	for i, v := range s.Values {
		count(1)
		switch v.Kind() {
		case KindInt:
			if s.ints == nil {
				s.ints = map[int64]int32{}
			}
			s.ints[v.AsInt()] = s.Targets[i]
		case KindString:
			if s.strings == nil {
				s.strings = map[string]int32{}
			}
			s.strings[v.AsString()] = s.Targets[i]
		case KindArray, KindMap:
			s.containers = append(s.containers, int32(i))
		default:
			s.scalars = append(s.scalars, int32(i))
		}
	}
	sortCounted(s.scalars, count, func(a, b int32) int { return compareScalars(s.Values[a], s.Values[b]) })
}

// compareScalars orders values without items.
func compareScalars(a, b Value) int {
	return cmp.Or(cmp.Compare(a.Kind(), b.Kind()), cmp.Compare(a.bits, b.bits))
}

// findCase returns where a switch goes for v.
func (t *Thread) findCase(s *Switch, v Value) (target int32, ok bool, err *Error) {
	switch v.Kind() {
	case KindInt:
		target, ok = s.ints[v.AsInt()]
	case KindString:
		if err := t.ChargeText(v.AsString()); err != nil {
			return 0, false, err
		}
		target, ok = s.strings[v.AsString()]
	case KindArray, KindMap:
		for n, i := range s.containers {
			if n%itemsPerOperation == 0 {
				if err := t.Charge(1); err != nil {
					return 0, false, err
				}
			}
			if same(s.Values[i], v) {
				return s.Targets[i], true, nil
			}
		}
	case KindUnit, KindBool, KindFloat, KindChar:
		if v.Kind() == KindUnit {
			v.bits = 0
		}
		at, found := slices.BinarySearchFunc(s.scalars, v, func(i int32, v Value) int { return compareScalars(s.Values[i], v) })
		if found {
			return s.Targets[s.scalars[at]], true, nil
		}
	}
	return target, ok, nil
}

// same reports whether two values are equal as switch has it: of the same type and content.
func same(a, b Value) bool {
	if a.Kind() != b.Kind() {
		return false
	}
	switch a.Kind() {
	case KindUnit:
		return true
	case KindBool, KindInt, KindFloat, KindChar, KindU8:
		return a.bits == b.bits
	case KindString:
		return EqualText(a.AsString(), b.AsString())
	case KindRange, KindRangeInclusive:
		return *a.AsRange() == *b.AsRange()
	case KindArray:
		x, y := a.AsArray().Items, b.AsArray().Items
		if len(x) != len(y) {
			return false
		}
		for i := range x {
			if !same(x[i], y[i]) {
				return false
			}
		}
		return true
	case KindBlob:
		return EqualText(a.AsBlob().text(), b.AsBlob().text())
	case KindMap:
		x, y := a.AsMap(), b.AsMap()
		if x.Len() != y.Len() {
			return false
		}
		for i := range x.entries {
			if v, ok := y.Get(x.entries[i].key); !ok || !same(x.entries[i].value, v) {
				return false
			}
		}
		return true
	}
	return false
}

// Same reports whether switch treats two values as one case.
func Same(a, b Value) bool { return same(a, b) }

// rangeContains reports whether the range holds v, an integer or float, or is the same as v.
func (r Value) rangeContains(v Value) bool {
	b, incl := r.AsRange(), r.Kind() == KindRangeInclusive
	switch v.Kind() {
	case r.Kind():
		return *v.AsRange() == *b
	case KindInt:
		n := v.AsInt()
		return n >= b.From && (n < b.To || incl && n == b.To)
	case KindFloat:
		x := v.AsFloat()
		return x >= float64(b.From) && (x < float64(b.To) || incl && x == float64(b.To))
	}
	return false
}
