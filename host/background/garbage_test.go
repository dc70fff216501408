package background

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"

	"github.com/stretchr/testify/assert"
)

// metric returns the value of a metric of the runtime.
func metric(name string) uint64 {
	samples := []metrics.Sample{{Name: name}}
	metrics.Read(samples)
	return samples[0].Value.Uint64()
}

var kept []byte

// collections returns how often Go collects while so many bytes of garbage are made.
func collections(bytes int) uint64 {
	runtime.GC()
	before := metric("/gc/cycles/total:gc-cycles")
	for range bytes / 4096 {
		kept = make([]byte, 4096)
	}
	return metric("/gc/cycles/total:gc-cycles") - before
}

// A room spares collections, and however much lives then, no more garbage is left at once than that and the room: of a small machine, too.
func TestRoom(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	for _, size := range []int{64 << 20, 16 << 20} { // a machine of 2 GiB or more, and of 512 MiB
		kept = nil
		without := collections(10 * size)
		room := NewRoom(int64(size))
		assert.Len(t, room, size)
		assert.LessOrEqual(t, collections(10*size), without/2+1)

		others := metric("/gc/heap/live:bytes") - uint64(size)
		kept = make([]byte, 4*size)
		runtime.GC()
		assert.Less(t, metric("/gc/heap/goal:bytes"), 2*(uint64(4*size)+uint64(size)+others)+8<<20)
		runtime.KeepAlive(room)
	}
	kept = nil
}

// What the operator has set holds.
func TestRoomOfOperator(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(320 << 20))
	assert.Len(t, NewRoom(64<<20), 10<<20)
	t.Setenv("GOGC", "150")
	assert.Nil(t, NewRoom(64<<20))
}
