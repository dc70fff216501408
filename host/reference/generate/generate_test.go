package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
)

// What is embedded is what is made.
func TestGenerated(t *testing.T) {
	made, err := everything()
	require.NoError(t, err)
	for name, want := range made {
		got, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		assert.True(t, want == string(got), "%s is not what is made of the table: go generate ./host/reference", name)
	}
}

var (
	// definition are the lines of a definition file, by the grammar of Rhai's language server (rhai.ungram).
	definition = regexp.MustCompile(`^(|//.*|\t?///.*|module static;|module [a-z0-9_]+ \{|\}|let ctx: Map;|\t?fn [A-Za-z_0-9]+\((\w+: [\w?]+(, \w+: [\w?]+)*)?\) -> ([\w?]+|\(\));)$`)
	// reserved are words that Rhai lets nobody use for a parameter.
	reserved = regexp.MustCompile(`[(,] ?(var|static|shared|goto|exit|match|case|public|protected|new|use|with|is|module|package|super|thread|spawn|go|await|async|sync|yield|default|void|null|nil|fn|let|const|if|else|for|in|loop|while|do|until|switch|return|throw|try|catch|import|export|as|global|this|true|false): `)
)

// The definitions are as the language server reads them, and have each function of ours.
func TestDefinitions(t *testing.T) {
	s, err := describe()
	require.NoError(t, err)
	text := definitions(s)
	for i, line := range strings.Split(text, "\n") {
		assert.Regexp(t, definition, line, "line %d", i+1)
		assert.NotRegexp(t, reserved, line, "line %d", i+1)
	}
	for _, m := range s.Modules {
		for _, it := range m.Items {
			if it.Kind != "property" {
				assert.Contains(t, text, "fn "+it.Name+"(", it.Full)
			}
		}
	}
}

// The page of errors tells of every code that an operation may fail with.
func TestEveryCodeIsTold(t *testing.T) {
	told := map[string]bool{}
	for _, row := range inScripts {
		told[string(row.code)] = true
	}
	for _, code := range fault.Codes() {
		assert.True(t, told[string(code.Guest())], code.Guest())
	}
}
