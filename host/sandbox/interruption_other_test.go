//go:build !linux

package sandbox

import "time"

// threadClock is the time of day where threads have no clock of their own.
func threadClock() (clock func() time.Duration, done func()) {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }, func() {}
}
