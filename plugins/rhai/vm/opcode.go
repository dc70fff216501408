package vm

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
