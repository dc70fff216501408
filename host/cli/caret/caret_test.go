package caret

import (
	"strings"
	"testing"
)

func TestError(t *testing.T) {
	long := strings.Repeat("a", 200) + "!" + strings.Repeat("b", 200)
	for _, test := range []struct {
		name string
		err  Error
		want []string
	}{
		{
			"caret below the column",
			Error{Name: "greet.rhai", Line: 3, Column: 5, Message: "Expecting a name", SourceLine: "let = 4;"},
			[]string{"greet.rhai:3:5: Expecting a name", "  3 | let = 4;", "    |     ^"},
		},
		{
			"line number of two digits",
			Error{Name: "a.rhai", Line: 12, Column: 1, Message: "no", SourceLine: "}"},
			[]string{"a.rhai:12:1: no", "  12 | }", "     | ^"},
		},
		{
			"tabs stay tabs",
			Error{Name: "a.rhai", Line: 1, Column: 4, Message: "no", SourceLine: "\t\tx y"},
			[]string{"a.rhai:1:4: no", "  1 | \t\tx y", "    | \t\t ^"},
		},
		{
			"columns count characters, not bytes",
			Error{Name: "a.rhai", Line: 1, Column: 10, Message: "no", SourceLine: `"größe" x`},
			[]string{"a.rhai:1:10: no", `  1 | "größe" x`, "    |          ^"},
		},
		{
			"wide characters take two cells, combining ones none",
			Error{Name: "a.rhai", Line: 1, Column: 5, Message: "no", SourceLine: "世界e\u0301 x"},
			[]string{"a.rhai:1:5: no", "  1 | 世界e\u0301 x", "    |      ^"},
		},
		{
			"something is missing at the end of the line",
			Error{Name: "a.rhai", Line: 1, Column: 6, Message: "no", SourceLine: "f(1, \r"},
			[]string{"a.rhai:1:6: no", "  1 | f(1, ", "    |      ^"},
		},
		{
			"a column beyond the line is its end",
			Error{Name: "a.rhai", Line: 1, Column: 99, Message: "no", SourceLine: "ab"},
			[]string{"a.rhai:1:99: no", "  1 | ab", "    |   ^"},
		},
		{
			"no column",
			Error{Name: "a.rhai", Line: 2, Column: 0, Message: "no", SourceLine: "ab"},
			[]string{"a.rhai:2: no", "  2 | ab"},
		},
		{
			"no line",
			Error{Name: "a.rhai", Line: 0, Column: 0, Message: "too large", SourceLine: ""},
			[]string{"a.rhai: too large"},
		},
		{
			"a long line is cut around the column",
			Error{Name: "a.rhai", Line: 1, Column: 201, Message: "no", SourceLine: long},
			[]string{
				"a.rhai:1:201: no",
				"  1 | …" + strings.Repeat("a", 60) + "!" + strings.Repeat("b", 59) + "…",
				"    | " + strings.Repeat(" ", 61) + "^",
			},
		},
		{
			"text does not steer the terminal",
			Error{Name: "a.rhai", Line: 1, Column: 3, Message: "bad \x1b[31m", SourceLine: "a\x1bb"},
			[]string{"a.rhai:1:3: bad �[31m", "  1 | a�b", "    |   ^"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, want := test.err.Error(), strings.Join(test.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestLine(t *testing.T) {
	const source = "one\r\ntwo\n\nfour"
	for number, want := range map[int]string{1: "one", 2: "two", 3: "", 4: "four", 5: "", 0: ""} {
		if got := Line(source, number); got != want {
			t.Errorf("line %d = %q, want %q", number, got, want)
		}
	}
}

func TestCheckUTF8(t *testing.T) {
	if err := CheckUTF8("a.rhai", "größe � \n"); err != nil {
		t.Errorf("valid UTF-8, U+FFFD included, is refused: %v", err)
	}
	err := CheckUTF8("a.rhai", "ok\n\"gr\xf6\xdfe\"")
	if want := "a.rhai:2:4: not valid UTF-8"; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}
