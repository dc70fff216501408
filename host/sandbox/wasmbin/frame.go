package wasmbin

import (
	"fmt"
	"sort"
)

// A frame is the native stack that a call of a function takes, in the code that wazero makes.
type frame struct {
	bytes      int
	leaf       bool // the function calls none
	setsTables bool // beside that: it changes what is in tables
}

const (
	frameBase     = 192 // return address, frame pointer, and the registers that a callee saves
	frameSlot     = 8   // for a value; vectors take two
	freeRegisters = 8   // operands so near the top of the stack have registers unless something is called
)

// A frameEstimate estimates a frame from the function's instructions. In wazero's code every value
// that has to outlive a call, or that there is no register for, has a slot of its own in the frame;
// slots are not shared. So what is counted is, as if hardly a register were left,
//
//   - operands that are on the stack while something is called, or far below its top;
//   - every value that a local variable is given;
//   - where ways meet, the local variables that were set on one of them (the phis of SSA form);
//   - the parameters, and the parameters and results of the largest call.
//
// This is nearly always more than what is used (see TestFramesAreNotUnderestimated). Code that is
// made to have large frames, such as nested loops around many variables, is counted in full.
type frameEstimate struct {
	module  *Module
	callees []Signature // of all functions, imported ones first
	globals int         // imported ones, too

	blocks  []openBlock // from the outermost, the function itself
	dead    int         // blocks that were opened in code that nothing reaches, and that code itself; 0: it is reached
	height  int         // of the operand stack
	counted int         // operands from the bottom that have been counted
	slots   int
	largest int   // parameters and results of the largest call
	setAt   []int // by local, when it was set last; 0: never
	clock   int   // instructions so far
	vectors bool  // there may be values of 128 bits
	leaf    bool

	setsTables bool // beside the estimate: code changes a table
}

// An openBlock is a block, loop or if whose end has not come yet (5.4.1).
type openBlock struct {
	opened          int // by the clock
	height          int // of the operand stack below the block's parameters
	params, results int
	loop            bool
	meets           bool // several ways lead to its label
	// set is how many locals were set in the block, less those set in blocks that enclose
	// it: when it ends, the sum over it and what it encloses is right.
	set int
}

// estimateFrame reads the body of a function, which begins with its locals (5.5.13).
func (m *Module) estimateFrame(signature Signature, body []byte, callees []Signature) (frame, error) {
	e := frameEstimate{module: m, callees: callees, globals: m.imported(ExternGlobal) + len(m.Globals), blocks: []openBlock{{}}, leaf: true, vectors: signature.hasVector()}
	r := &reader{rest: body}
	locals := len(signature.Params)
	for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
		locals += int(r.u32())
		e.vectors = r.byte() == valueTypeVector || e.vectors
	}
	e.setAt = make([]int, locals)
	var i instruction
	for len(e.blocks) > 0 && r.err == nil {
		if r.instruction(&i); r.err == nil {
			e.clock++
			r.err = e.add(&i)
		}
	}
	if len(r.rest) > 0 {
		r.fail("%d bytes behind the end of a function", len(r.rest))
	}
	slot := frameSlot
	if e.vectors {
		slot *= 2
	}
	return frame{frameBase + slot*(e.slots+len(signature.Params)+e.largest), e.leaf, e.setsTables}, r.err
}

// add counts an instruction.
func (e *frameEstimate) add(i *instruction) error {
	if len(e.blocks)+e.dead > maxBlocks {
		return fmt.Errorf("blocks are nested more than %d deep", maxBlocks)
	}
	e.vectors = e.vectors || i.op == opVector
	if e.dead > 0 && !e.revive(i.op) {
		return nil
	}
	switch i.op {
	case opBlock, opLoop, opIf:
		return e.open(i)
	case opElse:
		b := &e.blocks[len(e.blocks)-1]
		e.setHeight(b.height + b.params)
	case opEnd:
		e.close()
	case opBr, opBrIf, opBrTable:
		if i.op != opBr {
			e.setHeight(e.height - 1)
		}
		for _, label := range i.labels {
			if n := len(e.blocks) - 1 - int(label); n >= 0 {
				e.blocks[n].meets = true
			}
		}
		if i.op != opBrIf {
			e.dead = 1
		}
	case opReturn, opUnreachable:
		e.dead = 1
	case opCall:
		if int(i.index) >= len(e.callees) {
			return fmt.Errorf("a call of function %d where there are %d", i.index, len(e.callees))
		}
		e.call(e.callees[i.index])
	case opCallIndirect:
		if int(i.index) >= len(e.module.Types) {
			return fmt.Errorf("a call of type %d where there are %d", i.index, len(e.module.Types))
		}
		e.setHeight(e.height - 1)
		e.call(e.module.Types[i.index])
	case opLocalSet, opLocalTee:
		if int(i.index) >= len(e.setAt) {
			return fmt.Errorf("local variable %d where there are %d", i.index, len(e.setAt))
		}
		if i.op == opLocalSet {
			e.setHeight(e.height - 1)
		}
		e.set(i.index)
	case opGlobalGet, opGlobalSet: // those of the meter come behind the module's own, and are not for it
		if int(i.index) >= e.globals {
			return fmt.Errorf("global variable %d where there are %d", i.index, e.globals)
		}
		e.setHeight(e.height - int(i.op-opGlobalGet))
		e.setHeight(e.height + int(opGlobalSet-i.op))
	default:
		e.setsTables = e.setsTables || i.setsTable()
		pops, pushes := i.arity()
		e.setHeight(e.height - pops)
		e.setHeight(e.height + pushes)
	}
	e.countBelow(e.height - freeRegisters)
	return nil
}

// revive passes over code that nothing reaches, and reports whether it ends with op.
func (e *frameEstimate) revive(op byte) bool {
	switch op {
	case opBlock, opLoop, opIf:
		e.dead++
	case opEnd:
		e.dead--
	case opElse:
		if e.dead == 1 {
			e.dead = 0
		}
	}
	return e.dead == 0
}

// setHeight changes the height of the operand stack, which is not below that of the block.
func (e *frameEstimate) setHeight(height int) {
	e.height = max(height, e.blocks[len(e.blocks)-1].height)
	e.counted = min(e.counted, e.height)
}

// countBelow counts the operands below a height that have not been counted.
func (e *frameEstimate) countBelow(height int) {
	if height > e.counted {
		e.slots += height - e.counted
		e.counted = height
	}
}

// open begins a block. Loops ask their host whether they are to end, which is like a call.
func (e *frameEstimate) open(i *instruction) error {
	b := openBlock{opened: e.clock, loop: i.op == opLoop, meets: i.op == opIf}
	if i.op == opIf {
		e.setHeight(e.height - 1)
	}
	switch {
	case i.blockType >= int64(len(e.module.Types)):
		return fmt.Errorf("a block of type %d where there are %d", i.blockType, len(e.module.Types))
	case i.blockType >= 0:
		t := e.module.Types[i.blockType]
		b.params, b.results = len(t.Params), len(t.Results)
		e.vectors = e.vectors || t.hasVector()
	case i.blockType != blockEmpty:
		b.results = 1
	}
	b.height = max(e.height-b.params, e.blocks[len(e.blocks)-1].height)
	e.blocks = append(e.blocks, b)
	if b.loop {
		e.countBelow(e.height)
	}
	return nil
}

// close ends a block.
func (e *frameEstimate) close() {
	b := e.blocks[len(e.blocks)-1]
	e.blocks = e.blocks[:len(e.blocks)-1]
	if b.meets {
		e.slots += b.set + b.results
		if b.loop {
			e.slots += b.params
		}
	}
	if len(e.blocks) > 0 {
		e.blocks[len(e.blocks)-1].set += b.set
		e.setHeight(b.height)
		e.setHeight(b.height + b.results)
	}
}

func (e *frameEstimate) call(callee Signature) {
	e.leaf = false
	e.vectors = e.vectors || callee.hasVector()
	e.largest = max(e.largest, len(callee.Params)+len(callee.Results))
	e.setHeight(e.height - len(callee.Params))
	e.countBelow(e.height)
	e.setHeight(e.height + len(callee.Results))
}

// set gives a local a new value. In blocks that were open when it was set last it has been set
// already.
func (e *frameEstimate) set(local uint32) {
	e.slots++
	before := sort.Search(len(e.blocks), func(i int) bool { return e.blocks[i].opened >= e.setAt[local] })
	e.setAt[local] = e.clock
	if before < len(e.blocks) {
		e.blocks[len(e.blocks)-1].set++
		if before > 0 {
			e.blocks[before-1].set--
		}
	}
}
