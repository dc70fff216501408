package vm

import "github.com/picloud/picloud/plugins/rhai/syntax"

// Program is a compiled script: what package compile makes and a [Thread] runs.
type Program struct {
	Main      *Function
	Functions []*Function // script functions; those of one name together
	Native    *Library
	Consts    []Value  // shared by all functions
	Scope     []string // the variables that exist before it runs

	Modules map[string]*Program // what the script and its modules may import, by name
	Name    string              // of a module
	Asks    bool                // there are functions or closures, which can ask for global constants
	Imports []Import            // the import statements, in the order of the code

	// Reads lists what the program can see of the variables that exist before it runs: "a" is all of
	// a variable, "a.b" and "a.b.c" a property alone.
	Reads []string

	byName map[string][]*Function
}

// Import is an import statement.
type Import struct {
	Name     string          // "" when it is not a literal
	Position syntax.Position // of the name
}

// Link prepares p to run: call sites get their candidates.
func (p *Program) Link() {
	p.byName = make(map[string][]*Function, len(p.Functions))
	for _, f := range p.Functions {
		p.byName[f.Name] = append(p.byName[f.Name], f)
	}
}

// Seal ends the making of a function: what follows from its code is computed.
func (f *Function) Seal() {
	room := f.Registers
	if f.Dynamic {
		room += evalRoom
	}
	f.Room = uint32(uintptr(room) * valueSize)
	f.Weight = int32(min(len(f.Code), 64))
	for _, s := range f.Switches {
		s.index()
	}
}

// Find returns the script function with a name and number of parameters, nil when
// there is none. thisType is "" or the type of a typed method.
func (p *Program) Find(name string, params int, thisType string) *Function {
	for _, f := range p.byName[name] {
		if f.Params == params && f.ThisType == thisType {
			return f
		}
	}
	return nil
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
	Scoped     []*Function // called by name!(): they run in the window of their caller
	Dynamic    bool        // has eval or name!() calls: leaves room for code that shares its window
	Eval       bool        // the code of an eval
	Calls      []*Function // script functions called directly
	Sites      []*Site
	Switches   []*Switch
	Errors     []*Error          // raised by OpFail
	Handlers   []Handler         // of try; inner ones first
	Positions  []syntax.Position // of each instruction
	Indexing   []IndexPositions  // further positions, in the order of the code
	Program    *Program
	Tree       *syntax.Function // of a script function that may be called in the scope of a caller that is not known yet
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
	Scripts  []*Function // script functions by that name
	Position syntax.Position
	ArgPos   syntax.Position // of the first argument
	Const    bool            // the receiver is (part of) a constant
	This     bool            // the receiver is (part of) this, which may be a constant
	Root     *Site           // the receiver is (part of) the variable that this site's name has now
	Path     []syntax.Ident  // of a qualified name: the modules
	Scope    []ScopeVar      // of eval and is_def_var: the variables in sight
	Register int             // of a name looked up at run time: its variable, -1 if there is none
	Level    int             // variables declared before this place, or before that variable
	Depth    int             // of blocks around this place
	Capture  bool            // of a call by pointer: a function that is found by its name sees Scope
	Main     bool            // of eval: what it declares outside of blocks is global
	Define   bool            // of a name: it is a constant

	builtin   builtin                 // a method that has a short cut
	last      *Native                 // the overload chosen last
	lastKinds uint64                  // for arguments of these kinds
	scoped    map[*Function]*Function // with Capture: what has been compiled
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
	case len(s.Scripts) > 0:
	case s.Name == "len" && args == 0:
		s.builtin = builtinLen
	case s.Name == "push" && args == 1:
		s.builtin = builtinPush
	}
}

// ScopeVar is a variable in sight at a [Site].
type ScopeVar struct {
	Name     string
	Register uint16
	Level    int // how many variables were declared before it
	Const    bool
}

// Switch says where OpSwitch goes.
type Switch struct {
	Values  []Value // literals
	Targets []int32 // where each one's arms start, relative to the OpSwitch
	ints    map[int64]int32
	strings map[string]int32
}

// Handler is the reach of a try block, or of a catch block when Rethrow.
type Handler struct {
	Start, End int32  // the instructions guarded, End excluded
	Target     int32  // where the catch block starts
	Value      uint16 // register of the catch variable
	Error      uint16 // register that keeps the caught error for throw without a value
	Rethrow    bool
}
