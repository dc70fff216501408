package edge

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/picloud/picloud/host/front/http1"
)

// Listener accepts connections, each a [*Conn], until it is closed. It is for one server.
type Listener struct {
	net.Listener
	config  Config
	proxies proxies
	methods map[string]bool

	mu        sync.Mutex
	conns     map[*Conn]struct{}
	addresses map[netip.Addr]int // connections, and requests that came by a proxy
	quiet     time.Time          // no word about the lack of something before

	stopping atomic.Bool
	stopped  chan struct{}
}

// Listen makes a listener of one that is bound. Limits that are 0 are derived from the limit of
// descriptors, see [Limits.Or].
func Listen(l net.Listener, c Config) *Listener {
	c.Limits = c.Limits.Or(descriptors())
	c.Pace = c.Pace.orDefaults()
	listener := &Listener{
		Listener: l, config: c, proxies: c.Proxies, methods: map[string]bool{},
		conns: map[*Conn]struct{}{}, addresses: map[netip.Addr]int{}, stopped: make(chan struct{}),
	}
	for _, method := range c.Methods {
		listener.methods[method] = true
	}
	return listener
}

// Limits returns the limits that hold.
func (l *Listener) Limits() Limits { return l.config.Limits }

// Accept returns the next connection, or [net.ErrClosed]. When the system is short of descriptors or
// memory it waits and tries again.
func (l *Listener) Accept() (net.Conn, error) {
	for pause := 5 * time.Millisecond; ; {
		conn, err := l.Listener.Accept()
		if err != nil {
			if l.stopping.Load() || errors.Is(err, net.ErrClosed) {
				return nil, net.ErrClosed
			}
			l.warn("cannot accept connections just now", "error", err)
			l.evict()
			select {
			case <-l.stopped:
			case <-time.After(pause):
			}
			pause = min(2*pause, time.Second)
			continue
		}
		pause = 5 * time.Millisecond
		if c := l.admit(conn); c != nil {
			return c, nil
		}
	}
}

// admit makes a connection one of ours, if there is room for it. Where there is not, one that waits
// makes room: who holds connections without using them must not keep others out.
func (l *Listener) admit(conn net.Conn) *Conn {
	c := newConn(l, conn)
	l.mu.Lock()
	share := ShareOf(c.peer)
	full := len(l.conns) >= l.config.Connections
	greedy := !c.proxied && l.addresses[share] >= l.config.PerAddress
	l.mu.Unlock()
	if full && !greedy {
		full = !l.evict()
	}
	if full || greedy {
		l.warn("a connection is refused: there are too many", "address", c.peer, "of_this_address", greedy)
		c.turnAway()
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[c] = struct{}{}
	if !c.proxied {
		l.addresses[share]++
	}
	return c
}

// turnAway answers a connection that nobody reads, in passing, and closes it.
func (c *Conn) turnAway() {
	_ = c.conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = c.conn.Write(c.listener.config.Refuse(&http1.Refusal{Status: http.StatusServiceUnavailable, Reason: "there are too many connections"}, nil))
	_ = c.conn.Close()
}

// evict closes the connection that has waited longest for a request, among a few, and reports
// whether there was one.
func (l *Listener) evict() bool {
	const few = 64
	l.mu.Lock()
	defer l.mu.Unlock()
	var oldest *Conn
	var since int64
	looked := 0
	for c := range l.conns { // from anywhere
		if waits := c.waits.Load(); waits != 0 && (oldest == nil || waits < since) {
			oldest, since = c, waits
		}
		if looked++; looked == few {
			break
		}
	}
	if oldest == nil {
		return false
	}
	l.forget(oldest)
	_ = oldest.conn.Close() // whose reader sees it
	return true
}

// forget takes a connection out of the account, once. The caller holds mu.
func (l *Listener) forget(c *Conn) {
	if _, ours := l.conns[c]; !ours {
		return
	}
	delete(l.conns, c)
	if !c.proxied {
		l.release(ShareOf(c.peer))
	}
}

// release gives an address's place back. The caller holds mu.
func (l *Listener) release(address netip.Addr) {
	if l.addresses[address]--; l.addresses[address] <= 0 {
		delete(l.addresses, address)
	}
}

// enter counts a request of an address behind a proxy, and reports whether it may have one more.
func (l *Listener) enter(address netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.addresses[address] >= l.config.PerAddress {
		return false
	}
	l.addresses[address]++
	return true
}

// leave is the end of what enter has counted.
func (l *Listener) leave(address netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.release(address)
}

// Open returns how many connections there are.
func (l *Listener) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// stopWindow is [Pace.Window] while the server stops.
const stopWindow = time.Second

// Close ends Accept, and the connections that wait for a request: a new one a second later, because
// its request may be under way. Answers that are go on if their clients take them faster now.
func (l *Listener) Close() error {
	if !l.stopping.CompareAndSwap(false, true) {
		return nil
	}
	close(l.stopped)
	err := l.Listener.Close()
	if errors.Is(err, net.ErrClosed) { // whoever has bound it may have closed it before
		err = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for c := range l.conns {
		_ = c.conn.SetWriteDeadline(now.Add(stopWindow))
		switch waits := c.waits.Load(); {
		case waits == 0:
		case now.UnixNano()-waits > int64(stopWindow):
			_ = c.conn.Close() // whose reader sees it
		default:
			_ = c.conn.SetReadDeadline(now.Add(stopWindow))
		}
	}
	return err
}

// warn logs what may happen a thousand times a second, every ten seconds.
func (l *Listener) warn(message string, args ...any) {
	l.mu.Lock()
	now := time.Now()
	due := now.After(l.quiet)
	if due {
		l.quiet = now.Add(10 * time.Second)
	}
	l.mu.Unlock()
	if due {
		l.config.Log.Warn(message, args...)
	}
}
