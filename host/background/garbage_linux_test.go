package background

import (
	"bytes"
	"os"
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// residentPages returns how many whole pages of a slice are in memory.
func residentPages(t *testing.T, of []byte) (resident int) {
	page := uintptr(os.Getpagesize())
	begin := (uintptr(unsafe.Pointer(unsafe.SliceData(of))) + page - 1) / page * page
	pages := make([]byte, (uintptr(len(of))-page)/page)
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, begin, uintptr(len(pages))*page, uintptr(unsafe.Pointer(&pages[0])))
	require.Zero(t, errno)
	for _, p := range pages {
		resident += int(p & 1)
	}
	return resident
}

// A room takes no memory, where Go has used its place before, too.
func TestRoomTakesNoMemory(t *testing.T) {
	t.Setenv("GOGC", "")
	const size = 8 << 20
	for range 3 {
		for range 20 {
			kept = make([]byte, size)
			for i := range kept {
				kept[i] = 1
			}
		}
		kept = nil
		runtime.GC()
		room := NewRoom(size + 100)
		assert.Zero(t, residentPages(t, room))
		assert.Equal(t, len(room), bytes.Count(room, []byte{0}))
	}
}
