package compile

import (
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// switching is the state of compiling a switch.
//
// The subject is first looked up among the literals of all cases. What is found leads to the first
// case that has it as a pattern; if that has a guard which does not hold, to the next one, and after
// the last to the ranges, which are tried in the order of the code.
//
// A guard may belong to many patterns, and where to go on if it does not hold depends on the
// pattern. Its code is there once all the same: such a guard is entered with that place in a
// register.
type switching struct {
	*function
	cases   []*syntax.SwitchCase
	subject int // register
	resume  int // register: where to go on if a guard of several patterns does not hold

	table *vm.Switch
	known map[constKey][]int // numbers of the literals, several where the key does not tell them apart
	arms  [][]int            // of each literal: the cases it leads to, the last of which alone may be without a guard

	ranges   []rangePattern
	patterns []int   // of each case: how many lead to its guard
	straight [][]int // of each case: the literals that lead to its body without more ado
	toGuard  [][]int // of each case: jumps
	toBody   [][]int
}

type rangePattern struct{ to, constant int }

func (f *function) switchStmt(s *syntax.Switch, dst int, m mode) {
	n := len(s.Cases)
	w := &switching{
		function: f, cases: s.Cases, subject: f.alloc(), table: &vm.Switch{}, known: map[constKey][]int{},
		patterns: make([]int, n), straight: make([][]int, n), toGuard: make([][]int, n), toBody: make([][]int, n),
	}
	f.load(s.Subject, w.subject)
	w.collect()
	f.out.Switches = append(f.out.Switches, w.table)
	at := f.ad(vm.OpSwitch, w.subject, len(f.out.Switches)-1, s.Position)
	for _, r := range w.ranges {
		f.poll()
		outside := f.abc(vm.OpInRange, w.subject, r.constant, 0, s.Cases[r.to].Position)
		w.lead(r.to)
		f.jumpTo(outside, f.here())
	}
	toDefault := f.ad(vm.OpJump, 0, 0, s.Position)
	for literal, arms := range w.arms {
		w.count(1)
		if s.Cases[arms[0]].Guard == nil {
			w.straight[arms[0]] = append(w.straight[arms[0]], literal)
			continue
		}
		w.table.Targets[literal] = int32(f.here() - at - 1)
		for _, to := range arms {
			w.lead(to)
		}
		if s.Cases[arms[len(arms)-1]].Guard != nil {
			f.back(vm.OpJump, 0, at+1, s.Position) // to the ranges
		}
	}
	toEnd := w.bodies(at, dst, m)
	f.jumpTo(toDefault, f.here())
	if s.Default != nil {
		f.exprStmt(s.Default, dst, m)
	} else {
		f.unit(dst, m, s.Position)
	}
	f.patch(toEnd)
}

// collect finds what the patterns are.
func (w *switching) collect() {
	for i, c := range w.cases {
		for _, p := range c.Patterns {
			v, ok := w.literal(p)
			if !ok {
				continue // a function pointer: equal to nothing
			}
			w.count(1)
			if v.Kind() == vm.KindRange || v.Kind() == vm.KindRangeInclusive {
				w.ranges = append(w.ranges, rangePattern{i, w.inline(v, c.Position)})
				w.patterns[i]++
				continue
			}
			number := w.number(v)
			arms := w.arms[number]
			if n := len(arms); n > 0 && w.cases[arms[n-1]].Guard == nil {
				continue // it is found before
			}
			w.arms[number] = append(arms, i)
			w.patterns[i]++
		}
	}
	w.table.Targets = make([]int32, len(w.table.Values))
	for i, c := range w.cases {
		if c.Guard != nil && w.patterns[i] > 1 {
			w.resume = w.alloc()
			break
		}
	}
}

// number returns the number of a literal.
func (w *switching) number(v vm.Value) int {
	key, scalar := scalarKey(v)
	if !scalar {
		key.text = vm.Debug(v)
	}
	for _, n := range w.known[key] {
		if vm.Same(w.table.Values[n], v) {
			return n
		}
	}
	n := len(w.table.Values)
	w.known[key] = append(w.known[key], n)
	w.table.Values = append(w.table.Values, v)
	w.arms = append(w.arms, nil)
	return n
}

// lead goes to the body of a case, or, if its guard does not hold, to what follows.
func (w *switching) lead(to int) {
	c := w.cases[to]
	switch {
	case c.Guard == nil:
		w.toBody[to] = append(w.toBody[to], w.ad(vm.OpJump, 0, 0, c.Position))
	case w.patterns[to] > 1:
		w.ad(vm.OpLoadInt, w.resume, w.here()+2, c.Position)
		w.toGuard[to] = append(w.toGuard[to], w.ad(vm.OpJump, 0, 0, c.Position))
		w.here()
	default:
		fails := w.jumpUnless(c.Guard)
		w.toBody[to] = append(w.toBody[to], w.ad(vm.OpJump, 0, 0, c.Position))
		w.patch(fails)
	}
}

// bodies compiles the guards of several patterns, and the bodies. at is the OpSwitch. It returns the
// jumps to the end.
func (w *switching) bodies(at, dst int, m mode) (toEnd []int) {
	for i, c := range w.cases {
		next := w.next
		if len(w.toGuard[i]) > 0 {
			w.patch(w.toGuard[i])
			fails := w.jumpUnless(c.Guard)
			w.toBody[i] = append(w.toBody[i], w.ad(vm.OpJump, 0, 0, c.Position))
			w.patch(fails)
			w.abc(vm.OpGoto, w.resume, 0, 0, c.Position)
		}
		w.patch(w.toBody[i])
		w.count(len(w.straight[i]))
		for _, literal := range w.straight[i] {
			w.table.Targets[literal] = int32(w.here() - at - 1)
		}
		w.exprStmt(c.Body, dst, m)
		if m != tail {
			toEnd = append(toEnd, w.ad(vm.OpJump, 0, 0, c.Position))
		}
		w.next = next
	}
	return toEnd
}
