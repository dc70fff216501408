package wasmbin

import (
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"
)

// Instructions of constant expressions (3.3.10, 5.4).
const (
	opEnd, opI32Const, opI64Const, opF32Const, opF64Const = 0x0b, 0x41, 0x42, 0x43, 0x44
	opGlobalGet, opRefNull, opRefFunc, opVector           = 0x23, 0xd0, 0xd2, 0xfd
)

// Constant is the expression of a number as [api.Global] gives it; nil for a type of value that is
// no number.
func Constant(kind byte, bits uint64) []byte {
	switch kind {
	case api.ValueTypeI32:
		return append(appendSigned([]byte{opI32Const}, int64(int32(bits))), opEnd)
	case api.ValueTypeI64:
		return append(appendSigned([]byte{opI64Const}, int64(bits)), opEnd)
	case api.ValueTypeF32:
		return append(binary.LittleEndian.AppendUint32([]byte{opF32Const}, uint32(bits)), opEnd)
	case api.ValueTypeF64:
		return append(binary.LittleEndian.AppendUint64([]byte{opF64Const}, bits), opEnd)
	}
	return nil
}

// constant reads a constant expression with its end (5.4.9).
func (r *reader) constant() []byte {
	start := r.rest
	for r.err == nil {
		switch op := r.byte(); op {
		case opEnd:
			return start[:len(start)-len(r.rest)]
		case opI32Const, opI64Const, opGlobalGet, opRefFunc:
			for r.byte()&0x80 != 0 {
			}
		case opF32Const:
			r.bytes(4)
		case opF64Const:
			r.bytes(8)
		case opRefNull:
			r.byte()
		case opVector:
			r.u32()
			r.bytes(16)
		default:
			r.fail("instruction %#x in a constant", op)
		}
	}
	return nil
}

// appendSigned appends signed LEB128 (5.2.2), which is not Go's signed varint.
func appendSigned(out []byte, v int64) []byte {
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}
