package rhai_test

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// onThread runs work on a thread of its own and passes it the processor time of that thread, which
// a busy machine changes little.
func onThread(work func(clock func() time.Duration)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	work(func() time.Duration {
		var at unix.Timespec
		if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at) != nil {
			return 0
		}
		return time.Duration(at.Nano())
	})
}
