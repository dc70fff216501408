package wasmbin

// A Global is a global variable.
type Global struct {
	Kind    byte
	Mutable bool
	Value   []byte // the constant expression
}

func (m *Module) parseGlobals(r *reader) {
	for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
		m.Globals = append(m.Globals, Global{r.byte(), r.byte() != 0, r.constant()})
	}
}
