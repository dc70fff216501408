package vm

import "github.com/picloud/picloud/plugins/rhai/syntax"

// Program is a compiled script: what package compile makes and a [Thread] runs.
type Program struct {
	Main      *Function
	Functions []*Function // script functions; those of one name together
	Native    *Library
	Scope     []string // the variables that exist before it runs

	Modules map[string]*Program // what the script and its modules may import, by name
	Name    string              // of a module
	Asks    bool                // there are functions or closures, which can ask for global constants
	Imports []Import            // the import statements, in the order of the code

	// Reads lists what the program can see of the variables that exist before it runs: "a" is all of
	// a variable, "a.b" and "a.b.c" a property alone.
	Reads []string

	// Covered counts, by line, how often one of its statements began; -1 where no statement does. nil: nobody
	// counts. OpCover adds to it.
	Covered []int64

	byName map[string]*Candidates
	typed  bool // there are functions for a type
}

// Import is an import statement.
type Import struct {
	Name     string          // "" when it is not a literal
	Position syntax.Position // of the name
}

// Define makes the functions of p known to its code. Call it once, when all are in Functions. It
// reports its work to count, in steps of compiling.
func (p *Program) Define(count func(steps int)) {
	p.byName = make(map[string]*Candidates, len(p.Functions))
	for _, f := range p.Functions {
		count(1)
		c := p.byName[f.Name]
		if c == nil {
			c = &Candidates{}
			p.byName[f.Name] = c
		}
		c.list = append(c.list, f)
		p.typed = p.typed || f.ThisType != ""
	}
	for _, c := range p.byName {
		c.sort(count)
	}
}

// Named returns the script functions of a name, nil when there is none.
func (p *Program) Named(name string) *Candidates { return p.byName[name] }

// Seal ends the making of a function: what follows from its code is computed. It reports its work to
// count, in steps of compiling.
func (f *Function) Seal(count func(steps int)) {
	room := f.Registers
	if f.Dynamic {
		room += evalRoom
	}
	f.Room = uint32(uintptr(room) * valueSize)
	f.Weight = int32(min(len(f.Code), 64))
	for _, s := range f.Switches {
		s.index(count)
	}
	f.arrange(count)
}

// Find returns the script function with a name and number of parameters, nil when
// there is none. thisType is "" or the type of a typed method.
func (p *Program) Find(name string, params int, thisType string) *Function {
	return p.byName[name].Find(params, thisType)
}

// Function is the code of a script, a script function or a closure.
type Function struct {
	Name       string
	ThisType   string   // of a typed method
	ParamNames []string // of a script function
	Params     int      // registers 0..Params-1 at entry; a closure's captures come first
	Closure    bool
	Private    bool
	Empty      bool     // the body has no statements
	Weight     int32    // operations that a call is charged, its loops and calls not counted
	Captures   []uint16 // of a closure: registers around it, in the order of its parameters
	Registers  int
	Room       uint32 // bytes of the stack that a window takes
	Code       []Instr
	Consts     []Value
	Closures   []*Function
	Dynamic    bool        // has eval or name!() calls: leaves room for code that shares its window
	Eval       bool        // the code of an eval
	Calls      []*Function // script functions called directly
	Sites      []*Site
	Switches   []*Switch
	Errors     []*Error          // raised by OpFail
	Handlers   []Handler         // of try
	Positions  []syntax.Position // of each instruction
	Indexing   []IndexPositions  // further positions, in the order of the code
	Program    *Program
	Tree       *syntax.Function // of a script function that a call! may call

	stretches []stretch // of the code, by the handlers that guard them
}

// IndexPositions are where else an instruction on an element or property can fail.
type IndexPositions struct {
	PC      int32
	Bracket syntax.Position // of the [ or the dot
	Assign  syntax.Position // of the assignment's operator
}

// Site is what a call by name needs to know at run time.
type Site struct {
	Name     string
	Natives  []*Native   // overloads by that name
	Scripts  *Candidates // script functions by that name; nil: none
	Position syntax.Position
	ArgPos   syntax.Position // of the first argument
	Const    bool            // the receiver is (part of) a constant
	This     bool            // the receiver is (part of) this, which may be a constant
	Root     *Site           // the receiver is (part of) the variable that this site's name has now
	Path     []syntax.Ident  // of a qualified name: the modules
	Scope    *Scope          // of eval and is_def_var: what is in sight
	Register int             // of a name looked up at run time: its variable, -1 if there is none
	Level    int             // variables declared before this place, or before that variable
	Depth    int             // of blocks around this place
	Capture  bool            // of a call by pointer: a function that is found by its name sees Scope
	Main     bool            // of eval: what it declares outside of blocks is global
	Callee   *Function       // of name!(): the function
	Define   bool            // of a name: it is a constant

	builtin   builtin                 // a method that has a short cut
	last      *Native                 // the overload chosen last
	lastKinds uint64                  // for arguments of these kinds
	callee    *Function               // called last in the scope of this site
	code      *Function               // compiled for that
	scoped    map[*Function]*Function // all such code, by what it is compiled from
	evals     []evaluated             // of eval: texts by their hash, a power of two of them
}

// builtin names the methods that fast runs itself.
type builtin uint8

const (
	builtinNone builtin = iota
	builtinLen
	builtinPush
)

// Shorten finds whether the method that s calls with so many arguments has a short cut. Call it
// when all else is set.
func (s *Site) Shorten(args int) {
	switch {
	case s.Scripts != nil:
	case s.Name == "len" && args == 0:
		s.builtin = builtinLen
	case s.Name == "push" && args == 1:
		s.builtin = builtinPush
	}
}
