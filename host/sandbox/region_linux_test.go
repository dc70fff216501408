//go:build linux && !portable

package sandbox

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestARegionBecomesItsBaseAgain writes to pages far and wide, with a kernel
// that tells which were written and with one that does not.
func TestARegionBecomesItsBaseAgain(t *testing.T) {
	const size = 16 * wasmPage
	contents := make([]byte, size)
	for i := range contents {
		contents[i] = byte(i / pageSize)
	}
	base := &baseImage{size: size}
	var err error
	base.memory, err = newImageMemory(contents)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, base.close()) })

	every := func(step uint32) (pages []uint32) {
		for page := uint32(1); page < size/pageSize; page += step {
			pages = append(pages, page)
		}
		return pages
	}
	for _, kernel := range []struct {
		name  string
		tells bool
	}{{"pages told", true}, {"pages not told", false}} {
		t.Run(kernel.name, func(t *testing.T) {
			if !kernel.tells {
				original := openPagemap
				openPagemap = func() uintptr { return noPagemap }
				t.Cleanup(func() { openPagemap = original })
			}
			r := newRegion()
			r.Allocate(0, size)
			defer r.Free()
			require.Len(t, r.Reallocate(size), size)
			require.NoError(t, r.attach(base.memory))
			for _, written := range []struct {
				name  string
				pages []uint32
			}{
				{"none", nil},
				{"a few", every(20)},
				{"as many as a slot keeps", every(4)},
				{"more runs than one question finds", every(2)},
				{"all but the first", every(1)},
				{"a few again", every(50)},
			} {
				for _, page := range written.pages {
					r.bytes()[page*pageSize+17]++
				}
				changed := r.changed(base.memory)
				assert.Subset(t, changed, written.pages, written.name)
				require.NoError(t, r.reset(base.memory))
				assert.Empty(t, differing(r.bytes(), base.memory.bytes), written.name)
				if runs, ok := r.scan.written(r.bytes()); ok {
					assert.LessOrEqual(t, runs.count(), uint64(keptPages), "pages kept after %s", written.name)
				}
			}
		})
	}
}
