package plugin

import (
	_ "embed"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
)

//go:embed testdata/random/random.wasm
var randomPlugin []byte

// A plugin made with the SDK and TinyGo begins each execution from the same memory, and
// yet no execution draws what another has drawn.
func TestRandomNumbersOfRestoredPlugins(t *testing.T) {
	const executions = 300
	b := newBox(t, 32)
	seen := map[string]map[string]int{}
	for range executions {
		result, err := b.run(t.Context(), randomPlugin, abi.Limits{}, idle)
		require.NoError(t, err)
		var numbers map[string]string
		require.NoError(t, json.Unmarshal([]byte(result), &numbers))
		for source, number := range numbers {
			if seen[source] == nil {
				seen[source] = map[string]int{}
			}
			seen[source][number]++
		}
	}
	assert.True(t, b.compiled[string(randomPlugin)].Restored(), "the memory is kept")
	assert.Len(t, seen["initial"], 1, "all begin from one initialisation")
	for _, source := range []string{"crypto/rand", "math/rand", "math/rand/v2", "maphash"} {
		assert.Len(t, seen[source], executions, source)
	}
	assert.Greater(t, len(seen["map"]), 1, "maps are gone through in more than one order")
}
