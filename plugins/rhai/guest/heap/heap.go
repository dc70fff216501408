// Package heap is the guest's memory: the allocator that TinyGo's runtime calls
// when it is built with -gc=none, and a garbage collector for it.
//
// An execution lives in a fresh sandbox and most end before they have allocated
// four megabytes, so allocation is a bump of a pointer and nothing is collected
// until that much has been allocated; then the heap is marked from the globals,
// and what is free is filled by bumping again.
//
// # When it collects
//
// A collection does not see the pointers in local variables. For a collector
// that does, TinyGo stores each pointer that a function loads or makes in memory,
// if the function may allocate, and clears room for them when it is entered:
// "make guest-bench" shows what that costs the collectors that need it.
// So nothing is collected by allocating. When enough has been allocated the heap
// says that a collection is [Due], and the interpreter calls [Collect] between two
// instructions, when all that lives can be reached from globals.
//
// # Lines
//
// The arena [base, top) is divided into lines of 128 bytes. For each there is a
// state byte and, as a bit for each of its 16 granules of 8 bytes, where objects
// start. An object is a header of 8 bytes (its layout and its size) and its
// payload; it may start anywhere in a line and span many. The allocator takes a
// run of free lines, a hole, and bumps through it; an object that does not fit
// gets lines of its own. A collection marks objects in a second set of bits,
// flags the lines they touch as live, frees all other lines, and from then on
// uses the mark bits as start bits: there is no sweep over objects and there
// are no free lists. A line that holds one live object stays whole until that
// object dies.
//
// Pointers into the middle of an object keep it alive. To find where it starts
// from any of its lines, lines inside an object of more than one line say how
// far back to look, in powers of two (see the state constants).
//
// The tables (5 bytes for each line, 4%) lie in the arena and move to its new
// end when it grows.
//
// All of it works on 32-bit offsets: in the guest from the end of the globals
// on, in native tests into a byte slice.
package heap

import "math/bits"

// address is an offset from the memory's origin. 0 is no object.
type address uint32

const (
	lineShift    = 7
	lineSize     = 1 << lineShift
	granuleShift = 3
	granule      = 1 << granuleShift
	headerSize   = 8
	pageSize     = 64 << 10 // of a wasm memory

	bytesPerLine = 5  // of tables: a state, 16 start bits, 16 mark bits
	holeLines    = 64 // at most, of one hole: 8 KiB

	firstArena   = 5 << 20 // bytes: only memory that is written costs anything
	collectAfter = 4 << 20 // bytes allocated before the first collection
	maxObject    = 1 << 30 // bytes
)

// States of a line.
const (
	stateFree   = 0    // no object touches it
	stateUsed   = 1    // an object that covers its first byte starts in it or in the line before
	stateInside = 2    // +k: the object that covers its first byte starts 1<<k lines before or more
	stateTables = 0x7f // holds the tables, no objects
	stateLive   = 0x80 // flag, during a collection: a marked object touches it
)

// A Heap hands out zeroed memory and takes back what cannot be reached.
type Heap struct {
	cursor, end address // the hole being filled

	memory memory
	top    address   // the end of the arena, which starts at base
	fresh  address   // nothing at or above has been written since it was zero
	limit  address   // what top may not pass
	starts address   // a uint16 for each line
	marks  address   // the same, used by collections
	states address   // a byte for each line
	tables [2]uint32 // the lines that hold the three: first, count

	search    [32]uint32 // by log2 of a run's lines: no run of that size starts before this line
	allocated uint32     // lines taken since the last collection
	threshold uint32     // collect when so many have been taken
	stats     Stats

	stack    address // the mark stack lies past the arena: [top, stack)
	stackEnd address
	overflow bool // an object was marked but did not fit in the mark stack
	roots    func(h *Heap)
	stop     func() bool // of the collection under way; may be nil
	stopped  bool        // it said so
	scanned  uint32      // elements, ever
	due      uint32      // 1: enough has been allocated to collect
}

// Stats counts what a heap has done.
type Stats struct {
	Collections uint32
	Live        uint32 // bytes in lines that the last collection found live
	Arena       uint32 // bytes the heap spans, tables included
}

// start lays the arena out. What lies at base and above must be zero.
func (h *Heap) start(limit address, roots func(h *Heap)) {
	h.top = base
	h.fresh = base
	h.roots = roots
	h.setLimit(limit)
	if !h.grow(lineSize) {
		h.exhausted()
	}
	h.due = stress
}

// setLimit sets the address the arena may not pass. The arena gives up what it
// spans beyond and has not used yet.
func (h *Heap) setLimit(limit address) {
	h.limit = limit
	h.top = min(h.top, max(limit, h.fresh)&^(lineSize-1))
	h.stats.Arena = uint32(h.top - base)
	h.setThreshold()
}

// setThreshold makes collections cost a bounded share of the work: the more
// they find live, the seldomer they are. It leaves as much again as may be allocated
// before the next one for what is allocated until that is called.
func (h *Heap) setThreshold() {
	after := min(uint32(collectAfter), uint32(h.limit)/4)
	after = max(after, min(2*h.stats.Live, 64<<20))
	free := uint32(h.limit) - min(h.stats.Live, uint32(h.limit))
	h.threshold = max(min(after, free/2), min(after, uint32(h.limit)/64)) >> lineShift
}

// allocate returns zeroed memory of size bytes, aligned to 8. The layout says
// where in it pointers can be, see [Heap.scan].
func (h *Heap) allocate(size, layout uint32) address {
	n := (size + headerSize + granule - 1) &^ (granule - 1)
	a := h.cursor
	if size > lineSize-headerSize || n > uint32(h.end-a) {
		return h.allocateSlow(size, layout)
	}
	h.cursor = a + address(n)
	return h.place(a, n, layout)
}

// allocateSlow serves what spans lines or does not fit in the hole.
//
//go:noinline
func (h *Heap) allocateSlow(size, layout uint32) address {
	if size > maxObject {
		h.exhausted()
	}
	n := (size + headerSize + granule - 1) &^ (granule - 1)
	if n > uint32(h.end-h.cursor) {
		if h.top == 0 {
			initialize(h)
		}
		if n > lineSize {
			lines := (n + lineSize - 1) >> lineShift
			a, _ := h.take(lines, lines)
			h.cover(a, n)
			return h.place(a, n, layout)
		}
		h.refill()
	}
	a := h.cursor
	h.cursor = a + address(n)
	if n > lineSize {
		h.cover(a, n)
	}
	return h.place(a, n, layout)
}

// place writes the header of an object and notes where it starts.
func (h *Heap) place(a address, n, layout uint32) address {
	offset := uint32(a - base)
	*h.startBits(offset >> lineShift) |= 1 << (offset >> granuleShift % 16)
	header := h.header(a)
	header[0], header[1] = layout, n
	return a + headerSize
}

// cover notes in the lines inside an object how far back it starts.
func (h *Heap) cover(a address, n uint32) {
	first := uint32(a-base) >> lineShift
	last := uint32(a-base+address(n)-1) >> lineShift
	for i := first + 1; i <= last; i++ {
		*h.state(i) = stateInside + uint8(bits.Len32(i-first)-1)
	}
}

// refill replaces the hole, or extends it when the lines behind it are free.
func (h *Heap) refill() {
	a, n := h.take(1, holeLines)
	if a != h.end {
		h.cursor = a
	}
	h.end = a + n
}

// take finds at least so many free lines and up to as many as wanted, marks
// them used and zeroes them. It returns where they start and how many bytes
// they are, and does not return when the memory is exhausted.
func (h *Heap) take(least, want uint32) (a, size address) {
	line, n := h.find(least, want)
	if n == 0 {
		line, n = h.makeRoom(least, want)
	}
	h.search[bits.Len32(least)-1] = line + n
	h.allocated += n
	if h.allocated >= h.threshold {
		h.due = 1
	}
	for i := line; i < line+n; i++ {
		*h.state(i) = stateUsed
	}
	a, size = base+address(line<<lineShift), address(n<<lineShift)
	h.zero(a, min(a+size, h.fresh))
	h.fresh = max(h.fresh, a+size)
	return a, size
}

// find returns the first run of enough free lines from where the last search
// for such a size stopped, cut to what is wanted; n is 0 when there is none.
func (h *Heap) find(least, want uint32) (line, n uint32) {
	search := &h.search[bits.Len32(least)-1]
	lines := h.lines()
	for i := *search; i < lines; {
		if *h.state(i) != stateFree {
			i++
			continue
		}
		run := uint32(1)
		for run < want && i+run < lines && *h.state(i + run) == stateFree {
			run++
		}
		if run >= least {
			return i, run
		}
		i += run
	}
	*search = lines
	return 0, 0
}

// makeRoom finds a run that is not there yet, by growing the arena. It does not return
// when that may not grow.
func (h *Heap) makeRoom(least, want uint32) (line, n uint32) {
	if !h.grow(least << lineShift) {
		h.exhausted()
	}
	return h.find(least, want)
}

// grow extends the arena so that a run of size bytes fits at its end. It
// returns false, changing nothing, when the limit or the host refuses.
func (h *Heap) grow(size uint32) bool {
	span := uint64(h.top - base)
	need := span + uint64(size) + lineSize
	need += need/(lineSize/bytesPerLine-1) + lineSize // for the tables, rounded up
	// The arena doubles, by 16 MiB at most: the tables are copied each time.
	most := max(span+min(span, 16<<20), firstArena)
	top := min(h.memory.wholePages(base+max(need, most)+lineSize), uint64(h.limit)) &^ (lineSize - 1)
	if top < base+need || !h.memory.extend(address(top)) {
		return false
	}
	h.memory.extend(address(top) + pageSize) // for most mark stacks: an instance that grows is not used again
	lines := uint32(top-uint64(base)) >> lineShift
	tables := h.top
	tableLines := (lines*bytesPerLine + lineSize - 1) >> lineShift
	starts := tables
	marks := starts + address(2*lines)
	states := marks + address(2*lines)
	old := h.lines()
	copy(h.memory.bytes(starts, 2*old), h.memory.bytes(h.starts, 2*old))
	copy(h.memory.bytes(states, old), h.memory.bytes(h.states, old))
	h.starts, h.marks, h.states = starts, marks, states
	h.top = address(top)
	h.stats.Arena = uint32(h.top - base)
	for i := h.tables[0]; i < h.tables[0]+h.tables[1]; i++ {
		*h.state(i) = stateFree
	}
	h.tables = [2]uint32{old, tableLines}
	for i := old; i < old+tableLines; i++ {
		*h.state(i) = stateTables
	}
	h.fresh = max(h.fresh, base+address((old+tableLines)<<lineShift))
	return true
}

func (h *Heap) lines() uint32 { return uint32(h.top-base) >> lineShift }

func (h *Heap) state(line uint32) *uint8 { return (*uint8)(h.memory.at(h.states + address(line))) }

func (h *Heap) startBits(line uint32) *uint16 {
	return (*uint16)(h.memory.at(h.starts + address(2*line)))
}

func (h *Heap) markBits(line uint32) *uint16 {
	return (*uint16)(h.memory.at(h.marks + address(2*line)))
}

// header returns an object's layout and size, the header included.
func (h *Heap) header(a address) *[2]uint32 { return (*[2]uint32)(h.memory.at(a)) }

func (h *Heap) zero(from, to address) {
	if from < to {
		clear(h.memory.bytes(from, uint32(to-from)))
	}
}
