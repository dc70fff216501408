package wasmbin

// A Global is a global variable (5.5.9).
type Global struct {
	Kind    byte // type of value
	Mutable bool
	Value   []byte // a constant expression
}

// parseGlobals reads the global section (5.5.9).
func (m *Module) parseGlobals(r *reader) {
	for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
		m.Globals = append(m.Globals, Global{r.byte(), r.byte() != 0, r.constant()})
	}
}
