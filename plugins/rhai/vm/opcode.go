package vm

// Op is an opcode.
type Op uint8

// The opcodes, each with what it does, in the notation of the package comment: R is the window
// of registers, K the function's constants, T the value this, and i(X) the operand X as a signed
// 16-bit number. A jump "to D" is relative to the next instruction. "share v" marks the container
// v as reachable from two places. "R[A]..R[A+B-1]" are B registers in a row. "variable R[A]" is
// R[A], or, once a closure shares the variable, what is in the cell there. "charge" counts the
// operations in the byte X and polls the interrupt word. Whatever else an instruction does that
// can fail is said by the error it raises.
//
// An instruction reads all its operands before it writes R[A], unless it says otherwise.
const (
	// Moves and constants.
	OpMove      Op = iota // R[A] = R[B]
	OpCopy                // R[A] = share R[B]
	OpShare               // share R[A]
	OpLoadK               // R[A] = K[D]; containers among constants are shared
	OpLoadInt             // R[A] = D, an integer
	OpLoadUnit            // R[A] = ()
	OpLoadBool            // R[A] = B != 0
	OpGetCell             // R[A] = share variable R[B]; a locked one is a data race
	OpSetCell             // variable R[A] = R[B]; a locked one is a data race
	OpGetThis             // R[A] = share T, which must be bound
	OpGetGlobal           // R[A] = the program's global constant K[D], which must be set
	OpGetGiven            // R[A] = share the variable number D of those that existed before the script ran
	OpSetGlobal           // the program's global constant K[D] = share R[A]

	// Binary operators: R[A] = R[B] op R[C].
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
	OpBinary // the operator is X, see [Instr.Operator]
	// The same with a constant: R[A] = R[B] op K[C].
	OpAddK
	OpSubK
	OpMulK
	OpDivK
	OpModK

	OpUnary // R[A] = op R[B], the operator is C
	OpIn    // R[A] = R[B] in R[C]

	// Assignment operators.
	OpAddTo   // R[A] += share R[B]; text is appended in place
	OpSubTo   // R[A] -= share R[B]
	OpAddToI  // R[A] += i(C)
	OpSubToI  // R[A] -= i(C)
	OpAssign  // R[A] op= R[B], the operator is C
	OpAssignP // *R[A] op= R[B], the operator is C

	// Jumps. The unless instructions jump when the condition does not hold.
	OpJump      // to D
	OpJumpFalse // to D if R[A] is false; it must be a bool
	OpJumpTrue  // to D if R[A] is true; it must be a bool
	OpJumpUnit  // to D if R[A], or what it refers to, is ()
	OpJumpValue // to D if R[A] is not ()
	OpCheckBool // R[A] must be a bool
	OpUnlessEq  // to i(C) unless R[A] == R[B]
	OpUnlessNe  // to i(C) unless R[A] != R[B]
	OpUnlessLt  // to i(C) unless R[A] < R[B]
	OpUnlessLe  // to i(C) unless R[A] <= R[B]
	OpUnlessGt  // to i(C) unless R[A] > R[B]
	OpUnlessGe  // to i(C) unless R[A] >= R[B]
	OpUnlessEqI // to i(C) unless R[A] == i(B)
	OpUnlessNeI // to i(C) unless R[A] != i(B)
	OpUnlessLtI // to i(C) unless R[A] < i(B)
	OpUnlessLeI // to i(C) unless R[A] <= i(B)
	OpUnlessGtI // to i(C) unless R[A] > i(B)
	OpUnlessGeI // to i(C) unless R[A] >= i(B)
	OpLoop      // charge, to D
	OpPoll      // charge, and let the host have its turn now and then: in the midst of long code
	// The end of a while loop whose condition is on integers. If they are integers and operations
	// are left: charge, then, if R[A] op R[B], to i(C), else over the next instruction. If not, go
	// on to the next instruction, an OpLoop to where the condition is evaluated.
	OpWhileLt
	OpWhileLe
	OpWhileGt
	// The same with an integer: R[A] op i(B).
	OpWhileNeI
	OpWhileLtI
	OpWhileGtI
	OpWhileGeI

	// Iterations. Their state is in R[A] and R[A+1].
	OpRangePrep // R[A], R[A+1], the bounds of a range, inclusive if B is 1: ready for OpForRange
	OpForRange  // if R[A] != R[A+1]: charge, R[A+2] = R[A], R[A] += 1, to D
	OpIterInit  // R[A], R[A+1] = an iteration over share R[B], which must be iterable
	OpIterNext  // if there is a next item: charge, R[A+2] = share it, to D

	// Making values.
	OpArray       // R[A] = [], with room for D items
	OpAppend      // the array R[A] gets R[B]..R[B+C-1] appended
	OpMap         // R[A] = #{}, with room for D properties
	OpMapSet      // the map R[A] gets the property K[B] = R[C]
	OpRange       // R[A] = R[B]..R[C]
	OpRangeIncl   // R[A] = R[B]..=R[C]
	OpInterpolate // R[A] = the texts of R[B]..R[B+C-1], joined

	// Elements and properties of values in registers. What is read is not shared.
	OpGetIndex  // R[A] = R[B][R[C]]
	OpGetIndexI // R[A] = R[B][i(C)]
	OpGetProp   // R[A] = R[B].K[C]
	OpSetIndex  // R[A][R[B]] = R[C]
	OpSetProp   // R[A].K[B] = R[C]

	// References, to work on a place inside of a value: *R[A] is the place that R[A] refers to.
	// What has no place of its own (a character, a bit, a byte) is copied to a proxy. A shared
	// container on the way is copied first, unless the flags in C say [RefReadOnly].
	OpRefLocal  // R[A] = ref to R[B]
	OpRefCell   // R[A] = ref to variable R[B], which is locked
	OpRefOwn    // R[A] = ref to R[B], or, if a closure shares the variable, share its value
	OpRefThis   // R[A] = ref to T, which must be bound
	OpRefIndex  // R[A] = ref to (*R[A])[R[B]]
	OpRefProp   // R[A] = ref to (*R[A]).K[B]
	OpDeref     // R[A] = *R[B], or R[B] if it is no reference
	OpStoreP    // *R[A] = R[B]; R[A] must not refer to a T that is a constant
	OpSetIndexP // (*R[A])[R[B]] = R[C]
	OpSetPropP  // (*R[A]).K[B] = R[C]
	OpWriteBack // store a proxy R[A] back; with B = 0, only if its value may have changed
	OpUnlock    // release the last lock
	// *R[A] is a part of a constant: of the one named K[C], or, if that is "" and T is one, of T.
	OpGuardIndex // then it must not have an element R[B]
	OpGuardProp  // then it must not have a property K[B]
	OpGuardThis  // T must not be a constant

	// Functions. A script function's arguments become the first registers of its window; the
	// value it returns replaces R[A].
	OpCall          // R[A] = the script function Calls[C] of R[A]..R[A+B-1]; charges its weight
	OpCallNative    // R[A] = the function of site C of R[A]..R[A+B-1]; it may work on a ref R[A]
	OpCallMethod    // R[A] = the method of site C of R[A], a value or ref, with R[A+1]..R[A+B]
	OpCallPtr       // R[A] = the function pointer R[A] of R[A+1]..R[A+B], at site C
	OpCallScoped    // R[A] = the function of site C of R[A]..R[A+B-1], in this window
	OpCallQualified // R[A] = the function of a module that site C names of R[A]..R[A+B-1]
	OpEval          // R[A] = eval of the text R[A], which sees what site D says
	OpCheckFn       // R[A] must be a function pointer
	OpFnPtr         // R[A] = Fn(R[A])
	OpFnName        // R[A] = a pointer to the script function named K[D]
	OpCurry         // R[A] = the function pointer R[A] with R[A+1]..R[A+B] as further arguments
	OpClosure       // R[A] = a closure of Closures[D]; the variables it captures become shared

	// Questions about names.
	OpNameShared // R[A] = whether the variable that the name of Sites[D] stands for is shared
	OpIsShared   // R[A] = whether the variable R[B] is shared
	OpIsDefVar   // R[A] = is_def_var(R[A]), at site D
	OpIsDefFn    // R[A] = is_def_fn(R[A]..R[A+B-1])

	// Variables that are looked up at run time: site D has the name. What an eval has defined hides
	// the register that the site gives.
	OpNameRef     // R[A] = ref to the variable
	OpNameLock    // R[A] = ref to the variable, which is locked if it is shared
	OpNameOwn     // R[A] = ref to the variable, or share its value if it is shared or constant
	OpNameCell    // R[A] = the cell of the variable, which becomes shared
	OpNameConst   // the variable must not be a constant of an eval
	OpUnlessConst // over the next instruction unless the variable is a constant
	OpDefine      // the name becomes a variable of the window with the value R[A]
	OpTrim        // forget the variables that evals have defined in more than D blocks

	// Modules.
	OpImport       // import the module named R[A] under the name of site D
	OpImportTrim   // forget the modules imported in more than D blocks
	OpExport       // R[A] becomes a variable of the module under the name of site D
	OpGetQualified // R[A] = the variable of a module that site D names

	// The rest.
	OpUntag      // a string R[A] loses its tag
	OpReturn     // return R[A]
	OpReturnUnit // return ()
	OpThrow      // raise share R[A]
	OpFail       // raise Errors[D]
	OpGoto       // to the instruction whose number is R[A]
	OpSwitch     // to where Switches[D] says for R[A], if it is among its values
	OpInRange    // to i(C) unless the number R[A] is within the range K[B]
	OpCover      // the program's Covered[D] += 1
	numOps
)

// Flags of OpRefIndex and OpRefProp.
const (
	RefCreate   = 1 // make a missing property, as ()
	RefReadOnly = 2 // what is referred to will not be changed: leave shared containers be
)

// operand says what a field of an instruction is:
//
//	R       a register of the window
//	K       a constant of the function
//	i       a signed integer
//	n       a number of things
//	bits    a flag, or several
//	->      a jump, relative to the next instruction
//	op      an operator, a [syntax.Operator]
//	op=     an operator with an assignment
//	charge  operations to count
//
// and the name of a field of [Function] for the number of one of those.
type operand string

// opcode says how an instruction is written: its name, and what its fields are. It has B and C, or
// D, or none of the three.
type opcode struct {
	name          string
	x, a, b, c, d operand
}

var opcodes = [numOps]opcode{
	OpMove:      {name: "move", a: "R", b: "R"},
	OpCopy:      {name: "copy", a: "R", b: "R"},
	OpShare:     {name: "share", a: "R"},
	OpLoadK:     {name: "loadk", a: "R", d: "K"},
	OpLoadInt:   {name: "loadint", a: "R", d: "i"},
	OpLoadUnit:  {name: "loadunit", a: "R"},
	OpLoadBool:  {name: "loadbool", a: "R", b: "bits"},
	OpGetCell:   {name: "getcell", a: "R", b: "R"},
	OpSetCell:   {name: "setcell", a: "R", b: "R"},
	OpGetThis:   {name: "getthis", a: "R"},
	OpGetGlobal: {name: "getglobal", a: "R", d: "K"},
	OpGetGiven:  {name: "getgiven", a: "R", d: "n"},
	OpSetGlobal: {name: "setglobal", a: "R", d: "K"},

	OpAdd:    {name: "add", a: "R", b: "R", c: "R"},
	OpSub:    {name: "sub", a: "R", b: "R", c: "R"},
	OpMul:    {name: "mul", a: "R", b: "R", c: "R"},
	OpDiv:    {name: "div", a: "R", b: "R", c: "R"},
	OpMod:    {name: "mod", a: "R", b: "R", c: "R"},
	OpEq:     {name: "eq", a: "R", b: "R", c: "R"},
	OpNe:     {name: "ne", a: "R", b: "R", c: "R"},
	OpLt:     {name: "lt", a: "R", b: "R", c: "R"},
	OpLe:     {name: "le", a: "R", b: "R", c: "R"},
	OpGt:     {name: "gt", a: "R", b: "R", c: "R"},
	OpGe:     {name: "ge", a: "R", b: "R", c: "R"},
	OpBinary: {name: "binary", a: "R", b: "R", c: "R", x: "op"},
	OpAddK:   {name: "addk", a: "R", b: "R", c: "K"},
	OpSubK:   {name: "subk", a: "R", b: "R", c: "K"},
	OpMulK:   {name: "mulk", a: "R", b: "R", c: "K"},
	OpDivK:   {name: "divk", a: "R", b: "R", c: "K"},
	OpModK:   {name: "modk", a: "R", b: "R", c: "K"},
	OpUnary:  {name: "unary", a: "R", b: "R", c: "op"},
	OpIn:     {name: "in", a: "R", b: "R", c: "R"},

	OpAddTo:   {name: "addto", a: "R", b: "R"},
	OpSubTo:   {name: "subto", a: "R", b: "R"},
	OpAddToI:  {name: "addtoi", a: "R", c: "i"},
	OpSubToI:  {name: "subtoi", a: "R", c: "i"},
	OpAssign:  {name: "assign", a: "R", b: "R", c: "op="},
	OpAssignP: {name: "assignp", a: "R", b: "R", c: "op="},

	OpJump:      {name: "jump", d: "->"},
	OpJumpFalse: {name: "jumpfalse", a: "R", d: "->"},
	OpJumpTrue:  {name: "jumptrue", a: "R", d: "->"},
	OpJumpUnit:  {name: "jumpunit", a: "R", d: "->"},
	OpJumpValue: {name: "jumpvalue", a: "R", d: "->"},
	OpCheckBool: {name: "checkbool", a: "R"},
	OpUnlessEq:  {name: "unlesseq", a: "R", b: "R", c: "->"},
	OpUnlessNe:  {name: "unlessne", a: "R", b: "R", c: "->"},
	OpUnlessLt:  {name: "unlesslt", a: "R", b: "R", c: "->"},
	OpUnlessLe:  {name: "unlessle", a: "R", b: "R", c: "->"},
	OpUnlessGt:  {name: "unlessgt", a: "R", b: "R", c: "->"},
	OpUnlessGe:  {name: "unlessge", a: "R", b: "R", c: "->"},
	OpUnlessEqI: {name: "unlesseqi", a: "R", b: "i", c: "->"},
	OpUnlessNeI: {name: "unlessnei", a: "R", b: "i", c: "->"},
	OpUnlessLtI: {name: "unlesslti", a: "R", b: "i", c: "->"},
	OpUnlessLeI: {name: "unlesslei", a: "R", b: "i", c: "->"},
	OpUnlessGtI: {name: "unlessgti", a: "R", b: "i", c: "->"},
	OpUnlessGeI: {name: "unlessgei", a: "R", b: "i", c: "->"},
	OpLoop:      {name: "loop", d: "->", x: "charge"},
	OpPoll:      {name: "poll", x: "charge"},
	OpWhileLt:   {name: "whilelt", a: "R", b: "R", c: "->", x: "charge"},
	OpWhileLe:   {name: "whilele", a: "R", b: "R", c: "->", x: "charge"},
	OpWhileGt:   {name: "whilegt", a: "R", b: "R", c: "->", x: "charge"},
	OpWhileNeI:  {name: "whilenei", a: "R", b: "i", c: "->", x: "charge"},
	OpWhileLtI:  {name: "whilelti", a: "R", b: "i", c: "->", x: "charge"},
	OpWhileGtI:  {name: "whilegti", a: "R", b: "i", c: "->", x: "charge"},
	OpWhileGeI:  {name: "whilegei", a: "R", b: "i", c: "->", x: "charge"},

	OpRangePrep: {name: "rangeprep", a: "R", b: "bits"},
	OpForRange:  {name: "forrange", a: "R", d: "->", x: "charge"},
	OpIterInit:  {name: "iterinit", a: "R", b: "R"},
	OpIterNext:  {name: "iternext", a: "R", d: "->", x: "charge"},

	OpArray:       {name: "array", a: "R", d: "n"},
	OpAppend:      {name: "append", a: "R", b: "R", c: "n"},
	OpMap:         {name: "map", a: "R", d: "n"},
	OpMapSet:      {name: "mapset", a: "R", b: "K", c: "R"},
	OpRange:       {name: "range", a: "R", b: "R", c: "R"},
	OpRangeIncl:   {name: "rangeincl", a: "R", b: "R", c: "R"},
	OpInterpolate: {name: "interpolate", a: "R", b: "R", c: "n"},

	OpGetIndex:  {name: "getindex", a: "R", b: "R", c: "R"},
	OpGetIndexI: {name: "getindexi", a: "R", b: "R", c: "i"},
	OpGetProp:   {name: "getprop", a: "R", b: "R", c: "K"},
	OpSetIndex:  {name: "setindex", a: "R", b: "R", c: "R"},
	OpSetProp:   {name: "setprop", a: "R", b: "K", c: "R"},

	OpRefLocal:   {name: "reflocal", a: "R", b: "R"},
	OpRefCell:    {name: "refcell", a: "R", b: "R"},
	OpRefOwn:     {name: "refown", a: "R", b: "R"},
	OpRefThis:    {name: "refthis", a: "R"},
	OpRefIndex:   {name: "refindex", a: "R", b: "R", c: "bits"},
	OpRefProp:    {name: "refprop", a: "R", b: "K", c: "bits"},
	OpDeref:      {name: "deref", a: "R", b: "R"},
	OpStoreP:     {name: "storep", a: "R", b: "R"},
	OpSetIndexP:  {name: "setindexp", a: "R", b: "R", c: "R"},
	OpSetPropP:   {name: "setpropp", a: "R", b: "K", c: "R"},
	OpGuardIndex: {name: "guardindex", a: "R", b: "R", c: "K"},
	OpGuardProp:  {name: "guardprop", a: "R", b: "K", c: "K"},
	OpGuardThis:  {name: "guardthis"},
	OpWriteBack:  {name: "writeback", a: "R", b: "bits"},
	OpUnlock:     {name: "unlock"},

	OpCall:          {name: "call", a: "R", b: "n", c: "Calls"},
	OpCallNative:    {name: "callnative", a: "R", b: "n", c: "Sites"},
	OpCallMethod:    {name: "callmethod", a: "R", b: "n", c: "Sites"},
	OpCallPtr:       {name: "callptr", a: "R", b: "n", c: "Sites"},
	OpCallScoped:    {name: "callscoped", a: "R", b: "n", c: "Sites"},
	OpCallQualified: {name: "callqualified", a: "R", b: "n", c: "Sites"},
	OpEval:          {name: "eval", a: "R", d: "Sites"},
	OpCheckFn:       {name: "checkfn", a: "R"},
	OpFnPtr:         {name: "fnptr", a: "R"},
	OpFnName:        {name: "fnname", a: "R", d: "K"},
	OpCurry:         {name: "curry", a: "R", b: "n"},
	OpClosure:       {name: "closure", a: "R", d: "Closures"},

	OpNameShared: {name: "nameshared", a: "R", d: "Sites"},
	OpIsShared:   {name: "isshared", a: "R", b: "R"},
	OpIsDefVar:   {name: "isdefvar", a: "R", d: "Sites"},
	OpIsDefFn:    {name: "isdeffn", a: "R", b: "n"},

	OpNameRef:     {name: "nameref", a: "R", d: "Sites"},
	OpNameLock:    {name: "namelock", a: "R", d: "Sites"},
	OpNameOwn:     {name: "nameown", a: "R", d: "Sites"},
	OpNameCell:    {name: "namecell", a: "R", d: "Sites"},
	OpNameConst:   {name: "nameconst", d: "Sites"},
	OpUnlessConst: {name: "unlessconst", d: "Sites"},
	OpDefine:      {name: "define", a: "R", d: "Sites"},
	OpTrim:        {name: "trim", d: "n"},

	OpImport:       {name: "import", a: "R", d: "Sites"},
	OpImportTrim:   {name: "importtrim", d: "n"},
	OpExport:       {name: "export", a: "R", d: "Sites"},
	OpGetQualified: {name: "getqualified", a: "R", d: "Sites"},

	OpUntag:      {name: "untag", a: "R"},
	OpReturn:     {name: "return", a: "R"},
	OpReturnUnit: {name: "returnunit"},
	OpThrow:      {name: "throw", a: "R"},
	OpFail:       {name: "fail", d: "Errors"},
	OpGoto:       {name: "goto", a: "R"},
	OpSwitch:     {name: "switch", a: "R", d: "Switches"},
	OpInRange:    {name: "inrange", a: "R", b: "K", c: "->"},
	OpCover:      {name: "cover", d: "n"},
}

// String returns the opcode's name.
func (o Op) String() string {
	if int(o) < len(opcodes) {
		return opcodes[o].name
	}
	return "opcode " + itoa(int64(o))
}
