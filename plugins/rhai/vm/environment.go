package vm

// An environment is what code sees besides its variables and the functions of its own program. As
// in Rhai, a function sees what its callers see, and on top of that what it carries itself: a
// function of a module carries the module's imports and constants, a closure and a function
// that was made a value carry what was in sight there.
//
// Environments do not change: an import makes another one. So to carry one is to keep a pointer.
type environment struct {
	imports   *imported
	others    *programs  // whose functions are found by name if the running program has none of it
	constants *constants // what global:: reaches; nil: there are none yet
}

// constants are the global ones of a script or module. Those that are defined later are seen
// through each environment that has them.
type constants struct {
	values map[string]Value
}

// programs is a list of programs, the one to look in first first.
type programs struct {
	program *Program
	next    *programs
}

// noEnvironment is that of a script when it begins.
var noEnvironment = &environment{}

// joined are the environments that a call has last been given, for the next one to find.
type joined struct {
	carried, caller *environment
	from, own       *Program
	result          *environment
}

// environment returns what a function of the program own sees that carries an environment, or nil,
// and is called by the frame f.
func (t *Thread) environment(f *frame, own *Program, carried *environment) *environment {
	if own == f.fn.Program && (carried == nil || carried == f.env) {
		return f.env
	}
	if j := &t.joined; j.carried == carried && j.caller == f.env && j.own == own && j.from == f.fn.Program && j.result != nil {
		return j.result
	}
	e := &environment{imports: f.env.imports, constants: f.env.constants}
	if carried != nil {
		e.imports = t.under(f.env.imports, carried.imports)
		e.constants = carried.constants
	}
	e.others = visible(own, carried, f)
	t.joined = joined{carried, f.env, f.fn.Program, own, e}
	return e
}

// visible lists the programs that a function of the program own finds functions in.
func visible(own *Program, carried *environment, f *frame) *programs {
	var list []*Program
	add := func(p *Program) {
		if p == own {
			return
		}
		for _, have := range list {
			if have == p {
				return
			}
		}
		list = append(list, p)
	}
	if carried != nil {
		for o := carried.others; o != nil; o = o.next {
			add(o.program)
		}
	}
	add(f.fn.Program)
	for o := f.env.others; o != nil; o = o.next {
		add(o.program)
	}
	var all *programs
	for i := len(list) - 1; i >= 0; i-- {
		all = &programs{list[i], all}
	}
	return all
}

// enclose makes an environment of the frame, and of those whose window it shares.
func (t *Thread) enclose(f *frame, e *environment) {
	f.env = e
	for i := len(t.frames) - 1; i > 0 && t.frames[i].fn.Eval; i-- {
		t.frames[i-1].env = e
	}
}

// setConstant makes a value a global constant of the program that is running. In Rhai there are
// none as long as there is no function that could ask.
func (t *Thread) setConstant(f *frame, name string, v Value) {
	if !f.fn.Program.Asks && !f.env.others.ask() {
		return
	}
	if f.env.constants == nil {
		e := *f.env
		e.constants = &constants{values: map[string]Value{}}
		t.enclose(f, &e)
	}
	f.env.constants.values[name] = v.Share()
}

func (p *programs) ask() bool {
	for ; p != nil; p = p.next {
		if p.program.Asks {
			return true
		}
	}
	return false
}

// global returns the value of global::name.
func (f *frame) global(name string) (Value, *Error) {
	if c := f.env.constants; c != nil {
		if v, ok := c.values[name]; ok {
			return v, nil
		}
	}
	return Unit, VariableNotFoundError("global::" + name)
}

// function finds a script function by name, as a call in function style does, and the
// environment it carries, if any.
func (f *frame) function(name string, params int) *Function {
	if fn := f.fn.Program.Find(name, params, ""); fn != nil || f.env.others == nil {
		return fn
	}
	return f.env.others.find(name, params, "")
}

func (p *programs) find(name string, params int, thisType string) *Function {
	for ; p != nil; p = p.next {
		if fn := p.program.Find(name, params, thisType); fn != nil {
			return fn
		}
	}
	return nil
}

// method finds the script function that a method call on a value of a type finds, and the
// environment it carries: one for that type, of this program, another or an imported module, or
// else one for any.
func (t *Thread) method(f *frame, candidates *Candidates, name string, params int, this *Value) (fn *Function, carried *environment) {
	if candidates == nil && f.env.others == nil && f.env.imports == nil {
		return nil, nil
	}
	thisType := this.TypeName()
	if fn := candidates.Find(params, thisType); fn != nil {
		return fn, nil
	}
	if fn := f.env.others.find(name, params, thisType); fn != nil {
		return fn, nil
	}
	if m, fn := t.importedMethod(f.env.imports, name, params, thisType); fn != nil {
		return fn, &m.carried
	}
	if fn := candidates.Find(params, ""); fn != nil {
		return fn, nil
	}
	return f.env.others.find(name, params, ""), nil
}

// defined reports whether is_def_fn finds a function.
func (t *Thread) defined(f *frame, name string, params int, thisType string) bool {
	if f.fn.Program.Find(name, params, thisType) != nil || f.env.others.find(name, params, thisType) != nil {
		return true
	}
	_, fn := t.importedMethod(f.env.imports, name, params, thisType)
	return thisType != "" && fn != nil
}

// source returns the name of the module whose code runs in the frame number n, "" for the script's.
// What a module calls back belongs to the module.
func (t *Thread) source(n int) string {
	for ; n > 0; n-- {
		if fn := t.frames[n].fn; fn.Program.Name != "" || !fn.Closure {
			return fn.Program.Name
		}
	}
	return t.frames[0].fn.Program.Name
}
