package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/cli/caret"
)

const placed = `app: shop
domains: [shop.example]
scripts:
  - name: cart
    limits:
      timeout_ms: 5
    routes:
      - GET /cart
      - nowhere
triggers:
  - {name: nightly, kind: cron,
     schedule: x}
topics:
  - topic: prices
`

func TestLineOf(t *testing.T) {
	for _, test := range []struct {
		message string
		line    int
	}{
		{"app: must be short", 1},
		{"app shop: slug: must be short", 1},
		{"domain shop.example: is another's", 2},
		{"scripts[0]: routes[1]: route has no path", 9},
		{"scripts[0]: file: no such file", 4},
		{"scripts[7]: name is missing", 3},
		{"script cart: limits.timeout_ms: must be more", 6},
		{"trigger nightly: schedule: must have 5 fields", 12},
		{"trigger nightly: the app has no script none", 11},
		{"topic prices: access: must be public", 14},
		{"trigger gone: schedule: must have 5 fields", 0},
		{"cannot reach http://127.0.0.1:8080", 0},
	} {
		assert.Equal(t, test.line, lineOf([]byte(placed), test.message), test.message)
	}
	assert.Zero(t, lineOf([]byte("a: [\n"), "a: x"))
	assert.Zero(t, lineOf(nil, "a: x"))
}

// Errors name the line of the manifest, whoever finds them; those in a script have their place there.
func TestLocated(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, FileName)
	require.NoError(t, os.WriteFile(file, []byte("app: a\nscripts:\n  - {name: s}\n  - {name: s}\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "s.rhai"), []byte("1"), 0o600))
	_, err := Read(dir, "")
	assert.EqualError(t, err, file+`:4: scripts[1]: name "s" is used twice`)

	require.NoError(t, os.WriteFile(file, []byte("app: a\nscripts:\n  - {name: s}\n"), 0o600))
	app, err := Read(dir, "")
	require.NoError(t, err)
	assert.EqualError(t, app.Located(errors.New("script s: limits: too many")), file+":3: script s: limits: too many")
	assert.EqualError(t, app.Located(errors.New("no network")), "no network")
	inScript := &caret.Error{Name: "s.rhai", Line: 1, Message: "x"}
	assert.Equal(t, error(inScript), app.Located(inScript))
	assert.NoError(t, app.Located(nil))
}
