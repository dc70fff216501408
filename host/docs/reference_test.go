package docs

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	pages "github.com/picloud/picloud/host/reference"
)

// The page of filters tells of each operator, and of the bounds.
func TestReferenceOfFilters(t *testing.T) {
	page, ok := pages.Markdown("filters")
	require.True(t, ok)
	for _, operator := range operators {
		assert.Contains(t, page, "`"+operator+"`")
	}
	assert.Contains(t, page, fmt.Sprintf("A filter has %d KiB of JSON at most, %d conditions, %d levels and 1,000 values in `$in`; a path %d keys; an order %d paths.",
		maxFilterSize>>10, maxConditions, maxFilterDepth, maxPathSteps, maxSortPaths))
	assert.Equal(t, 1000, maxFilterElements)
}
