package vm

import (
	"slices"
	"unsafe"
)

// Copies of containers are made in steps, because they can be large.

// copyStep is how many bytes are copied between two looks at the interrupt word.
const copyStep = 64 << 10

// appendSteps appends more to to, which has room for it.
func appendSteps[T any](t *Thread, to, more []T) ([]T, *Error) {
	var item T
	step := int(copyStep / unsafe.Sizeof(item))
	for len(more) > step {
		if err := t.Poll(); err != nil {
			return nil, err
		}
		to = append(to, more[:step]...)
		more = more[step:]
	}
	return append(to, more...), nil
}

// grown returns items with room for n more.
func grown[T any](t *Thread, items []T, n int) ([]T, *Error) {
	need := len(items) + n
	if need <= cap(items) {
		return items, nil
	}
	// Like Go's append: many times one more takes a time proportional to how many.
	amortized := 2 * len(items)
	if len(items) >= 256 {
		amortized = len(items) + len(items)/4 + 192
	}
	return appendSteps(t, make([]T, 0, max(need, amortized)), items)
}

// AppendItems appends items that stay where they are, too, to those of an array.
func (t *Thread) AppendItems(to, more []Value) ([]Value, *Error) {
	to, err := grown(t, to, len(more))
	if err != nil {
		return nil, err
	}
	n := len(to)
	if to, err = appendSteps(t, to, more); err != nil {
		return nil, err
	}
	return to, t.shareAll(to[n:])
}

// Repeat appends v n times to the items of an array.
func (t *Thread) Repeat(to []Value, v Value, n int) ([]Value, *Error) {
	to, err := grown(t, to, n)
	v.Share()
	for i := 0; i < n && err == nil; i++ {
		if i%(copyStep/int(valueSize)) == 0 {
			err = t.Poll()
		}
		to = append(to, v)
	}
	return to, err
}

func (t *Thread) shareAll(items []Value) *Error {
	for i := range items {
		if i%(copyStep/int(valueSize)) == 0 {
			if err := t.Poll(); err != nil {
				return err
			}
		}
		items[i].Share()
	}
	return nil
}

// cloneMap returns a copy of m that shares its values' objects.
func (t *Thread) cloneMap(m *Map) (*Map, *Error) {
	// There is room for a few more: most copies are made to be added to.
	entries, err := appendSteps(t, make([]mapEntry, 0, len(m.entries)+len(m.entries)/4+1), m.entries)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		if i%(copyStep/int(unsafe.Sizeof(mapEntry{}))) == 0 {
			if err := t.Poll(); err != nil {
				return nil, err
			}
		}
		entries[i].value.Share()
	}
	c := &Map{entries: entries, sorted: m.sorted}
	if m.index != nil {
		c.index, err = appendSteps(t, make([]uint32, 0, len(m.index)), m.index)
	}
	return c, err
}

// ReverseItems works as [slices.Reverse]. It steps through memory by address: with an index
// each access would be checked.
func ReverseItems(items []Value) {
	if len(items) < 2 {
		return
	}
	first, last := unsafe.Pointer(&items[0]), unsafe.Pointer(&items[len(items)-1])
	for range len(items) / 2 {
		a, b := (*Value)(first), (*Value)(last)
		*a, *b = *b, *a
		first, last = unsafe.Add(first, valueSize), unsafe.Add(last, -int(valueSize))
	}
}

// SetBytes sets items to the integers that the first bytes of data are, see ReverseItems.
func SetBytes(items []Value, data []byte) {
	data = data[:len(items)]
	to, from := unsafe.Pointer(unsafe.SliceData(items)), unsafe.Pointer(unsafe.SliceData(data))
	for i := range items {
		*(*Value)(to) = Int(int64(byteAt(from, i)))
		to = unsafe.Add(to, valueSize)
	}
}

// Own makes the object of *v one that may be changed: if it is shared, *v gets a copy. The
// copy is counted.
func (t *Thread) Own(v *Value) *Error {
	bytes := 0
	switch v.Kind() {
	case KindArray:
		a := v.AsArray()
		if !a.shared {
			return nil
		}
		bytes = len(a.Items) * int(valueSize)
	case KindMap:
		m := v.AsMap()
		if !m.shared {
			return nil
		}
		bytes = m.Len() * int(unsafe.Sizeof(mapEntry{}))
	case KindBlob:
		b := v.AsBlob()
		if !b.shared {
			return nil
		}
		bytes = len(b.Data)
	default:
		return nil
	}
	if err := t.Charge(int64(bytes) / bytesPerOperation); err != nil {
		return err
	}
	var err *Error
	switch v.Kind() {
	case KindArray:
		a := &Array{}
		items := v.AsArray().Items
		if a.Items, err = t.AppendItems(make([]Value, 0, len(items)+len(items)/4+1), items); err == nil {
			v.ref = unsafe.Pointer(a)
		}
	case KindMap:
		var m *Map
		if m, err = t.cloneMap(v.AsMap()); err == nil {
			v.ref = unsafe.Pointer(m)
		}
	case KindBlob:
		v.ref = unsafe.Pointer(&Blob{Data: slices.Clone(v.AsBlob().Data)})
	}
	return err
}
