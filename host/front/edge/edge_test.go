package edge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/picloud/picloud/host/front/http1"
)

// site is a server on a real listener. Its handler answers by the path:
//
//	/echo     the body
//	/ignore   without reading the body
//	/large    8 MiB
//	/see      what is known of the request
type site struct {
	address string
	open    func() int
	server  *Server
	held    atomic.Int64 // requests whose answer is not written yet
}

func newSite(t *testing.T, c Config) *site {
	s := &site{}
	c.MaxHeadBytes = 8 << 10
	c.Methods = []string{"GET", "HEAD", "POST", "PUT", "OPTIONS"}
	c.Log = slog.New(slog.DiscardHandler)
	c.Refuse = refuseForTests
	s.server = NewServer(c, s.handle)
	bound, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = bound.Addr().String()
	listener := Listen(bound, s.server.config)
	s.open = listener.Open
	served := make(chan error, 1)
	go func() { served <- s.server.http.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		assert.NoError(t, s.server.Shutdown(ctx))
		assert.NoError(t, <-served)
	})
	return s
}

func refuseForTests(refusal *http1.Refusal, head *http1.Head) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %d x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", refusal.Status, len(refusal.Reason), refusal.Reason)
}

var large = bytes.Repeat([]byte("x"), 8<<20)

func (s *site) handle(ctx *fasthttp.RequestCtx) {
	r := Take(ctx.Conn())
	s.held.Add(1)
	r.OnEnd(func() { s.held.Add(-1) })
	switch path, _, _ := strings.Cut(string(r.Target), "?"); path {
	case "/echo", "/patient":
		if path == "/patient" {
			r.Patient()
		}
		var body []byte
		var err error
		if from := r.Body(); from != nil {
			body, err = io.ReadAll(from)
		}
		if ctx.SetBody(body); err != nil {
			ctx.SetStatusCode(400)
			ctx.SetBodyString(err.Error())
		}
	case "/large":
		ctx.Response.SetBodyRaw(large)
	case "/stream":
		ctx.SetBodyStream(bytes.NewReader(large), len(large))
	case "/see":
		fmt.Fprintf(ctx, "%s %s %s %s %s %s", r.Method, r.Host, r.Target, r.Client, ctx.Method(), ctx.Request.Header.RequestURI())
	}
	if !r.Finish() {
		ctx.SetConnectionClose()
	}
}

// dial opens a connection that the test has ten seconds for.
func (s *site) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	return conn
}

// answers sends text on a connection of its own, with \n for CRLF, ends its side, and returns the
// status and body of every answer until the server has closed.
func (s *site) answers(t *testing.T, text string) (all []string) {
	t.Helper()
	conn := s.dial(t)
	_, err := io.WriteString(conn, strings.ReplaceAll(text, "\n", "\r\n"))
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	reader := bufio.NewReader(conn)
	for {
		if _, err := reader.Peek(1); errors.Is(err, io.EOF) {
			return all
		}
		response, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		end := ""
		if response.Close {
			end = " closes"
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%d %s", response.StatusCode, body))+end)
	}
}

const next = "GET /see HTTP/1.1\nHost: next\n\n" // what a smuggled request would look like

const answerToNext = "200 GET next /see 127.0.0.1 GET /see"

func TestConnections(t *testing.T) {
	s := newSite(t, Config{})
	small, much := strings.Repeat("x", 1000), strings.Repeat("x", mostDrained+1)
	post := func(path, fields, body string) string {
		return "POST " + path + " HTTP/1.1\nHost: a\n" + fields + "\n\n" + body
	}
	of := func(body string) string { return fmt.Sprintf("Content-Length: %d", len(body)) }
	for _, c := range []struct {
		name, sent string
		want       []string
	}{
		{"one after the other", next + next, []string{answerToNext, answerToNext}},
		{"an empty line between", next + "\n" + next, []string{answerToNext, answerToNext}},
		{"two empty lines between", next + "\n\n" + next, []string{answerToNext, "400 this is not HTTP: a request begins with a method closes"}},
		{"a body", post("/echo", of("hello"), "hello") + next, []string{"200 hello", answerToNext}},
		{"chunks", post("/echo", "Transfer-Encoding: chunked", "5;a=\"b\"\nhello\n1 ; c\n!\n000\nX-Trailer: y\n\n") + next, []string{"200 hello!", answerToNext}},
		{"a body that is not read", post("/ignore", of(small), small) + next, []string{"200", answerToNext}},
		{"a large body that is not read", post("/ignore", of(much), much) + next, []string{"200 closes"}},
		{"chunks that are not read", post("/ignore", "Transfer-Encoding: chunked", "5\nhello\n0\n\n") + next, []string{"200 closes"}},
		{"a body that is not waited for", post("/echo", of("hello")+"\nExpect: 100-continue", "hello") + next, []string{"200 hello", answerToNext}},
		{"a body that is not asked for", post("/ignore", of("hello")+"\nExpect: 100-continue", next), []string{"200 closes"}},
		{"a body that ends early", post("/echo", of(small), "hello"), []string{"400 unexpected EOF closes"}},
		{"chunks that end early", post("/echo", "Transfer-Encoding: chunked", "5\nhello\n"), []string{"400 unexpected EOF closes"}},
		{"no chunks", post("/echo", "Transfer-Encoding: chunked", "hello\n"+next), []string{"400 a chunk must begin with its size in hexadecimal digits closes"}},
		{"HTTP/1.0", "GET /see HTTP/1.0\n\n" + next, []string{"200 GET  /see 127.0.0.1 GET /see closes"}},
		{"HTTP/1.0 that goes on", "GET /see HTTP/1.0\nHost: b\nConnection: Keep-Alive\n\n" + next, []string{"200 GET b /see 127.0.0.1 GET /see", answerToNext}},
		{"Connection is a list", post("/echo", "Connection: TE, close", "") + next, []string{"200 closes"}},
		{"another method", "PROPFIND /see HTTP/1.1\nHost: a\n\n" + next, []string{"200 PROPFIND a /see 127.0.0.1 " + OtherMethod + " /see", answerToNext}},
		{"another method with a body", "PURGE /ignore HTTP/1.1\nHost: a\nContent-Length: 33\n\n" + next + next, []string{"200", answerToNext}},
		{"an absolute target", "GET http://b:1/see?c HTTP/1.1\nHost: a\n\n" + next, []string{"200 GET b:1 /see?c 127.0.0.1 GET /see?c", answerToNext}},
		{"a target like a host", "GET //b/see HTTP/1.1\nHost: a\n\n" + next, []string{"200", answerToNext}},
		{"a malformed head", "GET / HTTP/1.1\nHost: a\nContent-Length : 4\n\n" + next, []string{"400 a field must be a name, directly followed by a colon, and a value closes"}},
		{"a malformed head after another", next + post("/echo", "Content-Length: 5\nTransfer-Encoding: chunked", "0\n\n") + next, []string{answerToNext, "400 the head must not have a Content-Length beside a Transfer-Encoding closes"}},
		{"a percent-encoded host", "GET /see HTTP/1.1\nHost: a%00b\n\n" + next, []string{"400 the Host field is malformed closes"}},
		{"a large head", "GET /see HTTP/1.1\nHost: a\nX: " + strings.Repeat("x", 8<<10) + "\n\n" + next, []string{"431 the head of a request must not be larger than 8192 bytes closes"}},
		{"a long target", "GET /" + strings.Repeat("x", 8<<10) + " HTTP/1.1\n\n", []string{"414 the request target is too long: the head of a request must not be larger than 8192 bytes closes"}},
		{"a head of just the size", "GET /see HTTP/1.1\nHost: next\nX: " + strings.Repeat("x", 8<<10-len("GET /see HTTP/1.1\n\nHost: next\n\nX: \n\n\n\n")) + "\n\n" + next, []string{answerToNext, answerToNext}},
		{"nothing", "", nil},
		{"a head that ends early", "GET / HT", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, s.answers(t, c.sent))
		})
	}
	require.Eventually(t, func() bool { return s.held.Load() == 0 && s.open() == 0 }, 5*time.Second, time.Millisecond, "all is given back")
}

// The head may come byte by byte, and so may the body.
func TestPieces(t *testing.T) {
	s := newSite(t, Config{})
	conn := s.dial(t)
	text := strings.ReplaceAll("POST /echo HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n\nPOST /echo HTTP/1.1\nHost: a\nContent-Length: 3\n\nabc", "\n", "\r\n")
	go func() {
		for i := range len(text) {
			if _, err := io.WriteString(conn, text[i:i+1]); err != nil {
				return
			}
		}
	}()
	reader := bufio.NewReader(conn)
	for _, want := range []string{"hello", "abc"} {
		response, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		assert.Equal(t, want, string(body))
	}
}

func TestContinue(t *testing.T) {
	s := newSite(t, Config{})
	conn := s.dial(t)
	_, err := io.WriteString(conn, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	require.NoError(t, err)
	reader := bufio.NewReader(conn)
	for _, want := range []string{"HTTP/1.1 100 Continue\r\n", "\r\n"} {
		line, err := reader.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want, line)
	}
	_, err = io.WriteString(conn, "hello")
	require.NoError(t, err)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(body))
}

// soon is a pace that a test can wait for.
var soon = Pace{Head: 200 * time.Millisecond, Idle: 200 * time.Millisecond, Window: 200 * time.Millisecond, Rate: 50_000, Linger: 200 * time.Millisecond}

func TestSlowSenders(t *testing.T) {
	s := newSite(t, Config{Pace: soon})
	const upload = " HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
	for _, c := range []struct {
		name, first string
		drip        string // every tenth of a window
		status      string // "": closed without an answer
	}{
		{"nothing", "", "", ""},
		{"half a head", "GET / HTTP/1.1\r\nHo", "", "HTTP/1.1 408"},
		{"a dripping head", "GET / HTTP/1.1\r\n", "X: y\r\n", "HTTP/1.1 408"},
		{"half a body", "POST /echo" + upload, "", "HTTP/1.1 400"},
		{"a dripping body", "POST /echo" + upload, "x", "HTTP/1.1 400"},
		{"a body that nobody reads", "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "x", "HTTP/1.1 200"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn := s.dial(t)
			start := time.Now()
			_, err := io.WriteString(conn, c.first)
			require.NoError(t, err)
			if c.drip != "" {
				go func() {
					for range time.Tick(soon.Window / 10) {
						if _, err := io.WriteString(conn, c.drip); err != nil {
							return
						}
					}
				}()
			}
			got, err := io.ReadAll(conn)
			if err != nil { // the drip may be met by a reset
				assert.NotErrorIs(t, err, context.DeadlineExceeded)
			}
			assert.Equal(t, c.status, string(got[:min(len(got), 12)]))
			assert.Less(t, time.Since(start), 5*time.Second)
		})
	}
	t.Run("a patient handler", func(t *testing.T) {
		conn := s.dial(t)
		_, err := io.WriteString(conn, "POST /patient HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1")
		require.NoError(t, err)
		time.Sleep(2 * soon.Window)
		_, err = io.WriteString(conn, "2")
		require.NoError(t, err)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		assert.Equal(t, 200, response.StatusCode)
	})
}

// Clients that ask for much and read nothing are cut off, and what they held is given back. One that
// reads steadily is not.
func TestSlowReaders(t *testing.T) {
	s := newSite(t, Config{Pace: Pace{Window: time.Second, Rate: 50_000}})
	steady := s.dial(t)
	done := make(chan int64, 1)
	go func() {
		_, _ = io.WriteString(steady, "GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		var total int64
		for {
			n, err := io.CopyN(io.Discard, steady, 256<<10)
			if total += n; err != nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		done <- total
	}()
	for i := range 20 {
		_, err := io.WriteString(s.dial(t), []string{"GET /large", "GET /stream"}[i%2]+" HTTP/1.1\r\nHost: a\r\n\r\n")
		require.NoError(t, err)
	}
	assert.Greater(t, <-done, int64(len(large)), "the steady one has all")
	require.Eventually(t, func() bool { return s.open() == 0 && s.held.Load() == 0 }, 5*time.Second, time.Millisecond, "the others have gone")
}

// A stop waits neither for clients that read nothing nor for those that send nothing.
func TestStopIsNotHeldUp(t *testing.T) {
	s := newSite(t, Config{})
	for range 5 {
		_, err := io.WriteString(s.dial(t), "GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
		require.NoError(t, err)
		_, err = io.WriteString(s.dial(t), "GET /")
		require.NoError(t, err)
		s.dial(t)
	}
	require.Eventually(t, func() bool { return s.held.Load() == 5 && s.open() == 15 }, 5*time.Second, time.Millisecond)
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, s.server.Shutdown(ctx))
	assert.Less(t, time.Since(start), 5*time.Second)
}

// One address cannot take all connections, and connections that wait make room for others.
func TestLimits(t *testing.T) {
	loopback := netip.MustParsePrefix("127.0.0.2/32")
	s := newSite(t, Config{Limits: Limits{Connections: 6, PerAddress: 4}, Proxies: []netip.Prefix{loopback}})
	from := func(address string) net.Conn {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
		conn, err := dialer.Dial("tcp", s.address)
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		return conn
	}
	answer := func(conn net.Conn, request string) string {
		_, err := io.WriteString(conn, request)
		require.NoError(t, err)
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		return line[:12]
	}
	const get = "GET /see HTTP/1.1\r\nHost: a\r\n\r\n"
	for range 4 {
		assert.Equal(t, "HTTP/1.1 200", answer(from("127.0.0.3"), get))
	}
	line, err := bufio.NewReader(from("127.0.0.3")).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 503", line[:12], "a fifth of this address")
	for i := range 4 { // two places are left
		assert.Equal(t, "HTTP/1.1 200", answer(from(fmt.Sprintf("127.0.0.1%d", i)), get), "of another address")
	}
	assert.LessOrEqual(t, s.open(), 6, "those that wait make room")

	// Behind the proxy requests count, not connections.
	behind := func(client string, body string) string {
		return "POST /echo HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " + client + "\r\nContent-Length: 1\r\n\r\n" + body
	}
	require.Eventually(t, func() bool { return s.held.Load() == 0 }, 5*time.Second, time.Millisecond)
	var running []net.Conn
	for range 4 {
		conn := from("127.0.0.2")
		_, err := io.WriteString(conn, behind("203.0.113.1", ""))
		require.NoError(t, err)
		running = append(running, conn)
	}
	require.Eventually(t, func() bool { return s.held.Load() == 4 }, 5*time.Second, time.Millisecond)
	assert.Equal(t, "HTTP/1.1 503", answer(from("127.0.0.2"), behind("203.0.113.1", "x")))
	assert.Equal(t, "HTTP/1.1 200", answer(from("127.0.0.2"), behind("203.0.113.2", "x")))
	assert.Equal(t, "HTTP/1.1 200", answer(running[0], "x"))
	require.Eventually(t, func() bool { return s.held.Load() == 3 }, 5*time.Second, time.Millisecond)
	assert.Equal(t, "HTTP/1.1 200", answer(from("127.0.0.2"), behind("203.0.113.1", "x")))
}

func TestDerivedLimits(t *testing.T) {
	for _, c := range []struct {
		set         Limits
		descriptors int
		want        Limits
	}{
		{Limits{}, 1 << 20, Limits{10_000, 2500}},
		{Limits{}, 1024, Limits{768, 192}},
		{Limits{}, 256, Limits{128, 32}},
		{Limits{}, 20, Limits{10, 10}},
		{Limits{Connections: 50_000}, 1 << 20, Limits{50_000, 12_500}},
		{Limits{Connections: 50_000}, 1024, Limits{768, 192}},
		{Limits{Connections: 100, PerAddress: 200}, 1024, Limits{100, 100}},
	} {
		assert.Equal(t, c.want, c.set.Or(c.descriptors), "%+v of %d", c.set, c.descriptors)
	}
}

// failing is a listener whose first accepts fail.
type failing struct {
	net.Listener
	errs chan error
}

func (f *failing) Accept() (net.Conn, error) {
	select {
	case err := <-f.errs:
		return nil, err
	default:
		return f.Listener.Accept()
	}
}

func TestAcceptTriesAgain(t *testing.T) {
	bound, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &failing{bound, make(chan error, 3)}
	for range 3 {
		f.errs <- &net.OpError{Op: "accept", Err: errors.New("too many open files")}
	}
	l := Listen(f, Config{Log: slog.New(slog.DiscardHandler), Refuse: refuseForTests})
	conn, err := net.Dial("tcp", bound.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	accepted, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, accepted.Close())
	require.NoError(t, l.Close())
	_, err = l.Accept()
	assert.ErrorIs(t, err, net.ErrClosed)
}
