package main

import (
	"os"
	"path/filepath"
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
