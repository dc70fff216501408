package wasmbin

// Bounds of a module, which the specification leaves to implementations (7.2).
const (
	// maxTableEntries bounds a table: each entry takes 8 bytes of the host's.
	maxTableEntries = 1 << 20
	// maxLocals bounds the locals of a function, as browsers do (WebAssembly
	// JavaScript Interface, "Implementation-defined limits").
	maxLocals = 50_000
	// maxAllLocals bounds those of all functions together: wazero keeps the type of each.
	maxAllLocals = 4_000_000
	// maxItems bounds everything else that there may be many of: functions, types,
	// imports. What a large program of Go has is a tenth of it.
	maxItems = 100_000
	// maxBlocks bounds how deep blocks are nested in one another within a function.
	maxBlocks = 50_000
	// maxTables bounds tables.
	maxTables = 16
	// maxSignature bounds the parameters of a function, and its results.
	maxSignature = 1000
)
