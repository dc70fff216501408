package vm

import (
	"slices"
	"unsafe"
)

// A Meter counts operations for long work while it is done, so that it ends soon after an
// interrupt, and at the limit of operations, without being finished first.
type Meter struct {
	t    *Thread
	work int // bytes not counted yet
}

// meterStep is how many bytes are worked on between two looks at the interrupt word. In a
// sandbox a byte takes up to 100 ns, mapping the case of text that is not ASCII.
const meterStep = 8 << 10

// Meter makes a meter of work for t.
func (t *Thread) Meter() Meter { return Meter{t: t} }

// Add counts work on n bytes of text.
func (m *Meter) Add(n int) *Error {
	if m.work += n; m.work < meterStep {
		return nil
	}
	return m.charge()
}

// charge counts what is not counted yet.
func (m *Meter) charge() *Error {
	operations := m.work / bytesPerOperation
	m.work %= bytesPerOperation
	if err := m.t.Charge(int64(operations)); err != nil {
		return err
	}
	return m.t.Poll()
}

// AddEach counts work on n pieces of text, of size bytes each, as n calls of Add would.
func (m *Meter) AddEach(n, size int) *Error {
	for n > 0 {
		k := min(n, (meterStep-m.work+size-1)/size)
		if err := m.Add(k * size); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

// ChargeCompared counts comparing two texts of so many bytes, if they are long: short ones
// are part of the operation that compares them.
func (t *Thread) ChargeCompared(a, b int) *Error {
	const long = 1024
	if n := min(a, b); n >= long {
		return t.Charge(int64(n) / bytesPerOperation)
	}
	return nil
}

// ChargeText counts reading a text, such as a property's name, as ChargeCompared counts.
func (t *Thread) ChargeText(s string) *Error { return t.ChargeCompared(len(s), len(s)) }

// Order returns the same as m's [Map.Order], made so that it can be interrupted.
func (t *Thread) Order(m *Map) ([]uint32, *Error) {
	const large, pollEvery = 1024, 512
	if m.sorted != nil || len(m.entries) < large {
		return m.Order(), nil
	}
	order := make([]uint32, len(m.entries))
	for i := range order {
		order[i] = uint32(i)
	}
	var err *Error
	compared := 0
	slices.SortFunc(order, func(a, b uint32) int {
		if compared++; compared%pollEvery == 0 && err == nil {
			err = t.Poll()
		}
		if err != nil {
			return 0 // ends soon when all are equal
		}
		return CompareText(m.entries[a].key, m.entries[b].key)
	})
	if err == nil {
		m.sorted = order
	}
	return order, err
}

// searchStep is how many bytes are searched between two counts of the work.
const searchStep = 32 << 10

// Search returns where find first is in text, -1 if nowhere.
func (m *Meter) Search(text, find string) (at int, err *Error) {
	step := max(searchStep, len(find)) // places to look at
	for from := 0; ; from += step {
		end := min(from+step+len(find), len(text))
		if at = IndexText(text[from:end], find); at >= 0 {
			return from + at, m.Add(at + len(find))
		}
		if err := m.Add(end - from); err != nil || end == len(text) {
			return -1, err
		}
	}
}

// searchNear works as Search, where find is probably soon.
func (m *Meter) searchNear(text, find string) (at int, err *Error) {
	if len(text) > searchStep {
		return m.Search(text, find)
	}
	if at = IndexText(text, find); at >= 0 {
		return at, m.Add(at + len(find))
	}
	return -1, m.Add(len(text))
}

// Replace returns the string v with with for each find, which is not empty: v itself if that is
// nowhere.
func (m *Meter) Replace(v Value, find, with string) (Value, *Error) {
	text := v.AsString()
	at, err := m.Search(text, find)
	if err != nil || at < 0 {
		return v, err
	}
	if err := m.Add(len(text)); err != nil { // that it is copied
		return v, err
	}
	room := len(text)
	if len(with) > len(find) {
		room += room/4 + len(with)
	}
	ref := newText(0, room)
	b := unsafe.Slice(textData(ref), textRoom(ref))[:0]
	found := 0
	for ; at >= 0; found++ {
		if need := len(b) + len(text) - len(find) + len(with); need > cap(b) {
			if err := m.t.CheckString(int64(need)); err != nil {
				return v, err
			}
			ref = newText(0, need+need/2)
			b = PutText(unsafe.Slice(textData(ref), textRoom(ref))[:0], unsafe.String(unsafe.SliceData(b), len(b)))
		}
		b = PutText(PutText(b, text[:at]), with)
		text = text[at+len(find):]
		if err = m.Add(len(with)); err == nil {
			at, err = m.searchNear(text, find)
		}
		if err != nil {
			return v, err
		}
	}
	b = PutText(b, text)
	if err := m.t.CheckString(int64(len(b))); err != nil {
		return v, err
	}
	*textUsed(ref) = uint32(len(b))
	return textValue(ref, len(b), v.Chars()+found*(countChars(with)-countChars(find))), nil
}
