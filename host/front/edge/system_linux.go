package edge

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// unsent returns how many bytes that were written to a socket its peer has not acknowledged.
func unsent(raw syscall.RawConn) (n int, ok bool) {
	err := raw.Control(func(fd uintptr) {
		var err error
		n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		ok = err == nil
	})
	return n, ok && err == nil
}
