package vm

import "github.com/picloud/picloud/plugins/rhai/syntax"

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

// WithOperator is an OpBinary instruction for an operator.
func (i Instr) WithOperator(op syntax.Operator) Instr { return i | Instr(op)<<8 }

// WithWeight is a loop's instruction that charges n operations, 255 at most.
func (i Instr) WithWeight(n uint8) Instr { return i | Instr(n)<<8 }

// Operator is the operator of an OpBinary instruction.
func (i Instr) Operator() syntax.Operator { return syntax.Operator(i >> 8) }
