package vm

import "github.com/picloud/picloud/plugins/rhai/syntax"

// Instr is one instruction, of the form ABC or AD: see the package comment.
type Instr uint64

// MakeABC makes an instruction with three operands.
func MakeABC(op Op, a, b, c uint16) Instr {
	return Instr(op) | Instr(a)<<16 | Instr(b)<<32 | Instr(c)<<48
}

// MakeAD makes an instruction with one operand and a signed 32-bit one.
func MakeAD(op Op, a uint16, d int32) Instr {
	return Instr(op) | Instr(a)<<16 | Instr(uint32(d))<<32
}

// WithA returns the instruction with another operand A.
func (i Instr) WithA(a uint16) Instr { return i&^(0xffff<<16) | Instr(a)<<16 }

// WithOperator returns an OpBinary instruction with an operator.
func (i Instr) WithOperator(op syntax.Operator) Instr { return i | Instr(op)<<8 }

// WithWeight returns a loop's instruction that charges n operations, 255 at most.
func (i Instr) WithWeight(n uint8) Instr { return i | Instr(n)<<8 }

// Op returns the opcode.
func (i Instr) Op() Op { return Op(i) }

// X returns the byte beside the opcode: an operator, or the operations to charge.
func (i Instr) X() uint8 { return uint8(i >> 8) }

// Operator returns the operator of an OpBinary instruction.
func (i Instr) Operator() syntax.Operator { return syntax.Operator(i.X()) }

// A returns the first operand.
func (i Instr) A() uint16 { return uint16(i >> 16) }

// B returns the second operand of the form ABC.
func (i Instr) B() uint16 { return uint16(i >> 32) }

// C returns the third operand of the form ABC.
func (i Instr) C() uint16 { return uint16(i >> 48) }

// D returns the second operand of the form AD.
func (i Instr) D() int32 { return int32(i >> 32) }
