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
	buf := t.Scratch()
	for _, p := range parts {
		switch p.Kind() {
		case KindString:
			text := p.AsString()
			if err := t.Charge(int64(len(text)) / bytesPerOperation); err != nil {
				return Unit, err
			}
			buf = AppendText(buf, text)
		case KindInt:
			buf = AppendInt(buf, p.AsInt())
		default:
			var err *Error
			if buf, err = t.AppendDisplay(buf, p); err != nil {
				return Unit, err
			}
		}
		if err := t.CheckString(int64(len(buf))); err != nil {
			return Unit, err
		}
	}
	return t.Made(buf), nil
}
