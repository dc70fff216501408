package edge

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/host/front/http1"
)

func TestClient(t *testing.T) {
	trusted := proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, c := range []struct{ peer, fields, want string }{
		{"203.0.113.9", "X-Forwarded-For: 198.51.100.1", "203.0.113.9"}, // no proxy of ours
		{"10.0.0.1", "", "10.0.0.1"},
		{"10.0.0.1", "X-Forwarded-For: 198.51.100.1", "198.51.100.1"},
		{"10.0.0.1", "x-forwarded-for: 198.51.100.1:4711", "198.51.100.1"},
		{"10.0.0.1", "X-Forwarded-For: 6.6.6.6, 198.51.100.1", "198.51.100.1"}, // the first may be made up
		{"10.0.0.1", "X-Forwarded-For: 198.51.100.1,10.9.9.9 , 10.0.0.2", "198.51.100.1"},
		{"10.0.0.1", "X-Forwarded-For: 6.6.6.6|X-Forwarded-For: 198.51.100.1", "198.51.100.1"},
		{"10.0.0.1", "X-Forwarded-For: 10.0.0.3", "10.0.0.3"},
		{"10.0.0.1", "X-Forwarded-For: 198.51.100.1, unknown", "10.0.0.1"},
		{"10.0.0.1", "X-Forwarded-For: unknown, 10.0.0.2", "10.0.0.2"},
		{"10.0.0.1", "X-Forwarded-For: ", "10.0.0.1"},
		{"10.0.0.1", "X-Forwarded-For: 2001:db8::1", "2001:db8::1"},
		{"10.0.0.1", "X-Forwarded-For: ::ffff:198.51.100.1", "198.51.100.1"},
		{"::1", "Forwarded: for=198.51.100.1;proto=https", "198.51.100.1"},
		{"::1", `Forwarded: by=x; For="[2001:db8::1]:4711"`, "2001:db8::1"},
		{"::1", "Forwarded: for=6.6.6.6, for=198.51.100.1, for=10.0.0.1", "198.51.100.1"},
		{"::1", "Forwarded: for=_hidden", "::1"},
		{"::1", "Forwarded: proto=https", "::1"},
		{"10.0.0.1", "Forwarded: for=198.51.100.1|X-Forwarded-For: 198.51.100.1", "198.51.100.1"},
		{"10.0.0.1", "Forwarded: for=6.6.6.6|X-Forwarded-For: 198.51.100.1", "10.0.0.1"}, // one was passed on
	} {
		var h http1.Head
		for line := range strings.SplitSeq(c.fields, "|") {
			name, value, _ := strings.Cut(line, ":")
			h.Fields = append(h.Fields, http1.Field{Name: []byte(name), Value: []byte(strings.TrimSpace(value))})
		}
		assert.Equal(t, c.want, trusted.client(netip.MustParseAddr(c.peer), &h).String(), "%s with %s", c.peer, c.fields)
	}
}

func TestShares(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::",
	} {
		assert.Equal(t, want, ShareOf(netip.MustParseAddr(address)).String())
	}
}
