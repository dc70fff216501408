//go:build unix

package front

import (
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// watchAfter is how long an execution must take before its connection is watched: the short ones,
// which are most, pay for a timer only.
const watchAfter = 5 * time.Millisecond

// watchDisconnect calls gone when the client closes its connection. Fasthttp does not read while a
// handler runs, so we wait for the connection to become readable and look, without taking anything:
// an end means that the client has gone, a byte that it sent the next request early, and no more
// can be seen. The answer ends the watch; it must be called before the handler returns.
func watchDisconnect(conn net.Conn, gone func()) (stop func()) {
	raw, ok := conn.(syscall.Conn)
	if !ok {
		return func() {}
	}
	var (
		mu      sync.Mutex
		stopped bool
		done    chan struct{} // of the watching goroutine, nil until it runs
	)
	timer := time.AfterFunc(watchAfter, func() {
		socket, err := raw.SyscallConn()
		if err != nil {
			return
		}
		mu.Lock()
		if stopped || conn.SetReadDeadline(time.Time{}) != nil {
			mu.Unlock()
			return
		}
		done = make(chan struct{})
		mu.Unlock()
		defer close(done)
		var peek [1]byte
		_ = socket.Read(func(fd uintptr) (ready bool) {
			n, _, err := unix.Recvfrom(int(fd), peek[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
			if err == unix.EAGAIN || err == unix.EINTR {
				return false // wait until it is readable
			}
			if err != nil || n == 0 {
				gone()
			}
			return true
		})
	})
	return func() {
		if timer.Stop() {
			return
		}
		mu.Lock()
		stopped = true
		watching := done
		if watching != nil {
			_ = conn.SetReadDeadline(time.Unix(1, 0)) // wakes the watcher
		}
		mu.Unlock()
		if watching == nil {
			return
		}
		<-watching
		_ = conn.SetReadDeadline(time.Time{}) // fasthttp sets its own for the next request
	}
}
