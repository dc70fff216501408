//go:build linux && !portable

package region

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestARegionBecomesItsBaseAgain writes to pages far and wide, with a kernel
// that tells which were written and with one that does not.
func TestARegionBecomesItsBaseAgain(t *testing.T) {
	const size = 16 * WasmPage
	contents := make([]byte, size)
	for i := range contents[:size/4*3] { // zero behind that, as a guest's memory is
		contents[i] = byte(i / PageSize)
	}
	base, err := NewImage(contents)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, base.Close()) })

	every := func(step uint32) (pages []uint32) {
		for page := uint32(1); page < size/PageSize; page += step {
			pages = append(pages, page)
		}
		return pages
	}
	for _, kernel := range []struct {
		name  string
		tells bool
		keep  int
	}{{"pages told", true, FewPages}, {"many kept", true, size / PageSize}, {"pages not told", false, FewPages}} {
		t.Run(kernel.name, func(t *testing.T) {
			if !kernel.tells {
				original := openPagemap
				openPagemap = func() uintptr { return noPagemap }
				t.Cleanup(func() { openPagemap = original })
			}
			r := New()
			r.Allocate(0, size)
			defer r.Free()
			require.Len(t, r.Reallocate(size), size)
			require.NoError(t, r.Attach(base))
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
					r.Bytes()[page*PageSize+17]++
				}
				changed := r.Changed(base)
				assert.Subset(t, changed, written.pages, written.name)
				_, kept, err := r.Reset(base, kernel.keep)
				require.NoError(t, err)
				assert.Empty(t, Differing(r.Bytes(), base.bytes), written.name)
				if runs, ok := r.scan.written(r.Bytes()); ok {
					assert.Equal(t, kept, runs.count(), "pages kept after %s", written.name)
					assert.LessOrEqual(t, kept, kernel.keep, "pages kept after %s", written.name)
				}
			}
		})
	}
}
