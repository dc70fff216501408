package edge

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/picloud/picloud/host/front/http1"
)

// smallBuffer is what a connection reads into until a head needs more.
const smallBuffer = 4 << 10

// Conn is a connection, as fasthttp sees it: a sequence of heads, each of which is there when the
// answer to the one before was written.
type Conn struct {
	conn     net.Conn
	listener *Listener
	peer     netip.Addr // invalid where there is none
	proxied  bool       // the peer is a proxy of ours

	buffer     []byte // what was read: of the current head, and past it
	base       int    // the end of the current head, which must not be overwritten
	start, end int    // of what was read past what was taken
	told       []byte // what fasthttp is told of the head
	pending    []byte // and has not been told yet
	served     int    // requests
	readUntil  time.Time
	draining   bool          // what the handler has left of the body
	blocked    time.Duration // waiting for the body in this window
	brought    int64         // bytes in this window

	request Request
	taken   bool        // a handler has the request
	closing bool        // after the current answer
	linger  atomic.Bool // then, because the client may still be sending

	waits atomic.Int64 // for a request since, Unix ns; 0 while there is one

	mu     sync.Mutex
	ends   []func() // of the current request
	inside netip.Addr

	writer
}

func newConn(l *Listener, conn net.Conn) *Conn {
	c := &Conn{conn: conn, listener: l, peer: addressOf(conn.RemoteAddr())}
	c.proxied = l.proxies.trusts(c.peer)
	c.request.conn = c
	c.waits.Store(time.Now().UnixNano())
	c.writer.raw, _ = rawOf(conn)
	return c
}

func addressOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return plain(tcp.AddrPort().Addr())
	}
	return netip.Addr{}
}

func rawOf(conn net.Conn) (syscall.RawConn, error) {
	if socket, ok := conn.(syscall.Conn); ok {
		return socket.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// Request is one that a connection has brought. It is the handler's until the answer is written.
type Request struct {
	http1.Head
	// Client is the address of who sent it: the peer's, or what a proxy of ours says. It is invalid
	// where the peer has none.
	Client netip.Addr

	body http1.Body
	conn *Conn
	mute bool // the client waits for 100 (Continue)
	slow bool // see Patient
}

// Take returns the request that a handler is called for, nil if the connection is not of a
// [Listener]. Every handler must take it: a connection whose last request was not taken ends.
func Take(conn net.Conn) *Request {
	c, ok := conn.(*Conn)
	if !ok {
		return nil
	}
	c.taken = true
	return &c.request
}

// Proxied reports whether the request came by way of a proxy whose word is taken.
func (r *Request) Proxied() bool { return r.conn.proxied }

// Body returns the body of the request, nil if it has none. It comes from the connection as it is
// read. An error other than io.EOF says that the client is to blame: it is io.ErrUnexpectedEOF,
// os.ErrDeadlineExceeded, an [http1.ErrBody], or of the network.
func (r *Request) Body() io.Reader {
	if r.Length == 0 {
		return nil
	}
	return &r.body
}

// patience is how long a client may send nothing of a body that is awaited with patience.
const patience = 60 * time.Second

// Patient lets the client pause for a minute while it sends the body, and send as slowly.
func (r *Request) Patient() { r.slow = true }

// Connection returns the connection that has brought the request.
func (r *Request) Connection() *Conn { return r.conn }

// LetGo gives the memory of the head back, which an answer that goes on for long has no need of. The head
// is empty from then on.
func (r *Request) LetGo() {
	c := r.conn
	if c.start < c.end { // the client has sent more
		return
	}
	r.Head = http1.Head{}
	c.buffer, c.base, c.start, c.end = nil, 0, 0, 0
	c.told = nil
}

// OnEnd calls a function when the answer has been written, or the connection has ended.
func (r *Request) OnEnd(f func()) {
	r.conn.mu.Lock()
	defer r.conn.mu.Unlock()
	r.conn.ends = append(r.conn.ends, f)
}

// mostDrained is how much of a body that its handler has left is read so that the connection can go
// on.
const mostDrained = 256 << 10

// Finish says that the handler has done with the body. It reports whether another request may come:
// if not, the answer must say that the connection closes.
func (r *Request) Finish() bool {
	c := r.conn
	if r.body.Done() {
		return !c.closing
	}
	c.linger.Store(true)
	if r.mute || r.body.Failed() || r.body.Left() == http1.Chunked || r.body.Left() > mostDrained {
		c.closing = true
	}
	return !c.closing
}

// Read gives fasthttp the head of the next request.
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.pending) == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.pending)
	c.pending = c.pending[n:]
	return n, nil
}

// next waits for a head and takes it, or answers that it is refused. Its error ends the connection.
func (c *Conn) next() error {
	if c.served > 0 && !c.taken { // fasthttp wants more of a head than there is
		c.closing = true
	}
	c.endRequest()
	if c.closing || !c.drained() {
		return io.EOF
	}
	c.base, c.taken = 0, false
	head, refusal, err := c.readHead()
	if err != nil {
		return io.EOF
	}
	if refusal == nil {
		refusal = c.accept(head)
	}
	if refusal != nil {
		c.refuse(refusal)
		return io.EOF
	}
	c.served++
	return nil
}

// drained drops what the last handler has left of the body, which [Request.Finish] found to be
// little. It must come soon.
func (c *Conn) drained() bool {
	r := &c.request
	if c.served == 0 || r.body.Done() {
		return true
	}
	c.draining, c.blocked = true, 0
	c.waits.Store(time.Now().UnixNano())
	defer func() { c.draining = false }()
	var scratch [4 << 10]byte
	for {
		if _, err := r.body.Read(scratch[:]); err != nil {
			return err == io.EOF
		}
	}
}

// readHead reads until a head is there, which it leaves in the buffer.
func (c *Conn) readHead() (head []byte, refusal *http1.Refusal, err error) {
	c.compact()
	if c.start < c.end { // sent before its turn, so others have theirs first
		c.waits.Store(0)
		runtime.Gosched()
	} else {
		c.waits.Store(time.Now().UnixNano())
	}
	searched, begun, first := 0, false, true
	for {
		more := first && c.skipEmptyLine()
		unread := c.buffer[c.start:c.end]
		first = first && (more || len(unread) == 0)
		var length int
		if !more {
			length, refusal = http1.Find(unread, searched)
		}
		switch {
		case refusal != nil:
			return unread, refusal, nil
		case length > c.listener.config.MaxHeadBytes || length == 0 && len(unread) >= c.listener.config.MaxHeadBytes:
			return unread, c.tooLarge(unread), nil
		case length > 0:
			c.waits.Store(0)
			c.start += length
			c.base = c.start
			return unread[:length], nil, nil
		}
		if !more {
			searched = len(unread)
		}
		switch {
		case len(unread) == 0:
			idle := c.listener.config.Idle
			if c.served == 0 {
				idle = c.listener.config.Head
			}
			c.deadline(idle)
		case !begun:
			begun = true
			c.readUntil = time.Time{}
			c.deadline(c.listener.config.Head)
		}
		c.makeRoom(512)
		n, err := c.conn.Read(c.buffer[c.end:])
		c.end += n
		switch {
		case n > 0:
		case len(unread) > 0 && errors.Is(err, os.ErrDeadlineExceeded):
			return unread, &http1.Refusal{Status: http.StatusRequestTimeout, Reason: "the head did not come in time"}, nil
		case err != nil:
			return nil, nil, err
		}
	}
}

// skipEmptyLine drops the empty line that some clients send after a body (RFC 9112, section 2.2). It
// reports whether more must be read to tell.
func (c *Conn) skipEmptyLine() (more bool) {
	unread := c.buffer[c.start:c.end]
	if len(unread) == 0 || unread[0] != '\r' {
		return false
	}
	if len(unread) > 1 && unread[1] == '\n' {
		c.start += 2
		return false
	}
	return len(unread) == 1
}

// tooLarge refuses a head that has no end within the limit: the target is too long if the first line
// has none.
func (c *Conn) tooLarge(unread []byte) *http1.Refusal {
	limit := strconv.Itoa(c.listener.config.MaxHeadBytes)
	if bytes.IndexByte(unread[:c.listener.config.MaxHeadBytes], '\n') >= 0 {
		return &http1.Refusal{Status: http.StatusRequestHeaderFieldsTooLarge, Reason: "the head of a request must not be larger than " + limit + " bytes"}
	}
	return &http1.Refusal{Status: http.StatusRequestURITooLong, Reason: "the request target is too long: the head of a request must not be larger than " + limit + " bytes"}
}

// accept makes a head the current request, and tells fasthttp of it.
func (c *Conn) accept(head []byte) *http1.Refusal {
	r := &c.request
	if refusal := r.Parse(head); refusal != nil {
		return refusal
	}
	r.Client = c.peer
	if c.proxied {
		r.Client = c.listener.proxies.client(c.peer, &r.Head)
		if share := ShareOf(r.Client); r.Client != c.peer {
			if !c.listener.enter(share) {
				return &http1.Refusal{Status: http.StatusServiceUnavailable, Reason: "there are too many requests of this address at once"}
			}
			c.mu.Lock()
			c.inside = share
			c.mu.Unlock()
		}
	}
	r.body.Reset((*source)(c), r.Length)
	r.mute, r.slow = r.Continue, false
	c.blocked, c.brought = 0, 0
	c.closing = r.Close
	c.linger.Store(false)
	c.tell()
	return nil
}

// tell writes the head that fasthttp is to see: the same request, with one Host, in origin form, of *
// as of /, and without what concerns the body and the connection.
func (c *Conn) tell() {
	r := &c.request
	b := c.told[:0]
	if method := r.Method; c.listener.methods[string(method)] {
		b = append(b, method...)
	} else {
		b = append(b, OtherMethod...)
	}
	b = append(b, ' ')
	if len(r.Target) > 1 && r.Target[1] == '/' { // "//b/c", of which fasthttp might think that b is a host
		b = append(append(b, "http://"...), r.Host...)
	}
	if r.Target[0] == '*' {
		b = append(b, '/')
	} else {
		b = append(b, r.Target...)
	}
	b = append(append(b, " HTTP/1."...), '0'+r.Minor)
	b = append(append(b, "\r\nHost: "...), r.Host...)
	for _, f := range r.Fields {
		if isHidden(f.Name) {
			continue
		}
		b = append(append(append(append(b, '\r', '\n'), f.Name...), ':', ' '), f.Value...)
	}
	switch {
	case r.Close:
		b = append(b, "\r\nConnection: close"...)
	case r.Minor == 0:
		b = append(b, "\r\nConnection: keep-alive"...)
	}
	c.told = append(b, "\r\n\r\n"...)
	c.pending = c.told
}

// hidden are the fields that fasthttp is not told of, by their length.
var hidden = map[string]bool{
	"host": true, "expect": true, "trailer": true, "connection": true, "content-length": true, "transfer-encoding": true,
}

func isHidden(name []byte) bool {
	var lower [17]byte
	if len(name) > len(lower) {
		return false
	}
	for i, b := range name {
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		lower[i] = b
	}
	return hidden[string(lower[:len(name)])]
}

// refuse answers what is not taken, and lets the client read it.
func (c *Conn) refuse(refusal *http1.Refusal) {
	head := &c.request.Head
	if c.base == 0 { // it was not found, much less parsed
		head = &http1.Head{}
	}
	if _, err := c.Write(c.listener.config.Refuse(refusal, head)); err == nil {
		c.lingerOn()
	}
	c.closing = true
}

// lingerOn ends our side and drops what the client still sends, so that it can read the answer
// instead of being reset (RFC 9112, section 9.6).
func (c *Conn) lingerOn() {
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	pace := c.listener.config.Pace
	pause := pace.Linger / 4
	var scratch [16 << 10]byte
	for end := time.Now().Add(pace.Linger); time.Now().Before(end) && !c.listener.stopping.Load(); {
		if c.conn.SetReadDeadline(time.Now().Add(pause)) != nil {
			return
		}
		if _, err := c.conn.Read(scratch[:]); err != nil {
			return
		}
	}
}

// endRequest gives back what the last request has held.
func (c *Conn) endRequest() {
	c.mu.Lock()
	ends, inside := c.ends, c.inside
	c.ends, c.inside = nil, netip.Addr{}
	c.mu.Unlock()
	if inside.IsValid() {
		c.listener.leave(inside)
	}
	for _, f := range ends {
		f()
	}
}

// Close ends the connection. The worker of fasthttp calls it, and for one that waits for a request
// the goroutine that stops the server.
func (c *Conn) Close() error {
	if c.linger.Swap(false) {
		c.lingerOn()
	}
	c.endRequest()
	c.listener.mu.Lock()
	c.listener.forget(c)
	c.listener.mu.Unlock()
	return c.conn.Close()
}

// deadline bounds the next reads, without a call where the last one will do.
func (c *Conn) deadline(d time.Duration) {
	now := time.Now()
	if until := c.readUntil.Sub(now); until < d-d/8 || until > d {
		c.readUntil = now.Add(d)
		_ = c.conn.SetReadDeadline(c.readUntil)
		if c.listener.stopping.Load() { // and may have set its own before
			_ = c.conn.SetReadDeadline(now.Add(min(d, stopWindow)))
		}
	}
}

// LocalAddr returns the address of our side.
func (c *Conn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// RemoteAddr returns the address of the peer, who may be a proxy.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// SyscallConn returns the socket, to look at it.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return rawOf(c.conn) }

// SetReadDeadline bounds what reads the socket while a handler runs. Reading sets its own.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.readUntil = time.Time{}
	return c.conn.SetReadDeadline(t)
}

// SetWriteDeadline does nothing: writing sets its own.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is [Conn.SetReadDeadline].
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }
