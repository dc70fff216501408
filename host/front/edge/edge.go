// Package edge is where connections come in. Everything a client sends and is sent passes it, below
// fasthttp:
//
//   - A [Listener] accepts connections for as long as it is open, whatever the system is short of,
//     and no more of them than the descriptors and one address's share allow.
//   - A [Conn] reads every head by itself, as strictly as package http1, and within a deadline. What
//     it refuses it answers and closes. What it takes it hands to fasthttp without a word about the
//     body: fasthttp frames nothing. The handler finds the [Request] by [Take], its body too, which
//     is read from the connection when the handler reads it and not before. "100 Continue" is sent
//     when it does.
//   - What a handler has left of a body is read and dropped if it is little, or the connection
//     closes: it is never taken for the next request.
//   - Who sends a body or takes an answer more slowly than [Pace.Rate] loses the connection.
package edge

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/picloud/picloud/host/front/http1"
)

// Config is what a [Listener] is made of.
type Config struct {
	Limits
	Pace
	Proxies      []netip.Prefix // whose word is taken for a client's address
	MaxHeadBytes int
	// Methods are those that fasthttp is told. It is told [OtherMethod] of all others, which
	// [Request.Method] has.
	Methods []string
	// Refuse writes the whole answer to what is refused: a request, as far as its head is known, or,
	// with a nil head, a connection.
	Refuse func(*http1.Refusal, *http1.Head) []byte
	Log    *slog.Logger
}

// OtherMethod stands for the methods that fasthttp and fiber are not told of.
const OtherMethod = "X-OTHER"

// Limits of connections. [Limits.Or] derives those that are 0.
type Limits struct {
	Connections int // in all
	PerAddress  int // connections of one address; behind a proxy that is trusted: requests at once
}

// Bounds of derived limits.
const (
	mostConnections     = 10_000 // about 20 KiB each when they wait
	keptDescriptors     = 256    // for scripts' requests, the database and files
	leastPerAddress     = 16
	addressesAtTheLeast = 4 // that can fill the server up
)

// Or returns the limits with those that are 0 derived from the limit of descriptors, and none above
// what it leaves: a half of few descriptors, or all but 256, is kept for what else needs them. No
// address may have more than a fourth of the connections.
func (l Limits) Or(descriptors int) Limits {
	most := max(1, descriptors-min(keptDescriptors, descriptors/2))
	if l.Connections == 0 {
		l.Connections = min(most, mostConnections)
	}
	l.Connections = min(l.Connections, most)
	if l.PerAddress == 0 {
		l.PerAddress = max(leastPerAddress, l.Connections/addressesAtTheLeast)
	}
	l.PerAddress = min(l.PerAddress, l.Connections)
	return l
}

// Pace is how long clients may take. The zero value of each is its default.
type Pace struct {
	Head   time.Duration // for a head, from its first byte; 15 s
	Idle   time.Duration // between two requests; 120 s
	Window time.Duration // in which a client must have sent, or taken, Rate's worth of bytes; 8 s
	Rate   int           // bytes a second; 1,024
	Linger time.Duration // for a client to read a refusal while it still sends; 3 s
}

func (p Pace) orDefaults() Pace {
	for _, d := range []struct {
		set   *time.Duration
		value time.Duration
	}{{&p.Head, 15 * time.Second}, {&p.Idle, 120 * time.Second}, {&p.Window, 8 * time.Second}, {&p.Linger, 3 * time.Second}} {
		if *d.set == 0 {
			*d.set = d.value
		}
	}
	if p.Rate == 0 {
		p.Rate = 1 << 10
	}
	return p
}

// least returns how many bytes a window must bring.
func (p Pace) least(window time.Duration) int64 {
	return max(1, int64(p.Rate)*int64(window)/int64(time.Second))
}
