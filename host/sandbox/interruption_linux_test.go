package sandbox

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// threadClock keeps the caller on its thread until done and returns the processor time of that
// thread, which any can ask for.
func threadClock() (clock func() time.Duration, done func()) {
	runtime.LockOSThread()
	const ofThread, scheduled = 4, 2 // see clock_getcpuclockid(3): CPUCLOCK_PERTHREAD_MASK, CPUCLOCK_SCHED
	id := int32(^unix.Gettid())<<3 | ofThread | scheduled
	return func() time.Duration {
		var at unix.Timespec
		if unix.ClockGettime(id, &at) != nil {
			return 0
		}
		return time.Duration(at.Nano())
	}, runtime.UnlockOSThread
}
