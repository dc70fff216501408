package vm

import "cmp"

// Switch says where OpSwitch goes.
type Switch struct {
	Values  []Value // literals, no two of them the same
	Targets []int32 // where each one's arms start, relative to the OpSwitch

	// How they are found, by their numbers: integers that lie close together in a table, the other
	// values without items by halving, those with items one by one.
	dense      []int32 // number + 1 of the integer low and of those that follow; 0: no such value
	low        int64
	scalars    []int32 // in order
	containers []int32
}

// index makes look-up fast.
func (s *Switch) index(count func(steps int)) {
	var ints []int32
	for i, v := range s.Values {
		count(1)
		switch v.Kind() {
		case KindInt:
			ints = append(ints, int32(i))
		case KindArray, KindMap:
			s.containers = append(s.containers, int32(i))
		default:
			s.scalars = append(s.scalars, int32(i))
		}
	}
	if !s.tabulate(ints) {
		s.scalars = append(s.scalars, ints...)
	}
	sortCounted(s.scalars, count, func(a, b int32) int { return compareScalars(s.Values[a], s.Values[b]) })
}

// tabulate makes the table of integers, unless most of it would be empty.
func (s *Switch) tabulate(ints []int32) bool {
	if len(ints) == 0 {
		return true
	}
	low, high := s.Values[ints[0]].AsInt(), s.Values[ints[0]].AsInt()
	for _, n := range ints {
		low, high = min(low, s.Values[n].AsInt()), max(high, s.Values[n].AsInt())
	}
	span := uint64(high) - uint64(low)
	if span > uint64(4*len(ints)+16) {
		return false
	}
	s.low, s.dense = low, make([]int32, span+1)
	for _, n := range ints {
		s.dense[uint64(s.Values[n].AsInt())-uint64(low)] = n + 1
	}
	return true
}

// compareScalars orders values without items: strings by their length first.
func compareScalars(a, b Value) int {
	if a.Kind() != b.Kind() {
		return cmp.Compare(a.Kind(), b.Kind())
	}
	if a.bits != b.bits || a.Kind() != KindString {
		return cmp.Compare(a.bits, b.bits)
	}
	return CompareText(a.AsString(), b.AsString())
}

// scalar returns where a switch goes for an integer, float, character, bool or string, or for () with
// 0 for bits.
func (s *Switch) scalar(v Value) (target int32, ok bool) {
	if v.Kind() == KindInt {
		if at := v.bits - uint64(s.low); at < uint64(len(s.dense)) {
			if n := s.dense[at]; n > 0 {
				return s.Targets[n-1], true
			}
			return 0, false
		}
	}
	from, to := 0, len(s.scalars)
	for from < to {
		at := int(uint(from+to) / 2)
		n := s.scalars[at]
		switch order := compareScalars(s.Values[n], v); {
		case order == 0:
			return s.Targets[n], true
		case order < 0:
			from = at + 1
		default:
			to = at
		}
	}
	return 0, false
}

// findCase returns where a switch goes for v.
func (t *Thread) findCase(s *Switch, v Value) (target int32, ok bool, err *Error) {
	switch v.Kind() {
	case KindString:
		if err := t.ChargeText(v.AsString()); err != nil {
			return 0, false, err
		}
		target, ok = s.scalar(v)
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
	case KindUnit:
		target, ok = s.scalar(Unit)
	case KindBool, KindInt, KindFloat, KindChar:
		target, ok = s.scalar(v)
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
