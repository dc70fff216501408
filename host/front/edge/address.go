package edge

import (
	"net/netip"
	"strings"

	"github.com/picloud/picloud/host/front/http1"
)

// proxies are the networks whose word is taken for a client's address.
type proxies []netip.Prefix

func (p proxies) trusts(address netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// client returns the address of who has sent a request that came from a peer. A peer that is no
// proxy of ours is the client, whatever the head says. A proxy's word is the last address of
// X-Forwarded-For or Forwarded (RFC 7239) that is no proxy of ours: what comes before it anybody
// may have written. Where the two fields tell of different clients the proxy has passed one on as it
// came, and neither is believed: then, and where the word is no address, the client is the last hop
// that is known.
func (p proxies) client(peer netip.Addr, h *http1.Head) netip.Addr {
	if !p.trusts(peer) {
		return peer
	}
	var forwardedFor, forwarded []string
	for _, f := range h.Fields {
		switch {
		case strings.EqualFold(string(f.Name), "x-forwarded-for"):
			forwardedFor = append(forwardedFor, strings.Split(string(f.Value), ",")...)
		case strings.EqualFold(string(f.Name), "forwarded"):
			for element := range strings.SplitSeq(string(f.Value), ",") {
				forwarded = append(forwarded, forOf(element))
			}
		}
	}
	switch {
	case forwarded == nil:
		return p.last(peer, forwardedFor)
	case forwardedFor == nil:
		return p.last(peer, forwarded)
	}
	if client := p.last(peer, forwardedFor); client == p.last(peer, forwarded) {
		return client
	}
	return peer
}

// last goes back from the peer hop by hop for as long as the hop is a proxy of ours.
func (p proxies) last(peer netip.Addr, hops []string) netip.Addr {
	for i := len(hops) - 1; i >= 0 && p.trusts(peer); i-- {
		address, ok := parseNode(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		peer = address
	}
	return peer
}

// forOf returns the for parameter of an element of Forwarded, without quotes.
func forOf(element string) string {
	for pair := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if strings.EqualFold(name, "for") {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}

// parseNode reads an address with or without a port, an IPv6 one with or without brackets.
func parseNode(node string) (netip.Addr, bool) {
	if with, err := netip.ParseAddrPort(node); err == nil {
		return plain(with.Addr()), true
	}
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(node, "["), "]"))
	return plain(address), err == nil
}

// plain returns an address in the one form in which it is compared and shown.
func plain(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }

// ShareOf returns what connections, requests and attempts of a client are counted by: an IPv4
// address, or the network of an IPv6 one, whose owner has all of its addresses.
func ShareOf(address netip.Addr) netip.Addr {
	if address.Is6() {
		if network, err := address.Prefix(64); err == nil {
			return network.Addr()
		}
	}
	return address
}
