package background

import (
	"os"
	"runtime/debug"
)

// shareOfLimit is what part of the operator's limit of memory (GOMEMLIMIT) a [Room] may be.
const shareOfLimit = 32

// A Room has Go leave more garbage before it collects, for as long as it is reachable. Go collects when as much again has been
// allocated as lives: a server of little state would do so many times a second. The room counts as living, though it is never touched,
// so that it takes none of the machine's memory; a heap may have twice its size more of garbage.
//
// It makes no small machine run out of memory by itself: how much garbage there is follows from what lives now, whatever grows meanwhile.
// A percentage that is high for a small heap holds for a large one, too, until somebody has lowered it. Where Go has a limit of memory
// it collects sooner, as near to it as it comes.
type Room []byte

// NewRoom makes a room of so many bytes, or of a thirty-second of the memory that Go may take (GOMEMLIMIT), if that is less. Where the
// operator has set GOGC it is nil: that holds.
func NewRoom(size int64) Room {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	room := make(Room, min(size, debug.SetMemoryLimit(-1)/shareOfLimit))
	giveBack(room) // of what has been used before, Go has made zeros
	return room
}
