package wasmbin

const (
	// maxTableEntries bounds a table: each entry takes 8 bytes of the host's.
	maxTableEntries = 1 << 20
	// maxLocals bounds the locals of a function, as browsers do (WebAssembly
	// JavaScript Interface, "Implementation-defined limits").
	maxLocals = 50_000
	// maxAllLocals bounds those of all functions together, of each of which wazero keeps
	// the type.
	maxAllLocals = 4_000_000
	// maxItems bounds everything else of which there are many: functions, types,
	// imports. What a large program of Go has is a tenth of it.
	maxItems     = 100_000
	maxTables    = 16
	maxSignature = 1000
)
