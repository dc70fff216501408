//go:build unix

package edge

import "golang.org/x/sys/unix"

// descriptors raises the limit of descriptors as far as the process may, and returns it.
func descriptors() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return assumedDescriptors
	}
	if raised := (unix.Rlimit{Cur: limit.Max, Max: limit.Max}); limit.Cur < limit.Max && unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
		limit = raised
	}
	return int(min(uint64(limit.Cur), 1<<30))
}

const assumedDescriptors = 1024
