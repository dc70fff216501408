package vm

import (
	"reflect"
	"testing"
)

// TestOpcodes finds what is missing in the table of opcodes.
func TestOpcodes(t *testing.T) {
	kinds := map[operand]bool{"": true, "R": true, "K": true, "i": true, "n": true, "bits": true, "->": true, "op": true, "op=": true, "charge": true}
	function := reflect.TypeFor[Function]()
	names := map[string]Op{}
	for op := range numOps {
		row := opcodes[op]
		if row.name == "" {
			t.Errorf("opcode %d, which comes after %v, has no name", op, op-1)
			continue
		}
		if other, ok := names[row.name]; ok {
			t.Errorf("opcodes %d and %d are both named %q", other, op, row.name)
		}
		names[row.name] = op
		for _, what := range []operand{row.x, row.a, row.b, row.c, row.d} {
			if _, isField := function.FieldByName(string(what)); !kinds[what] && !isField {
				t.Errorf("%v has an operand of kind %q", op, what)
			}
		}
		if row.d != "" && (row.b != "" || row.c != "") {
			t.Errorf("%v has operands of both forms", op)
		}
	}
	if got := numOps.String(); got != "opcode "+itoa(int64(numOps)) {
		t.Errorf("what is no opcode is shown as %q", got)
	}
}
