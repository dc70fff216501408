package background

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// percentNow returns the percentage that is set.
func percentNow() int {
	percent := debug.SetGCPercent(usualPercent)
	debug.SetGCPercent(percent)
	return percent
}

// The room is about what is left of garbage, after each collection of what lives then; a large heap grows as ever.
func TestGarbage(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(percentNow())
	const room = 256 << 20
	g := NewGarbage(room)
	g.Start()
	g.Start()
	small := percentNow()
	assert.Greater(t, small, 2*usualPercent)

	much := make([]byte, 2*room)
	waitForPercent(t, usualPercent)
	runtime.KeepAlive(much)
	much = nil
	waitForPercent(t, small)

	require.NoError(t, g.Stop(t.Context()))
	assert.Equal(t, usualPercent, percentNow())
	g.Start()
	assert.Equal(t, usualPercent, percentNow(), "it has ended")
}

// waitForPercent collects until about a percentage is set: that is done beside the collection.
func waitForPercent(t *testing.T, want int) {
	t.Helper()
	for range 1000 {
		runtime.GC()
		if now := percentNow(); now >= want/2 && now <= want*2 {
			return
		}
	}
	t.Fatalf("the percentage is %d, want about %d", percentNow(), want)
}

// Who has set GOGC is left alone.
func TestGarbageOfOperator(t *testing.T) {
	t.Setenv("GOGC", "150")
	before := percentNow()
	g := NewGarbage(1 << 40)
	g.Start()
	assert.Equal(t, before, percentNow())
	require.NoError(t, g.Stop(t.Context()))
	assert.Equal(t, before, percentNow())
}
