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

// goal returns how large the heap is to be, with its garbage, when Go collects next.
func goal() uint64 {
	runtime.GC()
	return metric("/gc/heap/goal:bytes")
}

// A room leaves as much garbage as it has bytes before Go collects, and however much lives then, no more than that and the room: of a
// small machine, too.
func TestRoom(t *testing.T) {
	t.Setenv("GOGC", "")
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	for _, size := range []uint64{64 << 20, 16 << 20} { // a machine of 2 GiB or more, and of 512 MiB
		kept = nil
		room := NewRoom(int64(size))
		assert.Len(t, room, int(size))
		assert.Greater(t, goal(), 2*size, "the room, and as much garbage")

		others := metric("/gc/heap/live:bytes") - size
		kept = make([]byte, 4*size)
		assert.Less(t, goal(), 2*(4*size+size+others)+8<<20)
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
