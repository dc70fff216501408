package syntax

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzParse(f *testing.F) {
	for _, c := range goldenCases(f, "../conformance/*.jsonl") {
		f.Add(c.Script, uint8(0))
	}
	f.Add(`{"a": [1, null]}`, uint8(JSON))
	f.Add("let x = 1; x", uint8(Eval))
	f.Fuzz(func(t *testing.T, source string, mode uint8) {
		opts := Options{Mode: Mode(mode % 3)}
		_, err := Parse(source, opts)
		if err == nil {
			return
		}
		var parseErr *ParseError
		if !errors.As(err, &parseErr) || parseErr.Message == "" {
			t.Fatalf("not a proper error: %#v", err)
		}
		if utf8.ValidString(source) && !utf8.ValidString(parseErr.Message) {
			t.Errorf("message cuts characters: %q", parseErr.Message)
		}
		checkInside(t, source, parseErr.Position, opts)
	})
}

// checkInside fails if pos is not in the source. The end of the source, which Rhai may look at
// more than once, lies a few columns after its last character.
func checkInside(t *testing.T, source string, pos Position, opts Options) {
	t.Helper()
	if !pos.IsKnown() {
		return
	}
	// Rhai takes a carriage return for a line end in comments and after back-ticks.
	breaks := strings.Count(source, "\n") + strings.Count(source, "\r")
	if int(pos.Line) > breaks+1 || pos.Column < 0 || int(pos.Column) > utf8.RuneCountInString(source)+3 {
		t.Errorf("position %v is outside of %q (mode %d)", pos, source, opts.Mode)
	}
}
