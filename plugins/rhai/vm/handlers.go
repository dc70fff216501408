package vm

import (
	"cmp"
	"sort"
)

// Handler is the reach of a try block, or of a catch block when Rethrow.
type Handler struct {
	Start, End int32  // the instructions guarded, End excluded
	Target     int32  // where the catch block starts
	Value      uint16 // register of the catch variable
	Error      uint16 // register that keeps the caught error for throw without a value
	Rethrow    bool

	around int32 // the number of the handler around this one, -1: none
}

// stretch is a part of the code that the same handlers guard.
type stretch struct {
	start int32
	inner int32 // the number of the innermost handler, -1: none
}

// arrange finds how the handlers lie within each other.
func (f *Function) arrange(count func(steps int)) {
	if len(f.Handlers) == 0 {
		return
	}
	order := make([]int32, len(f.Handlers))
	for i := range order {
		order[i] = int32(i)
	}
	sortCounted(order, count, func(a, b int32) int { // from the outside in
		x, y := &f.Handlers[a], &f.Handlers[b]
		return cmp.Or(cmp.Compare(x.Start, y.Start), cmp.Compare(y.End, x.End), cmp.Compare(b, a))
	})
	open := int32(-1) // the innermost handler at the place that has been reached
	begin := func(at, inner int32) {
		if n := len(f.stretches); n > 0 && f.stretches[n-1].start == at {
			f.stretches[n-1].inner = inner
		} else {
			f.stretches = append(f.stretches, stretch{at, inner})
		}
		open = inner
	}
	leave := func(until int32) {
		for open >= 0 && f.Handlers[open].End <= until {
			begin(f.Handlers[open].End, f.Handlers[open].around)
		}
	}
	for _, i := range order {
		count(1)
		h := &f.Handlers[i]
		leave(h.Start)
		h.around = open
		begin(h.Start, i)
	}
	leave(1<<31 - 1)
}

// handler returns the innermost handler that guards an instruction, nil if there is none.
func (f *Function) handler(pc int32) *Handler {
	n := sort.Search(len(f.stretches), func(i int) bool { return f.stretches[i].start > pc })
	if n == 0 {
		return nil
	}
	return f.numbered(f.stretches[n-1].inner)
}

// around returns the handler around another one, nil if there is none.
func (f *Function) around(h *Handler) *Handler { return f.numbered(h.around) }

func (f *Function) numbered(n int32) *Handler {
	if n < 0 {
		return nil
	}
	return &f.Handlers[n]
}
