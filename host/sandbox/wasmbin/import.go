package wasmbin

// An Import is what a module expects of its host.
type Import struct {
	Module, Name string
	Kind         byte
	Index        uint32 // the type of a function
}

// Kinds of imports and exports.
const (
	ExternFunction, ExternTable, ExternMemory, ExternGlobal = 0, 1, 2, 3
)

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

func (i Import) String() string { return i.Module + "." + i.Name }
