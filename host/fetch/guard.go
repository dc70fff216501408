package fetch

import (
	"net/netip"
	"syscall"

	"code.dny.dev/ssrf"

	"github.com/picloud/picloud/host/fault"
)

// guard decides which addresses may be reached: those of the public internet. The library has the
// IANA registries of special addresses, 6to4 and Teredo among them. Of IPv6 it refuses everything
// outside global unicast, and so IPv4-mapped and NAT64 addresses.
type guard struct {
	guardian *ssrf.Guardian // nil: every address
}

// azureHost is a public address at which every Azure machine finds its host's services (instance
// configuration and secrets).
var azureHost = netip.MustParsePrefix("168.63.129.16/32")

var errPrivate = fault.New(fault.Unreachable, "refused: private network address")

func newGuard(allowPrivate bool) *guard {
	if allowPrivate {
		return &guard{}
	}
	return &guard{ssrf.New(ssrf.WithAnyPort(), ssrf.WithDeniedV4Prefixes(azureHost))}
}

// control is called with every address a connection is about to be made to, after names have been
// resolved (see [net.Dialer]).
func (g *guard) control(network, address string, raw syscall.RawConn) error {
	if g.guardian != nil && g.guardian.Safe(network, address, raw) != nil {
		return errPrivate
	}
	return nil
}

// refuses reports whether an address written in a URL may not be reached.
func (g *guard) refuses(address netip.Addr) bool {
	return g.guardian != nil && g.guardian.SafeAddr(address) != nil
}
