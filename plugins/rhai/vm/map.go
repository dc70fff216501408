package vm

import "slices"

// Map is the object of a map value: properties by name. Properties are kept in
// the order of insertion with a hash index beside them once there are more than
// a few; their order by name, in which scripts see them, is made when asked for and
// kept until a property is added or removed.
type Map struct {
	entries []mapEntry
	index   []uint32 // open addressing, entry number + 1; nil while small; a power of two long
	sorted  []uint32 // entry numbers by name; nil: not made yet
	shared  bool
}

type mapEntry struct {
	key   string
	hash  uint32
	value Value
}

// mapSmall is how many properties are found faster one by one than by hash.
const mapSmall = 8

// NewMap makes an empty map with room for n properties.
func NewMap(n int) *Map {
	m := &Map{}
	if n > 0 {
		m.entries = make([]mapEntry, 0, n)
	}
	if n > mapSmall {
		m.rehash(n)
	}
	return m
}

// hashLong is the length from which names are hashed eight bytes at a time.
const hashLong = 64

func hashString(s string) uint32 { // FNV-1a
	h := uint32(2166136261)
	i := 0
	if len(s) >= hashLong {
		long := uint64(len(s))
		for ; i+wordSize <= len(s); i += wordSize {
			long = (long ^ wordAt(s, i)) * 0x9e3779b97f4a7c15
			long ^= long >> 32
		}
		h ^= uint32(long)
	}
	for ; i < len(s); i++ {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h ^ h>>15
}

// Len returns the number of properties.
func (m *Map) Len() int { return len(m.entries) }

func (m *Map) rehash(room int) {
	size := 16
	for size*3 < room*4 {
		size *= 2
	}
	m.index = make([]uint32, size)
	for i := range m.entries {
		m.link(i)
	}
}

func (m *Map) link(i int) {
	mask := uint32(len(m.index) - 1)
	at := m.entries[i].hash & mask
	for m.index[at] != 0 {
		at = (at + 1) & mask
	}
	m.index[at] = uint32(i + 1)
}

// find returns the number of the entry of key, -1 when there is none.
func (m *Map) find(key string, hash uint32) int {
	if m.index == nil {
		for i := range m.entries {
			if e := &m.entries[i]; e.hash == hash && EqualText(e.key, key) {
				return i
			}
		}
		return -1
	}
	mask := uint32(len(m.index) - 1)
	for at := hash & mask; m.index[at] != 0; at = (at + 1) & mask {
		i := int(m.index[at] - 1)
		if e := &m.entries[i]; e.hash == hash && EqualText(e.key, key) {
			return i
		}
	}
	return -1
}

// Get returns the value of a property; ok is false when there is none.
func (m *Map) Get(key string) (v Value, ok bool) {
	if i := m.find(key, hashString(key)); i >= 0 {
		return m.entries[i].value, true
	}
	return Value{}, false
}

// At returns the place of a property's value, nil when there is none. It is valid until
// a property is added or removed.
func (m *Map) At(key string) *Value { return m.at(key, hashString(key)) }

func (m *Map) at(key string, hash uint32) *Value {
	if i := m.find(key, hash); i >= 0 {
		return &m.entries[i].value
	}
	return nil
}

// Set gives a property a value. The map must not be shared: see [Thread.Own].
func (m *Map) Set(key string, v Value) { m.set(key, hashString(key), v) }

func (m *Map) set(key string, hash uint32, v Value) {
	if i := m.find(key, hash); i >= 0 {
		m.entries[i].value = v
		return
	}
	m.add(key, hash, v)
}

// add works as set, for a property that there is not yet.
func (m *Map) add(key string, hash uint32, v Value) {
	m.sorted = nil
	m.entries = append(m.entries, mapEntry{key, hash, v})
	switch n := len(m.entries); {
	case m.index != nil && n*4 <= len(m.index)*3:
		m.link(n - 1)
	case n > mapSmall:
		m.rehash(n * 2)
	}
}

// Delete removes a property and returns its value; ok is false when there was
// none. The map must not be shared.
func (m *Map) Delete(key string) (v Value, ok bool) {
	i := m.find(key, hashString(key))
	if i < 0 {
		return Value{}, false
	}
	v = m.entries[i].value
	last := len(m.entries) - 1
	if m.index != nil {
		m.unlink(i)
		if i != last {
			m.unlink(last)
		}
	}
	m.entries[i] = m.entries[last]
	m.entries[last] = mapEntry{}
	m.entries = m.entries[:last]
	if m.index != nil && i != last {
		m.link(i)
	}
	m.sorted = nil
	return v, true
}

// unlink takes entry i out of the index, moving up those that were placed
// behind it.
func (m *Map) unlink(i int) {
	mask := uint32(len(m.index) - 1)
	at := m.entries[i].hash & mask
	for m.index[at] != uint32(i+1) {
		at = (at + 1) & mask
	}
	for next := (at + 1) & mask; m.index[next] != 0; next = (next + 1) & mask {
		home := m.entries[m.index[next]-1].hash & mask
		if (next-home)&mask >= (next-at)&mask {
			m.index[at] = m.index[next]
			at = next
		}
	}
	m.index[at] = 0
}

// Order returns the numbers of the properties in the order of their names, for use with
// [Map.Entry]. It must not be changed and is valid until a property is added or removed.
func (m *Map) Order() []uint32 {
	if m.sorted == nil && len(m.entries) > 0 {
		m.sorted = make([]uint32, len(m.entries))
		for i := range m.sorted {
			m.sorted[i] = uint32(i)
		}
		slices.SortFunc(m.sorted, func(a, b uint32) int {
			return CompareText(m.entries[a].key, m.entries[b].key)
		})
	}
	return m.sorted
}

// Entry returns the name of the property with the given number, and the place of its value.
func (m *Map) Entry(number uint32) (string, *Value) {
	e := &m.entries[number]
	return e.key, &e.value
}
