package wasmbin

// An Import is something that a module expects of its host (5.5.5).
type Import struct {
	Module, Name string
	Kind         byte   // [ExternFunction] and so on
	Index        uint32 // of a function: that of its type, which need not exist
}

// Kinds of imports and exports (5.5.5, 5.5.10).
const (
	ExternFunction, ExternTable, ExternMemory, ExternGlobal = 0, 1, 2, 3
)

// parseImports reads the import section (5.5.5).
func (m *Module) parseImports(r *reader) {
	for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
		i := Import{Module: r.name(), Name: r.name(), Kind: r.byte()}
		switch i.Kind {
		case ExternFunction:
			i.Index = r.u32()
		case ExternTable:
			r.byte()
			r.limits()
		case ExternMemory:
			r.limits()
		case ExternGlobal:
			r.bytes(2)
		default:
			r.fail("unknown kind of import %d", i.Kind)
		}
		m.Imports = append(m.Imports, i)
	}
}

// String is the import as in "env.memory".
func (i Import) String() string { return i.Module + "." + i.Name }

// imported counts the imports of a kind.
func (m *Module) imported(kind byte) (n int) {
	for _, i := range m.Imports {
		if i.Kind == kind {
			n++
		}
	}
	return n
}
