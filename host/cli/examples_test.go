package cli

import (
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

func newParser(t *testing.T) *kong.Kong {
	t.Helper()
	parser, err := kong.New(new(Commands), append(options(),
		kong.Bind(&notices{w: io.Discard}), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))...)
	if err != nil {
		t.Fatal(err)
	}
	return parser
}

var shellSyntax = regexp.MustCompile(` [>|] .*$`)

// Each command has an example, each example is of a command, and can be parsed.
func TestExamples(t *testing.T) {
	var commands []string
	for _, leaf := range newParser(t).Model.Leaves(true) {
		commands = append(commands, pathOf(leaf))
		if examples[pathOf(leaf)] == nil {
			t.Errorf("%s has no example", pathOf(leaf))
		}
	}
	for command, lines := range examples {
		if !slices.Contains(commands, command) {
			t.Errorf("there is an example of %s, which is no command", command)
		}
		for _, line := range lines {
			_, arguments, _ := strings.Cut(line, "picloud ")
			arguments = strings.TrimSuffix(shellSyntax.ReplaceAllString(arguments, ""), ")")
			words, err := exec.Command("sh", "-c", "set -- "+arguments+`; printf '%s\0' "$@"`).Output()
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			parsed, err := newParser(t).Parse(shieldNumbers(strings.FieldsFunc(string(words), func(r rune) bool { return r == 0 })))
			if err != nil || pathOf(parsed.Selected()) != command {
				t.Errorf("%s: %v, want the command %s", line, err, command)
			}
		}
	}
}
