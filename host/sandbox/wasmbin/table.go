package wasmbin

import (
	"encoding/binary"
	"fmt"
)

// A table holds references (5.3.9).
type table struct {
	kind   byte
	limits Limits
}

// parseTables reads the table section (5.5.7).
func (m *Module) parseTables(r *reader) error {
	for n := r.count(maxItems); n > 0 && r.err == nil; n-- {
		m.tables = append(m.tables, table{r.byte(), r.limits()})
		if n := m.tables[len(m.tables)-1].limits.Min; n > maxTableEntries {
			return fmt.Errorf("has a table of %d entries, at most %d are allowed", n, maxTableEntries)
		}
	}
	if len(m.tables) > maxTables {
		return fmt.Errorf("has %d tables, at most %d are allowed", len(m.tables), maxTables)
	}
	return nil
}

// boundTables gives each table a maximum, beyond which table.grow fails.
func (m *Module) boundTables(changed map[byte][]byte) {
	if len(m.tables) == 0 {
		return
	}
	out := binary.AppendUvarint(nil, uint64(len(m.tables)))
	for _, t := range m.tables {
		most := uint32(maxTableEntries)
		if t.limits.Bounded {
			most = min(most, t.limits.Max)
		}
		out = append(out, t.kind)
		out = Limits{t.limits.Min, most, true}.append(out)
	}
	changed[sectionTable] = out
}
