package wasmbin

// Instructions that matter here by name (5.4). Those of constant expressions are in constant.go.
const (
	opUnreachable, opNop              = 0x00, 0x01
	opBlock, opLoop, opIf, opElse     = 0x02, 0x03, 0x04, 0x05
	opBr, opBrIf, opBrTable, opReturn = 0x0c, 0x0d, 0x0e, 0x0f
	opCall, opCallIndirect            = 0x10, 0x11
	opDrop, opSelect, opSelectTyped   = 0x1a, 0x1b, 0x1c
	opLocalGet, opLocalSet            = 0x20, 0x21
	opLocalTee, opGlobalSet           = 0x22, 0x24
	opTableGet, opTableSet            = 0x25, 0x26
	opFirstLoad, opLastLoad           = 0x28, 0x35
	opFirstStore, opLastStore         = 0x36, 0x3e
	opMemorySize, opMemoryGrow        = 0x3f, 0x40
	opI32Eqz, opI32LtS, opI64Eqz      = 0x45, 0x48, 0x50
	opI32Add, opI32Sub                = 0x6a, 0x6b
	opFirstNumeric, opLastNumeric     = 0x45, 0xc4
	opRefIsNull                       = 0xd1
	opMisc                            = 0xfc // a number follows, as after opVector
)

// Instructions after opMisc (5.4.5, 5.4.6).
const (
	miscLastTruncation                 = 7
	miscMemoryInit, miscDataDrop       = 8, 9
	miscMemoryCopy, miscMemoryFill     = 10, 11
	miscTableInit, miscElemDrop        = 12, 13
	miscTableCopy, miscTableGrow       = 14, 15
	miscTableSize, miscTableFill       = 16, 17
	vectorLastLoad, vectorStore        = 10, 11
	vectorConst, vectorShuffle         = 12, 13
	vectorFirstSplat, vectorLastSplat  = 15, 20
	vectorFirstLane, vectorLastLane    = 21, 34
	vectorBitselect                    = 82
	vectorFirstLoadLane                = 84
	vectorFirstStoreLane               = 88
	vectorLastStoreLane                = 91
	vectorLoadZero32, vectorLoadZero64 = 92, 93
	vectorLast                         = 255
)

// An instruction is one of the body of a function.
type instruction struct {
	op        byte
	number    uint32   // after opMisc and opVector
	index     uint32   // of a local, global, table, function or type, for those that have one
	labels    []uint32 // of branches; valid until the next instruction
	blockType int64    // of a block, loop or if: an index, or below 0 as [reader.blockType] says
	bytes     []byte   // the whole instruction
}

// instruction reads an instruction with its immediates into i (5.4).
func (r *reader) instruction(i *instruction) {
	start := r.rest
	i.op = r.byte()
	i.labels = i.labels[:0]
	switch op := i.op; {
	case op == opBlock || op == opLoop || op == opIf:
		i.blockType = r.blockType()
	case op == opBr || op == opBrIf:
		i.labels = append(i.labels, r.u32())
	case op == opCall || op >= opLocalGet && op <= opTableSet || op == opRefFunc:
		i.index = r.u32()
	case op == opBrTable:
		for n := r.count(maxItems) + 1; n > 0 && r.err == nil; n-- {
			i.labels = append(i.labels, r.u32())
		}
	case op == opCallIndirect:
		i.index = r.u32()
		r.u32() // the table
	case op == opSelectTyped:
		r.bytes(r.u32())
	case op >= opFirstLoad && op <= opLastStore:
		r.memoryArgument()
	case op == opMemorySize || op == opMemoryGrow || op == opRefNull:
		r.byte()
	case op == opI32Const:
		r.skipLEB(5)
	case op == opI64Const:
		r.skipLEB(10)
	case op == opF32Const:
		r.bytes(4)
	case op == opF64Const:
		r.bytes(8)
	case op == opMisc:
		i.number = r.u32()
		r.miscImmediates(i.number)
	case op == opVector:
		i.number = r.u32()
		r.vectorImmediates(i.number)
	case op <= opNop, op == opElse, op == opEnd, op == opReturn, op == opDrop, op == opSelect,
		op >= opFirstNumeric && op <= opLastNumeric, op == opRefIsNull: // nothing follows
	default:
		r.fail("unknown instruction %#x", op)
	}
	i.bytes = start[:len(start)-len(r.rest)]
}

func (r *reader) miscImmediates(number uint32) {
	switch {
	case number <= miscLastTruncation:
	case number == miscMemoryInit || number == miscMemoryCopy || number == miscTableInit || number == miscTableCopy:
		r.u32()
		r.u32()
	case number <= miscTableFill:
		r.u32()
	default:
		r.fail("unknown instruction 0xfc %d", number)
	}
}

func (r *reader) vectorImmediates(number uint32) {
	switch {
	case number <= vectorStore || number == vectorLoadZero32 || number == vectorLoadZero64:
		r.memoryArgument()
	case number == vectorConst || number == vectorShuffle:
		r.bytes(16)
	case number >= vectorFirstLane && number <= vectorLastLane:
		r.byte()
	case number >= vectorFirstLoadLane && number <= vectorLastStoreLane:
		r.memoryArgument()
		r.byte()
	case number > vectorLast:
		r.fail("unknown instruction 0xfd %d", number)
	}
}

// memoryArgument reads the alignment and the offset of a load or store (5.4.6).
func (r *reader) memoryArgument() {
	r.u32()
	r.u32()
}

// blockType reads the type of a block (5.4.1): the index of a type, or below 0 [blockEmpty] or a
// single type of result.
func (r *reader) blockType() int64 {
	if len(r.rest) > 0 && r.rest[0] >= 0x40 && r.rest[0] < 0x80 {
		return int64(r.byte()) - 0x80
	}
	return int64(r.u32())
}

// The type of a block without parameters and results (5.4.1), as it is written and as
// [reader.blockType] returns it.
const (
	emptyBlock = 0x40
	blockEmpty = emptyBlock - 0x80
)

// skipLEB passes over LEB128 of at most n bytes.
func (r *reader) skipLEB(n int) {
	for range n {
		if r.byte() < 0x80 {
			return
		}
	}
	r.fail("a number is too long")
}

// arity is how many operands an instruction takes from the stack and how many it leaves there. It
// is of those that are no control instructions and do not call.
func (i *instruction) arity() (pops, pushes int) {
	switch op := i.op; {
	case op == opNop:
		return 0, 0
	case op == opDrop || op == opLocalSet || op == opGlobalSet:
		return 1, 0
	case op == opLocalGet || op == opGlobalGet || op == opRefNull || op == opRefFunc || op == opMemorySize,
		op >= opI32Const && op <= opF64Const:
		return 0, 1
	case op == opSelect || op == opSelectTyped:
		return 3, 1
	case op == opTableSet || op >= opFirstStore && op <= opLastStore:
		return 2, 0
	case op == opI32Eqz || op == opI64Eqz,
		op >= 0x67 && op <= 0x69, op >= 0x79 && op <= 0x7b, // counts of bits
		op >= 0x8b && op <= 0x91, op >= 0x99 && op <= 0x9f, // floats' signs, roots and roundings
		op >= 0xa7: // conversions, and what has the number after opMisc and opVector, see below
	case op >= opFirstNumeric:
		return 2, 1
	}
	switch i.op {
	case opMisc:
		switch i.number {
		case miscMemoryInit, miscMemoryCopy, miscMemoryFill, miscTableInit, miscTableCopy, miscTableFill:
			return 3, 0
		case miscDataDrop, miscElemDrop:
			return 0, 0
		case miscTableGrow:
			return 2, 1
		case miscTableSize:
			return 0, 1
		}
	case opVector:
		switch n := i.number; {
		case n <= vectorLastLoad, n >= vectorFirstSplat && n <= vectorLastSplat, n == vectorLoadZero32 || n == vectorLoadZero64:
			return 1, 1
		case n == vectorConst:
			return 0, 1
		case n == vectorStore, n >= vectorFirstStoreLane && n <= vectorLastStoreLane:
			return 2, 0
		case n == vectorBitselect:
			return 3, 1
		case unaryVector[n]:
			return 1, 1
		}
		return 2, 1
	}
	return 1, 1
}

// setsTable reports whether an instruction changes what is in a table.
func (i *instruction) setsTable() bool {
	if i.op == opMisc {
		return i.number == miscTableInit || i.number == miscTableCopy || i.number == miscTableGrow || i.number == miscTableFill
	}
	return i.op == opTableSet
}

// unaryVector are the instructions on vectors, beside loads and splats, that take one operand.
var unaryVector = [vectorLast + 1]bool{
	21: true, 22: true, 24: true, 25: true, 27: true, 29: true, 31: true, 33: true, // lanes extracted
	77: true, 83: true, 94: true, 95: true, // not, any_true, demote, promote
	96: true, 97: true, 98: true, 99: true, 100: true, 103: true, 104: true, 105: true, 106: true, // i8x16, f32x4
	116: true, 117: true, 122: true, 124: true, 125: true, 126: true, 127: true, // f64x2, pairwise
	128: true, 129: true, 131: true, 132: true, 135: true, 136: true, 137: true, 138: true, 148: true, // i16x8
	160: true, 161: true, 163: true, 164: true, 167: true, 168: true, 169: true, 170: true, // i32x4
	192: true, 193: true, 195: true, 196: true, 199: true, 200: true, 201: true, 202: true, // i64x2
	224: true, 225: true, 227: true, 236: true, 237: true, 239: true, // signs and roots of floats
	248: true, 249: true, 250: true, 251: true, 252: true, 253: true, 254: true, 255: true, // conversions
}
