package vm

import (
	"math/rand/v2"
	"testing"
)

// nest appends the handlers of try statements within the code from start on, as package compile
// does: inner ones first, the catch block behind the body. It returns where they end.
func nest(f *Function, r *rand.Rand, start int32, depth int) int32 {
	at := start
	for range r.IntN(4) {
		at += int32(r.IntN(3))
		if depth == 0 || r.IntN(3) == 0 {
			continue
		}
		body := at
		end := nest(f, r, body, depth-1)
		target := end + 1
		at = nest(f, r, target, depth-1)
		f.Handlers = append(f.Handlers, Handler{Start: body, End: end, Target: target}, Handler{Start: target, End: at, Rethrow: true})
	}
	return at
}

// TestHandlers: the handlers that are found for an instruction are those whose reach it is in, from
// the inside out.
func TestHandlers(t *testing.T) {
	handlers := 0
	for seed := range uint64(300) {
		f := &Function{}
		end := nest(f, rand.New(rand.NewPCG(seed, 1)), 2, 5)
		f.Seal(func(int) {})
		handlers += len(f.Handlers)
		for pc := range end + 2 {
			h := f.handler(pc)
			for i := range f.Handlers {
				want := &f.Handlers[i]
				if pc < want.Start || pc >= want.End {
					continue
				}
				if h != want {
					t.Fatalf("seed %d, instruction %d: handler %+v, want %+v", seed, pc, h, want)
				}
				h = f.around(h)
			}
			if h != nil {
				t.Fatalf("seed %d, instruction %d: handler %+v, want no more", seed, pc, h)
			}
		}
	}
	if handlers < 1000 {
		t.Errorf("%d handlers in all: too few", handlers)
	}
}
