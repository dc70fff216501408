//go:build !linux || portable

package sandbox

// idleSlotsHold is how much of their memory idle slots hold, in percent, and what room is left to grow.
const idleSlotsHold = 150
