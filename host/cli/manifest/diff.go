package manifest

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// A difference is what changes of a thing, as lines that begin with a sign: - for what there is, + for what
// there will be, and of sources a blank for what is around that.
type difference []string

// field adds a field that is otherwise, nil for one that is not there.
func (d *difference) field(name string, before, after any) {
	for _, side := range []struct {
		sign  string
		value any
	}{{"-", before}, {"+", after}} {
		text, err := json.Marshal(side.value)
		if err == nil && string(text) != "null" {
			*d = append(*d, side.sign+name+": "+string(text))
		}
	}
}

// source adds what is otherwise of a source.
func (d *difference) source(before, after string) {
	unified := strings.TrimRight(udiff.Unified("deployed", "file", before, after), "\n")
	lines := strings.Split(unified, "\n")
	// The first two name the sides.
	*d = append(*d, slices.DeleteFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "--- deployed") || strings.HasPrefix(line, "+++ file")
	})...)
}
