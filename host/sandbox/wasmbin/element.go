package wasmbin

import "fmt"

// parseElements reads the element section (5.5.12).
func (m *Module) parseElements(r *reader) error {
	for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
		m.parseElementSegment(r)
		if m.elements > maxTableEntries {
			return fmt.Errorf("has more than %d elements for its tables", maxTableEntries)
		}
	}
	return nil
}

// parseElementSegment reads one segment. Its flags say what it consists of: bit 0, it is not
// active; bit 1, it names its table or is declarative; bit 2, it is of expressions (5.5.12).
func (m *Module) parseElementSegment(r *reader) {
	flags := r.u32()
	if flags > 7 {
		r.fail("unknown kind of element segment %d", flags)
		return
	}
	const notActive, explicit, expressions = 1, 2, 4
	if flags&notActive == 0 {
		if flags&explicit != 0 {
			r.u32()
		}
		r.constant()
	}
	if flags&(notActive|explicit) != 0 {
		r.byte() // kind or type
	}
	for n := r.count(maxTableEntries); n > 0 && r.err == nil; n-- {
		m.elements++
		if flags&expressions != 0 {
			r.constant()
		} else {
			r.u32()
		}
	}
}
