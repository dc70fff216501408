package sdk_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The plugin in the README compiles, and is the one of the package comment.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(readme), "```go\n")
	plugin, _, found := strings.Cut(rest, "```\n")
	require.True(t, found, "the README has no block of Go")

	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	commented := strings.ReplaceAll("\t"+strings.ReplaceAll(plugin, "\n", "\n\t"), "\n\t\n", "\n\n")
	commented = "//" + strings.ReplaceAll(strings.TrimSuffix(commented, "\n\t"), "\n", "\n//")
	assert.Contains(t, string(doc), commented)

	dir := t.TempDir()
	file := filepath.Join(dir, "main.go")
	require.NoError(t, os.WriteFile(file, []byte(plugin), 0o600))
	output, err := exec.Command("go", "build", "-o", filepath.Join(dir, "plugin"), file).CombinedOutput()
	assert.NoError(t, err, "%s", output)
}
