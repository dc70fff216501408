package edge

import (
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// writer is what a connection knows of how its client takes answers.
type writer struct {
	raw     syscall.RawConn // nil: what the client has taken cannot be seen
	until   time.Time       // the deadline that is set
	sent    int64           // bytes given to the socket
	took    int64           // bytes of them that the client had acknowledged
	checked time.Time       // when took was found out
}

// Write sends all of p, for as long as the client takes [Pace.Rate]'s worth in every window. A
// client that does not is reset, so that the system keeps nothing for it either.
func (c *Conn) Write(p []byte) (n int, err error) {
	w := &c.writer
	for {
		window := c.listener.config.Window
		stopping := c.listener.stopping.Load()
		if stopping {
			window = min(window, stopWindow)
		}
		now := time.Now()
		if len(p) > smallBuffer && now.Sub(w.checked) > window {
			c.look(now)
		}
		if left := w.until.Sub(now); stopping || left < window-window/4 || left > window {
			w.until = now.Add(window)
			if err := c.conn.SetWriteDeadline(w.until); err != nil {
				return n, err
			}
		}
		m, err := c.conn.Write(p[n:])
		n += m
		w.sent += int64(m)
		if err == nil {
			return n, nil
		}
		if !os.IsTimeout(err) || !c.look(time.Now()) {
			if tcp, ok := c.conn.(interface{ SetLinger(seconds int) error }); ok {
				_ = tcp.SetLinger(0)
			}
			c.closing = true
			c.linger.Store(false)
			return n, err
		}
		w.until = time.Time{}
	}
}

// look finds out what the client has taken, and reports whether it is enough since the last time. It
// is, if there was none of late.
func (c *Conn) look(now time.Time) bool {
	w := &c.writer
	took, least := w.sent, int64(1)
	if w.raw != nil {
		if waiting, ok := unsent(w.raw); ok {
			took, least = w.sent-int64(waiting), c.listener.config.least(now.Sub(w.checked))
		}
	}
	enough := now.Sub(w.checked) > 2*c.listener.config.Window || took-w.took >= least
	w.took, w.checked = took, now
	return enough
}

var copies = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// ReadFrom sends what a reader gives, as Write does.
func (c *Conn) ReadFrom(r io.Reader) (sent int64, err error) {
	buffer := copies.Get().(*[64 << 10]byte)
	defer copies.Put(buffer)
	for {
		n, readErr := r.Read(buffer[:])
		if n > 0 {
			m, err := c.Write(buffer[:n])
			sent += int64(m)
			if err != nil {
				return sent, err
			}
		}
		switch readErr {
		case nil:
		case io.EOF:
			return sent, nil
		default:
			return sent, readErr
		}
	}
}
