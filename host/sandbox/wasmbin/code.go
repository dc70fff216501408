package wasmbin

import "fmt"

// parseCode reads the code section as far as the local variables of each function (5.5.13).
func (m *Module) parseCode(r *reader) error {
	for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
		body := &reader{rest: r.bytes(r.u32())}
		locals := uint64(0)
		for n := body.count(maxItems); n > 0 && body.err == nil; n-- {
			locals += uint64(body.u32())
			body.byte()
		}
		if locals > maxLocals {
			return fmt.Errorf("has a function with %d local variables, at most %d are allowed", locals, maxLocals)
		}
		if m.locals += locals; m.locals > maxAllLocals {
			return fmt.Errorf("has functions with more than %d local variables in all", maxAllLocals)
		}
		if body.err != nil {
			r.err = body.err
		}
	}
	return nil
}
