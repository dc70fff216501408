package syntax

import (
	"strings"
	"testing"
)

// BenchmarkParse parses programs of about 200 lines.
func BenchmarkParse(b *testing.B) {
	var program strings.Builder
	lines := 0
	for i, c := range goldenCases(b, "../conformance/program.jsonl") {
		if lines > 200 {
			break
		}
		// Blocks and other names keep the programs apart.
		script := strings.ReplaceAll(c.Script, "fn ", "fn p"+formatInt(int64(i))+"_")
		program.WriteString(script)
		program.WriteString("\n;\n")
		lines += strings.Count(script, "\n") + 2
	}
	source := program.String()
	if _, err := Parse(source, Options{}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(source)))
	b.ReportMetric(float64(lines), "lines")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(source, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
