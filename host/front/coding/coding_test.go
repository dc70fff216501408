package coding

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTag(t *testing.T) {
	for _, c := range []struct{ tag, coding, want string }{
		{`"a"`, "br", `"a-br"`},
		{`"a"`, "", `"a"`},
		{`W/"a"`, "br", `W/"a"`},
		{"", "br", ""},
		{"a", "br", "a"},
	} {
		assert.Equal(t, c.want, Tag(c.tag, c.coding), "%v", c)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := NewCache(10_000)
	made := 0
	get := func(name, coding string, size int) {
		t.Helper()
		got, err := c.Get(name, coding, func() ([]byte, error) { made++; return make([]byte, size, 2*size), nil })
		require.NoError(t, err)
		require.Len(t, got, size)
	}
	get("a", "br", 4000)
	get("a", "br", 4000)
	assert.Equal(t, 1, made)
	get("a", "gzip", 4000)
	assert.Equal(t, 2, made)
	get("a", "br", 4000) // used last, and kept
	get("b", "br", 4000)
	get("a", "br", 4000)
	assert.Equal(t, 3, made)
	get("a", "gzip", 4000)
	assert.Equal(t, 4, made, "what was asked for longest ago went")
	get("huge", "br", 20_000)
	get("huge", "br", 20_000)
	assert.Equal(t, 6, made, "what is larger than all is not kept")
	for i := range 1000 {
		get(fmt.Sprint(i), "br", 1)
		require.LessOrEqual(t, c.held, c.size)
	}
	assert.Less(t, c.entries.Len(), 50, "small ones count for more than their bytes")
}

// Of many who ask at once one compresses; what fails is tried again by the next.
func TestCacheMakesOnce(t *testing.T) {
	c := NewCache(10_000)
	failure := errors.New("no")
	_, err := c.Get("a", "br", func() ([]byte, error) { return nil, failure })
	require.ErrorIs(t, err, failure)
	var made atomic.Int32
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			got, err := c.Get("a", "br", func() ([]byte, error) { made.Add(1); return []byte("packed"), nil })
			assert.NoError(t, err)
			assert.Equal(t, "packed", string(got))
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, made.Load())
}
