package heap

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// Test heaps have their roots in the words [rootsAt, rootsAt+4*rootCount) and
// bitmaps of large layouts below; the arena begins at base, above.
const (
	rootsAt   = 4096
	rootCount = 512
)

const (
	layoutPointers = 1<<layoutMask | 1<<layoutSize | 1       // an array of pointers
	layoutValues   = 0b0010<<layoutMask | 4<<layoutSize | 1  // 16 bytes, the second word a pointer
	layoutBig      = 64                                      // in memory: 40 words, pointers first and last
	layoutString   = 0b01<<layoutMask | 2<<layoutSize | 1    // pointer, length
	layoutHuge     = 0b10000<<layoutMask | 5<<layoutSize | 1 // pointer in the last of 5 words
)

func newHeap(t testing.TB, size int) *Heap {
	t.Helper()
	h := &Heap{memory: make([]byte, 0, size)}
	h.memory.extend(base)
	binary.LittleEndian.PutUint32(h.memory[layoutBig:], 40)
	copy(h.memory[layoutBig+4:], []byte{1, 0, 0, 0, 0x80})
	h.start(address(size), func(h *Heap) { h.markRange(rootsAt, rootCount) })
	return h
}

func (h *Heap) load(a address) uint32     { return binary.LittleEndian.Uint32(h.memory[a:]) }
func (h *Heap) store(a address, v uint32) { binary.LittleEndian.PutUint32(h.memory[a:], v) }
func (h *Heap) root(i int) address        { return address(rootsAt + 4*i) }

// grant allocates as the guest does: collecting before, when that is due.
func (h *Heap) grant(size, layout uint32) address {
	if h.due != 0 {
		h.collect(nil)
	}
	return h.allocate(size, layout)
}

// check verifies what must hold between operations: every object lies in lines
// in use, no two overlap, and every byte of each finds its way back to the start.
func (h *Heap) check(t testing.TB) {
	t.Helper()
	if (h.top-base)%lineSize != 0 {
		t.Fatalf("the arena ends at %#x, in the middle of a line", h.top)
	}
	var end address
	for line := range h.lines() {
		for g := range uint32(16) {
			if *h.startBits(line)>>g&1 == 0 {
				continue
			}
			a := base + address(line<<lineShift+g<<granuleShift)
			n := address(h.load(a + 4))
			if a < end {
				t.Fatalf("object at %#x overlaps the one before, which ends at %#x", a, end)
			}
			end = a + n
			if end > h.top {
				t.Fatalf("object at %#x of %d bytes passes the arena's end %#x", a, n, h.top)
			}
			for p := a; p < end; p += max(granule, n/64) {
				if got := h.object(p); got != a {
					t.Fatalf("object(%#x) = %#x, want %#x (%d bytes)", p, got, a, n)
				}
			}
			for i := uint32(a-base) >> lineShift; i <= uint32(end-1-base)>>lineShift; i++ {
				if s := *h.state(i); s == stateFree || s >= stateTables {
					t.Fatalf("object at %#x of %d bytes touches line %d in state %#x", a, n, i, s)
				}
			}
		}
	}
}

// TestGrowsEnough allocates what is about as large as the arena, so that the tables of
// what it grows by count.
func TestGrowsEnough(t *testing.T) {
	for first := uint32(1 << 20); first < 24<<20; first += 1<<20 + 77777 {
		h := newHeap(t, 256<<20)
		for _, size := range []uint32{first, 3 * first / 2, 16 << 20, 2*first + 1} {
			before := h.top
			h.grant(size, layoutNoPointers)
			if h.stats.Collections > 0 && h.top == before {
				break // it made room otherwise
			}
		}
		h.check(t)
	}
}

func TestAllocate(t *testing.T) {
	h := newHeap(t, 64<<20)
	seen := map[address]uint32{}
	for _, size := range []uint32{1, 7, 8, 9, 16, 100, 120, 121, 128, 129, 1000, 8192, 8193, 1 << 20, 3<<20 + 5, 1, 200} {
		a := h.allocate(size, layoutNoPointers)
		if a%8 != 0 {
			t.Errorf("allocate(%d) = %#x, not aligned to 8", size, a)
		}
		for i := range address(size) {
			if h.memory[a+i] != 0 {
				t.Fatalf("allocate(%d): byte %d is %#x, want 0", size, i, h.memory[a+i])
			}
			h.memory[a+i] = 0xff
		}
		seen[a] = size
		h.check(t)
	}
	for a, size := range seen {
		if got := h.load(a-4) - headerSize; got < size || got >= size+granule {
			t.Errorf("object at %#x has room for %d bytes, want %d rounded up to 8", a, got, size)
		}
	}
}

// TestStoppedCollection stops collections after any number of questions: nothing is lost by that,
// and the next one frees what is garbage.
func TestStoppedCollection(t *testing.T) {
	h := newHeap(t, 64<<20)
	list := address(0)
	for i := range uint32(20_000) {
		cell := h.allocate(16, layoutValues)
		h.store(cell, i)
		h.store(cell+4, uint32(list))
		list = cell
		h.allocate(1000, layoutNoPointers) // garbage
	}
	h.store(h.root(0), uint32(list))
	for questions := 0; ; questions += 1 + questions/2 {
		asked := 0
		h.collect(func() bool { asked++; return asked > questions })
		h.check(t)
		n := uint32(20_000)
		for at := list; at != 0; at = address(h.load(at + 4)) {
			if n--; h.load(at) != n {
				t.Fatalf("stopped after %d questions: element %d is %d", questions, n, h.load(at))
			}
		}
		if n != 0 {
			t.Fatalf("stopped after %d questions: %d elements are lost", questions, n)
		}
		if !h.stopped {
			if questions < 2 {
				t.Errorf("%d questions were asked, want more", questions)
			}
			break
		}
		if h.stats.Collections != 0 {
			t.Fatal("a collection that was stopped counts")
		}
	}
	if live := h.stats.Live; h.stats.Collections != 1 || live > 500*20_000 {
		t.Errorf("%d bytes live after %d collections", live, h.stats.Collections)
	}
	for at := h.top; at < address(len(h.memory)); at++ {
		if h.memory[at] != 0 {
			t.Fatalf("%#x above the arena is %#x, want 0", at, h.memory[at])
		}
	}
}

// TestKeepsWhatIsReachable allocates and drops objects at random, compares the
// heap with a model of it, and collects often, in the stress case at every step.
func TestKeepsWhatIsReachable(t *testing.T) {
	for _, c := range []struct {
		name         string
		steps, every int
		size         int
		maxObject    uint32
	}{
		{"stress, small objects", 600, 1, 1 << 20, 200},
		{"stress, large objects", 120, 1, 16 << 20, 40_000},
		{"seldom", 8_000, 397, 32 << 20, 3000},
		{"by itself", 40_000, 1 << 30, 24 << 20, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(2) {
				t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
					m := model{t: t, h: newHeap(t, c.size), r: rand.New(rand.NewPCG(seed, 7)), objects: map[address]*object{}}
					for step := range c.steps {
						m.step(c.maxObject)
						if step%c.every == c.every-1 {
							m.h.collect(nil)
						}
						if step%1000 == 999 {
							m.verify()
						}
					}
					m.verify()
					if c.every > c.steps && m.h.stats.Collections == 0 {
						t.Error("no collection happened")
					}
				})
			}
		})
	}
}

// A model knows what a heap must hold.
type model struct {
	t       *testing.T
	h       *Heap
	r       *rand.Rand
	objects map[address]*object // what was allocated; may be dead
	roots   [rootCount]*object
}

type object struct {
	at       address
	size     uint32
	serial   uint32 // what its words that are no pointers hold
	pointers map[address]*object
	slots    []address // offsets of words that may be pointers
}

func (m *model) step(maxSize uint32) {
	switch n := m.r.IntN(10); {
	case n < 6:
		o := m.allocate(1 + m.r.Uint32N(maxSize))
		m.setRoot(m.r.IntN(rootCount), o)
	case n < 8: // link two objects, sometimes by a pointer into the middle
		from, to := m.roots[m.r.IntN(rootCount)], m.roots[m.r.IntN(rootCount)]
		if from == nil || to == nil || len(from.slots) == 0 {
			return
		}
		slot := from.slots[m.r.IntN(len(from.slots))]
		from.pointers[slot] = to
		m.h.store(from.at+slot, uint32(to.at)+m.r.Uint32N(to.size))
	default:
		m.setRoot(m.r.IntN(rootCount), nil)
	}
}

func (m *model) setRoot(i int, o *object) {
	m.roots[i] = o
	var p address
	if o != nil {
		p = o.at
	}
	m.h.store(m.h.root(i), uint32(p))
}

func (m *model) allocate(size uint32) *object {
	layouts := []uint32{layoutUnknown, layoutNoPointers, layoutPointers, layoutValues, layoutBig, layoutString, layoutHuge}
	layout := layouts[m.r.IntN(len(layouts))]
	at := m.h.grant(size, layout)
	o := &object{at: at, size: size, serial: uint32(len(m.objects))<<1 | 0x8000_0001, pointers: map[address]*object{}}
	for w := address(0); w+4 <= address(size); w += 4 {
		if v := m.h.load(at + w); v != 0 {
			m.t.Fatalf("new object at %#x: word %d is %#x, want 0", at, w/4, v)
		}
		if pointerAt(layout, w, address(size)) {
			o.slots = append(o.slots, w)
		} else {
			m.h.store(at+w, o.serial)
		}
	}
	m.objects[at] = o
	return o
}

// pointerAt reports whether an object of this layout and size can hold a pointer at w.
func pointerAt(layout uint32, w, size address) bool {
	whole := func(words, at address) bool { return w%(4*words) == 4*at && w-w%(4*words)+4*words <= size }
	switch layout {
	case layoutUnknown, layoutPointers:
		return true
	case layoutValues:
		return whole(4, 1)
	case layoutString:
		return whole(2, 0)
	case layoutHuge:
		return whole(5, 4)
	case layoutBig:
		return whole(40, 0) || whole(40, 39)
	}
	return false
}

// verify follows the roots and compares every reachable object with the model.
func (m *model) verify() {
	m.t.Helper()
	m.h.check(m.t)
	seen := map[*object]bool{}
	var todo []*object
	for _, o := range m.roots {
		todo = append(todo, o)
	}
	for len(todo) > 0 {
		o := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if o == nil || seen[o] {
			continue
		}
		seen[o] = true
		if m.h.object(o.at) != o.at-headerSize {
			m.t.Fatalf("object %#x at %#x is reachable and gone", o.serial, o.at)
		}
		slots := map[address]bool{}
		for _, s := range o.slots {
			slots[s] = true
			want := o.pointers[s]
			got := address(m.h.load(o.at + s))
			if want == nil && got != 0 || want != nil && (got < want.at || got >= want.at+address(want.size)) {
				m.t.Fatalf("object %#x at %#x: pointer at %d is %#x", o.serial, o.at, s, got)
			}
			todo = append(todo, want)
		}
		for w := address(0); w+4 <= address(o.size); w += 4 {
			if v := m.h.load(o.at + w); !slots[w] && v != o.serial {
				m.t.Fatalf("object %#x at %#x: word %d is %#x, want %#x", o.serial, o.at, w/4, v, o.serial)
			}
		}
	}
}

func TestFreesWhatIsNot(t *testing.T) {
	h := newHeap(t, 64<<20)
	for range 50_000 {
		h.store(h.root(0), uint32(h.grant(60, layoutPointers)))
	}
	kept := h.grant(1000, layoutNoPointers)
	h.store(h.root(0), uint32(kept)+500)
	h.collect(nil)
	if live, most := h.stats.Live, h.tables[1]<<lineShift+2048; live > most {
		t.Errorf("live after a collection: %d bytes, want at most %d", live, most)
	}
	if h.object(kept) == 0 {
		t.Error("an object was freed that a pointer into its middle reaches")
	}
	h.store(h.root(0), 0)
	h.collect(nil)
	if live, want := h.stats.Live, h.tables[1]<<lineShift; live != want {
		t.Errorf("live with no roots: %d bytes, want the tables' %d", live, want)
	}
	h.check(t)
}

func TestGarbageKeepsMemoryFlat(t *testing.T) {
	for _, size := range []uint32{24, 100, 1000, 20_000, 700_000} {
		h := newHeap(t, 256<<20)
		keep := h.grant(4*1024, layoutPointers)
		h.store(h.root(0), uint32(keep))
		for i := range (48 << 20) / size {
			a := h.grant(size, layoutPointers)
			if size < 2000 {
				h.store(keep+address(4*(i%1024)), uint32(a))
			}
		}
		if h.stats.Arena > 16<<20 {
			t.Errorf("48 MiB of garbage in objects of %d bytes: the arena spans %d bytes, want at most 16 MiB", size, h.stats.Arena)
		}
	}
}

func TestStructuresDeepAndWide(t *testing.T) {
	// As it comes, and where the mark stack gets no memory and marking goes in rounds.
	for _, room := range []int{64 << 20, 16 << 20} {
		h := newHeap(t, 64<<20)
		h.setLimit(16 << 20)
		h.memory = h.memory[:len(h.memory):room]
		const n = 100_000
		for i := range n { // a list, its head in root 0
			a := h.grant(16, layoutPointers)
			h.store(a, h.load(h.root(0)))
			h.store(a+12, uint32(i))
			h.store(h.root(0), uint32(a))
		}
		wide := h.grant(4*n, layoutPointers)
		h.store(h.root(1), uint32(wide))
		for i := range address(n) {
			a := h.grant(8, layoutPointers)
			h.store(a+4, uint32(i))
			h.store(wide+4*i, uint32(a))
		}
		h.collect(nil)
		list := address(h.load(h.root(0)))
		for i := range n {
			if got := h.load(list + 12); int(got) != n-1-i {
				t.Fatalf("list element %d holds %d", n-1-i, got)
			}
			list = address(h.load(list))
		}
		for i := range address(n) {
			if got := h.load(address(h.load(wide+4*i)) + 4); got != uint32(i) {
				t.Fatalf("element %d of the wide object holds %d", i, got)
			}
		}
		h.check(t)
		for _, b := range h.memory[h.top:] {
			if b != 0 {
				t.Fatal("the mark stack left bytes past the arena")
			}
		}
	}
}

func TestLimit(t *testing.T) {
	const limit = 8 << 20
	exhaust := func(h *Heap, size uint32, keep bool) (objects int, panicked any) {
		defer func() { panicked = recover() }()
		for ; uint64(objects)*uint64(size) < 64<<20; objects++ {
			a := h.grant(size, layoutPointers)
			if keep {
				h.store(a, h.load(h.root(0)))
				h.store(h.root(0), uint32(a))
			}
		}
		return objects, nil
	}
	for _, size := range []uint32{100, 1000, 100_000} {
		h := newHeap(t, 64<<20)
		h.setLimit(limit)
		if _, panicked := exhaust(h, size, false); panicked != nil {
			t.Errorf("garbage in objects of %d bytes ran out of memory after %d", size, h.stats.Arena)
		}
		objects, panicked := exhaust(h, size, true)
		if panicked == nil {
			t.Errorf("%d objects of %d bytes fitted into %d bytes", objects, size, limit)
		}
		if used := uint32(objects) * size; used < limit*3/4 {
			t.Errorf("memory was exhausted after %d of %d bytes, in objects of %d", used, limit, size)
		}
		if h.stats.Arena > limit {
			t.Errorf("the arena spans %d bytes, the limit is %d", h.stats.Arena, limit)
		}
	}
	for _, size := range []uint32{9 << 20, 1 << 30, 1<<32 - 8, 1<<32 - 1} {
		h := newHeap(t, 64<<20)
		h.setLimit(limit)
		if _, panicked := exhaust(h, size, false); panicked == nil {
			t.Errorf("allocate(%d) worked under a limit of %d", size, limit)
		}
	}
}

// TestAnyWordMayBeARoot marks from random words: none may lead astray.
func TestAnyWordMayBeARoot(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	h := newHeap(t, 64<<20)
	for range 50 {
		for range 500 {
			h.grant(1+r.Uint32N(2000), layoutUnknown)
		}
		for i := range rootCount {
			word := r.Uint32N(uint32(h.memory.size()) + 1<<16)
			if i%4 == 0 { // often around the ends of the arena
				word = uint32([]address{base, h.top}[i/4%2]) + r.Uint32N(4*lineSize) - 2*lineSize
			}
			h.store(h.root(i), word)
		}
		h.collect(nil)
		h.check(t)
	}
}

func BenchmarkAllocate(b *testing.B) {
	for _, size := range []uint32{16, 64, 512, 8192} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			h := newHeap(b, 64<<20)
			for b.Loop() {
				h.grant(size, layoutNoPointers)
			}
		})
	}
}
