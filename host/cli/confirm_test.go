package cli

import (
	"slices"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
)

func TestPresent(t *testing.T) {
	assert.Empty(t, present([]amount{{n: 0, kind: "route"}, {0, "document", 10}}))
	assert.Equal(t, []string{"1 route", "2 scripts", "9 documents", "at least 10 files"},
		present([]amount{{n: 1, kind: "route"}, {n: 2, kind: "script"}, {0, "event", 10}, {9, "document", 10}, {10, "file", 10}}))
}

// What deletes asks first, whatever it deletes.
func TestDeletionsAsk(t *testing.T) {
	for _, leaf := range newParser(t).Model.Leaves(true) {
		switch leaf.Name {
		case "delete", "remove", "revoke", "clear", "purge":
			asks := slices.ContainsFunc(leaf.Flags, func(f *kong.Flag) bool { return f.Name == "yes" })
			assert.True(t, asks, "%s has no --yes", pathOf(leaf))
		}
	}
}
