//go:build !linux

package rhai_test

import "time"

// onThread runs work and passes it the time of day, where threads have no clock of their own.
func onThread(work func(clock func() time.Duration)) {
	start := time.Now()
	work(func() time.Duration { return time.Since(start) })
}
