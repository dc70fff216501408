package wasmbin

// parseData reads the data section. The flags of a segment are 0, active; 1, passive; 2, active
// with a memory named (5.5.14).
func (m *Module) parseData(r *reader) {
	for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
		flags := r.u32()
		switch flags {
		case 0:
			r.constant()
		case 1:
		case 2:
			r.u32()
			r.constant()
		default:
			r.fail("unknown kind of data segment %d", flags)
		}
		r.bytes(r.u32())
		m.segments++
	}
}
