package compiler

import (
	"fmt"
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
// itself it can report.
func confine(b Bounds) error {
	seconds := uint64(b.CPU/time.Second) + 2
	data := uint64(b.MemoryMB)<<20 + 256<<20 // Go's own structures, and memory that is not used yet
	for _, limit := range []struct {
		name     string
		resource int
		most     uint64
	}{
		{"cpu", unix.RLIMIT_CPU, seconds},
		{"data", unix.RLIMIT_DATA, data},
		{"fsize", unix.RLIMIT_FSIZE, data},
		{"core", unix.RLIMIT_CORE, 0},
		{"nofile", unix.RLIMIT_NOFILE, 64},
	} {
		var is unix.Rlimit
		if err := unix.Getrlimit(limit.resource, &is); err != nil {
			return fmt.Errorf("%s: %w", limit.name, err)
		}
		most := min(limit.most, is.Max)
		if err := unix.Setrlimit(limit.resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("%s: %w", limit.name, err)
		}
	}
	// Of the group, because of a process it would be the calling thread alone.
	if err := unix.Setpriority(unix.PRIO_PGRP, 0, niceness); err != nil {
		return fmt.Errorf("priority: %w", err)
	}
	return nil
}
