package heap

import "math/bits"

// stopEvery is how many elements of objects are scanned between two questions to stop.
const stopEvery = 8192 >> (13 * stress)

// collect frees every line that no reachable object touches. It asks stop, unless that is nil,
// now and then; true ends it with nothing freed. stop must not allocate.
//
//go:noinline
func (h *Heap) collect(stop func() bool) {
	h.stop, h.stopped = stop, false
	h.cursor, h.end = 0, 0 // what is left of the hole is free after this
	clear(h.memory.bytes(h.marks, 2*h.lines()))

	h.stack, h.stackEnd = h.top, h.memory.size()
	h.overflow = false
	h.roots(h)
	used := h.drain()
	for h.overflow && !h.stopped {
		h.overflow = false
		used = max(used, h.rescan())
	}
	h.zero(h.top, used)
	h.allocated, h.due = 0, stress
	if h.stop = nil; h.stopped {
		h.unflag()
		return
	}
	h.starts, h.marks = h.marks, h.starts
	h.stats.Live = h.sweep() << lineShift
	h.stats.Collections++
	h.search = [len(h.search)]uint32{}
	h.setThreshold()
}

// unflag makes the lines' states what they were before the collection.
func (h *Heap) unflag() {
	states := h.memory.bytes(h.states, h.lines())
	for i := range states {
		states[i] &^= stateLive
	}
}

// goesOn counts an element scanned and reports whether to scan more.
func (h *Heap) goesOn() bool {
	if h.scanned++; h.scanned%stopEvery == 0 && h.stop != nil {
		h.stopped = h.stopped || h.stop()
	}
	return !h.stopped
}

// sweep frees the lines that were not flagged live and counts the others.
func (h *Heap) sweep() (live uint32) {
	states := h.memory.bytes(h.states, h.lines())
	for i, s := range states {
		switch {
		case s&stateLive != 0:
			states[i] = s &^ stateLive
			live++
		case s == stateTables:
			live++
		default:
			if stress != 0 && s != stateFree {
				h.poison(uint32(i))
			}
			states[i] = stateFree
		}
	}
	return live
}

// markRange marks what any of the words from from on may point to.
func (h *Heap) markRange(from address, words uint32) {
	for i := range address(words) {
		if !h.goesOn() {
			return
		}
		h.mark(h.pointer(from + 4*i))
	}
}

// pointer returns where the word at a points to.
func (h *Heap) pointer(a address) address { return *(*address)(h.memory.at(a)) - origin() }

// mark marks the object that p points to or into, if there is one.
func (h *Heap) mark(p address) {
	if p-base >= h.top-base {
		return
	}
	a := h.object(p)
	if a == 0 {
		return
	}
	offset := uint32(a - base)
	line, bit := offset>>lineShift, uint16(1)<<(offset>>granuleShift%16)
	marked := h.markBits(line)
	if *marked&bit != 0 {
		return
	}
	*marked |= bit
	header := h.header(a)
	for last := (offset + header[1] - 1) >> lineShift; line <= last; line++ {
		*h.state(line) |= stateLive
	}
	if header[0]&1 == 0 || header[0]>>layoutMask != 0 {
		h.push(a)
	}
}

// object returns the start of the object that p points to or into, 0 for none.
func (h *Heap) object(p address) address {
	offset := uint32(p - base)
	line := offset >> lineShift
	starts := *h.startBits(line) & (2<<(offset>>granuleShift%16) - 1)
	for starts == 0 {
		back := uint32(1)
		switch s := *h.state(line) &^ stateLive; {
		case s == stateFree || s == stateTables:
			return 0
		case s > stateInside:
			back = 1 << (s - stateInside)
		}
		if back > line {
			return 0
		}
		line -= back
		starts = *h.startBits(line)
	}
	a := base + address(line<<lineShift+uint32(bits.Len16(starts)-1)<<granuleShift)
	if uint32(p-a) >= h.header(a)[1] {
		return 0
	}
	return a
}

// push puts a marked object on the mark stack, to be scanned.
func (h *Heap) push(a address) {
	if h.stack+4 > h.stackEnd {
		if !h.memory.extend(h.stackEnd + pageSize) {
			h.overflow = true
			return
		}
		h.stackEnd += pageSize
	}
	*(*address)(h.memory.at(h.stack)) = a
	h.stack += 4
}

// drain scans objects until the mark stack is empty. It returns how far the
// stack has reached.
func (h *Heap) drain() (reached address) {
	reached = h.stack
	for h.stack > h.top && !h.stopped {
		reached = max(reached, h.stack)
		h.stack -= 4
		h.scan(*(*address)(h.memory.at(h.stack)))
	}
	return reached
}

// rescan scans all marked objects again, for those the mark stack had no room
// for.
func (h *Heap) rescan() (reached address) {
	for line := range h.lines() {
		for marked := *h.markBits(line); marked != 0; marked &= marked - 1 {
			g := uint32(bits.TrailingZeros16(marked))
			h.scan(base + address(line<<lineShift+g<<granuleShift))
			reached = max(reached, h.drain())
		}
	}
	return reached
}

// A layout says which words of an object can be pointers, in the form TinyGo's
// compiler passes to runtime.alloc (see its src/runtime/gc_precise.go): for an
// element that repeats, an odd number holds its words in 5 bits and a bit for
// each word that is a pointer above them; an even one is the address of a word
// with the number of words, followed by the bits; 0 is not known.
const (
	layoutSize = 1
	layoutMask = 6

	layoutUnknown    = 0
	layoutNoPointers = 1<<layoutSize | 1
)

// scan marks what an object points to.
func (h *Heap) scan(a address) {
	header := h.header(a)
	layout, from, to := header[0], a+headerSize, a+address(header[1])
	switch {
	case layout == layoutUnknown:
		h.markRange(from, uint32(to-from)/4)
	case layout&1 != 0:
		mask := layout >> layoutMask
		element := address(4 * (layout >> layoutSize & 31))
		if element == 0 {
			return
		}
		for ; from+element <= to && h.goesOn(); from += element {
			for m := mask; m != 0; m &= m - 1 {
				h.mark(h.pointer(from + address(4*bits.TrailingZeros32(m))))
			}
		}
	default:
		bitmap := address(layout) - origin()
		words := *(*address)(h.memory.at(bitmap))
		if words == 0 {
			return
		}
		for ; from+4*words <= to && h.goesOn(); from += 4 * words {
			for i := range words {
				if *(*uint8)(h.memory.at(bitmap + 4 + i/8))>>(i%8)&1 != 0 {
					h.mark(h.pointer(from + 4*i))
				}
			}
		}
	}
}
