package vm

import (
	"math/bits"
	"slices"
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
	m.work += n
	if m.work < meterStep {
		return nil
	}
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

// RemoveAll returns the string v without find, which is not empty: v itself if that is nowhere.
func (m *Meter) RemoveAll(v Value, find string) (Value, *Error) {
	text := v.AsString()
	rest, b := Buffer(len(text), v.Chars())
	b, err := m.AppendReplaced(b[:0], text, find, "")
	if err != nil || len(b) == len(text) {
		return v, err
	}
	*textUsed(rest.ref) = uint32(len(b))
	found := (len(text) - len(b)) / len(find)
	return rest.Prefix(len(b), v.Chars()-found*countChars(find)), nil
}

// AppendReplaced appends text to b, which has room for it, with with for each find, which is not
// empty.
func (m *Meter) AppendReplaced(b []byte, text, find, with string) ([]byte, *Error) {
	f := m.Finder(text, find)
	for from := 0; ; from += len(find) {
		at, err := f.Next()
		if err == nil {
			err = m.Add(len(with))
		}
		if err != nil {
			return nil, err
		}
		if at < 0 {
			return PutText(b, text[from:]), nil
		}
		b = PutText(PutText(b, text[from:at]), with)
		from = at
	}
}

// A Finder finds a text in another again and again, from the front and without overlapping, as
// [Meter.Search] finds it once. What it has seen of the places behind one it keeps for the next.
type Finder struct {
	meter      *Meter
	text, find string
	at         int    // no place before is asked for
	word       int    // places before have been looked at
	found      uint64 // those of the last eight that may have it
	checked    int    // up to where words are looked at without a look at a block
	compared   int    // bytes, in vain
	counted    int    // bytes of text
}

// Finder makes one of find, which is not empty, in text.
func (m *Meter) Finder(text, find string) Finder {
	return Finder{meter: m, text: text, find: find, checked: nearby}
}

// Next returns the next place, -1 if there is none.
func (f *Finder) Next() (int, *Error) {
	n := len(f.find)
	first, last := f.find[0], f.find[n-1]
	firsts, lasts := uint64(first)*lowBits, uint64(last)*lowBits
	for {
		for f.found != 0 {
			at := f.word - wordSize + bits.TrailingZeros64(f.found)/8
			f.found &= f.found - 1
			if at < f.at {
				continue
			}
			same := commonPrefix(f.text[at:at+n], f.find)
			if same == n {
				f.at, f.checked = at+n, max(f.checked, at+n+nearby)
				return at, f.count(f.at)
			}
			f.compared += same
		}
		if f.word >= f.checked {
			f.word = skipPairs(f.text[:min(f.word+searchStep, len(f.text))], f.word, n-1, first, last)
			f.checked = f.word + textBlock
		}
		if f.word+wordSize+n-1 > len(f.text) || f.compared > 8*f.word+4096 {
			break
		}
		if f.word-f.counted >= searchStep {
			if err := f.count(f.word); err != nil {
				return -1, err
			}
		}
		f.found = zeros(wordAt(f.text, f.word)^firsts) & zeros(wordAt(f.text, f.word+n-1)^lasts)
		f.word += wordSize
	}
	from := max(f.at, f.word)
	if err := f.count(from); err != nil {
		return -1, err
	}
	at, err := f.meter.Search(f.text[from:], f.find)
	if at >= 0 {
		at += from
		f.at, f.word, f.counted = at+n, at+n, at+n
	}
	return at, err
}

// count counts the work up to a place.
func (f *Finder) count(to int) *Error {
	n := max(to-f.counted, 0)
	f.counted += n
	return f.meter.Add(n)
}
