package compiler

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ofItsOwnGroup keeps a terminal's signals from a process: they are for us, who end it.
func ofItsOwnGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// niceness makes a process yield to those that serve requests.
const niceness = 10

// confine bounds this process by the system, a little wider than it bounds itself: what it does
// itself it can report. A bound that the system does not have is left out.
func confine(b Bounds) {
	seconds := uint64(b.CPU/time.Second) + 2
	data := uint64(b.MemoryMB)<<20 + 256<<20 // Go's own structures, and memory that is not used yet
	for _, limit := range []struct {
		resource int
		most     uint64
	}{
		{unix.RLIMIT_CPU, seconds},
		{unix.RLIMIT_DATA, data},
		{unix.RLIMIT_FSIZE, data},
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_NOFILE, 64},
	} {
		var is unix.Rlimit
		if unix.Getrlimit(limit.resource, &is) == nil {
			most := min(limit.most, is.Max)
			_ = unix.Setrlimit(limit.resource, &unix.Rlimit{Cur: most, Max: most})
		}
	}
	// Of the group, because of a process it would be the calling thread alone.
	_ = unix.Setpriority(unix.PRIO_PGRP, 0, niceness)
}
