package fetch

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"code.dny.dev/ssrf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
)

// attempts are URLs that must not lead to this machine or its network, by what the error says. PORT
// is the victim's.
var attempts = map[string][]string{
	"private network address": {
		// As it is
		"http://127.0.0.1:PORT/", "https://127.0.0.1:PORT/", "http://127.0.0.1:PORT", "HTTP://127.0.0.1:PORT/",
		"http://127.0.0.2:PORT/", "http://127.1.2.3:PORT/", "http://127.255.255.255:PORT/", "http://127.0.0.1:0PORT/",
		"http://0.0.0.0:PORT/", "http://0.1.2.3:PORT/", "http://localhost:PORT/", "http://LOCALHOST:PORT/", "http://LocalHost:PORT/",
		// Short forms
		"http://127.1:PORT/", "http://127.0.1:PORT/", "http://127.0.257:PORT/", "http://127.65535:PORT/", "http://127.16777215:PORT/",
		"http://0:PORT/", "http://0.0:PORT/", "http://0.0.0:PORT/", "http://127.1./", "http://127.0.0.1.:PORT/",
		// Decimal
		"http://2130706433:PORT/", "http://2130706433./", "http://2130706434:PORT/", "http://2147483647:PORT/", "http://00:PORT/",
		"http://2852039166/", "http://167772161:PORT/", "http://3232235777:PORT/", "http://2886729729:PORT/",
		// Octal
		"http://0177.0.0.1:PORT/", "http://0177.1:PORT/", "http://017700000001:PORT/", "http://00000000177.0.0.01:PORT/",
		"http://0177.00.00.01:PORT/", "http://0177.0000.0000.0001:PORT/", "http://127.0.0.01:PORT/", "http://127.0.0.001:PORT/",
		"http://012.0.0.1:PORT/", "http://0251.0376.0251.0376/", "http://0300.0250.0.1:PORT/",
		// Hexadecimal
		"http://0x7f000001:PORT/", "http://0X7F000001:PORT/", "http://0x7f.0.0.1:PORT/", "http://0x7f.0x0.0x0.0x1:PORT/",
		"http://0x7f.1:PORT/", "http://0x000000007f000001:PORT/", "http://0x7f.0.1:PORT/", "http://0x0:PORT/", "http://0x:PORT/",
		"http://0xa9fea9fe/", "http://0xa9.0xfe.0xa9.0xfe/", "http://0xa.0.0.1:PORT/", "http://0xc0a80001:PORT/", "http://0xAC100001:PORT/",
		// Mixed
		"http://0x7f.0.0.01:PORT/", "http://0177.0x0.0.1:PORT/", "http://0x7f.0177:PORT/", "http://127.0x1:PORT/", "http://127.0.0x1:PORT/",
		"http://169.254.43518/", "http://169.16689662/", "http://0xa9.254.0251.254/",
		// Private, shared, link-local, metadata and other special networks
		"http://10.0.0.1:PORT/", "http://10.255.255.255:PORT/", "http://172.16.0.1:PORT/", "http://172.31.255.255:PORT/",
		"http://192.168.0.1:PORT/", "http://192.168.255.255/", "http://100.64.0.1:PORT/", "http://100.100.100.200/",
		"http://169.254.169.254/", "http://169.254.169.254/latest/meta-data/", "http://169.254.170.2/", "http://168.63.129.16/",
		"http://192.0.0.192/", "http://192.0.0.1/", "http://192.0.2.1/", "http://198.18.0.1/", "http://198.51.100.1/", "http://203.0.113.1/",
		"http://192.88.99.1/", "http://224.0.0.1/", "http://239.255.255.250:1900/", "http://240.0.0.1/", "http://255.255.255.255/",
		// IPv6
		"http://[::1]:PORT/", "http://[::]:PORT/", "http://[0:0:0:0:0:0:0:1]:PORT/", "http://[0000:0000:0000:0000:0000:0000:0000:0001]:PORT/",
		"http://[::0.0.0.1]:PORT/", "http://[0::1]:PORT/", "http://[::127.0.0.1]:PORT/", "http://[::7f00:1]:PORT/",
		"http://[fc00::1]:PORT/", "http://[fd00::1]:PORT/", "http://[fd00:ec2::254]/", "http://[fe80::1]:PORT/", "http://[febf::1]:PORT/",
		"http://[fec0::1]:PORT/", "http://[ff02::1]:PORT/", "http://[ff01::1]:PORT/", "http://[100::1]:PORT/", "http://[2001:db8::1]:PORT/",
		"http://[3fff::1]:PORT/", "http://[5f00::1]:PORT/", "http://[4000::1]:PORT/",
		// IPv4-mapped, IPv4-translated
		"http://[::ffff:127.0.0.1]:PORT/", "http://[::ffff:7f00:1]:PORT/", "http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/", "http://[::FFFF:127.0.0.1]:PORT/",
		"http://[::ffff:0.0.0.0]:PORT/", "http://[::ffff:169.254.169.254]/", "http://[::ffff:a9fe:a9fe]/", "http://[::ffff:10.0.0.1]:PORT/",
		"http://[::ffff:0:127.0.0.1]:PORT/", "http://[::ffff:0:7f00:1]:PORT/",
		// NAT64
		"http://[64:ff9b::127.0.0.1]:PORT/", "http://[64:ff9b::7f00:1]:PORT/", "http://[64:ff9b::a9fe:a9fe]/", "http://[64:ff9b::10.0.0.1]:PORT/",
		"http://[64:ff9b:1::127.0.0.1]:PORT/", "http://[64:ff9b:1::7f00:1]:PORT/", "http://[64:ff9b:1:7f00:0:100::]:PORT/", "http://[64:ff9b:1:fffe::a9fe:a9fe]/",
		// 6to4, Teredo, ORCHID
		"http://[2002:7f00:1::]:PORT/", "http://[2002:7f00:0001::1]:PORT/", "http://[2002:a9fe:a9fe::]/", "http://[2002:a00:1::1]:PORT/", "http://[2002:c0a8:1::1]:PORT/",
		"http://[2001:0:7f00:1::]:PORT/", "http://[2001:0000:4136:e378:8000:63bf:80ff:fffe]:PORT/", "http://[2001::1]:PORT/", "http://[2001:20::1]:PORT/",
		// Zones
		"http://[fe80::1%25eth0]:PORT/", "http://[fe80::1%25lo]:PORT/", "http://[::1%25lo]:PORT/", "http://[::1%251]:PORT/", "http://[::ffff:127.0.0.1%25lo]:PORT/",
		"http://[2606:4700::1%25lo]:PORT/",
		// Digits and dots that Unicode makes plain
		"http://１２７.０.０.１:PORT/", "http://①②⑦.⓪.⓪.①:PORT/", "http://127。0。0。1:PORT/", "http://127．0．0．1:PORT/", "http://127｡0｡0｡1:PORT/",
		"http://𝟙𝟚𝟟.𝟘.𝟘.𝟙:PORT/", "http://𝟎𝐱𝟕𝐟𝟎𝟎𝟎𝟎𝟎𝟏:PORT/", "http://２１３０７０６４３３:PORT/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/", "http://ｌｏｃａｌｈｏｓｔ:PORT/",
		// Before the host that counts
		"http://public.test@127.0.0.1:PORT/", "http://public.test:80@127.0.0.1:PORT/", "http://user:password@127.0.0.1:PORT/", "http://@127.0.0.1:PORT/",
		"http://:@127.0.0.1:PORT/", "http://public.test%2f@127.0.0.1:PORT/", "http://public.test%23@127.0.0.1:PORT/", "http://public.test%40@[::1]:PORT/",
		"http://public.test%00@127.0.0.1:PORT/", "http://8.8.8.8@0x7f.1:PORT/",
		// Behind it
		"http://127.0.0.1:PORT/?@public.test", "http://127.0.0.1:PORT/#@public.test/", "http://127.0.0.1:PORT?public.test", "http://127.0.0.1:PORT#public.test",
		"http://127.0.0.1:PORT/public.test", "http://127.0.0.1:PORT//public.test/../", "http://[::1]:PORT/?http://public.test/",
		// Names
		"http://loopback.test:PORT/", "http://LOOPBACK.test:PORT/", "http://loopback.test.:PORT/", "https://loopback.test:PORT/", "http://x.wildcard.test:PORT/",
		"http://127.0.0.1.wildcard.test:PORT/", "http://10-0-0-1.wildcard.test:PORT/", "http://zero.test:PORT/", "http://ten.test:PORT/", "http://metadata.test/",
		"http://shared.test:PORT/", "http://azure.test/", "http://loopback6.test:PORT/", "http://unspecified6.test:PORT/", "http://unique.test:PORT/", "http://mapped.test:PORT/",
		"http://nat64.test:PORT/", "http://nat64local.test:PORT/", "http://sixtofour.test:PORT/", "http://teredo.test:PORT/", "http://linklocal6.test:PORT/",
		"http://both.test:PORT/", "http://alias.test:PORT/", "http://many.test:PORT/", "http://bücher.test:PORT/", "http://xn--bcher-kva.test:PORT/",
		"http://lo_opback.test:PORT/",
	},
	"the scheme must be http or https": {
		"file:///etc/passwd", "file://127.0.0.1/etc/passwd", "ftp://127.0.0.1:PORT/", "gopher://127.0.0.1:PORT/_GET%20/", "dict://127.0.0.1:PORT/info",
		"ldap://127.0.0.1:PORT/", "sftp://127.0.0.1:PORT/", "tftp://127.0.0.1:PORT/", "ws://127.0.0.1:PORT/", "wss://127.0.0.1:PORT/", "unix:///run/docker.sock",
		"http+unix://run/docker.sock/info", "jar:http://127.0.0.1:PORT/!/", "data:text/plain,x", "javascript:alert(1)", "netdoc:///etc/passwd",
		"localhost:PORT/", "//127.0.0.1:PORT/", "/etc/passwd", "", "127.0.0.1", "h2c://127.0.0.1:PORT/", "view-source:http://127.0.0.1:PORT/",
	},
	"there is no host": {
		"http:127.0.0.1:PORT/", "http:/127.0.0.1:PORT/", "http:///127.0.0.1:PORT/", "http://:PORT/", "http://@:PORT/", "http:", "http://", "http:////127.0.0.1:PORT/",
	},
	"url": { // what different parsers read differently is not read at all
		`http://public.test\@127.0.0.1:PORT/`, `http:\\127.0.0.1:PORT\`, `http://127.0.0.1:PORT\@public.test/`, "http://127.0.0.1 :PORT/", " http://127.0.0.1:PORT/",
		"http://127.0.0.1\t:PORT/", "http://127.0.0.1\n:PORT/", "http://127.0.0.1:PORT/\r\nHost: public.test", "http://127.0.0.1\x00.public.test:PORT/", "http://%31%32%37.0.0.1:PORT/",
		"http://127%2e0%2e0%2e1:PORT/", "http://0x7f000001g.1:PORT/", "http://127.0.0.1.5:PORT/", "http://127.0.0.256:PORT/", "http://127..1:PORT/", "http://.1:PORT/",
		"http://4294967296:PORT/", "http://6425673729:PORT/", "http://0x17f000001:PORT/", "http://127.0.0.08:PORT/", "http://127.0.65536:PORT/", "http://-127.0.0.1:PORT/", "http://+127.0.0.1:PORT/",
		"http://127.0.0.1,public.test:PORT/", "http://127.0.0.1;public.test:PORT/", "http://(127.0.0.1):PORT/", "http://[127.0.0.1]:PORT/", "http://[localhost]:PORT/", "http://[::1:PORT/",
		"http://::1:PORT/", "http://[::1]PORT/", "http://[[::1]]:PORT/", "http://[::ffff:0x7f.1]:PORT/", "http://[fe80::1%25]:PORT/", "http+unix://%2Frun%2Fdocker.sock/info", "http://127.0.0.1:PORT:80/", "http://127.0.0.1:PORTx/",
		"http://public.test:0/", "http://public.test:65536/", "http://public.test:-1/", "http://public.test:4294967376/", "http://user@public.test/", "http://public.test@localhost:PORT/x", "http://user:password@loopback.test:PORT/", "http://127.0.0.1&@public.test# @127.0.0.1/",
		"http://8.8.2056/", "http://134744072/", "http://010.8.8.8/", "http://a\u200db\u0301\ufffd.test/",
	},
}

// names are what the resolver of the tests knows.
var names = zone{
	"loopback.test":      {"127.0.0.1"},
	"lo_opback.test":     {"127.0.0.1"},
	"*.wildcard.test":    {"127.0.0.1"},
	"xn--bcher-kva.test": {"127.0.0.1"},
	"zero.test":          {"0.0.0.0"},
	"ten.test":           {"10.0.0.1"},
	"metadata.test":      {"169.254.169.254"},
	"shared.test":        {"100.64.0.1"},
	"azure.test":         {"168.63.129.16"},
	"loopback6.test":     {"::1"},
	"unspecified6.test":  {"::"},
	"unique.test":        {"fd00::1"},
	"mapped.test":        {"::ffff:127.0.0.1"},
	"nat64.test":         {"64:ff9b::7f00:1"},
	"nat64local.test":    {"64:ff9b:1::7f00:1"},
	"sixtofour.test":     {"2002:7f00:1::1"},
	"teredo.test":        {"2001:0:7f00:1::1"},
	"linklocal6.test":    {"fe80::1"},
	"both.test":          {"127.0.0.1", "::1"},
	"many.test":          {"10.0.0.1", "192.168.0.1", "127.0.0.1"},
	"alias.test":         {"loopback.test"}, // a CNAME
	"public.test":        {standIn},
	"rebinding.test":     {standIn, "then", "127.0.0.1"},
}

// standIn is where the tests have a server that plays one of the public internet: the guard of
// publicClient lets it pass.
const standIn = "127.0.0.77"

// publicClient returns a client whose guard is the real one, but lets standIn pass.
func publicClient(t *testing.T, config Config) *Client {
	t.Helper()
	if config.Resolver == nil {
		config.Resolver = names.serve(t)
	}
	c := New(config)
	c.guard = &guard{ssrf.New(ssrf.WithAnyPort(), ssrf.WithDeniedV4Prefixes(azureHost),
		ssrf.WithAllowedV4Prefixes(netip.MustParsePrefix(standIn+"/32")))}
	t.Cleanup(c.Close)
	return c
}

// publicServer starts a server at standIn.
func publicServer(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	listener, err := net.Listen("tcp4", net.JoinHostPort(standIn, "0"))
	if err != nil {
		t.Skipf("this system has no %s: %v", standIn, err)
	}
	server := httptest.NewUnstartedServer(handler)
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// victim is a server on every address of this machine that counts the connections made to it.
type victim struct {
	port        string
	connections atomic.Int64
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	v := &victim{port: port}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("secret")) }))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			v.connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return v
}

func (v *victim) url(template string) string { return strings.ReplaceAll(template, "PORT", v.port) }

// reached returns how many connections were made. One that was made before the call is counted,
// since the server accepts in order.
func (v *victim) reached(t *testing.T) int64 {
	t.Helper()
	response, err := New(Config{AllowPrivate: true}).Do(context.Background(), "app", "script", &abi.HTTPRequest{Method: "GET", URL: "http://127.0.0.1:" + v.port})
	require.NoError(t, err)
	require.Equal(t, 200, response.Status)
	return v.connections.Load() - 1
}

func get(c *Client, url string) (*abi.HTTPResponse, error) {
	return c.Do(context.Background(), "app", "script", &abi.HTTPRequest{Method: "GET", URL: url})
}

// requireFault checks an error's code and text, and that it tells nothing of
// the network.
func requireFault(t *testing.T, err error, code fault.Code, says string) {
	t.Helper()
	require.Error(t, err)
	assert.Equal(t, code, fault.Of(err), "%v", err)
	assert.Contains(t, err.Error(), says)
	for _, secret := range []string{"127.", "::1", "169.", "dial", "tcp", "lookup", ".test"} {
		assert.NotContains(t, err.Error(), secret)
	}
}

func TestAttemptsReachNothing(t *testing.T) {
	v := newVictim(t)
	c := New(Config{Resolver: names.serve(t)})
	defer c.Close()
	count := 0
	for says, urls := range attempts {
		code := fault.Invalid
		if says == "private network address" {
			code = fault.Unreachable
		}
		for _, template := range urls {
			count++
			t.Run(strconv.Quote(template), func(t *testing.T) {
				_, err := get(c, v.url(template))
				requireFault(t, err, code, says)
			})
		}
	}
	assert.Zero(t, v.reached(t), "connections to the victim")
	assert.GreaterOrEqual(t, count, 150)
}

// The same URLs, as redirects of a server that a script may ask.
func TestRedirectsReachNothing(t *testing.T) {
	v := newVictim(t)
	c := publicClient(t, Config{})
	var location string
	statuses, sent := []int{301, 302, 303, 307, 308}, 0
	server := publicServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Location"] = []string{location}
		w.WriteHeader(statuses[sent%len(statuses)])
		sent++
	})
	for _, urls := range attempts {
		for _, template := range urls {
			target := v.url(template)
			if strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "//") || target == "" || strings.ContainsAny(target, "\r\n\x00") || strings.Contains(target, "://public.test") {
				continue // leads back to the server, or cannot be a header
			}
			t.Run(strconv.Quote(template), func(t *testing.T) {
				location = target
				response, err := get(c, server.URL)
				require.Error(t, err, "%+v", response)
				requireFault(t, err, fault.Unreachable, "")
			})
		}
	}
	assert.Zero(t, v.reached(t), "connections to the victim")
	assert.GreaterOrEqual(t, sent, 150)
}

func TestRedirectThroughManyHops(t *testing.T) {
	v := newVictim(t)
	server := publicServer(t, func(w http.ResponseWriter, r *http.Request) {
		hop, _ := strconv.Atoi(strings.Trim(r.URL.Path, "/"))
		next := "/" + strconv.Itoa(hop+1)
		if hop == 5 {
			next = "http://loopback.test:" + v.port
		}
		http.Redirect(w, r, next, http.StatusFound)
	})
	_, err := get(publicClient(t, Config{}), server.URL+"/0")
	requireFault(t, err, fault.Unreachable, "private network address")
	assert.Zero(t, v.reached(t))
}

// A name that resolves to a public address when it is checked and to a private one when it is used.
func TestRebinding(t *testing.T) {
	v := newVictim(t)
	server := publicServer(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	c := publicClient(t, Config{})
	url := "http://rebinding.test:" + portOf(server)
	_, err := get(c, url)
	require.NoError(t, err, "the first answer is public")
	for range 3 {
		_, err = get(c, url)
		requireFault(t, err, fault.Unreachable, "private network address")
		_, err = get(c, "http://rebinding.test:"+v.port)
		requireFault(t, err, fault.Unreachable, "private network address")
	}
	assert.Zero(t, v.reached(t))
}

func portOf(server *httptest.Server) string {
	return server.URL[strings.LastIndexByte(server.URL, ':')+1:]
}

// The victim can be reached: with AllowPrivate it is.
func TestAllowPrivateReaches(t *testing.T) {
	v := newVictim(t)
	c := New(Config{AllowPrivate: true, Resolver: names.serve(t)})
	defer c.Close()
	urls := []string{"http://127.0.0.1:PORT/", "http://127.1.2.3:PORT/", "http://0.0.0.0:PORT/", "http://LOCALHOST:PORT/", "http://loopback.test:PORT/", "http://loopback.test.:PORT/",
		"http://[::ffff:127.0.0.1]:PORT/", "http://alias.test:PORT/", "http://x.wildcard.test:PORT/", "http://bücher.test:PORT/", "http://１２７.０.０.１:PORT/"}
	if probe, err := net.Listen("tcp6", "[::1]:0"); err == nil {
		_ = probe.Close()
		urls = append(urls, "http://[::1]:PORT/", "http://loopback6.test:PORT/", "http://[::1%25lo]:PORT/")
	}
	for _, template := range urls {
		c.Close() // no connection is left to use again
		before := v.connections.Load()
		response, err := get(c, v.url(template))
		if assert.NoError(t, err, template) {
			assert.Equal(t, 200, response.Status, template)
			assert.Equal(t, before+1, v.connections.Load(), template)
		}
	}
	for _, template := range []string{"http://127.1:PORT/", "http://2130706433:PORT/", "http://0x7f.1:PORT/", "http://0177.0.0.1:PORT/"} {
		_, err := get(c, v.url(template))
		requireFault(t, err, fault.Invalid, "four decimal numbers")
	}
}

// Whatever a URL looks like, what the guard lets through is in one form that stays as it is, and is
// no address it refuses.
func FuzzTarget(f *testing.F) {
	for _, urls := range attempts {
		for _, template := range urls {
			f.Add(strings.ReplaceAll(template, "PORT", "80"))
		}
	}
	f.Add("https://public.test/a?b=c d#e")
	g := newGuard(false)
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parseTarget(g, text)
		if err != nil {
			return
		}
		again, err := parseTarget(g, u.String())
		if err != nil || again.Host != u.Host {
			t.Fatalf("%q became %q, which becomes %v (%v)", text, u, again, err)
		}
		if address, err := netip.ParseAddr(u.Hostname()); err == nil && g.refuses(address) {
			t.Fatalf("%q leads to %s", text, address)
		}
		if request, err := http.NewRequest("GET", u.String(), nil); err != nil || request.URL.Host != u.Host {
			t.Fatalf("net/http reads %q otherwise: %v", u, err)
		}
	})
}
