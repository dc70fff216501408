package front

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
)

// Requests are kept in mind for who asks, and only as long.
func TestRecent(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	r := NewRecent()
	r.now = func() time.Time { return now }
	add := func(app string, n int) {
		for i := range n {
			r.add(Answered{AppID: app, Path: fmt.Sprint("/", i)})
		}
	}
	after := func(app string, number int64) ([]Answered, int64) {
		items, next, err := r.After(app, number)
		require.NoError(t, err)
		return items, next
	}
	add("a", 3)
	assert.False(t, r.wanted())
	items, next := after("a", 0)
	assert.Empty(t, items, "of before somebody asked")
	assert.True(t, r.wanted())
	add("a", 3)
	add("b", 1)
	items, next = after("a", next)
	assert.Len(t, items, 3, "and none of another app")
	assert.Equal(t, "/0", items[0].Path)
	items, next = after("a", next)
	assert.Empty(t, items, "once each")

	add("a", maxRecent+10)
	items, next = after("a", next)
	assert.Equal(t, fmt.Sprint("/", maxRecent+9), items[len(items)-1].Path, "of many the last")
	assert.LessOrEqual(t, len(items), maxRecent)
	items, _ = after("a", next+5)
	assert.Empty(t, items, "of a number that another process gave")

	now = now.Add(recentPatience + time.Second)
	add("b", 1)
	assert.False(t, r.wanted(), "nobody asks any more")
	for i := range maxWatched {
		_, next = after(fmt.Sprint(i), 0)
		assert.EqualValues(t, 1, next)
	}
	_, _, err := r.After("one too many", 0)
	assert.Equal(t, fault.Overloaded, fault.Of(err))
	var none *Recent
	items, _, err = none.After("a", 1)
	assert.NoError(t, err)
	assert.Empty(t, items)
	assert.False(t, none.wanted())
}
