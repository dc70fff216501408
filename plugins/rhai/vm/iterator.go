package vm

// Iterator is the object of an iterator value: what chars(), bits() and stepped
// ranges return. It can be iterated again from its start.
type Iterator struct {
	// Start begins an iteration: next returns each item in turn and false at the end.
	Type  string // Rust's name of its type, which some errors show
	Start func() (next func() (Value, bool))
}
