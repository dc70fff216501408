//go:build linux && !portable

package sandbox

// idleSlotsHold is how much of their memory idle slots hold, in percent: the rest is the base image's.
const idleSlotsHold = 5
