package compile

import (
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// A chain is a root followed by indexes, properties and method calls: a.b[i].f(x).
//
// As Rhai does, it is evaluated in two rounds: first all indexes and arguments, left to right, then
// the root and the steps. A chain that calls a method or is assigned to works on references into
// its root, so that changes reach it; one that only reads works on values. A shared root stays
// locked until the end of the chain.
type chain struct {
	root  syntax.Expr
	steps []step
}

type step struct {
	index  syntax.Expr // base[index]
	name   string      // base.name or base.name(args)
	method bool
	args   []syntax.Expr
	elvis  bool
	pos    syntax.Position // of the index or name
	op     syntax.Position // of the bracket or dot

	register int // of the index, or of the receiver before the arguments
}

// isShared reports whether the step is a call of is_shared.
func (s *step) isShared() bool { return s.method && s.name == "is_shared" && len(s.args) == 0 }

func flatten(e syntax.Expr) chain {
	var steps []step
	for {
		switch n := e.(type) {
		case *syntax.Property:
			steps = append(steps, step{name: n.Name.Name, elvis: n.Elvis, pos: n.Name.Position, op: n.Position})
			e = n.Base
			continue
		case *syntax.MethodCall:
			steps = append(steps, step{name: n.Name.Name, method: true, args: n.Args, elvis: n.Elvis, pos: n.Name.Position, op: n.Position})
			e = n.Base
			continue
		case *syntax.Index:
			steps = append(steps, step{index: n.Index, elvis: n.Elvis, pos: n.Index.Start(), op: n.Position})
			e = n.Base
			continue
		}
		break
	}
	for i, j := 0, len(steps)-1; i < j; i, j = i+1, j-1 {
		steps[i], steps[j] = steps[j], steps[i]
	}
	return chain{root: e, steps: steps}
}

// walker is the state of walking along a chain.
type walker struct {
	*function
	c        chain
	at       int  // register of what the walk has come to
	cursor   int  // the walk's own register
	free     int  // further registers of the walk's own, below those of the arguments
	isRef    bool // at holds a reference
	owned    bool // at holds a value that nobody else has
	locked   bool
	constant string // name of the root if it is a constant
	isConst  bool
	isThis   bool     // the root is this, which may be a constant
	rootSite *vm.Site // of a root that is looked up at run time

	rootNumber int // of rootSite
	flags      int
	toUnit     []int // jumps of ?. and ?[ on ()
}

// chain compiles the reading of a chain. It reports whether the value may be
// reachable elsewhere.
func (f *function) chain(e syntax.Expr, dst int) (elsewhere bool) {
	w := &walker{function: f, c: flatten(e)}
	w.arguments()
	w.begin(w.readsOnly(), e)
	for i := range w.c.steps {
		w.step(i)
	}
	switch {
	case w.isRef:
		f.abc(vm.OpDeref, dst, w.at, 0, e.Pos())
		elsewhere = true
	default:
		if w.at == w.cursor {
			f.moveTemporary(dst, w.at, e.Pos())
		} else {
			f.abc(vm.OpMove, dst, w.at, 0, e.Pos())
		}
		elsewhere = !w.owned
	}
	if elsewhere && w.locked {
		// Inside of the lock, before somebody else can change it.
		f.abc(vm.OpShare, dst, 0, 0, e.Pos())
		elsewhere = false
	}
	w.end(func() { f.abc(vm.OpLoadUnit, dst, 0, 0, e.Pos()) })
	return elsewhere
}

// positions adds where else the instruction just emitted can fail.
func (f *function) positions(bracket, assign syntax.Position) {
	f.out.Indexing = append(f.out.Indexing, vm.IndexPositions{PC: int32(len(f.out.Code) - 1), Bracket: bracket, Assign: assign})
}

// plainRoot returns the register of a root that is a variable of this function alone.
func (w *walker) plainRoot() (int, bool) {
	if v, ok := w.c.root.(*syntax.Variable); ok && len(v.Path) == 0 {
		if l := w.lookup(v.Name); l != nil && !l.boxed && !l.constant {
			return l.register, true
		}
	}
	return 0, false
}

// readsOnly reports whether nothing along the chain can change its root.
func (w *walker) readsOnly() bool {
	for _, s := range w.c.steps {
		if s.method {
			return false
		}
	}
	return true
}

// arguments evaluates the indexes and arguments of all steps. Those of later method calls are
// placed in lower registers, since a call may overwrite all registers above its arguments.
func (w *walker) arguments() {
	w.cursor = w.alloc()
	steps := w.c.steps
	spares := 1
	for _, s := range steps {
		if s.method {
			spares++
		}
	}
	w.free = w.allocN(spares)
	simple := !w.mayAssign(w.c.root) // neither the root nor an argument can change a variable
	for _, s := range steps {
		if s.index != nil && w.mayAssign(s.index) {
			simple = false
		}
		for _, a := range s.args {
			simple = simple && !w.mayAssign(a)
		}
	}
	for i := range steps {
		if s := &steps[i]; s.index != nil {
			s.register = -1
			if v, ok := s.index.(*syntax.Variable); ok && simple && len(v.Path) == 0 {
				if l := w.lookup(v.Name); l != nil && !l.boxed {
					s.register = l.register
				}
			}
			if s.register < 0 {
				s.register = w.alloc()
			}
		}
	}
	for i := len(steps) - 1; i >= 0; i-- {
		if s := &steps[i]; s.method {
			s.register = w.allocN(len(s.args) + 1)
		}
	}
	for i := range steps {
		s := &steps[i]
		if s.index != nil {
			if s.register > w.cursor {
				w.expr(s.index, s.register)
			}
		}
		for j, a := range s.args {
			w.expr(a, s.register+1+j)
		}
	}
}

// spare takes one of the walk's registers.
func (w *walker) spare() int {
	w.free++
	return w.free - 1
}

// begin evaluates the root.
func (w *walker) begin(reads bool, e syntax.Expr) {
	w.at = w.cursor
	switch root := w.c.root.(type) {
	case *syntax.Variable:
		l := w.lookup(root.Name)
		if first := &w.c.steps[0]; first.isShared() && len(root.Path) == 0 {
			w.isShared(root, first.register)
		}
		if w.dynamic && len(root.Path) == 0 && (l != nil || !w.isFunction(root.Name)) {
			n := w.nameSite(root.Name)
			if reads {
				w.ad(vm.OpNameRef, w.at, n, root.Position)
			} else {
				w.ad(vm.OpNameLock, w.at, n, root.Position)
				w.locked = true
			}
			w.isRef = true
			w.rootSite, w.rootNumber = w.out.Sites[n], n
			w.isConst, w.constant = w.rootSite.Define, root.Name
			w.unchanged()
			return
		}
		if len(root.Path) > 0 {
			w.isConst, w.constant = true, root.Name
			break
		}
		if l == nil {
			break
		}
		if l.constant {
			w.isConst, w.constant = true, root.Name
		}
		switch {
		case reads && !l.boxed:
			w.at = l.register
		case reads:
			w.abc(vm.OpGetCell, w.at, l.register, 0, root.Position)
		case l.boxed:
			w.abc(vm.OpRefCell, w.at, l.register, 0, root.Position)
			w.isRef, w.locked = true, true
		default:
			w.abc(vm.OpRefLocal, w.at, l.register, 0, root.Position)
			w.isRef = true
		}
		w.unchanged()
		return
	case *syntax.This:
		w.abc(vm.OpRefThis, w.at, 0, 0, root.Position)
		w.isRef, w.isThis = true, true
		if reads {
			w.abc(vm.OpDeref, w.at, w.at, 0, root.Position)
			w.isRef = false
		}
		w.unchanged()
		return
	}
	w.owned = !w.load(w.c.root, w.at)
	if !reads {
		if !w.owned {
			w.abc(vm.OpShare, w.at, 0, 0, e.Pos())
		}
		w.makeRef()
	}
}

// unchanged finds whether the first method of the chain leaves its receiver as it
// is: then shared containers on the way to it need not be copied.
func (w *walker) unchanged() {
	for _, s := range w.c.steps {
		if s.method {
			if !w.isFunction(s.name) && len(w.lib.Named(s.name)) > 0 && !w.lib.Mutating(s.name, len(s.args)) {
				w.flags = vm.RefReadOnly
			}
			return
		}
	}
}

// makeRef makes at a reference, to a value of the walk's own.
func (w *walker) makeRef() {
	if w.isRef {
		return
	}
	// The cursor cannot refer to itself: the value moves to a register of its own.
	r := w.spare()
	w.abc(vm.OpMove, r, w.at, 0, syntax.Position{})
	w.abc(vm.OpRefLocal, w.cursor, r, 0, syntax.Position{})
	w.at, w.isRef = w.cursor, true
}

func (w *walker) step(i int) {
	s := &w.c.steps[i]
	if s.elvis {
		w.toUnit = append(w.toUnit, w.ad(vm.OpJumpUnit, w.at, 0, s.op))
	}
	switch {
	case s.method:
		w.method(i)
	case s.index != nil && w.isRef:
		w.abc(vm.OpRefIndex, w.at, s.register, w.flags, s.pos)
		w.positions(s.op, s.op)
	case s.index != nil:
		if n, small := smallInt(s.index); small {
			w.abc(vm.OpGetIndexI, w.cursor, w.at, n, s.pos)
		} else {
			w.abc(vm.OpGetIndex, w.cursor, w.at, s.register, s.pos)
		}
		w.positions(s.op, s.op)
		w.at, w.owned = w.cursor, false
	case w.isRef:
		w.abc(vm.OpRefProp, w.at, w.name(s.name, s.pos), w.flags, s.pos)
	default:
		w.abc(vm.OpGetProp, w.cursor, w.at, w.name(s.name, s.pos), s.pos)
		w.at, w.owned = w.cursor, false
	}
}

func (w *walker) method(i int) {
	s := &w.c.steps[i]
	if s.isShared() {
		if v, ok := w.c.root.(*syntax.Variable); !ok || i > 0 || len(v.Path) > 0 {
			w.abc(vm.OpLoadBool, s.register, 0, 0, s.pos)
		}
		w.at, w.isRef, w.owned = s.register, false, true
		return
	}
	if i == 0 && w.at == w.cursor && !s.elvis {
		w.moveTemporary(s.register, w.at, s.pos)
	} else {
		w.abc(vm.OpMove, s.register, w.at, 0, s.pos)
	}
	site, n := w.site(s.name, s.pos, s.args)
	site.Const, site.This, site.Root = w.isConst, w.isThis, w.rootSite
	if len(s.args) > 0 {
		site.ArgPos = s.args[0].Pos()
	}
	w.abc(vm.OpCallMethod, s.register, len(s.args), n, s.pos)
	if i > 0 && w.isRef {
		w.abc(vm.OpWriteBack, w.at, 0, 0, w.c.steps[i-1].pos)
		w.positions(s.op, s.pos)
	}
	w.at, w.isRef, w.owned, w.isConst = s.register, false, true, false
	w.flags, w.isThis, w.rootSite = 0, false, nil
	for _, later := range w.c.steps[i+1:] {
		if later.method {
			// The result is a value of the walk's own, in a register that the next
			// calls leave alone: below their arguments.
			r := w.cursor
			w.cursor = w.spare()
			w.abc(vm.OpMove, r, s.register, 0, s.pos)
			w.abc(vm.OpRefLocal, w.cursor, r, 0, s.pos)
			w.at, w.isRef = w.cursor, true
			return
		}
	}
}

// end releases the root and joins the paths of ?. and ?[.
func (w *walker) end(unit func()) {
	if len(w.toUnit) > 0 {
		if unit != nil {
			over := w.ad(vm.OpJump, 0, 0, syntax.Position{})
			w.patch(w.toUnit)
			unit()
			w.jumpTo(over, w.here())
		} else {
			w.patch(w.toUnit)
		}
	}
	if w.locked {
		w.abc(vm.OpUnlock, 0, 0, 0, syntax.Position{})
	}
}
