package vm

import "github.com/picloud/picloud/plugins/rhai/syntax"

// Program is a compiled script: what package compile makes and a [Thread] runs.
type Program struct {
	Main      *Function
	Functions []*Function // script functions; those of one name together
	Native    *Library
	Consts    []Value // shared by all functions

	// Modules are what scripts may import, by name; all programs that are linked
	// together share them. Number is the program's own among those, the script's is 0.
	Modules map[string]*Program
	Number  int
	Imports []Import // the import statements, in the order of the code

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

// Find gives the script function with a name and number of parameters, nil when
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
	Captures   []uint16 // of a closure: registers of the function around it, in the order of its parameters
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
	Indexing   []IndexPositions  // further positions of instructions on elements, in the order of the code
	Program    *Program
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
	Level    int             // how many variables were declared before this place, or before that variable
	Depth    int             // of blocks around this place
	Define   bool            // of a name: it is a constant

	builtin   builtin // a method that has a short cut
	last      *Native // the overload chosen last
	lastKinds uint64  // for arguments of these kinds
}

// builtin names the methods that fast runs itself.
type builtin uint8

const (
	builtinNone builtin = iota
	builtinLen
	builtinPush
)

// Shorten finds whether the method that s calls with so many arguments has a short cut. Call it when all
// else is set.
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

// Switch tells OpSwitch where to go.
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

// Instr is one instruction: from the lowest bit, the opcode (8 bits), 8 bits that
// hold OpBinary's operator or what a loop is charged for each round, and the operands A, B and C (16 bits each). Some instructions take B and
// C together as one signed 32-bit operand, written D below.
type Instr uint64

// MakeABC makes an instruction with three operands.
func MakeABC(op Op, a, b, c uint16) Instr {
	return Instr(op) | Instr(a)<<16 | Instr(b)<<32 | Instr(c)<<48
}

// MakeAD makes an instruction with one operand and a signed 32-bit one.
func MakeAD(op Op, a uint16, d int32) Instr {
	return Instr(op) | Instr(a)<<16 | Instr(uint32(d))<<32
}

// WithA is the instruction with another operand A.
func (i Instr) WithA(a uint16) Instr { return i&^(0xffff<<16) | Instr(a)<<16 }

// Op is the opcode, A, B, C and D the operands of an instruction.
func (i Instr) Op() Op    { return Op(i) }
func (i Instr) A() uint16 { return uint16(i >> 16) }
func (i Instr) B() uint16 { return uint16(i >> 32) }
func (i Instr) C() uint16 { return uint16(i >> 48) }
func (i Instr) D() int32  { return int32(i >> 32) }

// Op is an opcode.
type Op uint8

// The opcodes. R is the window of registers, K the function's constants, T the
// value this. "share" marks a container as reachable from two places. A jump
// is relative to the next instruction. Int16 operands are written i(C).
const (
	OpMove      Op = iota // R[A] = R[B]
	OpCopy                // R[A] = share R[B]
	OpShare               // share R[A]
	OpLoadK               // R[A] = K[D]
	OpLoadInt             // R[A] = D as an integer
	OpLoadUnit            // R[A] = ()
	OpLoadBool            // R[A] = B != 0
	OpGetCell             // R[A] = share of the variable R[B], shared with a closure or not yet
	OpSetCell             // the variable R[A], shared or not yet, = R[B]
	OpGetThis             // R[A] = share T
	OpGetGlobal           // R[A] = the global constant named K[D]
	OpSetGlobal           // the global constant named K[D] = share R[A]

	// Binary operators on registers: R[A] = R[B] op R[C].
	OpAdd
	OpSub
	OpMul
	OpDiv
	OpMod
	OpEq
	OpNe
	OpLt
	OpLe
	OpGt
	OpGe
	OpBinary // the operator in the byte beside the opcode, see Instr.Operator
	// The same with a constant: R[A] = R[B] op K[C].
	OpAddK
	OpSubK
	OpMulK
	OpDivK
	OpModK

	OpUnary // R[A] = operator C of R[B]
	OpIn    // R[A] = R[B] in R[C]

	// Assignment operators on a variable: R[A] op= R[B].
	OpAddTo // shares R[B] if it is a container
	OpSubTo
	OpAddToI  // R[A] += i(C)
	OpSubToI  // R[A] -= i(C)
	OpAssign  // R[A] op= R[B], the operator is C
	OpAssignP // *R[A] op= R[B], the operator is C

	OpJump      // to D
	OpJumpFalse // to D if R[A] is false; it must be a bool
	OpJumpTrue  // to D if R[A] is true; it must be a bool
	OpJumpUnit  // to D if R[A] is ()
	OpJumpValue // to D if R[A] is not ()
	OpCheckBool // R[A] must be a bool
	// Conditional jumps: to i(C) unless R[A] op R[B].
	OpUnlessEq
	OpUnlessNe
	OpUnlessLt
	OpUnlessLe
	OpUnlessGt
	OpUnlessGe
	// The same with an integer: to i(C) unless R[A] op i(B).
	OpUnlessEqI
	OpUnlessNeI
	OpUnlessLtI
	OpUnlessLeI
	OpUnlessGtI
	OpUnlessGeI
	OpLoop // charge, poll the interrupt word, jump to D
	// The end of a while loop with a condition on integers: if they are, charge, poll and
	// then, if R[A] op R[B], jump to i(C), else over the next instruction. If they are not, or
	// operations have run out, go on to that: an OpLoop to where the condition is evaluated.
	OpWhileLt
	OpWhileLe
	OpWhileGt
	// The same with an integer: R[A] op i(B).
	OpWhileNeI
	OpWhileLtI
	OpWhileGtI
	OpWhileGeI

	OpForRange  // R[A] < R[A+1]: R[A+2] = R[A], R[A] += 1, charge, poll, jump to D; else go on
	OpRangePrep // R[A], R[A+1] are a range's bounds, exclusive (B=0) or inclusive (B=1): make them ready for OpForRange
	OpIterInit  // R[A], R[A+1] = an iteration over R[B]
	OpIterNext  // R[A+2] = the next item, charge, poll, jump to D; else go on

	OpArray       // R[A] = [] with room for D
	OpAppend      // R[A] gets R[B] .. R[B+C-1] appended
	OpMap         // R[A] = #{} with room for D
	OpMapSet      // R[A][K[B]] = R[C]
	OpRange       // R[A] = R[B]..R[C]
	OpRangeIncl   // R[A] = R[B]..=R[C]
	OpInterpolate // R[A] = the texts of R[B] .. R[B+C-1], joined

	OpGetIndex  // R[A] = R[B][R[C]]
	OpGetIndexI // R[A] = R[B][i(C)]
	OpGetProp   // R[A] = R[B].K[C]
	OpSetIndex  // R[A][R[B]] = R[C]
	OpSetProp   // R[A].K[B] = R[C]

	// References, to work on a place inside of a value.
	OpRefLocal   // R[A] = ref to R[B]
	OpRefCell    // R[A] = ref to the variable R[B]; locks it if it is shared
	OpRefOwn     // R[A] = ref to the variable R[B], or its value if it is shared
	OpRefThis    // R[A] = ref to T
	OpRefIndex   // R[A] = ref to *R[A] at R[B]; flags C
	OpRefProp    // R[A] = ref to property K[B] of *R[A]; flags C
	OpDeref      // R[A] = *R[B]
	OpStoreP     // *R[A] = R[B]
	OpSetIndexP  // (*R[A])[R[B]] = R[C]
	OpSetPropP   // (*R[A]).K[B] = R[C]
	OpGuardIndex // error if *R[A], in a constant, has the element R[B]; K[C] is the constant's name, "": T may be one
	OpGuardProp  // error if *R[A], in a constant, has the property K[B]; K[C] is the constant's name, "": T may be one
	OpGuardThis  // error if T is a constant
	OpWriteBack  // if *R[A] is a part of a string, integer or blob: store it back; if B is 0, only if it may have changed
	OpUnlock     // release the A last locks

	OpCall          // R[A] = script function Calls[C] of R[A] .. R[A+B-1]
	OpCallNative    // R[A] = native function of site C with R[A] .. R[A+B-1]; R[A] may be a ref
	OpCallMethod    // R[A] = method of site C on R[A], value or ref, with R[A+1] .. R[A+B]
	OpCallPtr       // R[A] = call of the function pointer R[A] with R[A+1] .. R[A+B], at site C
	OpCheckFn       // R[A] must be a function pointer
	OpFnPtr         // R[A] = Fn(R[A])
	OpFnName        // R[A] = pointer to the script function named K[D]
	OpCurry         // R[A] = R[A] curried with R[A+1] .. R[A+B]
	OpClosure       // R[A] = closure of Closures[D]
	OpIsShared      // R[A] = whether the variable R[B] is shared
	OpIsDefVar      // R[A] = whether the name R[A] is in sight of site D
	OpIsDefFn       // R[A] = whether a function R[A] of R[A+1] parameters exists; with B=3: of type R[A], name R[A+1], R[A+2] parameters
	OpEval          // R[A] = eval of the text R[A] at site D
	OpCallScoped    // R[A] = Scoped[C] of R[A] .. R[A+B-1], in this window
	OpNameRef       // R[A] = ref to the variable that the name of site D has now
	OpNameLock      // the same; locks it if it is shared
	OpNameOwn       // the same, or its value if it is shared or constant
	OpNameCell      // R[A] = the same as a cell, for a closure to capture
	OpNameConst     // error if the variable that the name of site D has now is an eval's constant
	OpUnlessConst   // skip an instruction unless the variable that the name of site D has now is a constant
	OpImport        // import the module named R[A], as the name of site D
	OpImportTrim    // forget the modules imported in more than D blocks
	OpExport        // R[A] becomes a variable of the module under the name of site D
	OpCallQualified // R[A] = function of a module, as site C says, of R[A] .. R[A+B-1]
	OpGetQualified  // R[A] = variable of a module, as site D says
	OpDefine        // the name of site D becomes a variable of the window with the value R[A]
	OpUntag         // a string R[A] loses its tag
	OpTrim          // forget the variables defined by evals in more than D blocks
	OpReturn        // return R[A]
	OpReturnUnit    // return ()
	OpThrow         // raise R[A]
	OpFail          // raise Errors[D]
	OpSwitch        // jump to where Switches[D] says for R[A], else go on
	OpInRange       // jump to i(C) unless the number R[A] is within the range K[B]
	numOps
)

// Flags of OpRefIndex and OpRefProp.
const (
	RefCreate   = 1 // make a missing property, as ()
	RefReadOnly = 2 // what is referred to will not be changed: leave shared containers be
)

// WithOperator is an OpBinary instruction for an operator.
func (i Instr) WithOperator(op syntax.Operator) Instr { return i | Instr(op)<<8 }

// WithWeight is a loop's instruction that charges n operations, 255 at most.
func (i Instr) WithWeight(n uint8) Instr { return i | Instr(n)<<8 }

// Operator is the operator of an OpBinary instruction.
func (i Instr) Operator() syntax.Operator { return syntax.Operator(i >> 8) }

var opNames = [numOps]string{
	"move", "copy", "share", "loadk", "loadint", "loadunit", "loadbool", "getcell", "setcell", "getthis", "getglobal", "setglobal",
	"add", "sub", "mul", "div", "mod", "eq", "ne", "lt", "le", "gt", "ge", "binary", "addk", "subk", "mulk", "divk", "modk",
	"unary", "in", "addto", "subto", "addtoi", "subtoi", "assign", "assignp",
	"jump", "jumpfalse", "jumptrue", "jumpunit", "jumpvalue", "checkbool",
	"unlesseq", "unlessne", "unlesslt", "unlessle", "unlessgt", "unlessge",
	"unlesseqi", "unlessnei", "unlesslti", "unlesslei", "unlessgti", "unlessgei", "loop",
	"whilelt", "whilele", "whilegt", "whilenei", "whilelti", "whilegti", "whilegei",
	"forrange", "rangeprep", "iterinit", "iternext", "array", "append", "map", "mapset", "range", "rangeincl", "interpolate",
	"getindex", "getindexi", "getprop", "setindex", "setprop",
	"reflocal", "refcell", "refown", "refthis", "refindex", "refprop", "deref", "storep", "setindexp", "setpropp", "guardindex", "guardprop", "guardthis",
	"writeback", "unlock",
	"call", "callnative", "callmethod", "callptr", "checkfn", "fnptr", "fnname", "curry", "closure", "isshared", "isdefvar", "isdeffn", "eval",
	"callscoped", "nameref", "namelock", "nameown", "namecell", "nameconst", "import", "importtrim", "export", "callqualified", "getqualified", "define", "untag", "trim",
	"return", "returnunit", "throw", "fail", "switch", "inrange",
}

// String is the opcode's name.
func (o Op) String() string { return opNames[o] }
