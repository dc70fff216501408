package vm

import (
	"math"
	"unicode/utf8"
	"unsafe"
)

// iterState is the object of an iteration in progress over an Iterator.
type iterState struct {
	next func() (Value, bool)
}

// iterInit makes a[0] and a[1] an iteration over subject: a[0] is the
// container, a[1] what comes next. A range is iterated as two integers.
func (t *Thread) iterInit(a *Value, subject Value) *Error {
	next := reg(unsafe.Pointer(a), 1)
	switch subject.Kind() {
	case KindArray, KindBlob:
		*a, *next = subject.Share(), Int(0)
	case KindString:
		*a, *next = subject, Int(0)
	case KindRange, KindRangeInclusive:
		r := subject.AsRange()
		*a, *next = Int(r.From), Int(r.To)
		return t.prepareRange(a, subject.Kind() == KindRangeInclusive)
	case KindIterator:
		s := &iterState{next: subject.AsIterator().Start()}
		*a = subject
		*next = Value{meta: uint32(kindRef), ref: unsafe.Pointer(s)}
	default:
		return newError(ErrorFor, "For loop expects iterable type")
	}
	return nil
}

// prepareRange makes a[0] and a[1], the bounds of a range, the next value and the
// first one not to be reached.
func (t *Thread) prepareRange(a *Value, inclusive bool) *Error {
	end := reg(unsafe.Pointer(a), 1)
	first, last, err := bounds(*a, *end, inclusive)
	if err != nil {
		return err
	}
	*a, *end = Int(first), Int(last)
	switch {
	case a.AsInt() > end.AsInt():
		end.bits = a.bits
	case inclusive:
		end.bits++ // may wrap around: the loop compares for equality
	}
	return nil
}

// bounds returns those of a range from..to, where () is an open end.
func bounds(from, to Value, inclusive bool) (first, last int64, err *Error) {
	first, last = from.AsInt(), to.AsInt()
	switch {
	case from.Kind() == KindInt && to.Kind() == KindInt:
	case from.Kind() == KindInt && to.Kind() == KindUnit:
		last = math.MaxInt64
	case from.Kind() == KindUnit && to.Kind() == KindInt:
		first = 0
	default:
		return 0, 0, rangeNotFound(from, to, inclusive)
	}
	return first, last, nil
}

func rangeNotFound(from, to Value, inclusive bool) *Error {
	name := ".."
	if inclusive {
		name = "..="
	}
	return FunctionNotFoundError(Signature(name, []Value{from, to}))
}

// iterNext puts the next item into a[2]; false when there is none.
func (t *Thread) iterNext(a *Value) (bool, *Error) {
	next, item := reg(unsafe.Pointer(a), 1), reg(unsafe.Pointer(a), 2)
	switch a.Kind() {
	case KindInt:
		if a.bits == next.bits {
			return false, nil
		}
		*item = Int(a.AsInt())
		a.bits++
	case KindArray:
		items := a.AsArray().Items
		if next.bits >= uint64(len(items)) {
			return false, nil
		}
		*item = items[int(next.bits)].Share()
		next.bits++
	case KindBlob:
		data := a.AsBlob().Data
		if next.bits >= uint64(len(data)) {
			return false, nil
		}
		*item = U8(data[int(next.bits)])
		next.bits++
	case KindString:
		s := a.AsString()[int(next.bits):]
		if s == "" {
			return false, nil
		}
		r, n := utf8.DecodeRuneInString(s)
		*item = Char(r)
		next.bits += uint64(n)
	case KindIterator:
		v, ok := (*iterState)(next.ref).next()
		if !ok {
			return false, nil
		}
		*item = v.Share()
	}
	return true, nil
}

// interpolate returns the text of an interpolated string's parts.
func (t *Thread) interpolate(parts []Value) (Value, *Error) {
	buf := make([]byte, 0, 64)
	for _, p := range parts {
		if p.Kind() == KindString {
			text := p.AsString()
			if err := t.Charge(int64(len(text)) / bytesPerOperation); err != nil {
				return Unit, err
			}
			buf = append(buf, text...)
		} else {
			var err *Error
			if buf, err = t.AppendDisplay(buf, p); err != nil {
				return Unit, err
			}
		}
		if err := t.CheckString(int64(len(buf))); err != nil {
			return Unit, err
		}
	}
	return String(unsafe.String(unsafe.SliceData(buf), len(buf))), nil
}

// find returns where the switch goes for v.
func (s *Switch) find(v Value) (int32, bool) {
	switch v.Kind() {
	case KindInt:
		if s.ints != nil {
			at, ok := s.ints[v.AsInt()]
			return at, ok
		}
	case KindString:
		if s.strings != nil {
			at, ok := s.strings[v.AsString()]
			return at, ok
		}
	}
	for i := range s.Values {
		if same(s.Values[i], v) {
			return s.Targets[i], true
		}
	}
	return 0, false
}

// index makes look-up fast in a switch with many cases.
func (s *Switch) index() {
	for i, v := range s.Values {
		switch v.Kind() {
		case KindInt:
			if s.ints == nil {
				s.ints = map[int64]int32{}
			}
			if _, ok := s.ints[v.AsInt()]; !ok {
				s.ints[v.AsInt()] = s.Targets[i]
			}
		case KindString:
			if s.strings == nil {
				s.strings = map[string]int32{}
			}
			if _, ok := s.strings[v.AsString()]; !ok {
				s.strings[v.AsString()] = s.Targets[i]
			}
		}
	}
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
