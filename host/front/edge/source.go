package edge

import (
	"io"
	"math"
	"os"
	"time"
)

var continueAnswer = []byte("HTTP/1.1 100 Continue\r\n\r\n")

// source is a connection as the body of its request is read from it.
type source Conn

func (s *source) Buffered() []byte { return s.buffer[s.start:s.end] }

func (s *source) Discard(n int) { s.start += n }

func (s *source) Read(p []byte) (int, error) {
	if s.start < s.end {
		n := copy(p, s.buffer[s.start:s.end])
		s.start += n
		return n, nil
	}
	return s.receive(p)
}

func (s *source) Fill() error {
	c := (*Conn)(s)
	c.makeRoom(512)
	n, err := s.receive(c.buffer[c.end:])
	c.end += n
	return err
}

// receive reads from the client. It ends with [os.ErrDeadlineExceeded] when the client has been
// waited for a window long, and has not brought enough in it: what the server needs for itself does
// not count.
func (s *source) receive(p []byte) (int, error) {
	c := (*Conn)(s)
	if c.request.mute {
		c.request.mute = false
		if _, err := c.Write(continueAnswer); err != nil {
			return 0, err
		}
	}
	window, least := c.listener.config.Window, c.listener.config.least(c.listener.config.Window)
	switch {
	case c.draining:
		window, least = c.listener.config.Linger, math.MaxInt64
	case c.request.slow:
		window, least = patience, 1
	}
	for {
		begin := time.Now()
		c.readUntil = begin.Add(window - c.blocked)
		_ = c.conn.SetReadDeadline(c.readUntil)
		n, err := c.conn.Read(p)
		c.blocked += time.Since(begin)
		c.brought += int64(n)
		if c.blocked >= window {
			if c.brought < least {
				return n, os.ErrDeadlineExceeded
			}
			c.blocked, c.brought = 0, 0
		}
		switch {
		case n > 0:
			return n, nil
		case err == io.EOF:
			return 0, io.ErrUnexpectedEOF
		case err != nil && (!os.IsTimeout(err) || c.blocked > 0):
			return 0, err
		}
	}
}

// makeRoom makes room in the buffer for at least n bytes more, without touching the current head.
func (c *Conn) makeRoom(n int) {
	if c.start == c.end {
		c.start, c.end = c.base, c.base
	}
	if cap(c.buffer)-c.end >= n {
		c.buffer = c.buffer[:cap(c.buffer)]
		return
	}
	unread := c.buffer[c.start:c.end]
	if c.start > c.base && cap(c.buffer)-c.base-len(unread) >= n {
		copy(c.buffer[c.base:], unread)
		c.start, c.end = c.base, c.base+len(unread)
		return
	}
	larger := make([]byte, max(smallBuffer, 2*(len(unread)+n))) // the head stays where it is
	c.end = copy(larger, unread)
	c.buffer, c.base, c.start = larger, 0, 0
}

// compact moves what is left of the buffer to its beginning, and lets go of a large one.
func (c *Conn) compact() {
	unread := c.buffer[c.start:c.end]
	if cap(c.buffer) > smallBuffer && len(unread) <= smallBuffer/2 {
		small := make([]byte, smallBuffer)
		c.end = copy(small, unread)
		c.buffer, c.start = small, 0
		return
	}
	if c.start == c.end {
		c.start, c.end = 0, 0
	}
}
