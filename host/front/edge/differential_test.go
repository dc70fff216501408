package edge

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"
	"golang.org/x/net/http/httpguts"
)

// Our server and net/http's are sent the same bytes. What ours takes, the other must take as well
// and see the same of: method, host, target, fields and body. Ours may refuse where the other does
// not, and then sees no more.

// seenRequest is what a handler has seen.
type seenRequest struct {
	method, host, target string
	fields               []string // "name: value", sorted
	body                 string   // "" where it was not read
	whole                bool     // the body had an end
}

// memory is a connection that has brought all its bytes, and takes whatever it is sent.
type memory struct {
	in     *bytes.Reader
	closed chan struct{}
	once   sync.Once
	seen   []seenRequest
	out    bytes.Buffer
}

func (m *memory) Read(p []byte) (int, error) { return m.in.Read(p) }
func (m *memory) Write(p []byte) (int, error) {
	if m.out.Len() < 1<<10 { // the beginning, for failures
		m.out.Write(p)
	}
	return len(p), nil
}
func (m *memory) Close() error                     { m.once.Do(func() { close(m.closed) }); return nil }
func (m *memory) LocalAddr() net.Addr              { return m }
func (m *memory) RemoteAddr() net.Addr             { return m }
func (m *memory) SetDeadline(time.Time) error      { return nil }
func (m *memory) SetReadDeadline(time.Time) error  { return nil }
func (m *memory) SetWriteDeadline(time.Time) error { return nil }
func (m *memory) Network() string                  { return "memory" }
func (m *memory) String() string                   { return "memory" }

// pipe is a listener of such connections.
type pipe chan *memory

func (p pipe) Accept() (net.Conn, error) {
	if conn, ok := <-p; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (p pipe) Close() error   { return nil }
func (p pipe) Addr() net.Addr { return &memory{} }

// newOurs serves the connections of a pipe. A request below /read is read to the end of its body.
func newOurs(t testing.TB) pipe {
	connections := make(pipe)
	methods := []string{"GET", "HEAD", "POST"}
	server := NewServer(Config{
		MaxHeadBytes: 8 << 10, Methods: methods, Refuse: refuseForTests, Log: slog.New(slog.DiscardHandler),
		Limits: Limits{Connections: 100, PerAddress: 100}, Pace: Pace{Linger: time.Nanosecond},
	}, func(ctx *fasthttp.RequestCtx) {
		conn := ctx.Conn()
		r := Take(conn)
		seen := seenRequest{method: string(r.Method), host: string(r.Host), target: string(r.Target), whole: true}
		for _, f := range r.Fields {
			seen.fields = append(seen.fields, strings.ToLower(string(f.Name))+": "+string(f.Value))
		}
		// fasthttp must be of one mind with us.
		method, path := seen.method, seen.target
		if !slices.Contains(methods, method) {
			method = OtherMethod
		}
		if path, _, _ = strings.Cut(path, "?"); path == "*" {
			path = "/"
		}
		if string(ctx.Method()) != method || !strings.EqualFold(string(ctx.Host()), seen.host) || string(ctx.URI().PathOriginal()) != path {
			seen.method = fmt.Sprintf("fasthttp sees %s %s %s", ctx.Method(), ctx.Host(), ctx.URI().PathOriginal())
		}
		if body := r.Body(); body != nil && strings.HasPrefix(seen.target, "/read") {
			text, err := io.ReadAll(body)
			seen.body, seen.whole = string(text), err == nil
		}
		m := conn.(*Conn).conn.(*memory)
		m.seen = append(m.seen, seen)
		if !r.Finish() {
			ctx.SetConnectionClose()
		}
	})
	go server.Serve(connections)
	t.Cleanup(func() { close(connections) })
	return connections
}

// see returns what our server sees of what it is sent.
func (p pipe) see(t testing.TB, sent []byte) *memory {
	m := &memory{in: bytes.NewReader(sent), closed: make(chan struct{})}
	p <- m
	select {
	case <-m.closed:
	case <-time.After(10 * time.Second):
		t.Fatalf("the connection does not end: %q", sent)
	}
	return m
}

// seeAsNetHTTP returns what net/http's server would see: it reads requests with [http.ReadRequest]
// and then looks at the fields again.
func seeAsNetHTTP(sent []byte) (all []seenRequest) {
	reader := bufio.NewReader(bytes.NewReader(sent))
	for {
		for range 1 { // which ours skips
			if line, _ := reader.Peek(2); string(line) == "\r\n" {
				_, _ = reader.Discard(2)
			}
		}
		r, err := http.ReadRequest(reader)
		if err != nil {
			return all
		}
		for name, values := range r.Header {
			for _, value := range values {
				if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
					return all
				}
			}
		}
		if !httpguts.ValidHostHeader(r.Host) {
			return all
		}
		seen := seenRequest{method: r.Method, host: r.Host, target: r.RequestURI, whole: true}
		if i := strings.Index(r.RequestURI, "://"); i >= 0 && r.RequestURI[0] != '/' {
			rest := r.RequestURI[i+3:]
			seen.target = "/"
			if r.Method == "OPTIONS" {
				seen.target = "*"
			}
			if end := strings.IndexAny(rest, "/?"); end >= 0 {
				seen.target = "/" + strings.TrimPrefix(rest[end:], "/")
			}
		}
		for name, values := range r.Header {
			for _, value := range values {
				seen.fields = append(seen.fields, strings.ToLower(name)+": "+value)
			}
		}
		text, err := io.ReadAll(r.Body)
		seen.whole = err == nil
		if strings.HasPrefix(seen.target, "/read") {
			seen.body = string(text)
		}
		all = append(all, seen)
		if err != nil || r.Close {
			return all
		}
	}
}

// comparable returns a request as both must see it: without the fields that net/http takes away, and
// what it makes of Pragma.
func (r seenRequest) comparable() string {
	var fields []string
	for _, field := range r.fields {
		switch name, _, _ := strings.Cut(field, ":"); name {
		case "host", "transfer-encoding", "trailer", "cache-control":
		default:
			fields = append(fields, field)
		}
	}
	slices.Sort(fields)
	return fmt.Sprintf("%q %q %q %q %q %v", r.method, r.host, r.target, fields, r.body, r.whole)
}

func compare(t testing.TB, ours pipe, sent []byte) (requests int) {
	m := ours.see(t, sent)
	theirs := seeAsNetHTTP(sent)
	for i, seen := range m.seen {
		if _, err := url.ParseRequestURI(seen.target); err != nil && seen.target != "*" {
			return i // net/http decodes the path at once, we leave it to the routes
		}
		if i >= len(theirs) {
			t.Fatalf("net/http refuses what we take as request %d\nof    %q\nours  %s", i, sent, seen.comparable())
		}
		if !seen.whole { // ours refuses the body
			return i
		}
		other := theirs[i]
		if !strings.HasPrefix(seen.target, "/read") {
			other.whole = true // we have not looked
		}
		if seen.comparable() != other.comparable() {
			t.Fatalf("request %d\nof    %q\nours  %s\nother %s", i, sent, seen.comparable(), other.comparable())
		}
	}
	return len(m.seen)
}

// A grammar of requests, good and bad: each list is what may stand at its place, the usual first.
var grammar = struct{ method, target, version, end, field, body []string }{
	method:  []string{"GET", "POST", "HEAD", "PUT", "OPTIONS", "PROPFIND", "get", "G@T", "", "TRACE", "CONNECT"},
	target:  []string{"/read", "/ignore", "/read?a=b&c", "//read/x", "/read://x", "http://other/read", "http://other", "http://o?x", "https://u@o/read", "*", "/read#x", "/re ad", "/r%zz", "", "a:1", "ftp://x/"},
	version: []string{"HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/9.9", "HTTP/1.10", "http/1.1", "HTTP/2.0", "", "HTTP/1.1 "},
	end:     []string{"\r\n", "\n", "\r", "\r\r\n", "\r\n ", "\r\n\t"},
	field: []string{
		"X: y", "Cookie: a=b", "X:\xff", "X: ", "TE: chunked", "Connection: keep-alive",
		"Host: a", "Host: a:1", "Host: a@b", "Host:", "Host : a", "Host: a, b", "Host: [::1]", "Host: a/b", "host:a",
		"Content-Length: 5", "Content-Length: 0", "Content-Length : 5", "Content-Length: 5, 5", "Content-Length: +5", "Content-Length: 05", "Content-Length: -1", "Content-Length:5\x00",
		"Content-Length: 99999999999999999999", "Content_Length: 5", "Content-Length\x0b: 5",
		"Transfer-Encoding: chunked", "Transfer-Encoding: Chunked", "Transfer-Encoding : chunked", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: gzip, chunked",
		"Transfer-Encoding: identity", "Transfer-Encoding:\tchunked", "Transfer-Encoding: \x0bchunked", "Transfer-Encoding: chunked;a=b",
		"Connection: close", "Connection: x, Close", "Connection: keep-alive, Content-Length", "Expect: 100-continue", "Expect: 200-x",
		"X: a\rb", "X: \x00", "X", ": y", " X: y", "X y: z", "Trailer: X",
	},
	body: []string{
		"", "hello", "5\r\nhello\r\n0\r\n\r\n", "5;x=y\r\nhello\r\n0\r\nX: y\r\n\r\n", "5\nhello\n0\n\n", "0\r\n\r\n", "0\r\nX : y\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n",
		"5\r\nhelloX\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "00000000000000005\r\nhello\r\n0\r\n\r\n", "5;\x00\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\nHost: b\r\n\r\n",
		"GET /smuggled HTTP/1.1\r\nHost: b\r\n\r\n", "1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", "5;\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\r\n", "8000000000000005\r\nhello\r\n0\r\n\r\n",
	},
}

// generate makes a few requests in a row, most of them almost good.
func generate(r *rand.Rand) []byte {
	oddity := r.Float64() * 0.3
	pick := func(from []string, usual int) string {
		if r.Float64() < oddity {
			usual = len(from)
		}
		return from[r.IntN(usual)]
	}
	var b bytes.Buffer
	for range 1 + r.IntN(4) {
		end := func() string { return pick(grammar.end, 1) }
		fmt.Fprintf(&b, "%s %s %s%s", pick(grammar.method, 6), pick(grammar.target, 7), pick(grammar.version, 1), end())
		if r.Float64() > oddity/4 {
			b.WriteString("Host: a" + end())
		}
		body := ""
		switch r.IntN(3) {
		case 0:
			b.WriteString("Content-Length: 5" + end())
			body = "hello"
		case 1:
			b.WriteString("Transfer-Encoding: chunked" + end())
			body = grammar.body[2]
		}
		for range r.IntN(3) {
			b.WriteString(pick(grammar.field, 6) + end())
		}
		b.WriteString(end())
		if r.Float64() < oddity {
			body = pick(grammar.body, len(grammar.body))
		}
		b.WriteString(body)
	}
	text := b.Bytes()
	if r.Float64() < oddity { // damage
		const odd = "\x00\t\n\r :,;0Aa\x7f\x80\xff"
		i, c := r.IntN(len(text)), odd[r.IntN(len(odd))]
		switch r.IntN(3) {
		case 0:
			text[i] = c
		case 1:
			text = slices.Delete(text, i, i+1)
		case 2:
			text = slices.Insert(text, i, c)
		}
	}
	return text
}

func TestDifferential(t *testing.T) {
	ours := newOurs(t)
	taken := 0
	for seed := range uint64(20_000) {
		taken += compare(t, ours, generate(rand.New(rand.NewPCG(seed, 0))))
	}
	require.Greater(t, taken, 10_000, "requests that were taken")
}

func FuzzDifferential(f *testing.F) {
	for seed := range uint64(200) {
		f.Add(generate(rand.New(rand.NewPCG(seed, 1))))
	}
	ours := newOurs(f)
	f.Fuzz(func(t *testing.T, sent []byte) { compare(t, ours, sent) })
}
