package vm

import "unsafe"

// proxy stands for a part of a value that has no place of its own: a character or slice
// of a string, bits of an integer, a byte of a blob. Its value comes first, so that
// a pointer to it is a pointer to the value.
type proxy struct {
	value Value
	was   Value  // value when made
	of    *Value // what it is a part of; nil: not to be written back
	key   Value  // the index; of a property its name
	named bool   // it is a property

	touched bool // a function that may have changed it has been called
}

// detach makes v, if it is a part of a string, an integer or a blob, one of its own: what a
// script function makes of such a this is lost.
func (v Value) detach() {
	if v.Kind() == kindProxy {
		v.asProxy().of = nil
	}
}

// resolve turns an index that may count from the end into one from the start;
// ok is false when it is out of bounds.
func resolve(index int64, length int) (int, bool) {
	if index < 0 {
		index += int64(length)
	}
	return int(index), index >= 0 && index < int64(length)
}

// rawTypeName returns the name of a type in some errors, where Rhai shows Rust's names for
// ranges and iterators.
func rawTypeName(v Value) string {
	switch v.Kind() {
	case KindRange:
		return "core::ops::range::Range<i64>"
	case KindRangeInclusive:
		return "core::ops::range::RangeInclusive<i64>"
	case KindIterator:
		return v.AsIterator().Type
	}
	return v.TypeName()
}

// getIndex returns base[key].
func (t *Thread) getIndex(base *Value, key Value) (Value, *Error) {
	switch base.Kind() {
	case KindArray:
		if key.Kind() != KindInt {
			return Unit, MismatchError("i64", rawTypeName(key))
		}
		items := base.AsArray().Items
		i, ok := resolve(key.AsInt(), len(items))
		if !ok {
			return Unit, ArrayBoundsError(len(items), key.AsInt())
		}
		return items[i], nil
	case KindMap:
		if key.Kind() != KindString {
			return Unit, MismatchError("string", rawTypeName(key))
		}
		if err := t.ChargeText(key.AsString()); err != nil {
			return Unit, err
		}
		v, _ := base.AsMap().Get(key.AsString())
		return v, nil
	case KindBlob:
		if key.Kind() != KindInt {
			return Unit, MismatchError("i64", rawTypeName(key))
		}
		data := base.AsBlob().Data
		i, ok := resolve(key.AsInt(), len(data))
		if !ok {
			return Unit, ArrayBoundsError(len(data), key.AsInt())
		}
		return Int(int64(data[i])), nil
	case KindString:
		switch key.Kind() {
		case KindInt:
			i, ok := resolve(key.AsInt(), base.Chars())
			if !ok {
				return Unit, StringBoundsError(base.Chars(), key.AsInt())
			}
			if err := t.chargeChars(*base, i); err != nil {
				return Unit, err
			}
			return Char(t.CharAt(*base, i)), nil
		case KindRange, KindRangeInclusive:
			start, n, err := stringRange(*base, key)
			if err != nil {
				return Unit, err
			}
			if err := t.chargeChars(*base, start+n); err != nil {
				return Unit, err
			}
			return t.Slice(*base, start, n), t.Charge(int64(n) / bytesPerOperation)
		}
		return Unit, MismatchError("i64", rawTypeName(key))
	case KindInt:
		shift, mask, err := bitRange(key)
		if err != nil {
			return Unit, err
		}
		bits := base.AsInt() & mask
		if key.Kind() == KindInt {
			return Bool(bits != 0), nil
		}
		return Int(bits >> shift), nil
	}
	return Unit, noIndexer(base, key, nil)
}

// noIndexer returns the error of base[key], or base[key] = *v, on a type that has no elements.
func noIndexer(base *Value, key Value, v *Value) *Error {
	text := base.TypeName() + " [" + key.TypeName() + "]"
	if v != nil {
		text += " = " + v.TypeName()
	}
	e := newError(ErrorIndexingType, "Indexer unavailable: "+text, Field{"type", String(text)})
	e.place = placeBracket
	return e
}

// stringBounds returns the bounds of a range of characters, counted from the start of s.
func stringBounds(s, key Value) (from, to int64, err *Error) {
	r, length := key.AsRange(), int64(s.Chars())
	from, to = r.From, r.To
	if from < 0 {
		if from += length; from < 0 {
			return 0, 0, StringBoundsError(int(length), r.From)
		}
	}
	if to < 0 {
		to = max(to+length, 0)
	}
	return from, to, nil
}

// chargeChars charges for finding a character: in text that is not ASCII those before it
// are counted.
func (t *Thread) chargeChars(s Value, index int) *Error {
	if s.IsASCII() {
		return nil
	}
	return t.Charge(int64(index) / 16)
}

// stringRange returns the part of s that a range selects, in characters, cut to what there is.
func stringRange(s, key Value) (start, n int, err *Error) {
	length := int64(s.Chars())
	if length == 0 {
		return 0, 0, nil
	}
	from, to, err := stringBounds(s, key)
	if err != nil {
		return 0, 0, err
	}
	if key.Kind() == KindRangeInclusive {
		if to <= from && !(from == 0 && to >= length-1) {
			// Rhai takes nothing unless the end lies behind the start.
			return int(min(from, length)), 0, nil
		}
		to = min(to, length) + 1
	}
	from, to = min(from, length), min(to, length)
	return int(from), int(max(to-from, 0)), nil
}

// bitRange returns the bits of an integer that an index or range selects.
func bitRange(key Value) (shift uint, mask int64, err *Error) {
	switch key.Kind() {
	case KindInt:
		i, ok := resolve(key.AsInt(), 64)
		if !ok {
			return 0, 0, BitFieldBoundsError(key.AsInt())
		}
		return uint(i), 1 << uint(i), nil
	case KindRange, KindRangeInclusive:
		r := key.AsRange()
		end := r.To
		if key.Kind() == KindRangeInclusive {
			if end == 1<<63-1 {
				end = 63
			}
			if r.From < 0 || r.From > 63 {
				return 0, 0, BitFieldBoundsError(r.From)
			}
			if end < 0 || end > 63 {
				return 0, 0, BitFieldBoundsError(end)
			}
			end++
		} else {
			if end == 1<<63-1 {
				end = 64
			}
			if r.From < 0 || r.From > 63 {
				return 0, 0, BitFieldBoundsError(r.From)
			}
			if end < 0 || end > 64 {
				return 0, 0, BitFieldBoundsError(end)
			}
		}
		switch {
		case end <= r.From:
			return 0, 0, nil
		case end-r.From == 64:
			return 0, -1, nil
		}
		return uint(r.From), int64(uint64(1)<<uint(end-r.From)-1) << uint(r.From), nil
	}
	return 0, 0, MismatchError("i64", rawTypeName(key))
}

// setIndex does base[key] = v.
func (t *Thread) setIndex(base *Value, key, v Value) *Error {
	switch base.Kind() {
	case KindArray:
		if key.Kind() != KindInt {
			return MismatchError("i64", rawTypeName(key))
		}
		if err := t.Own(base); err != nil {
			return err
		}
		arr := base.AsArray()
		i, ok := resolve(key.AsInt(), len(arr.Items))
		if !ok {
			return ArrayBoundsError(len(arr.Items), key.AsInt())
		}
		arr.Items[i] = v
		return nil
	case KindMap:
		if key.Kind() != KindString {
			return MismatchError("string", rawTypeName(key))
		}
		return t.setKey(base, key.AsString(), v)
	case KindBlob:
		if key.Kind() != KindInt {
			return MismatchError("i64", rawTypeName(key))
		}
		if err := t.Own(base); err != nil {
			return err
		}
		b := base.AsBlob()
		i, ok := resolve(key.AsInt(), len(b.Data))
		if !ok {
			return ArrayBoundsError(len(b.Data), key.AsInt())
		}
		if v.Kind() != KindInt {
			return assignMismatch("INT", v)
		}
		b.Data[i] = byte(v.AsInt())
		return nil
	case KindString:
		return t.setText(base, key, v)
	case KindInt:
		shift, mask, err := bitRange(key)
		if err != nil {
			return err
		}
		n := base.AsInt()
		if key.Kind() == KindInt {
			if v.Kind() != KindBool {
				return assignMismatch("bool", v)
			}
			n &^= mask
			if v.AsBool() {
				n |= mask
			}
		} else {
			if v.Kind() != KindInt {
				return assignMismatch("integer", v)
			}
			n = n&^mask | v.AsInt()<<shift&mask
		}
		base.bits = uint64(n)
		return nil
	}
	return noIndexer(base, key, &v)
}

func (t *Thread) setKey(base *Value, key string, v Value) *Error {
	if err := t.ChargeText(key); err != nil {
		return err
	}
	if err := t.Own(base); err != nil {
		return err
	}
	m := base.AsMap()
	hash := hashString(key)
	if at := m.at(key, hash); at != nil {
		*at = v
		return nil
	}
	if err := t.CheckMap(int64(m.Len()) + 1); err != nil {
		return err
	}
	m.add(key, hash, v)
	return nil
}

func assignMismatch(requested string, v Value) *Error {
	e := MismatchError(requested, rawTypeName(v))
	e.place = placeAssign
	return e
}

// setText replaces a character or a slice of a string.
func (t *Thread) setText(base *Value, key, v Value) *Error {
	s := base.AsString()
	// Characters before and after what is replaced. They overlap when the range runs backwards.
	var head, tail int
	var with string
	switch key.Kind() {
	case KindInt:
		i, ok := resolve(key.AsInt(), base.Chars())
		if !ok {
			return StringBoundsError(base.Chars(), key.AsInt())
		}
		if v.Kind() != KindChar {
			return assignMismatch("char", v)
		}
		if key.AsInt() < 0 {
			// Rhai counts from the end to read, but from the start to write.
			if i = int(-key.AsInt()); i >= base.Chars() {
				return nil
			}
		}
		head, tail, with = i, i+1, string(v.AsChar())
	case KindRange, KindRangeInclusive:
		if n := int64(base.Chars()); n > 0 {
			from, to, err := stringBounds(*base, key)
			if err != nil {
				return err
			}
			head, tail = int(min(from, n)), int(min(to, n))
			if key.Kind() == KindRangeInclusive {
				tail = int(min(to, n-1)) + 1
			}
		}
		var err *Error
		if with, err = t.rawDisplay(v); err != nil {
			return err
		}
	default:
		return MismatchError("i64", rawTypeName(key))
	}
	from, to := ByteOffset(s, head), ByteOffset(s, tail)
	if err := t.CheckString(int64(from+len(with)) + int64(len(s)-to)); err != nil {
		return err
	}
	if err := t.Charge(int64(len(s)/64 + 1)); err != nil {
		return err
	}
	chars := head + countChars(with) + base.Chars() - tail
	meta := base.meta
	*base = stringOf(s[:from]+with+s[to:], chars)
	base.meta = meta
	return nil
}

// has reports whether a container has an element or property.
func has(base *Value, key Value) bool {
	switch base.Kind() {
	case KindArray:
		if key.Kind() == KindInt {
			_, ok := resolve(key.AsInt(), len(base.AsArray().Items))
			return ok
		}
	case KindMap:
		if key.Kind() == KindString {
			_, ok := base.AsMap().Get(key.AsString())
			return ok
		}
	}
	return false
}

func makeRef(v *Value) Value { return Value{meta: uint32(kindRef), ref: unsafe.Pointer(v)} }

// refIndex returns a reference to base[key].
func (t *Thread) refIndex(base *Value, key Value, flags uint16) (Value, *Error) {
	switch base.Kind() {
	case KindArray:
		if key.Kind() != KindInt {
			return Unit, MismatchError("i64", rawTypeName(key))
		}
		arr := base.AsArray()
		if flags&RefReadOnly == 0 {
			if err := t.Own(base); err != nil {
				return Unit, err
			}
			arr = base.AsArray()
		}
		i, ok := resolve(key.AsInt(), len(arr.Items))
		if !ok {
			return Unit, ArrayBoundsError(len(arr.Items), key.AsInt())
		}
		return makeRef(&arr.Items[i]), nil
	case KindMap:
		if key.Kind() != KindString {
			return Unit, MismatchError("string", rawTypeName(key))
		}
		return t.refKey(base, key.AsString(), flags)
	}
	v, err := t.getIndex(base, key)
	if err != nil {
		return Unit, err
	}
	p := &proxy{value: v, was: v, of: base, key: key}
	return Value{meta: uint32(kindProxy), ref: unsafe.Pointer(p)}, nil
}

func (t *Thread) refKey(base *Value, key string, flags uint16) (Value, *Error) {
	if err := t.ChargeText(key); err != nil {
		return Unit, err
	}
	m := base.AsMap()
	if flags&RefReadOnly == 0 {
		if err := t.Own(base); err != nil {
			return Unit, err
		}
		m = base.AsMap()
	}
	at := m.At(key)
	if at == nil {
		if flags&RefCreate == 0 {
			// A () that is no part of the map, nor constant where the map is.
			return Value{meta: uint32(kindProxy), ref: unsafe.Pointer(&proxy{})}, nil
		}
		if err := t.setKey(base, key, Unit); err != nil {
			return Unit, err
		}
		at = base.AsMap().At(key)
	}
	return makeRef(at), nil
}

// writeBack stores a part that may have changed into what it is a part of, unless that is
// not to be. assigned: it was assigned to.
func (p *proxy) writeBack(t *Thread, assigned bool) *Error {
	if p.of == nil {
		return nil
	}
	if !assigned && !p.touched && p.value.meta == p.was.meta && p.value.bits == p.was.bits && (p.value.meta < uint32(KindString) || p.value.ref == p.was.ref) {
		return nil
	}
	if p.named {
		err := t.setProperty(p.of, p.key.AsString(), p.value)
		if err != nil && err.Variant == ErrorDotExpr && !assigned {
			return nil // it can only be read
		}
		return err
	}
	return t.setIndex(p.of, p.key, p.value)
}

// getProperty returns base.name on anything.
func (t *Thread) getProperty(base *Value, name string) (Value, *Error) {
	if base.Kind() == KindMap {
		v, _ := base.AsMap().Get(name)
		return v, nil
	}
	args := []Value{*base}
	if n := pick(t.program.Native.getters.get(name), args); n != nil {
		return n.Func(t, args)
	}
	text := "Unknown property '" + name + "' - a getter is not registered for type '" + base.TypeName() + "'"
	return Unit, newError(ErrorDotExpr, text, Field{"property", String(text)})
}

// setProperty does base.name = v on anything.
func (t *Thread) setProperty(base *Value, name string, v Value) *Error {
	if base.Kind() == KindMap {
		return t.setKey(base, name, v)
	}
	args := []Value{*base, v}
	if n := pick(t.program.Native.setters.get(name), args); n != nil {
		_, err := n.Func(t, args)
		*base = args[0]
		return err
	}
	text := "No writable property '" + name + "' - a setter is not registered for type '" + base.TypeName() + "' to handle '" + v.TypeName() + "'"
	return newError(ErrorDotExpr, text, Field{"property", String(text)})
}

// refProperty returns a reference to base.name.
func (t *Thread) refProperty(base *Value, name string, flags uint16) (Value, *Error) {
	if base.Kind() == KindMap {
		return t.refKey(base, name, flags)
	}
	v, err := t.getProperty(base, name)
	if err != nil {
		return Unit, err
	}
	p := &proxy{value: v, was: v, of: base, key: String(name), named: true}
	return Value{meta: uint32(kindProxy), ref: unsafe.Pointer(p)}, nil
}

// guardProperty refuses to set a property of a constant, unless it is a map that gets a
// new one.
func (t *Thread) guardProperty(base *Value, name Value, constant string) *Error {
	if has(base, name) {
		return constantError(constant)
	}
	if base.Kind() != KindMap && len(t.program.Native.setters.get(name.AsString())) > 0 {
		e := newError(ErrorNonPureMethodOnConst, "Cannot modify property '"+name.AsString()+"' of constant", Field{"function", name})
		e.place = placeBracket
		return e
	}
	return nil
}

// in does "item in container", for which the function contains is called.
func (t *Thread) in(f *frame, a *Value, item, container Value, dst uint16) *Error {
	if fn := f.function("contains", 2); fn != nil {
		if err := t.Charge(int64(fn.Weight)); err != nil {
			return err
		}
		callee := t.top()
		callee.fn, callee.env, callee.dst = fn, t.environment(f, fn.Program, nil), dst
		return t.push(callee, t.place(&callee, nil, []Value{container, item}))
	}
	if container.Kind() == KindMap && item.Kind() == KindString {
		if err := t.ChargeText(item.AsString()); err != nil {
			return err
		}
		_, ok := container.AsMap().Get(item.AsString())
		*a = Bool(ok)
		return nil
	}
	v, err := t.callNative(&Site{Name: "contains", Natives: t.program.Native.functions.get("contains")}, []Value{container, item})
	if err == nil {
		*a = v
	}
	return err
}
