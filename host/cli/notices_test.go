package cli

import (
	"strings"
	"testing"
)

func TestWantsJSON(t *testing.T) {
	for arguments, want := range map[string]bool{
		"apps list":                    false,
		"apps list -o json":            true,
		"apps list -ojson":             true,
		"apps list --output json":      true,
		"apps list --output=json":      true,
		"apps list --output table":     false,
		"apps list -o":                 false,
		"kv put c k -- --output=json":  false,
		"invoke hello --path json --o": false,
	} {
		if got := wantsJSON(strings.Fields(arguments)); got != want {
			t.Errorf("wantsJSON(%q) = %v, want %v", arguments, got, want)
		}
	}
}
