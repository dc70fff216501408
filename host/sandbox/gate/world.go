package gate

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/picloud/picloud/abi"
)

// A World is everything that reaches an execution from outside its script and its
// invocation: randomness, time, and what its operations answer. An execution that is
// given the same of all three again does the same again.
type World struct {
	// Entropy is what every random number of the execution comes from. Two
	// executions must not share it, unless one is a repetition of the other.
	Entropy [32]byte

	// Started is when the execution begins, and Now is the time of each moment in
	// it. Both have a monotonic reading (see package time), by which the execution
	// measures what has passed since.
	Started time.Time
	Now     func() time.Time

	// Operations performs what the execution asks of its host.
	Operations Performer
}

// A Performer performs the operations that one execution asks of its host.
type Performer interface {
	// Perform performs op. The request is only valid during the call. The context
	// ends with the execution, and leads an execution that is begun under it to
	// the place of this one. An [*abi.OpError] is shown to the script as it is; any
	// other error is logged and shown as "internal".
	Perform(ctx context.Context, op abi.Op, request []byte) (response []byte, err error)
}

// NewWorld returns the world of an execution that begins now: entropy that nobody else
// has, and the time of this machine.
func NewWorld(operations Performer) World {
	w := World{Started: time.Now(), Now: time.Now, Operations: operations}
	rand.Read(w.Entropy[:]) // never fails
	return w
}
