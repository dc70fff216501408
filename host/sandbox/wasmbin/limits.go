package wasmbin

import "encoding/binary"

// Limits say how large a table, in entries, or a memory, in pages, is at first and may become
// (5.3.7).
type Limits struct {
	Min, Max uint32
	Bounded  bool // there is a Max
}

func (r *reader) limits() (l Limits) {
	switch flags := r.byte(); flags {
	case 0:
		l.Min = r.u32()
	case 1:
		l.Min, l.Max, l.Bounded = r.u32(), r.u32(), true
	default:
		r.fail("unknown kind of limits %d", flags)
	}
	return l
}

func (l Limits) append(out []byte) []byte {
	if !l.Bounded {
		return binary.AppendUvarint(append(out, 0), uint64(l.Min))
	}
	return binary.AppendUvarint(binary.AppendUvarint(append(out, 1), uint64(l.Min)), uint64(l.Max))
}
