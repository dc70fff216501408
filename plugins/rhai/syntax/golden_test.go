package syntax

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// goldenCase is a line of the conformance corpus or of testdata.
type goldenCase struct {
	ID     string `json:"id"`
	Script string `json:"script"`
	Expect struct {
		OK    bool   `json:"ok"`
		Kind  string `json:"kind"`
		Error string `json:"error"`
		Line  int32  `json:"line"`
		Col   int32  `json:"col"`
	} `json:"expect"`
}

// atRuntime are the cases whose parse error comes from eval, parse_json or Fn
// while the script runs: the script itself parses.
var atRuntime = map[string]bool{
	"core/fn-pointers-9":      true,
	"core/fn-pointers-10":     true,
	"core/eval-9":             true,
	"core/eval-11":            true,
	"core/eval-24":            true,
	"core/eval-28":            true,
	"core/fn-names-dynamic-1": true,
	"core/fn-names-dynamic-3": true,
	"errors/parse-misuse-3":   true,
	"errors/parse-misuse-5":   true,
	"errors/parse-misuse-15":  true,
	"errors/parse-misuse-16":  true,
	"lib/arr-search-26":       true,
	"lib/json-15":             true,
	"lib/json-17":             true,
	"lib/json-19":             true,
	"lib/json-24":             true,
	"lib/json-26":             true,
	"lib/json-27":             true,
	"lib/fnptr-13":            true,
	"lib/fnptr-14":            true,
	"lib/print-debug-14":      true,
	"lib/meta-34":             true,
	"lib/capture-5":           true,
	"lib/capture-6":           true,
}

func goldenCases(t testing.TB, pattern string) []goldenCase {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", pattern, err)
	}
	var cases []goldenCase
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var c goldenCase
			if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
				t.Fatalf("%s: %v in %.200s", name, err, lines.Text())
			}
			cases = append(cases, c)
		}
		if err := errors.Join(lines.Err(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return cases
}

func TestGolden(t *testing.T) {
	// The other files there are about what happens at run time.
	var cases []goldenCase
	for _, name := range []string{"core", "errors", "lib", "program"} {
		cases = append(cases, goldenCases(t, "../conformance/"+name+".jsonl")...)
	}
	if more, _ := filepath.Glob("testdata/*.jsonl"); len(more) > 0 {
		cases = append(cases, goldenCases(t, "testdata/*.jsonl")...)
	}
	for _, c := range cases {
		_, err := Parse(c.Script, Options{})
		if c.Expect.Kind != "parse" || atRuntime[c.ID] {
			if err != nil {
				t.Errorf("%s: does not parse: %v\n%s", c.ID, err, c.Script)
			}
			continue
		}
		var parseErr *ParseError
		if !errors.As(err, &parseErr) {
			t.Errorf("%s: want %s, got %v\n%s", c.ID, c.Expect.Error, err, c.Script)
			continue
		}
		if got := "Syntax error: " + parseErr.Error(); got != c.Expect.Error {
			t.Errorf("%s: want %s\ngot %s\n%s", c.ID, c.Expect.Error, got, c.Script)
		}
		if want := (Position{c.Expect.Line, c.Expect.Col}); parseErr.Position != want {
			t.Errorf("%s: want position %v, got %v", c.ID, want, parseErr.Position)
		}
	}
}
