package vm

import "github.com/picloud/picloud/plugins/rhai/syntax"

// differ reports whether Rhai compares two values as different without an error: when their
// types differ and are not both numbers.
func differ(l, r Value) bool {
	lk, rk := l.Kind(), r.Kind()
	if lk == KindIterator && rk == KindIterator {
		return l.AsIterator().Type != r.AsIterator().Type
	}
	return lk != rk && !(isNumber(lk) && isNumber(rk))
}

func isNumber(k Kind) bool { return k == KindInt || k == KindFloat || k == KindU8 }

// Equal returns a == b. Arrays and maps are equal when their items are. There is an
// error, without position, for values that have no such operator: function pointers,
// iterators, and numbers other than i64 and f64 of different types.
func (t *Thread) Equal(a, b Value) (bool, *Error) { return t.equal(a, b, 0) }

func (t *Thread) equal(l, r Value, depth int) (bool, *Error) {
	switch lk, rk := l.Kind(), r.Kind(); {
	case lk == KindInt && rk == KindInt:
		return l.bits == r.bits, nil
	case lk == KindString && rk == KindString:
		if l.bits != r.bits || l.ref == r.ref {
			return l.bits == r.bits, nil
		}
		err := t.Charge(int64(uint32(l.bits)) / bytesPerOperation)
		return err == nil && EqualText(l.AsString(), r.AsString()), err
	case lk == KindFloat && rk == KindFloat:
		return compareFloats(syntax.OpEq, l.AsFloat(), r.AsFloat()), nil
	case lk == KindInt && rk == KindFloat:
		return compareFloats(syntax.OpEq, float64(l.AsInt()), r.AsFloat()), nil
	case lk == KindFloat && rk == KindInt:
		return compareFloats(syntax.OpEq, l.AsFloat(), float64(r.AsInt())), nil
	case lk == KindString && rk == KindChar:
		return compareCharText(r.AsChar(), l.AsString()) == 0, nil
	case lk == KindChar && rk == KindString:
		return compareCharText(l.AsChar(), r.AsString()) == 0, nil
	case bothRanges(lk, rk) && lk != rk, lk == KindBlob && rk == KindChar:
		return false, operatorNotFound(syntax.OpEq, l, r)
	case differ(l, r):
		return false, nil
	case lk != rk:
		return false, operatorNotFound(syntax.OpEq, l, r)
	}
	switch l.Kind() {
	case KindUnit:
		return true, nil
	case KindBool, KindChar, KindU8, KindTimestamp:
		return l.bits == r.bits, nil
	case KindRange, KindRangeInclusive:
		return *l.AsRange() == *r.AsRange(), nil
	case KindBlob:
		err := t.Charge(int64(len(l.AsBlob().Data)) / bytesPerOperation)
		return err == nil && EqualText(l.AsBlob().text(), r.AsBlob().text()), err
	case KindArray:
		return t.equalArrays(l.AsArray().Items, r.AsArray().Items, depth)
	case KindMap:
		return t.equalMaps(l.AsMap(), r.AsMap(), depth)
	}
	return false, operatorNotFound(syntax.OpEq, l, r)
}

func (t *Thread) equalArrays(a, b []Value, depth int) (bool, *Error) {
	if len(a) != len(b) {
		return false, nil
	}
	if depth == MaxNesting {
		return false, nestingError()
	}
	for i := range a {
		if err := t.Charge(1); err != nil {
			return false, err
		}
		equal, err := t.equal(a[i], b[i], depth+1)
		if err != nil && err.Variant == ErrorFunctionNotFound && forgiven(a[i], b[i]) {
			equal, err = false, nil
		}
		if err != nil || !equal {
			return false, err
		}
	}
	return true, nil
}

// forgiven reports whether two items of arrays that cannot be compared are taken to differ: those
// of different types, and arrays and maps, for what is in them.
func forgiven(l, r Value) bool {
	return l.Kind() != r.Kind() || l.Kind() == KindArray || l.Kind() == KindMap
}

func (t *Thread) equalMaps(a, b *Map, depth int) (bool, *Error) {
	if a.Len() != b.Len() {
		return false, nil
	}
	if depth == MaxNesting {
		return false, nestingError()
	}
	order, err := t.Order(a)
	if err != nil {
		return false, err
	}
	for _, number := range order { // in this order, because an error ends it
		if err := t.Charge(1); err != nil {
			return false, err
		}
		e := &a.entries[number]
		other := b.at(e.key, e.hash)
		if other == nil {
			return false, nil
		}
		if equal, err := t.equal(e.value, *other, depth+1); err != nil || !equal {
			return false, err
		}
	}
	return true, nil
}

// notEqual returns l != r for values that are not both numbers, strings, or units.
func (t *Thread) notEqual(l, r Value) (bool, *Error) {
	switch lk, rk := l.Kind(), r.Kind(); {
	case lk != rk && bothRanges(lk, rk), differ(l, r):
		return true, nil
	case lk != rk || lk == KindFn || lk == KindIterator:
		return false, operatorNotFound(syntax.OpNe, l, r)
	}
	equal, err := t.Equal(l, r)
	return !equal && err == nil, err
}

// Compare orders two values of the same kind for sorting: negative, 0 or positive. ok is false
// for kinds that have no order. Floats compare exactly; NaN equals everything.
func Compare(a, b Value) (order int, ok bool) {
	if a.Kind() != b.Kind() {
		return 0, false
	}
	switch a.Kind() {
	case KindInt, KindU8, KindChar, KindBool, KindTimestamp:
		return cmpInt(int64(a.bits), int64(b.bits)), true
	case KindFloat:
		switch x, y := a.AsFloat(), b.AsFloat(); {
		case x < y:
			return -1, true
		case x > y:
			return 1, true
		}
		return 0, true
	case KindString:
		return CompareText(a.AsString(), b.AsString()), true
	case KindUnit:
		return 0, true
	}
	return 0, false
}
