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
	w := &watch{conn: conn, raw: raw, gone: gone}
	w.timer = time.AfterFunc(watchAfter, w.look)
	return w.stop
}

// watch is that of one request.
type watch struct {
	conn  net.Conn
	raw   syscall.Conn // the same
	gone  func()
	timer *time.Timer // calls look

	mu      sync.Mutex
	stopped bool
	done    chan struct{} // of look, nil until it runs
}

// look waits until there is something to be seen.
func (w *watch) look() {
	socket, err := w.raw.SyscallConn()
	if err != nil {
		return
	}
	w.mu.Lock()
	if w.stopped || w.conn.SetReadDeadline(time.Time{}) != nil {
		w.mu.Unlock()
		return
	}
	done := make(chan struct{})
	w.done = done
	w.mu.Unlock()
	defer close(done)
	var peek [1]byte
	_ = socket.Read(func(fd uintptr) (ready bool) {
		n, _, err := unix.Recvfrom(int(fd), peek[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		if err == unix.EAGAIN || err == unix.EINTR {
			return false // wait until it is readable
		}
		if err != nil || n == 0 {
			w.gone()
		}
		return true
	})
}

// stop ends the watch, and waits for that.
func (w *watch) stop() {
	if w.timer.Stop() {
		return
	}
	w.mu.Lock()
	w.stopped = true
	watching := w.done
	if watching != nil {
		_ = w.conn.SetReadDeadline(time.Unix(1, 0)) // wakes look
	}
	w.mu.Unlock()
	if watching == nil {
		return
	}
	<-watching
	_ = w.conn.SetReadDeadline(time.Time{}) // fasthttp sets its own for the next request
}
