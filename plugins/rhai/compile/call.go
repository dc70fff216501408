package compile

import (
	"github.com/picloud/picloud/plugins/rhai/syntax"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// site makes the call site of a function or method called by name.
func (f *function) site(name string, at syntax.Position, args []syntax.Expr) (*vm.Site, int) {
	s := &vm.Site{Name: name, Natives: f.lib.Named(name), Scripts: f.prog.Named(name), Position: at}
	if len(args) > 0 {
		s.ArgPos = args[0].Start()
	}
	f.out.Sites = append(f.out.Sites, s)
	n := len(f.out.Sites) - 1
	if n > 0xffff {
		f.fail(at, "Function too complex: more than 65536 calls")
		n = 0
	}
	return s, n
}

// call compiles name(args).
func (f *function) call(e *syntax.Call, dst int) {
	if len(e.Path) > 0 {
		f.qualified(e, dst)
		return
	}
	base := f.window(dst)
	if f.keyword(e, base) {
		f.result(dst, base, e.Position)
		return
	}
	script := f.prog.Find(e.Name, len(e.Args), "")
	if e.CaptureScope && script != nil {
		f.callScoped(e, base, script)
		f.result(dst, base, e.Position)
		return
	}

	// A variable as the first argument is read last, and a native function works
	// on the variable itself.
	byRef := false
	rest := e.Args
	if len(e.Args) > 0 {
		switch e.Args[0].(type) {
		case *syntax.Variable, *syntax.This:
			rest = e.Args[1:]
			byRef = true
		}
	}
	f.args(rest, base+len(e.Args)-len(rest))
	if byRef {
		f.firstArg(e.Args[0], base, script != nil)
	}
	if script != nil {
		f.out.Calls = append(f.out.Calls, script)
		if len(f.out.Calls) > 0x10000 {
			f.fail(e.Position, "Function too complex: more than 65536 calls")
		}
		f.abc(vm.OpCall, base, len(e.Args), len(f.out.Calls)-1, e.Position)
	} else {
		site, n := f.site(e.Name, e.Position, e.Args)
		site.Const = byRef && isQualified(e.Args[0])
		f.abc(vm.OpCallNative, base, len(e.Args), n, e.Position)
	}
	f.result(dst, base, e.Position)
}

// isQualified reports whether e is a variable of a module or a global constant.
func isQualified(e syntax.Expr) bool {
	v, ok := e.(*syntax.Variable)
	return ok && len(v.Path) > 0
}

// window returns where the arguments of a call whose result goes to dst begin: at dst
// itself if that is the highest register in use.
func (f *function) window(dst int) int {
	if dst == f.next-1 {
		return dst
	}
	return f.alloc()
}

// result moves a call's result to dst.
func (f *function) result(dst, base int, at syntax.Position) {
	if base != dst {
		f.abc(vm.OpMove, dst, base, 0, at)
	}
}

// args evaluates arguments into consecutive registers.
func (f *function) args(list []syntax.Expr, first int) {
	for i, a := range list {
		if r := first + i; r >= f.next {
			f.allocN(r + 1 - f.next)
		}
		f.expr(a, first+i)
	}
}

// qualified compiles module::name(args).
func (f *function) qualified(e *syntax.Call, dst int) {
	base := f.window(dst)
	// A variable as the first argument is read last.
	rest := e.Args
	if len(e.Args) > 0 {
		switch e.Args[0].(type) {
		case *syntax.Variable, *syntax.This:
			rest = e.Args[1:]
		}
	}
	f.args(rest, base+len(e.Args)-len(rest))
	f.args(e.Args[:len(e.Args)-len(rest)], base)
	site, n := f.site(e.Name, e.Position, e.Args)
	site.Path, site.Scripts = e.Path, nil
	site.Natives = f.lib.Named(syntax.Qualified(e.Path, e.Name))
	f.abc(vm.OpCallQualified, base, len(e.Args), n, e.Position)
	f.result(dst, base, e.Position)
}

// firstArg loads a variable as the first argument: its value for a script
// function, for a native one a reference if it is neither shared nor constant.
func (f *function) firstArg(e syntax.Expr, dst int, script bool) {
	switch e := e.(type) {
	case *syntax.This:
		if !script {
			f.abc(vm.OpRefThis, dst, 0, 0, e.Position)
			return
		}
	case *syntax.Variable:
		l := f.lookup(e.Name)
		switch {
		case script || len(e.Path) > 0:
		case f.dynamic && (l != nil || !f.isFunction(e.Name)):
			f.ad(vm.OpNameOwn, dst, f.nameSite(e.Name), e.Position)
			return
		case l != nil && l.boxed && !l.constant:
			f.abc(vm.OpRefOwn, dst, l.register, 0, e.Position)
			return
		case l != nil && !l.constant:
			f.abc(vm.OpRefLocal, dst, l.register, 0, e.Position)
			return
		}
	}
	f.expr(e, dst)
}

// keyword compiles the calls that are part of the language; false: e is none.
func (f *function) keyword(e *syntax.Call, base int) bool {
	args := e.Args
	at := e.Position
	if len(args) > 0 {
		at = args[0].Start()
	}
	load := func() { f.args(args, base) }
	switch {
	case e.Name == "call" && len(args) >= 1:
		f.pointer(args, base)
		s, n := f.site(e.Name, e.Position, args)
		if s.Capture = e.CaptureScope; s.Capture {
			s.Scope, s.Level, s.Depth = f.inSight(), f.level(), f.depth
		}
		f.abc(vm.OpCallPtr, base, len(args)-1, n, e.Position)
		if s.Capture {
			f.trim() // what evals in it have defined
		}
	case e.Name == "Fn" && len(args) == 1:
		load()
		f.abc(vm.OpFnPtr, base, 0, 0, at)
	case e.Name == "curry" && len(args) > 1:
		f.pointer(args, base)
		f.abc(vm.OpCurry, base, len(args)-1, 0, at)
	case e.Name == "is_shared" && len(args) == 1:
		if v, ok := args[0].(*syntax.Variable); ok && len(v.Path) == 0 {
			f.isShared(v, base)
			return true
		}
		load()
		f.abc(vm.OpLoadBool, base, 0, 0, at)
	case e.Name == "is_def_fn" && (len(args) == 2 || len(args) == 3):
		load()
		f.abc(vm.OpIsDefFn, base, len(args), 0, at)
		f.positions(args[1].Start(), args[len(args)-1].Start())
	case e.Name == "is_def_var" && len(args) == 1:
		load()
		s, n := f.site(e.Name, e.Position, args)
		s.Scope = f.inSight()
		f.ad(vm.OpIsDefVar, base, n, at)
	case e.Name == "eval" && len(args) == 1:
		load()
		s, n := f.site(e.Name, e.Position, args)
		s.Scope, s.Level, s.Depth, s.Main = f.inSight(), f.level(), f.depth, f.main
		f.ad(vm.OpEval, base, n, at)
	default:
		return false
	}
	return true
}

// isShared compiles whether a variable is shared with a closure.
func (f *function) isShared(v *syntax.Variable, dst int) {
	l := f.lookup(v.Name)
	switch {
	case f.dynamic && (l != nil || !f.isFunction(v.Name)):
		f.ad(vm.OpNameShared, dst, f.nameSite(v.Name), v.Position)
	case l != nil && l.boxed:
		f.abc(vm.OpIsShared, dst, l.register, 0, v.Position)
	default:
		f.load(v, dst)
		f.abc(vm.OpLoadBool, dst, 0, 0, v.Position)
	}
}

// pointer evaluates a function pointer, which must be one before the arguments for it are
// evaluated.
func (f *function) pointer(args []syntax.Expr, base int) {
	f.args(args[:1], base)
	if len(args) > 1 && f.lib.Named("call") == nil { // a library may have a function of that name, for texts
		f.abc(vm.OpCheckFn, base, 0, 0, args[0].Start())
	}
	f.args(args[1:], base+1)
}

// inSight returns what can be seen here at run time.
func (f *function) inSight() *vm.Scope { return f.locals.scopes.Now() }

// level returns how many variables have been declared before this place.
func (f *function) level() int { return f.locals.level + len(f.locals.list) }

// callScoped compiles name!(args). The function is compiled when the call is reached.
func (f *function) callScoped(e *syntax.Call, base int, script *vm.Function) {
	f.args(e.Args, base)
	site, n := f.site(e.Name, e.Position, e.Args)
	site.Callee, site.Scope, site.Level, site.Depth = script, f.inSight(), f.level(), f.depth
	f.abc(vm.OpCallScoped, base, len(e.Args), n, e.Position)
	f.trim() // what evals in it have defined
}
