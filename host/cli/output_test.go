package cli

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/alecthomas/kong"
)

// shapeless are the commands whose --output json is held to elsewhere, or to nothing.
var shapeless = map[string]string{
	"logout":      "prints nothing",
	"dev":         "prints events, see TestDev",
	"test":        "prints events, which are compared whole, see TestTestCommand",
	"events tail": "goes on until it is interrupted, with what events list has",
	"audit tail":  "goes on until it is interrupted, with what audit list has",
}

// What a command prints as JSON is held to a file, or there is a reason why not.
func TestOutputIsHeldTo(t *testing.T) {
	text, err := os.ReadFile("../e2e/testdata/output.txt")
	if err != nil {
		t.Fatal(err)
	}
	var held []string
	for _, heading := range regexp.MustCompile(`(?m)^([a-z][a-z -]*?)( --.*)?$`).FindAllSubmatch(text, -1) {
		held = append(held, string(heading[1]))
	}
	for _, leaf := range newParser(t).Model.Leaves(true) {
		name := pathOf(leaf)
		_, excused := shapeless[name]
		switch is := slices.Contains(held, name); {
		case !hasFlag(leaf, "output"):
		case !is && !excused:
			t.Errorf("%s has --output, and is not among the commands of TestOutputShapes", name)
		case is && excused:
			t.Errorf("%s is held to after all", name)
		}
	}
}

// hasFlag reports whether a command takes a flag, its own or that of the commands that it is one of.
func hasFlag(command *kong.Node, name string) bool {
	for _, group := range command.AllFlags(false) {
		if slices.ContainsFunc(group, func(flag *kong.Flag) bool { return flag.Name == name }) {
			return true
		}
	}
	return false
}
